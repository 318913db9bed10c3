"""Simulate how often 95 % intervals of scores hold the truth.

    uv run poe coverage [--json] [--repeats 1000] [--seed 0]

Accuracies and mean errors of series whose neighbours are alike (AR of first order), and
of rows that come in groups of a key. The truth is known, since we make the rows.
"""

import argparse
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from twobus.models.intervals import interval

SIZES = (30, 100, 300, 1000, 3000)
ALIKE = (0.0, 0.3, 0.5, 0.8)
GROUPED = (1, 5, 20, 50)
WARM = 200
Draw = Callable[[np.random.Generator], pd.DataFrame]


def series(count: int, alike: float) -> Draw:
    """Return what draws errors whose neighbours are alike, with mean 0."""

    def draw(random: np.random.Generator) -> pd.DataFrame:
        noise = random.standard_normal(count + WARM)
        found = np.empty_like(noise)
        last = 0.0
        for place, it in enumerate(noise):
            last = found[place] = alike * last + it
        numbers = np.arange(count)
        return pd.DataFrame({"x": found[WARM:], "time": numbers, "_key": numbers})

    return draw


def grouped(count: int, size: int) -> Draw:
    """Return what draws errors of which half the variance is their key's, mean 0."""

    def draw(random: np.random.Generator) -> pd.DataFrame:
        keys = np.arange(count) // size
        own = random.standard_normal(keys.max() + 1)
        found = own[keys] + random.standard_normal(count)
        return pd.DataFrame({"x": found, "_key": keys})

    return draw


def settings() -> Iterator[tuple[str, int, float, Draw]]:
    """Yield each kind of rows, how many, how much they are alike, and what draws."""
    for count in SIZES:
        for alike in ALIKE:
            yield "in time, AR", count, alike, series(count, alike)
        for size in GROUPED:
            yield "of a key", count, size, grouped(count, size)


def simulated(draw: Draw, repeats: int, seed: int) -> tuple[float, float]:
    """Return the share of intervals that hold the truth, and that of intervals."""
    random = np.random.default_rng(seed)
    held = []
    for _ in range(repeats):
        rows = draw(random)
        time = "time" if "time" in rows else None
        ends = interval(rows, lambda them: float(them["x"].mean()), rows, time=time)
        if not ends.note:
            held.append(ends.low <= 0 <= ends.high)
    return (float(np.mean(held)) if held else float("nan")), len(held) / repeats


def main() -> None:
    """Print a table, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found: list[dict[str, Any]] = []
    for kind, count, alike, draw in settings():
        held, given = simulated(draw, asked.repeats, asked.seed)
        row = {"kind": kind, "rows": count, "alike": alike}
        found.append({**row, "held": held, "given": given})
        if not asked.json:
            shown = f"{held:.1%}" if given else "none"
            print(f"{kind} {alike:g}, {count} rows: {shown} (given {given:.0%})")
    if asked.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
