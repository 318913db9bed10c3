"""Count missing and different values, and find the least and the greatest."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import ibis

from twobus.new.columns import Column, Found

# Up to how many different values are a closed set, and how often each must occur.
CLOSED, AGAIN = 20, 5
# Of how many columns it is counted exactly whether their values are unique, and from
# how many rows on that says anything.
COUNTED, ENOUGH = 3, 20
# How exact the number of different values is that costs little.
ALMOST = 0.9


def measured(
    table: Any,
    columns: Iterable[Column],
    *,
    ranges: bool,
    sets: bool,
) -> Found:
    """Return what all rows say of their columns.

    Args:
        table: The rows.
        columns: The columns with their types.
        ranges: Whether contracts should hold the least and the greatest value.
        sets: Whether contracts should hold all values where these are few.
    """
    known = [*columns]
    asked = {"rows": table.count()}
    for at, one in enumerate(known):
        asked |= {f"{at} {key}": it for key, it in _asked(table[one.name], one).items()}
    (row,) = table.aggregate(**asked).to_pyarrow().to_pylist()
    seen: list[dict[str, Any]] = [{} for _ in known]
    for key, value in row.items():
        at, _, label = key.partition(" ")
        if label:
            seen[int(at)][label] = value
    rows, counted = row["rows"], COUNTED
    found = []
    for one, of in zip(known, seen, strict=True):
        one = _looked_at(one, of, rows)
        different = of.get("different", 0)
        full = of["count"] == rows >= ENOUGH
        if full and different > ALMOST * rows and counted:
            counted -= 1
            if table[one.name].nunique().to_pyarrow().as_py() == rows:
                one = one.doubting("unique in all rows: unique=True, if it is a key")
        if sets and 0 < different <= 2 * CLOSED and of["count"] >= AGAIN * different:
            one = replace(one, values=_values(table, one))
        elif ranges and _ranged(one) and of["count"]:
            one = replace(one, low=of["low"], high=of["high"])
        found.append(one)
    return Found(tuple(found), rows)


def _asked(values: Any, one: Column) -> dict[str, Any]:
    found = {}
    if one.dtype.is_floating():
        # What is missing in files of pandas.
        values = ibis.ifelse(values.isnan(), None, values)
        found["broken"] = (values % 1 != 0).sum()
    found["count"] = values.count()
    if _ranged(one):
        found |= {"low": values.min(), "high": values.max()}
    if one.dtype.is_integer() or one.dtype.is_string():
        found["different"] = values.approx_nunique()
    return found


def _ranged(one: Column) -> bool:
    kind = one.dtype
    return bool(kind.is_integer() or kind.is_floating() or kind.is_date())


def _looked_at(one: Column, seen: Mapping[str, Any], rows: int) -> Column:
    empty = not seen["count"]
    one = replace(one, dtype=one.dtype.copy(nullable=seen["count"] < rows), empty=empty)
    if empty:
        return one.doubting("no value in any row: of what type will it be?")
    if one.dtype.is_integer() and (seen["low"], seen["high"]) == (0, 1):
        return one.doubting("only 0 and 1: bool, if it says no or yes")
    if one.dtype.is_floating() and not seen["broken"]:
        return one.doubting("only whole numbers so far: int, if it counts something")
    return one


def _values(table: Any, one: Column) -> tuple[Any, ...]:
    """Return all values of a column, sorted; none if they are too many."""
    values = table.select(one.name).distinct().limit(2 * CLOSED + 2).to_pyarrow()
    known = sorted(value for value in values[0].to_pylist() if value is not None)
    return tuple(known) if len(known) <= CLOSED else ()
