"""Simulate months of a model in use: false alarms of `poe watch`, and what it finds.

    uv run poe simulate-watch [--json] [--months 200] [--seed 0]

Five inputs and the predictions of 28 days are held against 3,000 training rows, each
day once, as a scheduled job does. A month without a change is cried over if anything is
said of it on any day. A change begins with the third week; it is found if something is
said by that week's end, and nothing before.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from twobus.data.checks.look import TENTHS, _edges
from twobus.data.checks.profile import Column, Profile, Today, counted, ends
from twobus.models.columns import INPUT, PREDICTED
from twobus.models.watch import Standard, compared

TRAINING, HELD_OUT = 3_000, 750
DAYS, WEEK = 28, 7
BEGINS = 14
SIZES = (100, 5_000)
CLASSES = ["no", "yes"]
REGIONS = ["north", "east", "south", "west", "far"]
SHARES = [0.35, 0.25, 0.2, 0.1, 0.1]
Change = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


def numeric(count: int, random: np.random.Generator) -> pd.DataFrame:
    """Return inputs that are numbers: normal, skewed, counts, often zero, with gaps."""
    zero = random.random(count) < 0.4
    rows = {
        "normal": random.standard_normal(count),
        "skewed": random.lognormal(0, 1, count),
        "counts": random.poisson(3, count).astype(float),
        "often_zero": np.where(zero, 0, random.exponential(1, count)),
        "gaps": random.standard_normal(count),
    }
    rows["gaps"][random.random(count) < 0.1] = np.nan
    return pd.DataFrame(rows)


def categorical(count: int, random: np.random.Generator) -> pd.DataFrame:
    """Return inputs that are categories: few, even, many, lopsided, with gaps."""
    many = np.array([f"shop {number}" for number in range(40)])
    often = 1 / np.arange(1, 41)
    rows = {
        "region": random.choice(REGIONS, count, p=SHARES),
        "flag": random.choice(["on", "off"], count),
        "shop": random.choice(many, count, p=often / often.sum()),
        "rare": random.choice(["usual", "odd"], count, p=[0.995, 0.005]),
        "gaps": random.choice(["a", "b", "c"], count).astype(object),
    }
    rows["gaps"][random.random(count) < 0.1] = None
    return pd.DataFrame(rows)


KINDS = {"numeric": numeric, "categorical": categorical}


def predicted(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what a model says of such rows: a class of two, and its probabilities."""
    parts = [_effect(column) for _, column in rows.items()]
    share = 1 / (1 + np.exp(-sum(parts)))
    said = np.where(share > 0.5, "yes", "no")
    return pd.DataFrame(
        {"y": said, "probability_no": 1 - share, "probability_yes": share}
    )


def _effect(column: pd.Series) -> Any:
    if column.dtype == object or column.dtype.kind not in "if":
        hashes = pd.util.hash_array(column.fillna("").to_numpy(dtype=object)) % 7
        return (hashes.astype(float) - 3) / 4
    return (column.fillna(0).clip(-3, 3) - column.median()) * 0.5


def shifted(by: float, rows: pd.DataFrame, _: np.random.Generator) -> pd.DataFrame:
    """Add so many standard deviations to a normal input."""
    return rows.assign(normal=rows["normal"] + by)


def grown(rows: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """Let a category of 10 % become one of 25 %."""
    others = rows["region"] != "far"
    turned = others & (random.random(len(rows)) < 0.15 / 0.9)
    return rows.assign(region=rows["region"].where(~turned, "far"))


CHANGES: dict[str, tuple[str, Change]] = {
    "0.5 standard deviations": ("numeric", partial(shifted, 0.5)),
    "1 standard deviation": ("numeric", partial(shifted, 1.0)),
    "a category from 10 to 25 %": ("categorical", grown),
}


def seen(rows: pd.DataFrame, earlier: tuple[Profile, ...] = ()) -> Today:
    """Count rows as `look` does, without a database: a test holds both equal."""
    columns, below = {}, dict[str, dict[float, int]]()
    for name, column in rows.items():
        known = column.dropna()
        missing = len(column) - len(known)
        if column.dtype.kind != "f":
            counts = {str(it): int(n) for it, n in known.value_counts().items()}
            columns[str(name)] = Column("category", missing, categories=counts)
            continue
        cut = _edges([float(it) for it in known.quantile(TENTHS)])
        asked = {*cut}
        for profile in earlier:
            if before := profile.columns.get(str(name)):
                asked |= {*before.edges, *ends(before)}
        order = np.sort(known.to_numpy())
        less = {it: int(np.searchsorted(order, it, "left")) for it in asked}
        below[str(name)] = less
        columns[str(name)] = Column(
            "number",
            missing,
            least=float(order[0]),
            most=float(order[-1]),
            edges=cut,
            rows=counted(less, cut, len(known)),
        )
    profile = Profile("", "", len(rows), len(rows), columns)
    return Today(profile, below, {}, {})


def logged(inputs: pd.DataFrame) -> pd.DataFrame:
    """Return inputs and predictions by the names of a log."""
    told = predicted(inputs).add_prefix(PREDICTED)
    return pd.concat([inputs.add_prefix(INPUT), told], axis="columns")


def trained(kind: str, random: np.random.Generator) -> Standard:
    """Return what a version is held against that has learned from new rows."""
    learned = KINDS[kind](TRAINING, random).add_prefix(INPUT)
    told = predicted(KINDS[kind](HELD_OUT, random)).add_prefix(PREDICTED)
    return Standard(seen(learned).profile, seen(told).profile, {})


def month(
    kind: str, size: int, random: np.random.Generator, change: Change | None = None
) -> Iterator[pd.DataFrame]:
    """Yield the rows of each day; a change begins with the third week."""
    for day in range(DAYS):
        rows = KINDS[kind](size, random)
        if change and day >= BEGINS:
            rows = change(rows, random)
        yield logged(rows)


def watched(days: Iterator[pd.DataFrame], against: Standard) -> Iterator[list[str]]:
    """Yield what is said on each day, of its week so far."""
    profiles = tuple(it for it in (against.inputs, against.outputs) if it)
    week: list[pd.DataFrame] = []
    for number, rows in enumerate(days):
        week = [*week, rows] if number % WEEK else [rows]
        today = seen(pd.concat(week, ignore_index=True), profiles)
        said = compared(today, against, DAYS)
        yield [f"{it.column}: {'; '.join(it.notes)}" for it in said if it.notes]


@dataclass(frozen=True)
class Outcome:
    """What became of simulated months.

    Attributes:
        kind: The kind of inputs, or the change.
        rows: Rows a day.
        months: How many months.
        cried: The share of months of which something was said without a change, or
            before it.
        found: The share in which the change was found by the end of its week.
        days: After how many days, in the middle.
    """

    kind: str
    rows: int
    months: int
    cried: float
    found: float | None = None
    days: float | None = None


def unchanged(kind: str, size: int, months: int, seed: int) -> Outcome:
    """Simulate months without a change."""
    cried = 0
    for number in range(months):
        random = np.random.default_rng([seed, number, size])
        days = watched(month(kind, size, random), trained(kind, random))
        cried += any(days)
    return Outcome(kind, size, months, cried / months)


def changed(name: str, size: int, months: int, seed: int) -> Outcome:
    """Simulate months with a change."""
    kind, change = CHANGES[name]
    cried, after = 0, list[int]()
    for number in range(months):
        random = np.random.default_rng([seed, number, size])
        days = watched(month(kind, size, random, change), trained(kind, random))
        first = next((day for day, said in enumerate(days) if said), DAYS)
        cried += first < BEGINS
        if BEGINS <= first < BEGINS + WEEK:
            after.append(first - BEGINS + 1)
    middle = float(np.median(after)) if after else None
    return Outcome(name, size, months, cried / months, len(after) / months, middle)


def outcomes(months: int, seed: int) -> Iterator[Outcome]:
    """Simulate all."""
    for size in SIZES:
        for kind in KINDS:
            yield unchanged(kind, size, months, seed)
        for name in CHANGES:
            yield changed(name, size, months // 2, seed + 1)


def shown(it: Outcome) -> str:
    """Return a line of a table."""
    line = f"{it.kind}, {it.rows:,} rows a day: cried in {it.cried:.1%}"
    if it.found is None:
        return f"{line} of {it.months} months without a change"
    return (
        f"{line}, found in {it.found:.1%} of {it.months} months, after {it.days} days"
    )


def main() -> None:
    """Print a line for each setting, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--months", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found: list[Mapping[str, Any]] = []
    for it in outcomes(asked.months, asked.seed):
        found.append(asdict(it))
        if not asked.json:
            print(shown(it), flush=True)
    if asked.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
