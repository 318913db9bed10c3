"""Find out what a table looks like, by a few queries that the database answers."""

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import ibis

from twobus.data.checks.profile import HASHED, Column, Profile, Today, counted, ends

# A text of more different values is no category.
MOST_CATEGORIES = 50
FACTORS = {"category": 2, "text": 0.5}
TENTHS = [tenth / 10 for tenth in range(1, 10)]


def look(
    table: ibis.Table,
    contract: Any,
    now: datetime,
    place: str = "",
    earlier: Iterable[Profile] = (),
    key: Sequence[str] = (),
) -> Today:
    """Find out what a table looks like, by three queries and without loading rows.

    Args:
        table: The table, whose columns are those of the contract.
        contract: Its contract, a pandera schema.
        now: The present time, in UTC.
        place: Where the table is read from.
        earlier: Profiles in whose bins its numbers are counted as well.
        key: The columns that tell whose row it is, if it has such.
    """
    specs = contract.columns
    # What identifies a row differs in each: there is nothing to compare.
    keys = {name for name, spec in specs.items() if spec.unique}
    kinds = {
        name: "key" if name in keys else _kind(dtype)
        for name, dtype in table.schema().items()
    }
    numbers = {
        name: _number(table[name]) for name, kind in kinds.items() if kind == "number"
    }
    found = _facts(table, kinds, numbers, key)
    cut = {name: _edges(found[f"tenths {name}"] or []) for name in numbers}
    edges = {name: {*at} for name, at in cut.items()}
    few = dict.fromkeys(kinds, MOST_CATEGORIES)
    for name, before in (it for one in earlier for it in one.columns.items()):
        if name in edges and before.kind == "number":
            edges[name] |= {*before.edges, *ends(before)}
        # What is near the border stays on its side.
        if before.kind in FACTORS:
            few[name] = int(MOST_CATEGORIES * FACTORS[before.kind])
    below = _below(table, numbers, edges)
    listed = {name: _listed(spec) for name, spec in specs.items()}
    for name, kind in kinds.items():
        if kind == "text" and (
            listed.get(name) or found[f"distinct {name}"] <= few[name]
        ):
            kinds[name] = "category"
    wanted = [name for name, kind in kinds.items() if kind == "category"]
    categories, names = _categories(table, wanted, listed)
    rows = found["rows"]
    columns = {}
    for name, kind in kinds.items():
        valued = found[f"valued {name}"]
        columns[name] = Column(
            kind=kind,
            missing=rows - valued,
            distinct=found.get(f"distinct {name}") or 0,
            least=found.get(f"least {name}"),
            most=found.get(f"most {name}"),
            edges=cut.get(name, []),
            rows=counted(below[name], cut[name], valued) if name in cut else [],
            categories=categories.get(name, {}),
        )
    times = {name: found[f"newest {name}"] for name in kinds if kinds[name] == "time"}
    newest = {name: value for name, value in times.items() if value is not None}
    taken = now.isoformat(timespec="seconds")
    return Today(
        Profile(taken, place, rows, found.get("keys", rows), columns),
        below,
        newest,
        names,
    )


def _kind(dtype: Any) -> str:
    if dtype.is_numeric() and not dtype.is_boolean():
        return "number"
    if dtype.is_boolean():
        return "category"
    if dtype.is_string():
        return "text"
    return "time" if dtype.is_date() or dtype.is_timestamp() else "other"


def _number(column: Any) -> Any:
    """Return a column as a number of one type, NaN as missing."""
    value = column.cast("float64")
    exact = column.type().is_integer()
    return value if exact else value.isnan().ifelse(None, value)


def _facts(
    table: ibis.Table,
    kinds: Mapping[str, str],
    numbers: Mapping[str, Any],
    key: Sequence[str],
) -> dict[str, Any]:
    """Ask for all that a single query can tell."""
    asked: dict[str, Any] = {"rows": table.count()}
    if known := [name for name in key if name in kinds]:
        asked["keys"] = table.select(known).distinct().count().as_scalar()
    for name, kind in kinds.items():
        column = numbers.get(name, table[name])
        asked[f"valued {name}"] = column.count()
        if kind == "number":
            exact = table[name].type().is_integer()
            # Between an infinite number and another one there is no tenth.
            finite = column if exact else column.isinf().ifelse(None, column)
            asked[f"least {name}"] = column.min()
            asked[f"most {name}"] = column.max()
            asked[f"tenths {name}"] = finite.quantile(TENTHS)
        elif kind == "text":
            asked[f"distinct {name}"] = column.approx_nunique()
        elif kind == "time":
            asked[f"newest {name}"] = column.max()
    return _ask(table, asked)


def _ask(table: ibis.Table, asked: Mapping[str, Any]) -> dict[str, Any]:
    # Numbered, because databases cut long names off.
    numbered = {f"v{number}": value for number, value in enumerate(asked.values())}
    (found,) = table.aggregate(**numbered).to_pyarrow().to_pylist()
    return dict(zip(asked, found.values(), strict=True))


def _edges(tenths: list[float | None]) -> list[float]:
    """Return where bins begin; what fills more than one of them gets its own."""
    known = [tenth for tenth in tenths if tenth is not None]
    often = {one for one, next_ in pairwise(known) if one == next_}
    return sorted({*known, *(math.nextafter(one, math.inf) for one in often)})


def _below(
    table: ibis.Table, numbers: Mapping[str, Any], edges: Mapping[str, set[float]]
) -> dict[str, dict[float, int]]:
    """Count, by one query, the values of each column that are below each number."""
    asked = {
        (name, edge): (numbers[name] < edge).sum()
        for name, at in edges.items()
        for edge in at
    }
    below: dict[str, dict[float, int]] = {name: {} for name in edges}
    if asked:
        ask: Callable[..., dict[Any, Any]] = _ask
        for (name, edge), count in ask(table, asked).items():
            below[name][edge] = count or 0
    return below


def _listed(spec: Any) -> set[str]:
    """Return the values that a contract lists for a column, as texts."""
    checks = (check for check in spec.checks if check.name == "isin")
    return {str(it) for check in checks for it in check.statistics["allowed_values"]}


def _categories(
    table: ibis.Table, columns: list[str], listed: Mapping[str, set[str]]
) -> tuple[dict[str, dict[str, int]], dict[str, str]]:
    """Count the rows of each category of some columns, by one query."""
    categories: dict[str, dict[str, int]] = {name: {} for name in columns}
    names: dict[str, str] = {}
    if not columns:
        return categories, names
    groups = []
    for name in columns:
        shown = table.select(
            column=ibis.literal(name), value=table[name].cast("string")
        )
        kept = shown.filter(shown.value.notnull()).group_by("column", "value")
        groups.append(kept.aggregate(rows=lambda it: it.count()).limit(1000))
    for group in ibis.union(*groups).to_pyarrow().to_pylist():
        name, value = group["column"], group["value"]
        known = listed.get(name, set()) | {"true", "false"}
        hidden = HASHED + hashlib.sha256(value.encode()).hexdigest()[:16]
        key = value if value in known else hidden
        names[key] = value
        categories[name][key] = group["rows"]
    return categories, names
