"""What a table looks like: counts and quantiles, to be kept for a comparison."""

import json
import math
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

# What a file of a profile must say to be read; raise it with the shape.
FORMAT = 1
# What a value is kept as that no contract names: nobody can read it.
HASHED = "sha256:"


@dataclass(frozen=True)
class Column:
    """What is known of a column.

    Attributes:
        kind: `number`, `category`, `text`, `time`; `key`, where each value is there
            once; or `other`.
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
        keys: How many customers, or whatever its rows belong to, these are of; as many
            as rows where nobody has said.
        columns: What is known of each column.
    """

    taken: str
    place: str
    rows: int
    keys: int
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
        counts = int(said["rows"]), int(said["keys"])
        return Profile(said["taken"], said["place"], *counts, columns)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError("It is no profile.") from error
