"""How good predictions are: with intervals, by slice, beside a trivial baseline."""

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isnan, nan
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import cross_validate

from twobus.models.baselines import baselines
from twobus.models.declaration import Model
from twobus.models.fitting import routed, weighted
from twobus.models.intervals import interval, of_folds
from twobus.models.metrics import Measure, scorers
from twobus.models.rows import conform, features, predict, weights
from twobus.models.series import SCALE
from twobus.models.split import Split, folds

HELD_OUT = "held out"
FOLDED = "cross-validated"
# Metrics that are shares, by how their names begin.
SHARES = (
    "accuracy",
    "average_precision",
    "balanced_accuracy",
    "f1",
    "interval_coverage",
    "jaccard",
    "precision",
    "recall",
    "roc_auc",
    "top_k_accuracy",
)
# Of fewer rows, a value says too little to be held against a model.
FEWEST_ROWS = 10


@dataclass(frozen=True)
class Score:
    """What a metric says of a model.

    Attributes:
        metric: A name that scikit-learn's `get_scorer` knows; more is better.
        rows: On which rows: those held out, some of these such as `species=Adelie`, or
            those of the training part in turn.
        count: How many rows these are.
        value: The metric; NaN where it is not defined, such as for a single class.
        low: Lower end of its 95 % interval.
        high: Upper end.
        baseline: The metric of the best predictions that do not look at the inputs:
            see `baselines`; NaN where that was not asked.
        needed: The least value that promotion demands; None where it demands none.
        note: What must be known of the value, such as why it is not a number.
    """

    metric: str
    rows: str
    count: int
    value: float
    low: float
    high: float
    baseline: float = nan
    needed: float | None = None
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the value is enough, or nothing is demanded of it."""
        return self.needed is None or self.value >= self.needed

    @property
    def missed(self) -> str:
        """What is said where it is too low, without a dot; empty where it is not."""
        if self.needed is None or self.passed:
            return ""
        value = f"{self.value:.3f}"
        if isnan(self.value):
            value = self.note or "not defined for these rows"
        elif float(value) >= self.needed:
            # Rounded so far it looks high enough.
            value = str(self.value)
        what = f"{self.metric} ({self.rows})"
        return f"{what} is {value}; at least {self.needed:g} is needed"


def evaluate(
    model: Model, fitted: Any, parts: Split, predicted: pd.DataFrame | None = None
) -> list[Score]:
    """Judge a fitted model by the rows that were held out.

    Args:
        model: The declaration.
        fitted: Its fitted estimator.
        parts: The rows; the baseline learns from the training part, too.
        predicted: What it predicts for those held out, if that is known.

    Returns:
        A score for each metric; then, for the first metric, one for each slice.
    """
    rows = parts.held_out
    if predicted is None:
        predicted = predict(model, fitted, rows)
    counted = weights(model, rows)
    guesses = [*baselines(model, parts)]
    scores = []
    for metric, needed, which, positions in questions(model, rows):
        truth = rows[model.target].iloc[positions]
        measure = Measure(model, metric, fitted, truth, rows.get(SCALE), counted)
        these = predicted.iloc[positions]
        value = measure(these)
        note = measure.reason
        judged = rows.iloc[positions]
        within = range_of(metric)
        ends = interval(
            judged,
            measure,
            these,
            time=model.time,
            within=within,
            weights=None if counted is None else counted.iloc[positions],
        )
        scores.append(
            Score(
                metric,
                which,
                count=len(these),
                value=value,
                low=ends.low,
                high=ends.high,
                baseline=_best(measure(it.iloc[positions]) for it in guesses),
                needed=needed,
                note=note or ends.note,
            )
        )
    return scores


def cross_validated(
    model: Model, estimator: Any, training: pd.DataFrame, seed: int
) -> list[Score]:
    """Judge an estimator within the training part, each row by a fit without it.

    Args:
        model: The declaration.
        estimator: Its estimator, not fitted.
        training: The training part of `split`.
        seed: What decides which keys go together.

    Returns:
        One score for each metric.
    """
    parts = folds(model, training, seed)
    given = features(model, conform(training, model))
    reasons: dict[str, list[str]] = {metric: [] for metric in model.metrics}
    with warnings.catch_warnings(), routed(model):
        warnings.simplefilter("ignore")
        found = cross_validate(
            estimator,
            given,
            training[model.target],
            cv=parts,
            params=weighted(model, training),
            scoring=scorers(model, training, reasons),
            error_score="raise",
        )
    share = np.mean([len(judged) / len(learned) for learned, judged in parts])
    scores = []
    for metric in model.metrics:
        values = pd.Series(found[f"test_{metric}"])
        undefined = int(values.isna().sum())
        # Not defined for a fold of a single class: a mean of the others would be one
        # of folds that were chosen.
        mean = float(values.mean(skipna=False))
        ends = of_folds(values.tolist(), float(share))
        low, high = ends.low, min(ends.high, range_of(metric)[1])
        note = ""
        if undefined:
            why = reasons[metric][0].removeprefix("not defined here").lstrip(":, ")
            note = f"not defined in {undefined} of {len(parts)} folds: {why}"
        count = len(training)
        scores.append(Score(metric, FOLDED, count, mean, low, high, note=note))
    return scores


def questions(
    model: Model, rows: pd.DataFrame
) -> Iterator[tuple[str, float | None, str, Any]]:
    """Yield metric, least value, which rows these are, and their positions."""
    for metric, needed in model.metrics.items():
        yield metric, needed, HELD_OUT, np.arange(len(rows))
    first = next(iter(model.metrics))
    for column, floor in model.slices.items():
        # Rows without a value are a slice as well.
        groups = rows.groupby(column, dropna=False, observed=True).indices
        for value, positions in sorted(groups.items(), key=lambda it: str(it[0])):
            least = floor if len(positions) >= FEWEST_ROWS else None
            shown = "missing" if pd.isna(value) else value
            yield first, least, f"{column}={shown}", positions


def _best(values: Iterable[float]) -> float:
    return max((value for value in values if not isnan(value)), default=nan)


def range_of(metric: str) -> tuple[float, float]:
    """Return between what a metric always is."""
    if metric.startswith("neg_brier"):
        return -1.0, 0.0
    if metric.startswith("neg_"):
        # Losses are negated, so that more is better.
        return -np.inf, 0.0
    return (0.0 if metric.startswith(SHARES) else -np.inf), 1.0
