"""Write a table's contract, a sample of invented rows, and its entry in the docs."""

import importlib
import os
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import ibis.expr.datatypes as dt
import pyarrow

from twobus.data import DataError, Tables, own_tables
from twobus.data.contracts import row_breaches
from twobus.library import tables_page
from twobus.new.columns import Column, Found
from twobus.new.dialects import options_of
from twobus.new.files import NewFileError, check_name, name_written, put, remove
from twobus.new.looking import Looking
from twobus.new.module import annotation, module
from twobus.new.page import described, page
from twobus.new.places import Place, found_by_name, place
from twobus.new.report import report
from twobus.new.sample import sample
from twobus.project import here
from twobus.settings import Settings
from twobus.tasks import kind, task

# What a table has that was found nowhere.
INVENTED = {
    "id": dt.int64(nullable=False),
    "day": dt.date,
    "amount": dt.float64,
}
# What a file may be wrong with in ways that are not known by name.
ODD = (duckdb.Error, pyarrow.ArrowException, OSError, UnicodeError)


@task
def new_table(
    name: str,
    file: str = "",
    location: str = "",
    sheet: str = "",
    ranges: bool = False,
    sets: bool = False,
    again: bool = False,
) -> None:
    """Write a table's module, its sample and its entry in the docs: all or none.

    What the module says comes from all rows of a file, or from the schema of the
    database that `DATA_URL` names; else it is invented. Values in the sample are
    invented always.

    Args:
        name: What people will read it by.
        file: A file, a folder of parts, or a pattern of files in `data/raw`.
        location: What the database calls it, with its schema; else as `name`.
        sheet: The sheet of an Excel file that has several.
        ranges: Whether the contract holds the least and the greatest value.
        sets: Whether the contract holds all values of a column where these are few.
        again: Whether a contract that is there is compared with its file or database
            instead; nothing is written.

    Raises:
        SystemExit: With a sentence, if that cannot be done.
    """
    owner = here().source.partition(".")[0]
    if owner != here().package:
        raise NewFileError(
            f"This project reads the tables of {owner}: add the table to that library."
        )
    if again:
        from twobus.new.difference import show

        return _said(partial(show, name, file, location, sheet))
    check_name(name, "table", "daily_sales")
    code = here().code / "tables" / f"{name}.py"
    if code.exists():
        raise NewFileError(
            f"Choose another name: {here().name(code)} is there already. --again "
            "compares it with its file or database."
        )
    _said(partial(_write, name, file, location, sheet, ranges, sets))


def _said(action: Callable[[], None]) -> None:
    """Do something; what is wrong with a file is said in a sentence.

    Raises:
        NewFileError: If something is.
    """
    try:
        action()
    except ODD as error:
        # Never in its own words, which may hold values of the data.
        problem = type(error).__name__
    else:
        return
    raise NewFileError(f"Nothing was written: the file cannot be read ({problem}).")


def _write(
    name: str, file: str, location: str, sheet: str, ranges: bool, sets: bool
) -> None:
    library = kind(here()) == "library"
    there = place(name, file, sheet, copying=not library) if file else None
    if not there and not location and not library:
        there = found_by_name(name, sheet)
    constants: dict[str, Any] = dict(there.constants) if there else {}
    if location:
        constants["LOCATION"] = location
    if there:
        found = look(there, sheet, ranges=ranges, sets=sets)
    else:
        found = from_database(name, location) or _invented()
    if not found.columns:
        raise NewFileError(f"{name} has no column that a contract has a type for.")
    tables = here().code / "tables"
    files: dict[Path, str | bytes | Path] = {
        tables / f"{name}.py": module(name, found, constants),
        tables / f"{name}.csv": sample(found.columns, found.options),
        **(there.copies if there else {}),
    }
    put(files)
    shown = _shown(there, constants) if there else ""
    try:
        rows = _read_back(name, there, library)
        if library:
            text, docs = tables_page.page(), tables_page.file()
        else:
            text, docs = described(name, found, constants, shown), page()
        docs.parent.mkdir(exist_ok=True)
        docs.write_text(text, "utf-8", newline="\n")
    except BaseException:
        # All or none; what cannot be read is of no use.
        remove(files)
        raise
    name_written([*files, docs])
    report(name, found, rows, shown, library=library, real=ranges or sets)


def _shown(there: Place, constants: Mapping[str, Any]) -> str:
    """Return where rows are, as people write it."""
    if "FILE" in constants:
        return f"data/raw/{constants['FILE']}"
    first, *others = [*there.copies] or there.files
    if not others:
        return here().name(first)
    return here().name(Path(os.path.commonpath([first, *others])))


def look(there: Place, sheet: str, *, ranges: bool, sets: bool) -> Found:
    """Look at all rows of files.

    Raises:
        DataError: If they cannot be read.
    """
    options, doubts = options_of(there.files)
    found = Looking(there.files, options, sheet).found(ranges=ranges, sets=sets)
    data = [one for one in found.columns if re.match(r"[+-]?\d", one.name)]
    if len(data) > len(found.columns) / 2:
        doubts.append("The first line looks like data: is there no header?")
    return _known(found.columns, found.rows, found.options, (*doubts, *found.doubts))


def from_database(name: str, location: str) -> Found | None:
    """Return what the database says of a table; None if `DATA_URL` names none.

    Raises:
        DataError: If it has no such table.
        NewFileError: If a place in a database is named without one.
    """
    types = own_tables().columns(location or name)
    if types is None:
        if location:
            raise NewFileError(
                "Set DATA_URL to the database that has it: without one there is "
                f"nothing called {location!r}."
            )
        return None
    return _known(tuple(Column(one, dtype) for one, dtype in types.items()))


def _known(
    columns: tuple[Column, ...],
    rows: int | None = None,
    options: Any = None,
    doubts: tuple[str, ...] = (),
) -> Found:
    """Return what was found, without columns that a contract has no type for."""
    known = tuple(one for one in columns if annotation(one.dtype))
    left_out = {one.name: str(one.dtype) for one in columns if one not in known}
    return Found(known, rows, options or {}, left_out, doubts)


def _invented() -> Found:
    words = "DATA_URL names no database, so that its columns are invented."
    columns = tuple(Column(name, dtype) for name, dtype in INVENTED.items())
    return Found(columns, doubts=(words,))


def _read_back(name: str, there: Place | None, library: bool) -> int | None:
    """Read the sample and all rows by the new contract, and return their number.

    Raises:
        DataError: If they are not what it says.
    """
    importlib.invalidate_caches()
    package = own_tables().package

    def read(url: str) -> Any:
        return Tables(package, partial(Settings, data_url=url)).read(name, check=True)

    read("samples")
    if there is None:
        return None
    if not library:
        return int(read("duckdb://").count().to_pyarrow().as_py())
    tables = own_tables()
    options = getattr(tables._module(name), "CSV_OPTIONS", {})
    contract = tables.contract(name)
    sheet = there.constants.get("SHEET", "")
    table = Looking(there.files, options, sheet).table(contract)
    if breaches := row_breaches(table, contract):
        raise DataError(f"{name} breaks its contract: {breaches[0]}.")
    return int(table.count().to_pyarrow().as_py())
