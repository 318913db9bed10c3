"""Sheets of Excel files, which are read as CSV."""

import csv
import posixpath
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree import ElementTree
from zipfile import ZipFile

from python_calamine import CalamineWorkbook

from twobus.data.errors import DataError
from twobus.data.formats.copies import as_records, fresh
from twobus.data.formats.texts import LONGEST
from twobus.project import here

# A cell as it is stored, with what it holds.
CELL = re.compile(rb"<(?:\w+:)?c ([^>]*[^>/])>(.*?)</(?:\w+:)?c>", re.DOTALL)
PLACE = re.compile(rb"\br=[\"']([A-Z]+)(\d+)[\"']")
KIND = re.compile(rb"\bt=[\"'](\w+)[\"']")
VALUE = re.compile(rb"<(?:\w+:)?v[^>/]*>([^<]+)<")


def sheet(file: Path, name: str) -> Path:
    """Write a sheet of an Excel file as CSV, and return that file.

    Args:
        file: The Excel file.
        name: The sheet's name; it may be empty where there is only one.

    Raises:
        DataError: If it is no Excel file, or has no such sheet, or a formula's result
            is not in it.
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
    name = name or book.sheet_names[0]
    given = book.get_sheet_by_name(name)
    # Not without what is empty at the top: rows are to be found by their number.
    rows = [[*map(_cell, row)] for row in given.to_python(skip_empty_area=False)]
    for place, at, column, text in _unread(file, name):
        if not text:
            raise DataError(
                f"{here().name(file)} has a formula without a result in the cell "
                f"{place}: open and save it in Excel or LibreOffice, which compute it"
            )
        rows[at][column] = text
    used = [at for at, texts in enumerate(zip(*rows, strict=True)) if any(texts)]
    copy = fresh()
    with copy.open("w", encoding="utf-8", newline="") as stream:
        writer = as_records(stream)
        for row in rows:
            # An empty line is no record.
            writer.writerow([row[at] for at in used] if any(row) else [])
    return copy


def _unread(file: Path, name: str) -> Iterator[tuple[str, int, int, str]]:
    """Yield the cells that calamine takes for empty ones, and that are not.

    Yields:
        The cell as people call it, its row and column from 0 on, and the error that it
        shows, such as #N/A; empty for a formula whose result was not stored.
    """
    stored = _stored(file, name)
    if b"<f" not in stored and b":f" not in stored and b'"e"' not in stored:
        return
    for found in CELL.finditer(stored):
        place, kind = PLACE.search(found[1]), KIND.search(found[1])
        value = VALUE.search(found[2])
        error = kind is not None and kind[1] == b"e"
        formula = re.search(rb"<(?:\w+:)?f\b", found[2])
        # The result of a formula may be an empty text.
        text = kind is not None and kind[1] == b"str"
        if place and (error or (formula and not value and not text)):
            column = 0
            for letter in place[1]:
                column = column * 26 + letter - ord("A") + 1
            shown = value[1].decode() if value else ""
            yield (place[1] + place[2]).decode(), int(place[2]) - 1, column - 1, shown


def _stored(file: Path, name: str) -> bytes:
    """Return a sheet's part of an Excel file, which is an archive of XML."""
    with ZipFile(file) as archive:
        # People's own file, and expat itself limits what entities become.
        book, links = (
            ElementTree.fromstring(archive.read(f"xl/{part}"))  # noqa: S314
            for part in ("workbook.xml", "_rels/workbook.xml.rels")
        )
        targets = {link.get("Id"): link.get("Target", "") for link in links}
        for one in book.iterfind("{*}sheets/{*}sheet"):
            if one.get("name") == name:
                link = next(
                    one.attrib[key] for key in one.attrib if key.endswith("}id")
                )
                return archive.read(posixpath.join("/xl", targets[link])[1:])
    return b""


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
