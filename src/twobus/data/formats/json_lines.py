"""Files with a JSON object in each line, whose values are read as texts."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from twobus.data.errors import DataError
from twobus.data.formats.forms import Style
from twobus.data.formats.parts import Part, form_of, from_text
from twobus.data.formats.texts import literal, path, reading
from twobus.project import here


@dataclass(frozen=True)
class JsonPart(Part):
    """A file with a JSON object in each line; its values are read as texts."""

    @classmethod
    def of(cls, file: Path, contract: Any, style: Style, connection: Any) -> "JsonPart":
        """Find the names in all lines of a file.

        Raises:
            DataError: If a line is no object.
        """
        place = path(file)
        every = "format = 'newline_delimited', maximum_object_size = 268435456"
        try:
            found = connection.execute(
                f"DESCRIBE SELECT * FROM read_json({place}, {every}, sample_size = -1, "
                "maximum_depth = 1)"
            ).fetchall()
        except duckdb.Error:
            raise DataError(_no_object(file)) from None
        names = tuple(one[0] for one in found)
        # What DuckDB calls the one column of values that are no objects.
        if names == ("json",) and (line := _odd_line(file)):
            raise DataError(_no_object(file, line))
        types = dict.fromkeys(names, "VARCHAR")
        source = f"read_json({place}, {every}, columns = {literal(types)})"
        forms = (form_of(one, contract, style) for one in names)
        columns = tuple(map(from_text, names, forms))
        return cls(file, source, columns)

    def where(self, row: int) -> str:
        """Say where a row stands in the file."""
        for at, (line, _) in enumerate(_lines(self.file)):
            if at == row:
                return f"line {line:,}"
        return ""

    def structure(self) -> str:
        """Say which line is no object."""
        return _no_object(self.file)


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    with reading(file) as text:
        for number, line in enumerate(text, 1):
            if line.strip():
                yield number, line


def _odd_line(file: Path) -> int:
    """Return the first line that is no object; 0 if there is none."""
    for number, line in _lines(file):
        try:
            right = isinstance(json.loads(line), Mapping)
        except ValueError:
            right = False
        if not right:
            return number
    return 0


def _no_object(file: Path, line: int = 0) -> str:
    said = f"{here().name(file)} must hold a JSON object in each line"
    try:
        if line := line or _odd_line(file):
            return f"{said}, and line {line:,} is none"
    except UnicodeError:
        return f"{said}, in UTF-8"
    return f"{said} that is smaller than 256 MB, with names that differ"
