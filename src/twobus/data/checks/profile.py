"""What a table looks like: counts and quantiles, found by the database."""

import hashlib
import json
import math
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import ibis

# What a file of a profile must say to be read; raise it with the shape.
FORMAT = 1
# A text of more different values is no category.
MOST_CATEGORIES = 50
TENTHS = [tenth / 10 for tenth in range(1, 10)]
# What a value is kept as that no contract names: nobody can read it.
HASHED = "sha256:"


@dataclass(frozen=True)
class Column:
    """What is known of a column.

    Attributes:
        kind: `number`, `category`, `text`, `time`, or `other`, of which little is.
        missing: How many rows have no value, or NaN.
        distinct: About how many different values a text has.
        least: The least number.
        most: The greatest one.
        edges: Where bins of numbers begin, at the tenths; a value that fills more
            than a tenth has a bin for itself.
        rows: How many rows are in each bin: the first one is below all edges.
        categories: How many rows a category has. Those that the contract lists have
            their names here, and others a hash.
    """

    kind: str
    missing: int
    distinct: int = 0
    least: float | None = None
    most: float | None = None
    edges: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    categories: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Profile:
    """What is known of a table, to compare it later: no row, and no text of one.

    Attributes:
        taken: When, in UTC, as ISO has it.
        place: Where the table was read from.
        rows: How many rows it has.
        columns: What is known of each column.
    """

    taken: str
    place: str
    rows: int
    columns: dict[str, Column]


@dataclass(frozen=True)
class Today:
    """A table as it is now, also in the bins of earlier profiles.

    Attributes:
        profile: Its profile.
        below: How many values of a column are below a number.
        newest: The newest value of each column of times or dates.
        names: The values behind hashes, which are shown to nobody unasked.
    """

    profile: Profile
    below: Mapping[str, Mapping[float, int]]
    newest: Mapping[str, date | datetime]
    names: Mapping[str, str]


def look(
    table: ibis.Table,
    contract: Any,
    now: datetime,
    place: str = "",
    earlier: Iterable[Profile] = (),
) -> Today:
    """Find out what a table looks like, by three queries and without loading rows.

    Args:
        table: The table, whose columns are those of the contract.
        contract: Its contract, a pandera schema.
        now: The present time, in UTC.
        place: Where the table is read from.
        earlier: Profiles in whose bins its numbers are counted as well.
    """
    kinds = {name: _kind(dtype) for name, dtype in table.schema().items()}
    numbers = {
        name: _number(table[name]) for name, kind in kinds.items() if kind == "number"
    }
    found = _facts(table, kinds, numbers)
    cut = {name: _edges(found[f"tenths {name}"] or []) for name in numbers}
    edges = {name: {*at} for name, at in cut.items()}
    for column in (one.columns.items() for one in earlier):
        for name, before in column:
            if name in edges and before.kind == "number":
                edges[name] |= {*before.edges, *ends(before)}
    below = _below(table, numbers, edges)
    listed = {name: _listed(spec) for name, spec in contract.columns.items()}
    for name, kind in kinds.items():
        if kind == "text" and (
            listed.get(name) or found[f"distinct {name}"] <= MOST_CATEGORIES
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
    return Today(Profile(taken, place, rows, columns), below, newest, names)


def counted(below: Mapping[float, int], edges: list[float], rows: int) -> list[int]:
    """Return how many values are in each bin, below the first edge and between them."""
    reached = [0, *(below[edge] for edge in edges), rows]
    return [after - before for before, after in pairwise(reached)]


def ends(column: Column) -> list[float]:
    """Return what the values outside of a column's range are below, or not below."""
    if column.least is None or column.most is None:
        return []
    last = math.nextafter(column.most, math.inf)
    return [end for end in (column.least, last) if math.isfinite(end)]


def write(profile: Profile, file: Path) -> None:
    """Keep a profile: whoever reads the file meanwhile reads the one before."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=file.parent) as folder:
        fresh = Path(folder) / file.name
        fresh.write_text(json.dumps(to_json(profile)), "utf-8")
        fresh.replace(file)


def to_json(profile: Profile) -> dict[str, Any]:
    """Return a profile in what JSON has."""
    return {"format": FORMAT, **asdict(profile)}


def from_json(text: str) -> Profile:
    """Return a profile that was written by `to_json`.

    Raises:
        ValueError: If it is none, or one of another release.
    """
    said = json.loads(text)
    try:
        if said["format"] != FORMAT:
            raise ValueError("It has another format.")
        columns = {name: Column(**column) for name, column in said["columns"].items()}
        return Profile(said["taken"], said["place"], int(said["rows"]), columns)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("It is no profile.") from error


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
    table: ibis.Table, kinds: Mapping[str, str], numbers: Mapping[str, Any]
) -> dict[str, Any]:
    """Ask for all that a single query can tell."""
    asked: dict[str, Any] = {"rows": table.count()}
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
