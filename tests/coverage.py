"""Simulate how often 95 % intervals of scores hold the truth.

    uv run poe coverage [--json] [--repeats 1000] [--seed 0] [--only folds]

Of series whose neighbours are alike (AR of first order) and of rows that come in groups
of a key: means, accuracies, and r2 and mean absolute errors of lines that were fitted
before, also in folds. The truth is known, since we make the rows: what a fitted line is
worth for all rows that there could be.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy.signal import lfilter
from scipy.special import ndtr
from sklearn.model_selection import KFold, TimeSeriesSplit
from sklearn.tree import DecisionTreeRegressor

from twobus.models.intervals import Interval, interval, of_folds
from twobus.models.split import FOLDS

SIZES = (30, 100, 300, 1000, 3000)
ALIKE = (0.0, 0.3, 0.5, 0.8)
GROUPED = (1, 5, 20, 50)
METRICS = ("r2", "mae")
HELD_OUT = (60, 200, 1000)
FOLDED = (100, 300, 1000)
SLOPE = 1.5
WARM = 200
Draw = Callable[[np.random.Generator], pd.DataFrame]
Once = Callable[[np.random.Generator], tuple[Interval, float]]


def noise(random: np.random.Generator, count: int, alike: float) -> Any:
    """Return errors whose neighbours are alike, with mean 0."""
    new = random.standard_normal(count + WARM)
    return lfilter([1], [1, -alike], new)[WARM:]


def series(count: int, alike: float) -> Draw:
    """Return what draws errors whose neighbours are alike, with mean 0."""

    def draw(random: np.random.Generator) -> pd.DataFrame:
        numbers = np.arange(count)
        return pd.DataFrame(
            {"x": noise(random, count, alike), "time": numbers, "_key": numbers}
        )

    return draw


def grouped(count: int, size: int) -> Draw:
    """Return what draws errors of which half the variance is their key's, mean 0."""

    def draw(random: np.random.Generator) -> pd.DataFrame:
        keys = np.arange(count) // size
        own = random.standard_normal(keys.max() + 1)
        found = own[keys] + random.standard_normal(count)
        return pd.DataFrame({"x": found, "_key": keys})

    return draw


def of_mean(draw: Draw) -> Once:
    """Return what judges the mean of errors, which is 0."""

    def once(random: np.random.Generator) -> tuple[Interval, float]:
        rows = draw(random)
        time = "time" if "time" in rows else None
        return ends(rows, rows["x"].to_numpy(), np.mean, time), 0.0

    return once


def at_once(count: int, alike: float) -> Draw:
    """Return what draws errors of five series, of which days have half the variance."""

    def draw(random: np.random.Generator) -> pd.DataFrame:
        days = np.arange(count) // 5
        own = random.standard_normal(count)
        shared = noise(random, days.max() + 1, alike) * np.sqrt(1 - alike**2)
        return pd.DataFrame({"x": shared[days] + own, "time": days, "_key": own})

    return draw


def right_or_wrong(count: int, size: int) -> Once:
    """Return what judges an accuracy over keys, of which each has its own leaning."""

    def once(random: np.random.Generator) -> tuple[Interval, float]:
        keys = np.arange(count) // size
        seen = random.standard_normal(count)
        unseen = random.standard_normal(keys.max() + 1)[keys]
        right = (seen > 0) == (seen + unseen + random.standard_normal(count) > 0)
        truth = 0.5 + np.arcsin(1 / np.sqrt(3)) / np.pi
        rows = pd.DataFrame({"_key": keys})
        return ends(rows, right.astype(float), np.mean, None, (0.0, 1.0)), truth

    return once


def drawn(random: np.random.Generator, count: int, alike: float) -> Any:
    """Return an input and a target whose errors are alike, as rows of two columns."""
    x = random.standard_normal(count)
    return np.column_stack([x, SLOPE * x + noise(random, count, alike)])


def fitted(rows: Any) -> tuple[float, float]:
    """Fit a line; return its slope and its start."""
    slope, start = np.polyfit(rows[:, 0], rows[:, 1], 1)
    return float(slope), float(start)


def scored(metric: str, rows: Any, line: tuple[float, float]) -> float:
    """Return what a line is worth for some rows."""
    missed = rows[:, 1] - line[0] * rows[:, 0] - line[1]
    if metric == "mae":
        return float(-np.abs(missed).mean())
    return float(1 - np.square(missed).sum() / np.square(_apart(rows[:, 1])).sum())


def worth(metric: str, line: tuple[float, float], alike: float) -> float:
    """Return what a line is worth for all rows that there could be."""
    error = 1 / (1 - alike**2)
    spread = (SLOPE - line[0]) ** 2 + error
    if metric == "r2":
        return 1 - (spread + line[1] ** 2) / (SLOPE**2 + error)
    # The mean of the absolute value of what is normal but not around 0.
    away = -line[1] / np.sqrt(spread)
    part = np.sqrt(2 / np.pi) * np.exp(-(away**2) / 2) + away * (2 * ndtr(away) - 1)
    return float(-np.sqrt(spread) * part)


def held_out(metric: str, count: int, alike: float) -> Once:
    """Return what judges a fitted line by as many rows that follow in time."""

    def once(random: np.random.Generator) -> tuple[Interval, float]:
        rows = drawn(random, 5 * count, alike)
        line, late = fitted(rows[:-count]), rows[-count:]
        known = pd.DataFrame({"time": np.arange(count), "_key": np.arange(count)})
        found = ends(known, late, lambda them: scored(metric, them, line), "time")
        return found, worth(metric, line, alike)

    return once


def folded(metric: str, count: int, alike: float, *, time: bool = False) -> Once:
    """Return what judges a line by the folds of so many rows."""

    def once(random: np.random.Generator) -> tuple[Interval, float]:
        rows = drawn(random, count, alike)
        if time:
            parts = TimeSeriesSplit(FOLDS, test_size=count // (2 * FOLDS)).split(rows)
        else:
            parts = KFold(FOLDS, shuffle=True, random_state=0).split(rows)
        values, true, shares = [], [], []
        for learned, judged in parts:
            line = fitted(rows[learned])
            values.append(scored(metric, rows[judged], line))
            true.append(worth(metric, line, alike))
            shares.append(len(judged) / len(learned))
        return of_folds(values, float(np.mean(shares))), float(np.mean(true))

    return once


def trees(count: int) -> Once:
    """Return what judges a tree by folds, which changes more from fold to fold."""

    def once(random: np.random.Generator) -> tuple[Interval, float]:
        rows, others = drawn(random, count, 0), drawn(random, 2000, 0)
        values, true = list[float](), list[float]()
        for learned, judged in KFold(FOLDS, shuffle=True, random_state=0).split(rows):
            tree = DecisionTreeRegressor(min_samples_leaf=3)
            tree.fit(rows[learned, :1], rows[learned, 1])
            for found, them in ((values, rows[judged]), (true, others)):
                missed = them[:, 1] - tree.predict(them[:, :1])
                found.append(float(-np.abs(missed).mean()))
        return of_folds(values, 1 / (FOLDS - 1)), float(np.mean(true))

    return once


def ends(
    rows: pd.DataFrame,
    judged: Any,
    measure: Callable[[Any], Any],
    time: str | None,
    within: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """Return an interval of what is measured of an array, which is faster."""
    return interval(rows, measure, judged, time=time, within=within)


def _apart(values: Any) -> Any:
    return values - values.mean()


def settings() -> Iterator[tuple[str, int, float, Once]]:
    """Yield each kind of rows, how many, how much they are alike, and what judges."""
    for count in SIZES:
        for alike in ALIKE:
            yield "in time, AR", count, alike, of_mean(series(count, alike))
        for size in GROUPED:
            yield "of a key", count, size, of_mean(grouped(count, size))
    for count in HELD_OUT:
        for alike in ALIKE:
            yield "five series, AR", count, alike, of_mean(at_once(count, alike))
            for metric in METRICS:
                kind = f"{metric} held out in time, AR"
                yield kind, count, alike, held_out(metric, count, alike)
        for size in GROUPED:
            yield "accuracy over keys of", count, size, right_or_wrong(count, size)
    for count in FOLDED:
        yield "mae of a tree in folds", count, 0.0, trees(count)
        for metric in METRICS:
            kind = f"{metric} in folds"
            yield kind, count, 0.0, folded(metric, count, 0.0)
            for alike in ALIKE:
                once = folded(metric, count, alike, time=True)
                yield f"{metric} in folds in time, AR", count, alike, once


def simulated(once: Once, repeats: int, seed: int) -> tuple[float, float]:
    """Return the share of intervals that hold the truth, and that of intervals."""
    random = np.random.default_rng(seed)
    held = []
    for _ in range(repeats):
        found, truth = once(random)
        if not found.note:
            held.append(found.low <= truth <= found.high)
    return (float(np.mean(held)) if held else float("nan")), len(held) / repeats


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="kinds that have this word")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found: list[dict[str, Any]] = []
    for kind, count, alike, once in settings():
        if asked.only not in kind:
            continue
        held, given = simulated(once, asked.repeats, asked.seed)
        row = {"kind": kind, "rows": count, "alike": alike}
        found.append({**row, "held": held, "given": given})
        if not asked.json:
            shown = f"{held:.1%}" if given else "none"
            print(f"{kind} {alike:g}, {count} rows: {shown} (given {given:.0%})")
    if asked.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
