"""A model's card: what people say of it, and what training has found.

People write `docs/models/NAME.md`; a card is that page with the facts of a version.
"""

import base64
import io
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import pandas as pd
from markdown_it import MarkdownIt
from matplotlib.figure import Figure
from pandas.api.types import is_numeric_dtype
from sklearn.base import is_classifier
from sklearn.calibration import CalibrationDisplay
from sklearn.inspection import PartialDependenceDisplay
from sklearn.metrics import ConfusionMatrixDisplay, PredictionErrorDisplay

from twobus.codeowners import owners_of_all
from twobus.models.declaration import Model, written
from twobus.models.rows import SHARE, conform, features, predict
from twobus.models.scores import Score
from twobus.models.split import Split
from twobus.project import here

# Effects are drawn for so many features, from so many rows.
MOST_FEATURES = 6
MOST_ROWS = 500
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
) -> str:
    """Make the card of a version, as a page of HTML that needs no other file.

    Args:
        name: The model's name.
        model: Its declaration.
        fitted: The fitted estimator.
        parts: The rows that it has learned from and was judged by.
        scores: What it is worth.
        facts: What it was made from: see `training.Facts`.
    """
    said = written(name) or f"# {name}\n"
    found = "\n\n".join(
        [
            "## Scores",
            "More is better. Intervals are at 95 %; the baseline knows only how often "
            "each value of the target occurs. A version that misses what is needed "
            "cannot be promoted.",
            table(scores),
            "## Owners",
            _owners(),
            "## Data and code",
            *(f"- {_words(fact)}: {_shown(value)}" for fact, value in facts.items()),
            "## Train again",
            f"`git checkout {facts['commit'][:12]}`, "
            f"`uv run poe train {name} --seed {facts['seed']}`",
        ]
    )
    text = MarkdownIt("commonmark", {"html": False}).enable("table")
    figures = "".join(
        f'<h2>{escape(title)}</h2><img alt="{escape(title)}" src="{_picture(figure)}">'
        for title, figure in _figures(model, fitted, parts).items()
    )
    return Template(PAGE.read_text("utf-8")).substitute(
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
        f"| {it.metric} | {it.rows.replace('|', BAR)} | {it.count} | {it.value:.3f} "
        f"| {it.low:.3f} to {it.high:.3f} | {_number(it.baseline)} "
        f"| {_number(it.needed)}{'' if it.passed else ' **missed**'} |"
        for it in scores
    ]
    return "\n".join([head, "|---|---|--:|--:|---|--:|--:|", *lines])


def _owners() -> str:
    return " ".join(owners_of_all(here().root)) or "Nobody is named yet."


def _figures(model: Model, fitted: Any, parts: Split) -> dict[str, Figure]:
    truth = parts.held_out[model.target]
    predicted = predict(model, fitted, parts.held_out)
    shown = features(model, conform(parts.held_out.head(MOST_ROWS), model))
    effects = {
        "What each feature does, the others as they are": _effects(fitted, shown)
    }
    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    if not is_classifier(fitted):
        PredictionErrorDisplay.from_predictions(
            truth, predicted[model.target], kind="actual_vs_predicted", ax=axes
        )
        return {"Predicted and actual values": figure, **effects}
    ConfusionMatrixDisplay.from_predictions(
        truth, predicted[model.target], ax=axes, colorbar=False, cmap="Blues"
    )
    figures = {"Which classes are confused": figure}
    if hasattr(fitted, "predict_proba"):
        figures["Do probabilities mean what they say"] = _calibration(
            truth, predicted, list(fitted.classes_)
        )
    return figures | effects


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


def _effects(fitted: Any, features: pd.DataFrame) -> Figure:
    shown = list(features.columns[features.notna().any()][:MOST_FEATURES])
    whole = [name for name in shown if features[name].dtype == "int64"]
    words = [name for name in shown if not is_numeric_dtype(features[name])]
    # scikit-learn cannot draw these where some are missing.
    features = features.fillna({name: features[name].mode()[0] for name in words})
    several = is_classifier(fitted) and len(fitted.classes_) > 2
    figure = Figure(figsize=(9, 5), layout="constrained")
    PartialDependenceDisplay.from_estimator(
        fitted,
        features.astype(dict.fromkeys(whole, "float64")),
        shown,
        # An empty list would be one of floats, which is refused.
        categorical_features=[
            name for name in shown if name in words or features[name].dtype == bool
        ]
        or None,
        target=fitted.classes_[-1] if several else None,
        grid_resolution=20,
        ax=figure.subplots(),
    )
    return figure


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
