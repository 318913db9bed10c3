"""Hold a table against an earlier profile, and tell change from chance.

Every number that is shown is plain: a difference of shares, a count, or the population
stability index. Whether a difference may be chance is asked of each with the same
care, so that of 100 tables that have not changed, at most one is called changed.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from twobus.data.checks.chance import Chance, index
from twobus.data.checks.profile import HASHED, Column, Profile, Today, counted

# How often a table that has not changed may be called changed.
ALARMS = 0.01
# Questions that are asked of a column: missing, drift, two ends, new and gone.
QUESTIONS = 6
# Below this, a change of shares is too small to speak of.
NOTABLE_SHARE = 0.01
# From here on, a stability index is called a change, where no limit says otherwise.
NOTABLE_DRIFT = 0.1


@dataclass(frozen=True)
class Change:
    """What has become of a column.

    Attributes:
        column: Its name.
        kind: What the column is, as in its profile.
        missing: The share of missing values before and now.
        drift: The population stability index; None where there is nothing to tell.
        before: The shares of rows in bins or categories, before.
        now: The same, now.
        labels: What these bins are called; values only if the contract lists them.
        notes: What is beyond chance and large enough to look at, in phrases.
        surely: Whether the distribution has changed beyond chance.
        fresh: The categories that are new, as in the profile.
    """

    column: str
    kind: str
    missing: tuple[float, float]
    drift: float | None = None
    before: Sequence[float] = ()
    now: Sequence[float] = ()
    labels: Sequence[str] = ()
    notes: list[str] = field(default_factory=list)
    surely: bool = False
    fresh: Sequence[str] = ()


def compare(
    before: Profile,
    today: Today,
    drifts: Mapping[str, float],
    known: str = "",
    alarms: float = ALARMS,
) -> list[Change]:
    """Compare columns of a table with what they were.

    Args:
        before: The earlier profile.
        today: The table now, counted in the bins of that profile.
        drifts: From which stability index on a change of a column is named, where it
            is not the usual one.
        known: A column of which the earlier rows had a value, because others were
            left out.
        alarms: How often chance alone may be called a change, in any column.

    Returns:
        One change a column that both have, in their order.
    """
    now = today.profile
    both = [name for name in now.columns if name in before.columns]
    # Rows of one customer are alike, so that they tell less than those of many.
    weight = min(it.keys / max(it.rows, 1) for it in (before, now))
    chance = Chance(alarms, weight).among(QUESTIONS * len(both))
    sizes = (before.rows, now.rows)
    changes = []
    for name in both:
        old, new = before.columns[name], now.columns[name]
        change = _change(name, old, new, today, sizes, chance)
        if name != known:
            change.notes[:0] = _gaps(old, new, sizes, chance)
        if change.surely and (change.drift or 0) >= drifts.get(name, NOTABLE_DRIFT):
            change.notes.append(f"drift of {change.drift:.2f}")
        changes.append(change)
    return changes


def _change(
    name: str,
    old: Column,
    new: Column,
    today: Today,
    sizes: tuple[int, int],
    chance: Chance,
) -> Change:
    was, is_ = sizes
    missing = (old.missing / max(was, 1), new.missing / max(is_, 1))
    notes: list[str] = []
    change = Change(name, new.kind, missing, notes=notes)
    if old.kind != new.kind:
        notes.append(f"{_shape(old)} before, {_shape(new)} now")
        return change
    valued = (was - old.missing, is_ - new.missing)
    if not min(valued):
        return change
    if new.kind == "number":
        now = counted(today.below[name], old.edges, valued[1])
        notes += _ends(old, today.below[name], valued, chance)
        labels = [f"bin {number}" for number in range(1, len(now) + 1)]
        return _drift(change, old.rows, now, labels, chance)
    if new.kind == "category":
        fresh = _foreign(new.categories, old.categories, valued[::-1], chance)
        gone = _foreign(old.categories, new.categories, valued, chance)
        notes += [f"new: {_named(fresh)}"] * bool(fresh)
        notes += [f"gone: {_named(gone)}"] * bool(gone)
        # The most frequent first, so that rare ones come together.
        known = {*old.categories, *new.categories}
        keys = sorted(known, key=lambda key: (-old.categories.get(key, 0), key))
        before, now = (
            [column.categories.get(key, 0) for key in keys] for column in (old, new)
        )
        labels = ["a value" if key.startswith(HASHED) else key for key in keys]
        return _drift(replace(change, fresh=fresh), before, now, labels, chance)
    return change


def _gaps(
    old: Column, new: Column, sizes: tuple[int, int], chance: Chance
) -> list[str]:
    """Say whether more or fewer values are missing, where that is no chance."""
    was, is_ = sizes
    counts = [old.missing, was - old.missing], [new.missing, is_ - new.missing]
    change = new.missing / max(is_, 1) - old.missing / max(was, 1)
    if abs(change) < NOTABLE_SHARE or not chance.excluded(*counts):
        return []
    return [f"{'more' if change > 0 else 'fewer'} missing values"]


def _drift(
    change: Change,
    before: Sequence[int],
    now: Sequence[int],
    labels: Sequence[str],
    chance: Chance,
) -> Change:
    """Add the distribution to a change: its index, and whether that may be chance."""
    groups = chance.groups(before, now)
    drift, surely = None, False
    if len(groups) > 1:
        old, new = (
            [sum(counts[at] for at in group) for group in groups]
            for counts in (before, now)
        )
        drift, surely = index(old, new), chance.excluded(old, new)
    shares = [[it / max(sum(counts), 1) for it in counts] for counts in (before, now)]
    return replace(
        change,
        drift=drift,
        surely=surely,
        before=shares[0],
        now=shares[1],
        labels=labels,
    )


def _ends(
    old: Column, below: Mapping[float, int], valued: tuple[int, int], chance: Chance
) -> list[str]:
    """Say how many values are outside of the earlier range, where that is no chance."""
    was, is_ = valued
    outside = {"below": 0, "above": 0}
    if old.least is not None and math.isfinite(old.least):
        outside["below"] = below[old.least]
    if old.most is not None and math.isfinite(old.most):
        outside["above"] = is_ - below[math.nextafter(old.most, math.inf)]
    return [
        f"{rows:,} rows {side} the earlier range"
        for side, rows in outside.items()
        if rows and chance.excluded_outside(rows, is_, was)
    ]


def _foreign(
    here: Mapping[str, int],
    there: Mapping[str, int],
    sizes: tuple[int, int],
    chance: Chance,
) -> list[str]:
    """Return the categories that only one table has, where that is no chance.

    Args:
        here: Its categories, by rows.
        there: Those of the other table.
        sizes: The rows of both that have a value.
        chance: How sure one must be.
    """
    chance = chance.among(len({*here, *there}))
    return [
        key
        for key, rows in here.items()
        if key not in there and chance.excluded_outside(rows, *sizes)
    ]


def _named(keys: Sequence[str]) -> str:
    """Name the categories that a contract lists, and count the others."""
    named = sorted(key for key in keys if not key.startswith(HASHED))
    others = len(keys) - len(named)
    count = f"{others} value{'s' * (others != 1)}"
    return ", ".join([*named, *[count] * bool(others)])


def _shape(column: Column) -> str:
    if column.kind in ("text", "category"):
        count = len(column.categories) or column.distinct
        return f"{'about ' * (column.kind == 'text')}{count:,} different values"
    return f"a {column.kind}"
