"""Measure what a team's library costs: the third part of `uv run poe bench`."""

import json
import tempfile
from pathlib import Path
from statistics import median

from bench_models import ROUNDS, row

from template import render, run, set_up, snapshot

IMPORT = """
from time import perf_counter
start = perf_counter()
import {module}
print(perf_counter() - start)
"""
# The same rows many times: only who reads them all would notice.
TABLE = """
import duckdb
with duckdb.connect("{file}") as database:
    database.execute(
        "create table penguins as select p.* from "
        "read_csv('{sample}', nullstr='NA') p, range({times})"
    )
"""
READ = """
import json
from statistics import median
from time import perf_counter
from acme_data import connect, read

def seconds(action):
    start = perf_counter()
    action()
    return perf_counter() - start

connect()
first = seconds(lambda: read("penguins"))
plain = [seconds(lambda: read("penguins")) for _ in range(20)]
backend, asked = connect(), []
query = backend.to_pyarrow
backend.to_pyarrow = lambda *words, **named: asked.append(1) or query(*words, **named)
rows = seconds(lambda: read("penguins", check=True))
print(json.dumps([first, median(plain), rows, len(asked)]))
"""


def python(library: Path, code: str, **changes: str) -> str:
    """Run code in a library's environment, and return what it prints."""
    words = ("uv", "run", "--no-sync", "python", "-c", code)
    result = run(*words, cwd=library, **changes)
    if result.code:
        raise SystemExit(result.output)
    return result.output


def imports(library: Path) -> list[str]:
    """Time imports, each in a process of its own, in turns."""
    times: dict[str, list[float]] = {"ibis": [], "acme_data": []}
    for _ in range(ROUNDS + 1):
        for module, found in times.items():
            found.append(float(python(library, IMPORT.format(module=module))))
    # The first round has filled the disk's cache.
    alone, ours = (found[1:] for found in times.values())
    ratios = [one / other for one, other in zip(ours, alone, strict=True)]
    return [
        row("import ibis", alone, "s"),
        row("import of the library / import ibis", ratios),
    ]


def reads(library: Path, times: int) -> list[str]:
    """Time reading from a database in which the sample stands so many times."""
    file = library / f"{times}.duckdb"
    sample = library / "src/acme_data/tables/penguins.csv"
    python(library, TABLE.format(file=file, sample=sample, times=times))
    found = [
        json.loads(python(library, READ, DATA_URL=f"duckdb://{file.name}"))
        for _ in range(ROUNDS)
    ]
    first, again, rows, asked = (list(one) for one in zip(*found, strict=True))
    what = f"of {38 * times:,} rows"
    return [
        row(f"first read {what}, with the contracts' import", first, "s"),
        row(f"read {what}: its schema", [one * 1000 for one in again], "ms", 1),
        row(f"read {what}: its rows too", [one * 1000 for one in rows], "ms", 0),
        f"| queries for its rows | {median(asked):.0f} | {min(asked)} - {max(asked)} |",
    ]


def libraries(template: Path, work: Path) -> None:
    """Print all as a table."""
    folder = work / "acme-data"
    library = set_up(render(template, folder, kind="library"))
    lines = [*imports(library), *reads(library, 1), *reads(library, 100_000)]
    print(f"| what | median of {ROUNDS} | from - to |")
    print("|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        libraries(snapshot(Path(name) / "twobus"), Path(name))
