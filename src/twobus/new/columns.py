"""What was found out about a table: its columns, and what somebody should look at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import ibis.expr.datatypes as dt


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Attributes:
        name: What the source calls it.
        dtype: The type of its values; it also says whether some may be missing.
        format: How its dates or times are written, if not year-month-day.
        codes: Whether its texts are digits, such as postcodes.
        low: The least value that the contract allows; None if it has no such rule.
        high: The greatest.
        values: The values that the contract allows; empty if it allows all.
        doubts: What somebody should look at.
        empty: Whether it has no value at all.
    """

    name: str
    dtype: dt.DataType
    format: str = ""
    codes: bool = False
    low: Any = None
    high: Any = None
    values: tuple[Any, ...] = ()
    doubts: tuple[str, ...] = ()
    empty: bool = False

    def doubting(self, words: str) -> "Column":
        """Return the column with one doubt more."""
        return replace(self, doubts=(*self.doubts, words))


@dataclass(frozen=True)
class Found:
    """What was found out about a table.

    Attributes:
        columns: Its columns that a contract has a type for, in their order.
        rows: How many rows were read; None if none was.
        options: What `CSV_OPTIONS` must say so that its files are read.
        left_out: Columns that a contract has no type for, each with its type.
        doubts: What somebody should look at, but for what belongs to one column.
    """

    columns: tuple[Column, ...]
    rows: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()


def demanding(columns: Iterable[Column] = ()) -> Any:
    """Return what reads files as a contract with these columns does."""
    return SimpleNamespace(
        columns={
            one.name: SimpleNamespace(
                name=one.name,
                regex=False,
                dtype=SimpleNamespace(type=one.dtype),
                metadata={"format": one.format} if one.format else None,
            )
            for one in columns
        }
    )


def number(count: int, what: str) -> str:
    """Return how many of something there are, in words."""
    return f"{count:,} {what}{'s' * (count != 1)}"
