"""Measure what reading a CSV file by its contract costs: part of `uv run poe bench`."""

import random
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import perf_counter

import duckdb
from bench_models import ROUNDS, row
from inside import inside

from template import render, snapshot
from twobus.data import Tables

# As many as left New York in a year.
ROWS = 337_000
# The columns of a flight: its type for DuckDB, its field, and how a value is written.
KINDS: dict[str, tuple[str, Callable[[random.Random], str]]] = {
    "BIGINT": ("int", lambda chance: str(chance.randint(0, 9_999))),
    "DOUBLE": ("float", lambda chance: f"{chance.uniform(-60, 600):.1f}"),
    "VARCHAR": ("str", lambda chance: f"N{chance.randint(100, 99_999)}"),
    "TIMESTAMP": (
        "datetime.datetime",
        lambda chance: f"2013-0{chance.randint(1, 9)}-1{chance.randint(0, 9)} 05:00:00",
    ),
}
COLUMNS = {
    f"column_{at}": kind
    for at, kind in enumerate(
        ["BIGINT"] * 12 + ["DOUBLE"] * 3 + ["VARCHAR"] * 4 + ["TIMESTAMP"]
    )
}
MODULE = '''"""Flights."""

import datetime  # noqa: F401

import pandera.ibis as pa


class Contract(pa.DataFrameModel):
    """A flight."""

'''
# How many times as long as DuckDB alone reading may take: unchecked, and checked.
MOST = (1.15, 2)


def given(project: Path) -> Path:
    """Give a project the table `flights`, and return its file."""
    chance = random.Random(0)
    fields = (
        f"    {name}: {KINDS[kind][0]} = pa.Field({'ge=0' * (kind == 'BIGINT')})\n"
        for name, kind in COLUMNS.items()
    )
    tables = next(project.glob("src/*/tables"))
    (tables / "flights.py").write_text(MODULE + "".join(fields), "utf-8")
    file = project / "data/raw/flights.csv"
    writers = [KINDS[kind][1] for kind in COLUMNS.values()]
    with file.open("w", encoding="utf-8") as stream:
        stream.write(",".join(COLUMNS) + "\n")
        for _ in range(ROWS):
            stream.write(",".join(write(chance) for write in writers) + "\n")
    return file


def files(template: Path, work: Path) -> None:
    """Print the table; stop with a sentence if reading takes too long.

    Args:
        template: A released template.
        work: A folder to work in.

    Raises:
        SystemExit: If it does.
    """
    project = render(template, work / "flights")
    file = given(project)
    with inside(project):
        (package,) = (project / "src").iterdir()
        tables = import_module(f"{package.name}.tables")

        def alone() -> object:
            return duckdb.connect().read_csv(file, dtype=COLUMNS).to_arrow_table()

        def unchecked() -> object:
            return Tables(tables).read("flights", check=False).to_pyarrow()

        def checked() -> object:
            return Tables(tables).read("flights").to_pyarrow()

        ways = (alone, unchecked, checked)
        rounds = [[timed(way) for way in ways] for _ in range(ROUNDS + 1)]
    # The first round has filled the disk's cache.
    rounds = rounds[1:]
    ratios = [[times[at] / times[0] for times in rounds] for at in (1, 2)]
    what = f"{ROWS:,} rows of {len(COLUMNS)} columns by DuckDB"
    print(f"| what | median of {ROUNDS} | from - to |\n|---|---|---|")
    print(row(what, [times[0] for times in rounds], "s"))
    print(row("read / DuckDB", ratios[0]))
    print(row("read, checked / DuckDB", ratios[1]))
    for ratio, most in zip(ratios, MOST, strict=True):
        if min(ratio) > most:
            raise SystemExit(f"Reading takes {min(ratio):.2f} times as long as DuckDB.")


def timed(action: Callable[[], object]) -> float:
    """Return how many seconds an action takes."""
    start = perf_counter()
    action()
    return perf_counter() - start


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        files(snapshot(Path(name) / "twobus"), Path(name))
