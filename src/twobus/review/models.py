"""Show what a change does to the models: trained as they were, and as they are."""

import json
import os
import re
import shutil
import sys
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from math import isnan, nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd

from twobus.at_commit import checkout, uv_run
from twobus.data import DataError, source
from twobus.models.columns import contract
from twobus.models.declaration import Model, ModelError, explain, find, names
from twobus.models.fitting import learn, seeded
from twobus.models.intervals import by_seeds, interval
from twobus.models.metrics import Measure
from twobus.models.rows import conform, features, predict, weights
from twobus.models.scores import Score, evaluate, questions
from twobus.models.series import SCALE
from twobus.models.split import Split, split
from twobus.project import Project, here
from twobus.review.before import ask
from twobus.review.request import read_request
from twobus.review.table import cell
from twobus.settings import Settings
from twobus.tasks import task

# By so many seeds both sides are fitted, where an estimator draws at random.
SEEDS = 5
HEAD = (
    "\n| Model | Metric | Rows | Count | Base | Here | Difference, 95 % interval "
    "| Needed | |"
    "\n|---|---|---|--:|--:|--:|---|--:|---|"
)


@dataclass(frozen=True)
class Outcome:
    """What has become of training a model, in values that JSON knows.

    Attributes:
        problem: Why there is nothing else.
        sample: Why it has learned from the sample; empty if it has not.
        declared: What it rests on: features, columns, least scores.
        rows: The rows held out, as hashes.
        predicted: What it predicts for them, column by column.
        others: The same by other seeds; empty if these change nothing.
        classes: The classes that it knows.
        scores: What these predictions are worth.
    """

    problem: str = ""
    sample: str = ""
    declared: Mapping[str, str] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)
    predicted: Mapping[str, list[Any]] = field(default_factory=dict)
    others: list[Mapping[str, list[Any]]] = field(default_factory=list)
    classes: list[Any] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)


@task
def compare(base: str = "") -> None:
    """Train each model at the base and here, and print what differs.

    Both learn from the data that DATA_URL names or, where a table cannot be read
    there, from its sample, which decides nothing.

    Args:
        base: What is compared with, where no forge tells it.

    Raises:
        SystemExit: With a sentence, if a model cannot be trained or is below what it
            needs, or there is no such base.
    """
    start = _start(base)
    print("Training the models as they were and as they are.", file=sys.stderr)
    here = {name: _outcome(name) for name in names()}
    sampled = [name for name, (outcome, _) in here.items() if outcome.sample]
    notes, rows, failures = list[str](), list[str](), list[str]()
    before: dict[str, Outcome] = {}
    try:
        before = _at(start, sampled)
        notes += [f"`{name}` is new." for name in here if name not in before]
        notes += [f"`{name}` is gone." for name in before if name not in here]
    except LookupError as error:
        notes.append(f"Nothing to compare with: the base {error}.")
    for name, (now, held_out) in here.items():
        was = before.get(name)
        if now.problem:
            failures.append(f"{name} cannot be trained: {now.problem}")
            continue
        if now.sample:
            notes.append(f"`{name}` on its sample, which decides nothing: {now.sample}")
        said, was = _notes(name, was, now)
        low = [score for score in _scores(now) if not score.passed]
        if was and not said and not low and was.predicted == now.predicted:
            notes.append(f"`{name}` predicts what it did, on {len(now.rows)} rows.")
            continue
        notes += said
        rows += _rows(name, was, now, held_out)
        failures += [
            f"{name} is not good enough: {it.missed}." for it in low if not now.sample
        ]
    commit = ask("log", "-1", "--format=%h", start).strip()
    _show([f"Models, compared with {commit}:\n", *(f"- {it}" for it in notes)], rows)
    if failures:
        raise SystemExit("\n".join(failures))


def _start(base: str) -> str:
    """Return the commit from which a change began."""
    wanted = read_request(base).base
    if start := ask("merge-base", "--end-of-options", wanted, "HEAD").split():
        return start[0]
    raise SystemExit(
        f"There is no commit {wanted!r} here that this one comes from: name one by "
        "`poe compare --base NAME`; after a shallow clone, run `git fetch --unshallow` "
        "first."
    )


def _outcome(name: str, *, sample: bool = False) -> tuple[Outcome, pd.DataFrame]:
    """Train a model; return what has become of it, and the rows held out."""
    try:
        model = find(name)
        rows, why = _read(model.table, sample=sample)
        parts = split(model, rows)
        given = features(model, conform(parts.training, model))
        fitted = learn(model, seeded(model, 0, parts.training), parts.training)
        held_out = parts.held_out
        predicted = predict(model, fitted, held_out).to_dict("list")
        outcome = Outcome(
            sample=why,
            declared=_declared(model, given),
            rows=held_out["_row"].tolist(),
            predicted=predicted,
            others=_others(model, parts, predicted),
            classes=np.asarray(getattr(fitted, "classes_", [])).tolist(),
            scores=[asdict(score) for score in evaluate(model, fitted, parts)],
        )
    except (ModelError, DataError) as error:
        return Outcome(problem=str(error)), pd.DataFrame()
    except Exception as error:
        # What people write can fail in any way, and must not end the other models.
        return Outcome(problem=explain(error)), pd.DataFrame()
    return outcome, held_out


def _others(
    model: Model, parts: Split, predicted: Mapping[str, list[Any]]
) -> list[Mapping[str, list[Any]]]:
    """Return what is predicted by other seeds, unless the first of them says the same.

    What differs between two fits of the same model is no change for the better.
    """
    found: list[Mapping[str, list[Any]]] = []
    if not any(name.endswith("random_state") for name in seeded(model, 0).get_params()):
        return found
    for seed in range(1, SEEDS):
        fitted = learn(model, seeded(model, seed, parts.training), parts.training)
        found.append(predict(model, fitted, parts.held_out).to_dict("list"))
        if found == [predicted]:
            return []
    return found


def _read(table: str, *, sample: bool) -> tuple[pd.DataFrame, str]:
    """Return a table, and why it is only the sample, if so."""
    why = "that is what DATA_URL names."
    if not sample and not source().on_samples():
        try:
            return source().read(table, check=True).to_pandas(), ""
        except DataError as error:
            why = str(error)
    with patch.dict(os.environ, DATA_URL="samples"):
        return source().read(table).to_pandas(), why


def _declared(model: Model, features: pd.DataFrame) -> dict[str, str]:
    first = next(iter(model.metrics))
    columns = contract(model.table).columns
    return {
        "table": model.table,
        "target": model.target,
        **({"weight": model.weight} if model.weight else {}),
        **{f"feature {name}": str(it.dtype) for name, it in features.items()},
        **{f"column {name}": _column(column) for name, column in columns.items()},
        **{f"least {metric}": str(least) for metric, least in model.metrics.items()},
        **{f"least {first} by {name}": str(it) for name, it in model.slices.items()},
    }


def _column(column: Any) -> str:
    words = [str(column.dtype), *(check.error or check.name for check in column.checks)]
    return ", ".join([*words, *["unique"] * column.unique, *["gaps"] * column.nullable])


def _at(commit: str, sampled: Collection[str]) -> dict[str, Outcome]:
    """Train the models of a commit, each with its own code and lock.

    Raises:
        LookupError: If it cannot be done, with what is wrong with the commit.
    """
    given = Settings()
    stated = "data_url" in given.model_fields_set
    url = {"DATA_URL": given.data_url.get_secret_value()} if stated else {}
    with checkout(commit) as tree:
        file = tree.with_name("outcomes.json")
        if here().data.is_dir():
            there = tree / here().name(here().data)
            shutil.copytree(here().data, there, copy_function=_lend, dirs_exist_ok=True)
        # A project with code of its own declares models by a class of its own.
        module = f"{Project(tree).room('review')}.models"
        words = ["--all-extras", "python", "-m", module, str(file), *sampled]
        code, output = uv_run(tree, *words, **url)
        last = output.strip().rpartition("\n")[2]
        if code and re.search("No module named '?twobus", last):
            raise LookupError("has no models, or an older release of this code")
        if code:
            raise LookupError(f"cannot be trained: {last.removesuffix('.')}")
        found = json.loads(file.read_text("utf-8"))
    try:
        return {name: Outcome(**outcome) for name, outcome in found.items()}
    except TypeError:
        raise LookupError("has another release of this code") from None


def _lend(file: str, there: str) -> None:
    """Let a worktree read a file of data; of what is in git it has its own."""
    if not Path(there).exists():
        try:
            Path(there).symlink_to(file)
        except OSError:
            # Windows wants a right for links that few people have.
            shutil.copy2(file, there)


def _notes(
    name: str, before: Outcome | None, now: Outcome
) -> tuple[list[str], Outcome | None]:
    """Say what a model rests on now, and whether its scores can be compared."""
    if before is None:
        return [], None
    if before.problem:
        return [f"`{name}` could not be trained at the base: {before.problem}"], None
    was, is_ = before.declared, now.declared
    said = [
        f"`{name}`: {what} was {was.get(what, 'not there')}, "
        f"is {is_.get(what, 'not there')}."
        for what in dict.fromkeys([*is_, *was])
        if was.get(what) != is_.get(what)
    ]
    if was["target"] != is_["target"]:
        return said, None
    if before.rows != now.rows:
        said.append(
            f"`{name}` is judged by other rows, {len(now.rows)} in place of "
            f"{len(before.rows)}, so its scores are not compared."
        )
        return said, None
    return said, before


def _scores(outcome: Outcome) -> list[Score]:
    return [Score(**score) for score in outcome.scores]


def _rows(
    name: str, before: Outcome | None, now: Outcome, held_out: pd.DataFrame
) -> Iterator[str]:
    """Yield a row of the table for each score of a model."""
    model = find(name)
    asked = questions(model, held_out)
    for score, (*_, positions) in zip(_scores(now), asked, strict=True):
        base, low, high, why = nan, nan, nan, score.note
        if before:
            sides = before, now
            base, low, high, why = _paired(
                model, score.metric, sides, held_out, positions
            )
        difference = "" if isnan(base) else f"{score.value - base:+.3f}"
        if not isnan(low):
            difference += f" ({low:+.3f} to {high:+.3f})"
        shown = [
            *(name, score.metric, cell(score.rows), str(score.count)),
            *("" if isnan(it) else f"{it:.3f}" for it in (base, score.value)),
            difference,
            "" if score.needed is None else f"{score.needed:g}",
            _verdict(score, low, high, why),
        ]
        yield f"| {' | '.join(shown)} |"


def _paired(
    model: Model,
    metric: str,
    sides: tuple[Outcome, Outcome],
    held_out: pd.DataFrame,
    positions: Any,
) -> tuple[float, float, float, str]:
    """Return the base's value, and the interval of the difference on the same rows.

    The last part is why there is no interval, if so.
    """
    rows = held_out.iloc[positions]
    was, now = (
        Measure(
            model,
            metric,
            SimpleNamespace(classes_=np.array(side.classes)),
            rows[model.target],
            rows.get(SCALE),
            weights(model, rows),
        )
        for side in sides
    )
    before, here = (pd.DataFrame(it.predicted, index=held_out.index) for it in sides)
    both = pd.concat({"base": before, "here": here}, axis="columns").loc[rows.index]
    ends = interval(
        rows,
        lambda them: now(them["here"]) - was(them["base"]),
        both,
        time=model.time,
    )
    values = [
        [
            measure(pd.DataFrame(them, index=held_out.index).loc[rows.index])
            for them in (side.predicted, *side.others)
        ]
        for measure, side in zip((was, now), sides, strict=True)
    ]
    ends = by_seeds(ends, values[1][0] - values[0][0], values)
    why = ends.note or was.reason or now.reason
    return values[0][0], ends.low, ends.high, why


def _verdict(score: Score, low: float, high: float, why: str) -> str:
    if not score.passed:
        return "**below what is needed**"
    if isnan(low):
        return cell(why)
    if low == high == 0:
        return "the same"
    return "better" if low > 0 else "worse" if high < 0 else "within noise"


def _show(lines: list[str], rows: list[str]) -> None:
    """Print what was found, and add it to the summary of the run where there is one."""
    text = "\n".join([*lines, *([HEAD, *rows] if rows else []), ""])
    print(text)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(f"\n{text}\n")


def write_outcomes(file: str, *sampled: str) -> None:
    """Train each model, and write what has become of it for `compare` to read.

    Args:
        file: The file to write.
        *sampled: Which models learn from their sample.
    """
    found = {name: _outcome(name, sample=name in sampled)[0] for name in names()}
    outcomes = {name: asdict(outcome) for name, outcome in found.items()}
    Path(file).write_text(json.dumps(outcomes), "utf-8")


if __name__ == "__main__":
    write_outcomes(*sys.argv[1:])
