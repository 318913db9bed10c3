"""Find how CSV files are written: what `CSV_OPTIONS` must say so that they are read."""

import csv
import re
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from twobus.data import DataError
from twobus.data.files import TEXT
from twobus.data.formats.texts import DELIMITERS, dialect, reading
from twobus.new.columns import demanding
from twobus.new.places import ending
from twobus.project import here

# What may separate columns beside what is looked for without being asked to.
RARE = ("^", "~", "\x01", "\x1f", ":", " ")
# How many lines are looked at, and how many of them may stand above the header.
LINES, ABOVE = 500, 30
# Which share of these lines has the same number of columns, if they are separated so.
USUAL = 0.9
# How many letters are decoded at once.
LETTERS = 1 << 20


def options_of(files: list[Path]) -> tuple[dict[str, Any], list[str]]:
    """Return what `CSV_OPTIONS` must say of files, and what is doubtful in it.

    Args:
        files: The files, of any kind.

    Raises:
        DataError: If they are written in different ways.
    """
    found: list[tuple[dict[str, Any], list[str]]] = []
    for file in files:
        if ending(file).startswith(TEXT) and file.stat().st_size:
            one = _options(file)
            if found and one[0] != found[0][0]:
                raise DataError(
                    f"{here().name(file)} is written in another way than "
                    f"{here().name(files[0])}: {one[0]}, not {found[0][0]}."
                )
            found.append(one)
    return found[0] if found else ({}, [])


def _options(file: Path) -> tuple[dict[str, Any], list[str]]:
    options: dict[str, Any] = {}
    doubts = []
    if encoding := _encoding(file):
        options["encoding"] = encoding
        doubts.append(f"The file is not UTF-8: is it {encoding}? Look at its letters.")
    ways = [_way(file, delimiter, encoding) for delimiter in (*DELIMITERS, *RARE)]
    fitting = [way for way in ways if way.fits]
    if not fitting:
        # A column alone, whose texts may hold what else separates columns.
        plain = [way.delimiter for way in ways if way.usual == way.share == 1]
        alone = all(way.header == 1 for way in ways if way.delimiter in DELIMITERS)
        if alone and plain and DELIMITERS[0] not in plain:
            options["delim"] = plain[0]
        return options, doubts
    best = max(fitting, key=lambda way: (not way.above, way.share))
    delimiter, above = best.delimiter, best.above
    if above:
        options["skip"] = above
        doubts.append(f"{above} lines stand above the header, and are skipped.")
    if delimiter in RARE or (delimiter != _unasked(file, options) and not above):
        options["delim"] = delimiter
        doubts.append(f"Columns are separated by {delimiter!r}.")
    return options, doubts


def _unasked(file: Path, options: dict[str, Any]) -> str:
    """Return the delimiter that reading would take."""
    from twobus.data.formats.texts import header

    return header(file, dialect(options, demanding()), None).delimiter


def _encoding(file: Path) -> str:
    """Return the encoding of a file that is not UTF-8; empty if it is."""
    for encoding in ("", "windows-1252"):
        try:
            with reading(file, encoding) as text:
                while text.read(LETTERS):
                    pass
        except UnicodeError:
            continue
        except Exception:
            # Such as a file that is not packed as its name says.
            raise DataError(f"{here().name(file)} cannot be unpacked.") from None
        return encoding
    # Each byte is a letter of it.
    return "latin-1"


@dataclass(frozen=True)
class _Way:
    """What the first lines of a file are, if something separates columns.

    Attributes:
        delimiter: What separates them.
        header: How many columns the first line has.
        usual: How many columns most lines have.
        share: How large a part of the lines, from the first of them on.
        above: How many lines stand above the header.
        fits: Whether the file may be written so.
    """

    delimiter: str
    header: int
    usual: int
    share: float
    above: int
    fits: bool


def _way(file: Path, delimiter: str, encoding: str) -> _Way:
    rows = _rows(file, delimiter, encoding)
    lengths = [len(row) for row in rows]
    (usual, times), *_ = Counter(lengths).most_common(1) or [(0, 0)]
    if usual < 2:
        share = times / (len(rows) or 1)
        return _Way(delimiter, max(lengths[:1], default=0), usual, share, 0, False)
    above = lengths.index(usual)
    share = times / (len(rows) - above)
    # A title, and no header of one column above records of several.
    titled = max(lengths[:above], default=0) < 2 < usual and above <= ABOVE
    titled = titled and not any(re.match(r"[+-]?\d", cell) for cell in rows[above])
    fits = share >= USUAL and (not above or (titled and delimiter in DELIMITERS))
    return _Way(delimiter, lengths[0], usual, share, above, fits)


def _rows(file: Path, delimiter: str, encoding: str) -> list[list[str]]:
    """Return the first lines; none if they make no sense."""
    reader = dialect({}, demanding()).reader
    with reading(file, encoding) as text:
        try:
            return [*islice(reader(text, delimiter), LINES)]
        except csv.Error:
            return []
