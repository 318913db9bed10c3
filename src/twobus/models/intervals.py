"""How far a score may be from what it would be on all rows there could be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import hypot, nan, sqrt
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

CONFIDENCE = 0.95
# Groups of keys that an interval leaves out in turn; with fewer there is no interval.
GROUPS = 20
FEWEST = 5
# The same for blocks in time. With fewer rows, or fewer times of several series, nobody
# can tell how much neighbours in time are alike: simulated coverage falls below 90 %.
BLOCKS = 50
# With weights: the share of keys that would tell as much if they counted the same. Of
# lognormal weights that drive the score, 86 % of intervals hold the truth where it is
# 0.15, and 94 % where it is 0.4.
FEW_COUNT = 0.25
# So many errors of its estimate are added to the correlation of neighbours.
CAUTION = 0.25
MOST_ALIKE = 0.97


@dataclass(frozen=True)
class Interval:
    """The ends of a 95 % interval.

    Attributes:
        low: The lower end; NaN if there is none.
        high: The upper end.
        note: Why there is none; else empty.
    """

    low: float
    high: float
    note: str = ""


def interval(
    rows: pd.DataFrame,
    measure: Callable[[pd.DataFrame], float],
    predicted: pd.DataFrame,
    *,
    time: str | None = None,
    within: tuple[float, float] = (-np.inf, np.inf),
    weights: pd.Series | None = None,
) -> Interval:
    """Return a 95 % jackknife interval.

    It leaves out groups of keys in turn, so that rows of one key need not be
    independent: J. Shao and D. Tu, 1995, The Jackknife and Bootstrap, chapter 2
    (doi:10.1007/978-1-4612-0795-5). With a time it leaves out blocks of neighbours, and
    allows for what is left of their correlation as a series of first order, whose
    estimate is corrected for its bias: F. Marriott and J. Pope, 1954, Biometrika 41,
    390-402 (doi:10.1093/biomet/41.3-4.390). Where a share is all or nothing, it is that
    of E. Wilson, 1927, JASA 22, 209-212 (doi:10.1080/01621459.1927.10502953); keys of
    unlike weights are then as many as say the same: L. Kish, 1965, Survey Sampling.
    `poe coverage` simulates how often such intervals hold the truth.

    Args:
        rows: The rows that were judged, in the order of time if there is one, with
            `_key`.
        measure: What is measured.
        predicted: The predictions, row by row.
        time: The column of times.
        within: Between what the metric always is.
        weights: How much each of the rows counts; else all count the same.
    """
    value = measure(predicted)
    if np.isnan(value):
        return Interval(nan, nan)
    times = rows[time].nunique() if time is not None else 1
    in_time = times > 1
    if in_time and len(rows) < BLOCKS:
        return Interval(nan, nan, f"no interval: fewer than {BLOCKS} rows in time")
    if in_time and times < BLOCKS and len(rows) < BLOCKS * times:
        # A few series: what they share at a time is most of what is known.
        return Interval(nan, nan, f"no interval: fewer than {BLOCKS} times")
    numbers = _blocks(rows[time], times) if in_time else _groups(rows["_key"])
    count = int(numbers.max()) + 1
    if count < FEWEST:
        return Interval(nan, nan, f"no interval: fewer than {FEWEST} keys")
    without = [measure(predicted[numbers != left]) for left in range(count)]
    if np.isnan(without).any():
        return Interval(nan, nan, "no interval: not defined without some of the rows")
    parts = count * value - (count - 1) * np.asarray(without)
    alike = _correlation(parts) if in_time else 0.0
    margin = _margin(parts, alike)
    low, high = value - margin, value + margin
    known = _independent(rows["_key"], weights)
    if np.ptp(without) == 0 and value in within:
        low, high = _wilson(value, known, within)
    elif known < FEW_COUNT * rows["_key"].nunique():
        return Interval(nan, nan, "no interval: a few rows count for most of the score")
    return Interval(max(low, within[0]), min(high, within[1]))


def of_folds(values: Sequence[float], share: float) -> Interval:
    """Return an interval of the mean over folds.

    It allows for folds that share most of what they learn from: C. Nadeau and Y.
    Bengio, 2003, Machine Learning 52, 239-281 (doi:10.1023/A:1024068626366).

    Args:
        values: What each fold is worth.
        share: How many rows a fold judges by, for each one that it learns from.
    """
    count, mean = len(values), float(np.mean(values))
    quantile = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2))
    margin = quantile * float(np.std(values, ddof=1)) * sqrt(1 / count + share)
    return Interval(mean - margin, mean + margin)


def by_seeds(
    ends: Interval, value: float, sides: Sequence[Sequence[float]]
) -> Interval:
    """Widen the interval of a difference by what other seeds make of both sides.

    Args:
        ends: The interval for the rows alone.
        value: The difference, by one seed.
        sides: What each side is worth by several seeds, that one among them.
    """
    several = [side for side in sides if len(side) > 1]
    variance = sum(float(np.var(side, ddof=1)) for side in several)
    if not variance > 0:
        return ends
    freedom = sum(len(side) - 1 for side in several)
    margin = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * sqrt(variance)
    low = value - hypot(value - ends.low, margin)
    return Interval(low, value + hypot(ends.high - value, margin), ends.note)


def _groups(keys: pd.Series) -> Any:
    """Return the number of each row's group; rows of a key are together."""
    numbers = pd.factorize(keys, sort=True)[0]
    return numbers % min(GROUPS, numbers.max() + 1)


def _blocks(times: pd.Series, count: int) -> Any:
    """Return the number of each row's block of neighbours; a time is not split."""
    if count < BLOCKS:
        # Unless there are few: then it has many rows.
        return np.arange(len(times)) * BLOCKS // len(times)
    return pd.factorize(times, sort=True)[0] * BLOCKS // count


def _correlation(parts: Any) -> float:
    """Return how much neighbours are alike, from 0 on, rather too much than too little.

    Args:
        parts: What each block adds to the score.
    """
    apart = parts - parts.mean()
    if not apart.any():
        return 0.0
    count = len(parts)
    found = (apart[1:] * apart[:-1]).sum() / (apart**2).sum()
    # By how much such an estimate is too small.
    found = (found + 1 / count) / (1 - 3 / count)
    found += CAUTION * sqrt((1 - min(max(found, 0), MOST_ALIKE) ** 2) / count)
    return float(min(max(found, 0), MOST_ALIKE))


def _margin(parts: Any, alike: float) -> float:
    """Return half the width of an interval for the mean of parts."""
    count = len(parts)
    inflation = (1 + alike) / (1 - alike)
    variance = np.var(parts, ddof=1)
    # Parts that are alike are closer to their own mean than to the true one.
    variance /= max(1 - (inflation - 1) / (count - 1), 0.2)
    freedom = max(count / inflation - 1, 1)
    quantile = float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
    return quantile * sqrt(variance * inflation / count)


def _independent(keys: pd.Series, weights: pd.Series | None) -> float:
    """Return how many keys that count the same would tell as much."""
    if weights is None:
        return float(keys.nunique())
    each = weights.groupby(keys).sum()
    return float(each.sum() ** 2 / (each**2).sum())


def _wilson(
    value: float, count: float, within: tuple[float, float]
) -> tuple[float, float]:
    """Return both ends where all of so many cases say the same."""
    square = float(ndtri((1 + CONFIDENCE) / 2)) ** 2
    low, high = within
    if not np.isfinite(high - low):
        return value, value
    width = (high - low) * square / (count + square)
    return (value - width, value) if value == high else (value, value + width)
