"""What people demand of a table beyond its contract: `LIMITS` in its module."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

UNITS = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """When `poe data --check` fails for a table, besides a broken contract.

    What is not given has no limit.

    Attributes:
        rows: The least and the greatest number of rows; None leaves a side open.
        fresh: How old its newest row may be, such as "90min", "26h", "3d" or "2w".
            Without it, `UPDATED` says that where its words are understood.
        by: The column that tells how new a row is; without it, the only column of
            times or dates.
        key: The columns that tell whose row it is, such as a customer. Chance is then
            judged by how many customers there are, and not by how many rows.
        missing: The greatest share of missing values, from 0 to 1: in any column, or
            by the name of a column.
        drift: The greatest population stability index, of any column or by the name
            of a column. 0.1 is a small change, 0.25 a large one.
    """

    rows: tuple[int | None, int | None] = (None, None)
    fresh: str = ""
    by: str = ""
    key: Sequence[str] = ()
    missing: float | Mapping[str, float] | None = None
    drift: float | Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            ValueError: With a sentence for the first mistake.
        """
        if isinstance(self.key, str):
            raise ValueError(f'key="{self.key}" is one text: write ["{self.key}"].')
        if self.fresh:
            duration(self.fresh)
        least, most = self.rows
        if least is not None and most is not None and least > most:
            raise ValueError(f"rows=({least}, {most}) allows no table.")
        for share in _values(self.missing):
            if not 0 <= share <= 1:
                raise ValueError(f"missing={share} is no share: write 0.05 for 5 %.")
        for index in _values(self.drift):
            if index <= 0:
                raise ValueError(f"drift={index} is none: write 0.2, for example.")

    def columns(self) -> set[str]:
        """Return the columns that are named."""
        named = (it for it in (self.missing, self.drift) if isinstance(it, Mapping))
        by = [self.by] if self.by else []
        return {*by, *self.key, *(name for it in named for name in it)}


def limit(
    given: float | Mapping[str, float] | None, column: str, default: float | None = None
) -> float | None:
    """Return what is allowed of a column."""
    if isinstance(given, Mapping):
        return given.get(column, default)
    return default if given is None else given


def duration(text: str) -> timedelta:
    """Return how long a text such as "26h" is.

    Raises:
        ValueError: If it says nothing of the kind.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(min|h|d|w)", text)
    if not found:
        raise ValueError(f'fresh="{text}" is not understood: write "26h" or "3d".')
    return timedelta(**{UNITS[found[2]]: float(found[1])})


def _values(given: float | Mapping[str, float] | None) -> list[float]:
    if given is None:
        return []
    return [*given.values()] if isinstance(given, Mapping) else [given]
