"""Tell change from chance, by plain statistics of counts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

# So many rows are expected in a bin that counts for itself.
FULL = 5


@dataclass(frozen=True)
class Chance:
    """How sure one must be to call a difference no chance.

    Attributes:
        alarm: How often chance alone may be called a change.
        weight: How much a row counts: a half, where each customer has two rows.
    """

    alarm: float
    weight: float = 1

    def among(self, questions: int) -> "Chance":
        """Return what is right for each of several questions."""
        return replace(self, alarm=self.alarm / max(questions, 1))

    def excluded(self, before: Sequence[int], now: Sequence[int]) -> bool:
        """Tell whether two counts by bins differ by more than chance."""
        return beyond_chance(self._weighed(before), self._weighed(now), self.alarm)

    def excluded_outside(self, rows: int, here: int, there: int) -> bool:
        """Tell whether so many rows are unlike all of the other table: `by_chance`."""
        return by_chance(self.weight * rows, here, there) < self.alarm

    def groups(self, before: Sequence[int], now: Sequence[int]) -> list[list[int]]:
        """Return bins that have enough rows together: `full`."""
        return full(self._weighed(before), self._weighed(now))

    def _weighed(self, counts: Sequence[int]) -> list[float]:
        return [self.weight * count for count in counts]


def index(before: Sequence[float], now: Sequence[float]) -> float:
    """Return the population stability index of two counts by bins.

    Each bin has half a row more, so that an empty one is no infinite change.
    """
    parts = []
    for old, new in zip(before, now, strict=True):
        was = (old + 0.5) / (sum(before) + 0.5 * len(before))
        is_ = (new + 0.5) / (sum(now) + 0.5 * len(now))
        parts.append((is_ - was) * math.log(is_ / was))
    return sum(parts)


def beyond_chance(before: Sequence[float], now: Sequence[float], alarm: float) -> bool:
    """Tell whether two counts by bins differ by more than chance, by the χ² test.

    Args:
        before: Rows by bins.
        now: The same of other rows.
        alarm: How often chance alone may be called a change.
    """
    old, new = sum(before), sum(now)
    if not old or not new:
        return False
    statistic = 0.0
    freedom = -1
    for was, is_ in zip(before, now, strict=True):
        if was + is_:
            difference = was * math.sqrt(new / old) - is_ * math.sqrt(old / new)
            statistic += difference**2 / (was + is_)
            freedom += 1
    return freedom > 0 and statistic > _quantile(freedom, 1 - alarm)


def full(before: Sequence[float], now: Sequence[float]) -> list[list[int]]:
    """Group neighbouring bins until each would have enough rows in both tables.

    Returns:
        The positions of the bins that belong together; none if there are too few rows.
    """
    old, new = sum(before), sum(now)
    least = min(old, new) / max(old + new, 1)
    groups: list[list[int]] = []
    open_: list[int] = []
    for position in range(len(before)):
        open_.append(position)
        if least * sum(before[it] + now[it] for it in open_) >= FULL:
            groups.append(open_)
            open_ = []
    if groups:
        groups[-1] += open_
    return groups


def by_chance(rows: float, here: float, there: float) -> float:
    """Return how often chance puts the `rows` outermost of all rows into one table.

    It is the same for rows beyond the other table's range, and for a category that the
    other table lacks.

    Args:
        rows: How many there are.
        here: How many rows the table has that they are in.
        there: How many rows the other one has.
    """
    return float((here / (here + there)) ** rows) if rows else 1.0


def _quantile(freedom: int, level: float) -> float:
    """Return a quantile of χ², by the cube root of Wilson and Hilferty (1931)."""
    part = 2 / (9 * freedom)
    root = 1 - part + NormalDist().inv_cdf(level) * math.sqrt(part)
    return float(freedom * root**3)
