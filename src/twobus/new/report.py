"""Say what was written, and what somebody should look at."""

from twobus.new.columns import Column, Found
from twobus.new.module import annotation
from twobus.project import here

# How many columns are listed, and how many letters of their names.
LISTED, LONGEST = 60, 40


def report(
    name: str, found: Found, rows: int | None, file: str, *, library: bool, real: bool
) -> None:
    """Print a short report.

    Args:
        name: The table's name.
        found: What was found out about it.
        rows: How many rows were read back; None if there are none.
        file: The file that they are in.
        library: Whether the project is a library.
        real: Whether the contract holds values of the data.
    """
    if rows is not None:
        print(f"Read back by the new contract: {rows:,} rows of {file}.")
    for line in _columns(found.columns):
        print(f"  {line}")
    doubts = [*found.doubts]
    for one in found.columns:
        doubts += [f"{_short(one)}: {words}" for words in one.doubts]
    doubts += [
        f"{column} is left out, since contracts have no such type: {dtype}"
        for column, dtype in found.left_out.items()
    ]
    if real:
        doubts.append("The contract holds real values, which everybody will see.")
    if doubts:
        print("Look at:", *doubts, sep="\n  ")
    code = here().name(here().code / "tables" / f"{name}.py")
    print(f"Say in {code} what a row is,")
    print("  in OWNER who answers questions about it, in UPDATED when it changes.")
    if file and not library:
        print("List in data/sources.toml where others get the file.")
    if library:
        print("Rows are read from the database that DATA_URL names.")
    print("No test is written: tests/test_data.py reads each sample by its contract.")
    tables = "  uv run poe tables\n" * library
    print(f"Then:\n{tables}  uv run poe check")


def _columns(columns: tuple[Column, ...]) -> list[str]:
    shown = columns[:LISTED]
    wide = max(len(_short(one)) for one in shown)
    lines = [
        f"{_short(one):{wide}}  {annotation(one.dtype)}"
        + ", may be missing" * one.dtype.nullable
        for one in shown
    ]
    more = len(columns) - len(shown)
    return [*lines, f"… and {more:,} more columns"] if more else lines


def _short(one: Column) -> str:
    name = " ".join(one.name.split())
    return name if len(name) <= LONGEST else f"{name[:LONGEST]}…"
