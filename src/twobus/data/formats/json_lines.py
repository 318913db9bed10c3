"""Files with a JSON object in each line, which are read as CSV.

DuckDB's own reader would change how numbers are written (`1.10` is `1.1` to it), and so
what a text or a decimal is.
"""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from twobus.data.errors import DataError
from twobus.data.formats.copies import as_records, fresh
from twobus.data.formats.texts import reading
from twobus.project import here


def as_csv(file: Path) -> Path:
    """Write the objects of a file as CSV, and return that file.

    Raises:
        DataError: If a line is no object.
    """
    names: dict[str, None] = {}
    for record in _objects(file):
        names.update(dict.fromkeys(record))
    copy = fresh()
    with copy.open("w", encoding="utf-8", newline="") as stream:
        writer = as_records(stream)
        writer.writerow(names)
        for record in _objects(file):
            writer.writerow(_text(record.get(name)) for name in names)
    return copy


def line_of(number: int, file: Path) -> int:
    """Return the line of an object, the first one being number 0."""
    return next(islice(_lines(file), number, None))[0]


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    with reading(file) as text:
        for number, line in enumerate(text, 1):
            if line.strip():
                yield number, line


def _objects(file: Path) -> Iterator[dict[str, Any]]:
    said, number = f"{here().name(file)} must hold a JSON object in each line", 0
    try:
        for number, line in _lines(file):
            try:
                # Numbers stay as they are written.
                record = json.loads(
                    line, parse_float=str, parse_int=str, object_pairs_hook=_once
                )
                str(record).encode()
            except ValueError:
                record = None
            if not isinstance(record, dict):
                raise DataError(f"{said}, and line {number:,} is none")
            yield record
    except UnicodeError:
        raise DataError(f"{said}, in UTF-8") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object whose names differ.

    Raises:
        ValueError: If two are the same: one would be lost.
    """
    record = dict(pairs)
    if len(record) < len(pairs):
        raise ValueError("Two names are the same.")
    return record


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
