"""Sheets of Excel files, which are read as CSV."""

import csv
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook

from twobus.data.errors import DataError
from twobus.data.formats.texts import fresh
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
    rows = book.get_sheet_by_name(name or book.sheet_names[0]).to_python()
    copy = fresh()
    with copy.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerows([_cell(value) for value in row] for row in rows)
    return copy


def _cell(value: Any) -> str:
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        # Excel has one kind of numbers; it shows whole ones without a point.
        return str(int(value))
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else str(value)
