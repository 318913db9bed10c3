"""Sheets of Excel files, which are read as CSV."""

import csv
from itertools import islice
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook

from twobus.data.errors import DataError
from twobus.data.formats.copies import as_records, fresh
from twobus.data.formats.texts import LONGEST
from twobus.project import here


def sheet(file: Path, name: str) -> Path:
    """Write a sheet of an Excel file as CSV, and return that file.

    Args:
        file: The Excel file.
        name: The sheet's name; it may be empty where there is only one.

    Raises:
        DataError: If it is no Excel file, or has no such sheet.
    """
    try:
        book = CalamineWorkbook.from_path(file)
    except Exception:
        raise DataError(
            f"{here().name(file)} is no Excel file, or it has a password: save it "
            "again as .xlsx"
        ) from None
    if name not in book.sheet_names if name else len(book.sheet_names) > 1:
        known = ", ".join(repr(one) for one in book.sheet_names)
        raise DataError(
            f"{here().name(file)} has the sheets {known}: say which in the table's "
            f'module, SHEET = "{book.sheet_names[0]}"'
        )
    given = book.get_sheet_by_name(name or book.sheet_names[0])
    # Not without what is empty at the top: rows are to be found by their number.
    rows = [[*map(_cell, row)] for row in given.to_python(skip_empty_area=False)]
    used = [at for at, texts in enumerate(zip(*rows, strict=True)) if any(texts)]
    copy = fresh()
    with copy.open("w", encoding="utf-8", newline="") as stream:
        writer = as_records(stream)
        for row in rows:
            # An empty line is no record.
            writer.writerow([row[at] for at in used] if any(row) else [])
    return copy


def row_of(number: int, copy: Path) -> int:
    """Return which row of a sheet a record is, of the CSV that was written of it.

    Args:
        number: The record, the first below the header being number 0.
        copy: What `sheet` has returned.
    """
    csv.field_size_limit(LONGEST)
    with copy.open(encoding="utf-8", newline="") as stream:
        full = (at for at, record in enumerate(csv.reader(stream), 1) if record)
        return next(islice(full, number + 1, None))


def _cell(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        # Excel has one kind of numbers; it shows whole ones without a point.
        return str(int(value))
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(value)
