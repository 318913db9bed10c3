"""Train a model: read, split, fit, judge, keep."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from html import escape
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd
from sklearn.base import is_classifier

from twobus.data import source
from twobus.models import holdout
from twobus.models.artifacts import save
from twobus.models.card import render
from twobus.models.declaration import Model, ModelError, explain, find
from twobus.models.drift import predicted_profile, training_profile
from twobus.models.facts import gather
from twobus.models.fitting import converging, learn, own_folds, seeded, threshold
from twobus.models.metrics import check
from twobus.models.registry import opened, register, versions
from twobus.models.rows import RowError, predict
from twobus.models.runs import Finished
from twobus.models.scores import Score, cross_validated, evaluate
from twobus.models.split import Split, ordered, split

# Predictions that every later load of a version must repeat.
GOLDEN_ROWS = 20
# So many rows take long enough to look first whether the result can be kept.
MANY = 1000
SEVERAL = 50
Say = Callable[[str], None]


@dataclass(frozen=True)
class Trained:
    """A fitted model, and what it is worth.

    Attributes:
        fitted: The fitted estimator.
        parts: The rows that it has learned from and was judged by.
        scores: What it is worth: held out, by slice, and cross-validated.
        predicted: What it predicts for the rows held out, as `rows.predict` gives it.
    """

    fitted: Any
    parts: Split
    scores: list[Score]
    predicted: pd.DataFrame


class Steps:
    """Tells of each step, and how long the ones before took.

    Attributes:
        seconds: How long each step took that has ended, by its first word.
    """

    def __init__(self, say: Say) -> None:
        """Begin."""
        self.say = say
        self.seconds: dict[str, float] = {}
        self.step = ""
        self.began = 0.0

    def __call__(self, step: str) -> None:
        """End one step, and begin another."""
        now = perf_counter()
        if self.step:
            self.seconds[self.step] = now - self.began
        self.step, self.began = step.split(" ")[0], now
        self.say(step)


def train(name: str, seed: int, say: Say = lambda step: None) -> int:
    """Train a model on its table, and keep it as the next version.

    Args:
        name: The model's name.
        seed: What every random choice follows from.
        say: What is told of each step.

    Returns:
        The number of the version.

    Raises:
        ModelError: If it cannot be trained or kept.
        DataError: If its table cannot be read.
    """
    model = find(name)
    # Before hours of fitting, not after them.
    known = versions(name)
    steps = Steps(say)
    steps(f"reading {model.table}")
    # Rows of a database are checked, too: what breaks the contract must not be learned.
    table = source().read(model.table, check=True)
    rows = [table.to_pandas()]
    # Their memory is free again once they are split, unless they are wanted.
    trained = fit(name, rows[0] if model.refit else rows.pop(), seed, steps)
    parts = trained.parts
    for part in own_folds(model):
        say(
            f"{part} chooses by folds of its own, which may have a key, or what comes "
            "later, on both sides: uv run poe tune chooses by those of the model"
        )
    for sentence in holdout.advice(model, parts, _before(name, known, say)):
        say(sentence)
    fitted, learned = trained.fitted, parts.training
    if model.refit:
        learned = ordered(model, rows.pop())
        steps(f"refitting on all {len(learned)} rows")
        with _said(name), converging(model):
            fitted = learn(model, seeded(model, seed, learned), learned)
        if (judged := threshold(trained.fitted)) is not None:
            # Another one would decide otherwise than what was judged.
            fitted.set_params(threshold=judged)
    facts = asdict(gather(model, fitted, parts, seed))
    held_out = parts.held_out.head(GOLDEN_ROWS)
    golden = {
        "rows": as_request(held_out, model),
        "predictions": predict(model, fitted, held_out).to_dict("list"),
    }
    steps("drawing the card")
    try:
        card = render(
            name,
            model,
            trained.fitted,
            parts,
            trained.scores,
            facts,
            trained.predicted,
        )
    except Exception as error:  # Nobody may lose a fitted model for it.
        card = f"<!DOCTYPE html><p>No card could be made: {escape(explain(error))}</p>"
        say(f"keeping no card ({explain(error)})")
    try:
        profile = training_profile(model, learned, table.schema())
    except Exception as error:  # Nobody may lose a fitted model for it.
        profile = None
        say(f"keeping no profile to compare with later ({type(error).__name__})")
    try:
        outputs = predicted_profile(model, trained.predicted)
    except Exception as error:  # Nobody may lose a fitted model for it.
        outputs = None
        say(f"keeping no profile of predictions ({type(error).__name__})")
    steps("registering")
    made = Finished(
        fitted=fitted,
        facts=facts,
        scores=trained.scores,
        golden=golden,
        card=card,
        profile=profile,
        outputs=outputs,
        held_out=holdout.described(model, parts, learned),
        seconds=steps.seconds,
    )
    return register(name, made)


def _before(name: str, known: list[int], say: Say) -> dict[str, Any] | None:
    """Return what the version before was judged by, if there is one."""
    if not known:
        return None
    try:
        with opened(name, known[0]) as files:
            file = files / holdout.FILE
            text = file.read_text("utf-8") if file.exists() else "{}"
    except ModelError as error:
        say(f"comparing no hold-outs: {error}")
        return None
    found: dict[str, Any] = json.loads(text)
    return found


def fit(
    name: str, rows: pd.DataFrame, seed: int, say: Say = lambda step: None
) -> Trained:
    """Fit a model on some rows and judge it by the others.

    The same rows and seed give the same model, bit for bit.

    Args:
        name: The model's name.
        rows: Its table.
        seed: What every random choice follows from.
        say: What is told of each step.

    Raises:
        ModelError: If the rows do not allow it.
    """
    model = find(name)
    with _said(name):
        parts = split(model, rows)
        del rows
        check(model, parts.training[model.target])
        estimator = seeded(model, seed, parts.training)
        _try_to_keep(name, model, estimator, parts.training)
        # First, since its errors say more than those of several folds.
        by = f", weighted by {model.weight}" if model.weight else ""
        say(f"fitting on {len(parts.training)} rows{by}")
        with converging(model):
            fitted = learn(model, estimator, parts.training)
        if (chosen := threshold(fitted)) is not None:
            what = model.positive
            if what is None:
                # As people write it, not as numpy does.
                what = fitted.classes_.tolist()[1]
            say(f"deciding for {what!r} from a probability of {chosen:.3g} on")
        say(f"cross-validating on {len(parts.training)} rows")
        folded = cross_validated(model, estimator, parts.training, seed)
        say(f"judging by {len(parts.held_out)} rows")
        predicted = predict(model, fitted, parts.held_out)
        scores = [*evaluate(model, fitted, parts, predicted), *folded]
    return Trained(fitted, parts, scores, predicted)


@contextmanager
def _said(name: str) -> Iterator[None]:
    """Turn what people write, which can fail in any way, into a sentence."""
    try:
        yield
    except RowError as error:
        # Rows of a request are nobody's business; here their owner wants to know.
        why = explain(error.reason)
        raise ModelError(f"{name} cannot be trained: {error} {why}") from None
    except ModelError as error:
        raise ModelError(f"{name} cannot be trained: {error}") from None
    except Exception as error:
        raise ModelError(f"{name} cannot be trained: {explain(error)}") from error


def _try_to_keep(
    name: str, model: Model, estimator: Any, training: pd.DataFrame
) -> None:
    """See on a few rows that what is fitted can be kept: before hours, not after them.

    Raises:
        ModelError: If it holds types that are not trusted, or cannot be read again.
    """
    if len(training) <= MANY:
        return
    few = training.head(SEVERAL)
    if is_classifier(estimator):
        few = training.groupby(model.target, sort=False).head(SEVERAL)
    try:
        fitted = learn(model, estimator, few)
    except Exception:  # Too few for it; the fit on all says what is wrong.
        return
    with tempfile.TemporaryDirectory() as folder:
        save(name, model, fitted, Path(folder))


def as_request(rows: pd.DataFrame, model: Model) -> list[dict[str, Any]]:
    """Return rows of a model's table as those of a request, in values of JSON."""
    return [
        {name: _as_json(value) for name, value in row.items()}
        for row in rows[list(model.inputs)].to_dict("records")
    ]


def _as_json(value: Any) -> Any:
    if pd.isna(value):
        return None
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, date) else value
