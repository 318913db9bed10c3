"""Measure what a team's library costs: the third part of `uv run poe bench`."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
from bench_models import ROUNDS, row

from template import environment, render, snapshot

HERE = Path(__file__).parent
# How often the import of Ibis alone another import may take.
MOST = 1.2


def measured(script: str, word: str, library: Path, **changes: str) -> Any:
    """Run a script where a library can be imported, and return what it prints."""
    process = subprocess.run(
        [sys.executable, HERE / script, word],
        cwd=library,
        env=environment(PYTHONPATH=str(library / "src"), **changes),
        check=True,
        stdout=subprocess.PIPE,
    )
    return json.loads(process.stdout)


def imports(library: Path) -> list[str]:
    """Time imports, each in a process of its own, in turns.

    Raises:
        SystemExit: If one takes too long.
    """
    times: dict[str, list[float]] = {"ibis": [], "twobus.data": [], "acme_data": []}
    for _ in range(ROUNDS + 1):
        for module, found in times.items():
            found.append(measured("importing.py", module, library)[0])
    # The first round has filled the disk's cache.
    alone, *ours = (found[1:] for found in times.values())
    ratios = [
        [one / other for one, other in zip(found, alone, strict=True)] for found in ours
    ]
    for found in ratios:
        if median(found) > MOST:
            raise SystemExit(f"An import takes {median(found):.2f} times that of Ibis.")
    return [
        row("import ibis", alone, "s"),
        row("import of the package / import ibis", ratios[0]),
        row("import of the library / import ibis", ratios[1]),
    ]


def reads(library: Path, times: int) -> list[str]:
    """Time reading from a database in which the sample stands so many times."""
    file = library / f"{times}.duckdb"
    sample = library / "src/acme_data/tables/penguins.csv"
    # The same rows many times: only who reads them all would notice.
    with duckdb.connect(str(file)) as database:
        rows = database.read_csv(str(sample), na_values="NA").set_alias("rows")
        many = database.sql(f"from range({times}) many(number)").set_alias("many")
        rows.join(many, "true").project("* exclude number").create("penguins")
    url = f"duckdb://{file}"
    found = [
        measured("bench_reading.py", "penguins", library, DATA_URL=url)
        for _ in range(ROUNDS)
    ]
    first, again, checked, asked = (list(one) for one in zip(*found, strict=True))
    what = f"of {38 * times:,} rows"
    milliseconds = [[one * 1000 for one in some] for some in (again, checked)]
    return [
        row(f"first read {what}, with the contracts' import", first, "s"),
        row(f"read {what}: its schema", milliseconds[0], "ms", 1),
        row(f"read {what}: its rows too", milliseconds[1], "ms", 0),
        f"| queries for its rows | {median(asked):.0f} | {min(asked)} - {max(asked)} |",
    ]


def libraries(template: Path, work: Path) -> None:
    """Print all as a table."""
    folder = work / "acme-data"
    library = render(template, folder, kind="library", package_name="acme_data")
    lines = [*imports(library), *reads(library, 1), *reads(library, 100_000)]
    print(f"| what | median of {ROUNDS} | from - to |")
    print("|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        libraries(snapshot(Path(name) / "twobus"), Path(name))
