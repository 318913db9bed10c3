"""A model's card: what people say of it, and what training has found.

People write `docs/models/NAME.md`; a card is that page with the facts of a version.
"""

import base64
import io
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from html import escape
from itertools import starmap
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd
from markdown_it import MarkdownIt
from matplotlib import rc_context
from matplotlib.figure import Figure
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from sklearn.base import is_classifier
from sklearn.calibration import CalibrationDisplay
from sklearn.inspection import PartialDependenceDisplay
from sklearn.metrics import ConfusionMatrixDisplay, PredictionErrorDisplay

from twobus import content_policy
from twobus.codeowners import owners_of_all
from twobus.models.declaration import Model, explain, written
from twobus.models.rows import SHARE, conform, features
from twobus.models.scores import Score
from twobus.models.split import Split
from twobus.people.survey import known_to
from twobus.project import here

# Effects are drawn for so many features, from so many rows.
MOST_FEATURES = 6
MOST_ROWS = 500
# And of no feature that is text with more values.
MOST_VALUES = 20
# What is no end of a cell.
BAR = "\\|"
PAGE = Path(__file__).with_name("card.html")
STYLE = Path(__file__).with_name("card.css")


def render(
    name: str,
    model: Model,
    fitted: Any,
    parts: Split,
    scores: Sequence[Score],
    facts: Mapping[str, Any],
    predicted: pd.DataFrame,
) -> str:
    """Make the card of a version, as a page of HTML that needs no other file.

    Args:
        name: The model's name.
        model: Its declaration.
        fitted: The fitted estimator.
        parts: The rows that it has learned from and was judged by.
        scores: What it is worth.
        facts: What it was made from: see `facts.Facts`.
        predicted: What it predicts for the rows held out.
    """
    said = written(name) or f"# {name}\n"
    found = "\n\n".join(
        [
            "## Scores",
            "More is better. Intervals are at 95 %; the baseline is the best of what "
            "does not look at the inputs: how often each value of the target occurs "
            "or, for numbers in time, the last one that is known. A version that "
            "misses what is needed cannot be promoted.",
            *[f"Rows count by `{model.weight}`."] * bool(model.weight),
            table(scores),
            *_untested(model),
            "## Owners",
            _owners(),
            *_known_to(name),
            "## Data and code",
            *(
                f"- {_words(fact)}: {_shown(value)}"
                for fact, value in facts.items()
                if value is not None
            ),
            "## Train again",
            f"`git checkout {facts['commit'][:12]}`, "
            f"`uv run poe train {name} --seed {facts['seed']}`",
        ]
    )
    text = MarkdownIt("commonmark", {"html": False}).enable("table")
    try:
        drawn = starmap(_drawn, _figures(model, fitted, parts, predicted))
        figures = "".join(drawn)
    except Exception as error:
        figures = f"<p>No figures: {escape(explain(error))}</p>"
    return Template(PAGE.read_text("utf-8")).substitute(
        policy=content_policy.head(),
        title=escape(name),
        style=STYLE.read_text("utf-8"),
        said=text.render(said),
        found=text.render(found),
        figures=figures,
    )


def table(scores: Sequence[Score]) -> str:
    """Return scores as a table in Markdown."""
    head = "| Metric | Rows | Count | Score | 95 % interval | Baseline | Needed |"
    lines = [
        f"| {it.metric} | {it.rows.replace('|', BAR)} | {it.count} "
        f"| {_number(it.value)} | {_interval(it)} | {_number(it.baseline)} "
        f"| {_number(it.needed)}{'' if it.passed else ' **missed**'} |"
        for it in scores
    ]
    return "\n".join([head, "|---|---|--:|--:|---|--:|--:|", *lines])


def _interval(score: Score) -> str:
    """Return both ends, or why there are none."""
    if np.isnan(score.value) or np.isnan(score.low):
        return score.note.replace("|", BAR) or "too few groups of rows"
    return f"{score.low:.3f} to {score.high:.3f}"


def _untested(model: Model) -> list[str]:
    lines = [f"- `{test}`: {reason}" for test, reason in model.untested.items()]
    return ["## Not tested", *lines] if lines else []


def _owners() -> str:
    return " ".join(owners_of_all(here().root)) or "Nobody is named yet."


def _known_to(name: str) -> list[str]:
    people = known_to(here(), f"src/{here().package}/models/{name}.py")
    # A name is text, whatever it holds.
    plain = [re.sub(r"([^\w\s])", r"\\\1", person) for person in people]
    return [f"Known to {', '.join(plain)}, who wrote or reviewed it."] * bool(plain)


def _figures(
    model: Model, fitted: Any, parts: Split, predicted: pd.DataFrame
) -> Iterator[tuple[str, Callable[[], Figure]]]:
    """Yield the title of each figure, and what draws it."""
    truth = parts.held_out[model.target]
    if not is_classifier(fitted):
        yield "Predicted and actual values", lambda: _actual(truth, predicted)
    else:
        yield "Which classes are confused", lambda: _confused(truth, predicted)
        if hasattr(fitted, "predict_proba"):
            yield (
                "Do probabilities mean what they say",
                lambda: _calibration(truth, predicted, list(fitted.classes_)),
            )
    shown = features(model, conform(parts.held_out.head(MOST_ROWS), model))
    for name in _drawable(shown):
        yield (
            f"What {name} does, the others as they are",
            partial(_effect, fitted, shown, name),
        )


def _actual(truth: pd.Series, predicted: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(5, 4), layout="constrained")
    PredictionErrorDisplay.from_predictions(
        truth,
        predicted[truth.name],
        kind="actual_vs_predicted",
        ax=figure.subplots(),
    )
    return figure


def _confused(truth: pd.Series, predicted: pd.DataFrame) -> Figure:
    figure = Figure(figsize=(5, 4), layout="constrained")
    ConfusionMatrixDisplay.from_predictions(
        truth,
        predicted[truth.name],
        ax=figure.subplots(),
        colorbar=False,
        cmap="Blues",
    )
    return figure


def _calibration(
    truth: pd.Series, predicted: pd.DataFrame, labels: list[Any]
) -> Figure:
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    for label in labels[-1:] if len(labels) == 2 else labels:
        CalibrationDisplay.from_predictions(
            truth == label,
            predicted[f"{SHARE}{label}"],
            n_bins=5,
            strategy="quantile",
            name=str(label),
            ax=axes,
        )
    axes.set_xlabel("Probability that was predicted")
    axes.set_ylabel("Share that it was true of")
    return figure


def _drawable(features: pd.DataFrame) -> list[str]:
    """Return the features whose effect can be seen: no free text, no single value."""
    few = [
        name
        for name in features.columns[features.notna().any()]
        if is_numeric_dtype(features[name]) or features[name].nunique() <= MOST_VALUES
    ]
    return [name for name in few if features[name].nunique() > 1][:MOST_FEATURES]


def _effect(fitted: Any, features: pd.DataFrame, name: str) -> Figure:
    column = features[name]
    if is_bool_dtype(column) or not is_numeric_dtype(column):
        # scikit-learn cannot draw these where some are missing.
        features = features.fillna({name: column.mode()[0]})
        words: list[str] | None = [name]
    else:
        # An empty list would be one of floats, which is refused.
        features, words = features.astype({name: "float64"}), None
    several = is_classifier(fitted) and len(fitted.classes_) > 2
    figure = Figure(figsize=(5, 3), layout="constrained")
    PartialDependenceDisplay.from_estimator(
        fitted,
        features,
        [name],
        categorical_features=words,
        target=fitted.classes_[-1] if several else None,
        grid_resolution=20,
        ax=figure.subplots(),
    )
    return figure


def _drawn(title: str, draw: Callable[[], Figure]) -> str:
    """Return a figure, or why there is none: nobody may lose a fitted model for it."""
    try:
        # A `$` in a value begins no formula.
        with rc_context({"text.parse_math": False}), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            address = _picture(draw())
    except Exception as error:
        shown = f"<p>Not drawn: {escape(explain(error))}</p>"
    else:
        shown = f'<img alt="{escape(title)}" src="{address}">'
    return f"<h2>{escape(title)}</h2>{shown}"


def _picture(figure: Figure) -> str:
    file = io.BytesIO()
    # Without the date, the same model gives the same card.
    figure.savefig(file, format="png", dpi=110, metadata={"Software": None})
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def _words(fact: str) -> str:
    return fact.replace("_", " ").capitalize()


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


def _number(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else f"{value:.3f}"
