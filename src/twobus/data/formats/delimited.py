"""CSV files, and others of their kind."""

import io
from ast import literal_eval
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow

from twobus.data.errors import DataError
from twobus.data.formats.forms import Form, quoted
from twobus.data.formats.options import also
from twobus.data.formats.parts import (
    Column,
    Fault,
    Part,
    form_of,
    from_text,
    more,
    natively,
    spec_of,
)
from twobus.data.formats.texts import (
    Dialect,
    Header,
    UnclosedError,
    encoding_of,
    header,
    line_of,
    literal,
    path,
    records,
    rewritten,
)
from twobus.project import here


@dataclass(frozen=True)
class CsvPart(Part):
    """A CSV file, or one of its kind.

    Attributes:
        origin: The file that was written by others.
        copy: The file that DuckDB reads: that one, or a copy of it in UTF-8.
        dialect: How the file is written.
        header: What stands above its records.
        forms: How its columns are written.
        place_of: Says where a row stands, of a file that was made of another one.
        copied: Whether the copy has nothing but the records, and one kind of line ends.
        native: Whether DuckDB's reader converts what it can be trusted with.
    """

    origin: Path = field(kw_only=True)
    copy: Path = field(kw_only=True)
    dialect: Dialect = field(kw_only=True)
    header: Header = field(kw_only=True)
    forms: tuple[Form, ...] = field(kw_only=True)
    place_of: Callable[[int], str] | None = field(default=None, kw_only=True)
    copied: bool = False
    native: bool = True

    @classmethod
    def of(
        cls,
        file: Path,
        contract: Any,
        dialect: Dialect,
        shown: Path | None = None,
        place: Callable[[int], str] | None = None,
    ) -> "CsvPart":
        """Read the header of a file.

        Args:
            file: The file.
            contract: The table's contract, a pandera schema.
            dialect: How the file is written.
            shown: The file that people know, if this one was made of it.
            place: Says where a row stands in that.

        Raises:
            DataError: If it has none, or is not in the encoding that is said.
        """
        try:
            dialect = replace(dialect, encoding=encoding_of(file, dialect))
            top = header(
                file,
                dialect,
                (lambda one: bool(spec_of(one, contract)))
                if contract.columns
                else None,
                here().name(shown or file),
            )
            copy = rewritten(file, dialect) if dialect.encoding else file
        except UnicodeError:
            raise DataError(_not_encoded(file, dialect)) from None
        except UnclosedError as error:
            raise DataError(_unclosed(file, error.line, dialect)) from None
        forms = tuple(form_of(one, contract, dialect.style) for one in top.names)
        part = cls(
            place_of=place,
            file=shown or file,
            origin=file,
            copy=copy,
            dialect=dialect,
            header=top,
            forms=forms,
            source="",
            columns=(),
        )
        # DuckDB counts what stands above the records in another way.
        odd = top.lines > 1 or dialect.comment
        return part.copying().read() if odd else part.read()

    def read(self) -> "CsvPart":
        """Return the part with what DuckDB is told of it."""
        native = self.native
        pairs = [*zip(self.header.names, self.forms, strict=True)]
        types = {
            one: (form.native if native else "") or "VARCHAR" for one, form in pairs
        }
        written = self.dialect
        if copied := self.copied:
            written = replace(written, quote='"', escape='"', comment="")
        more = ", new_line = '\\n'" if copied else ""
        source = (
            f"read_csv({path(self.copy)}, columns = {literal(types)}, "
            f"{written.sql(self.header.delimiter)}, hive_partitioning = false, "
            f"skip = {0 if copied else self.header.lines}, "
            f"decimal_separator = {quoted(written.style.decimal)}{more})"
        )
        make = natively if native else from_text
        return replace(
            self, source=source, columns=tuple(make(one, form) for one, form in pairs)
        )

    def whole(self, told: Collection[str] | None = None) -> str:
        """Return the query for all rows, read as they are written."""
        return Part.whole(replace(self, native=False).read(), told)

    def faults(self, connection: Any) -> list[Fault]:
        """Look at each value as it is written."""
        return Part.faults(replace(self, native=False).read(), connection)

    def odd(self, connection: Any, most: int) -> dict[str, list[str]]:
        """Return values that are not what they should be, as they are written."""
        return Part.odd(replace(self, native=False).read(), connection, most)

    def _hint(self, connection: Any, column: Column) -> str:
        found = super()._hint(connection, column)
        line, is_option, options = found.partition("CSV_OPTIONS = ")
        return also(self.dialect.said, literal_eval(options)) if is_option else line

    def plainer(self) -> "CsvPart | None":
        """Read all as text, and then a copy with one kind of line ends."""
        if self.native:
            return replace(self, native=False).read()
        return None if self.copied else self.copying().read()

    def copying(self) -> "CsvPart":
        """Return the part with a copy of its records alone."""
        if self.dialect.escape not in ("", self.dialect.quote):
            raise DataError(
                f"{self.place} cannot be read with an escape sign where more than the "
                "header stands above its rows, or its line ends are mixed"
            )
        try:
            copy = rewritten(self.origin, self.dialect, self.header)
        except UnicodeError:
            raise DataError(_not_encoded(self.file, self.dialect)) from None
        except UnclosedError as error:
            raise DataError(_unclosed(self.file, error.line, self.dialect)) from None
        return replace(self, copied=True, copy=copy)

    def where(self, row: int) -> str:
        """Say where a row stands in the file, by its line where it has lines."""
        if self.place_of:
            return self.place_of(row)
        # What DuckDB has read may have quotation marks that Python refuses.
        with suppress(UnclosedError, UnicodeError):
            return f"line {line_of(row, self.origin, self.dialect, self.header):,}"
        return f"row {row + 1:,}"

    def structure(self) -> str:
        """Say what keeps the file from being read: encoding, quotes, ragged rows."""
        wide, ragged, first = len(self.header.names), 0, (0, 0)
        try:
            for begins, record in records(self.origin, self.dialect, self.header):
                # A letter has up to four bytes.
                letters = sum(map(len, record))
                size = len("".join(record).encode()) if 4 * letters > LONG else 0
                if size > LONG and "max_line_size" not in self.dialect.others:
                    return (
                        f"{self.place} has a row of {size:,} bytes in line "
                        f"{begins:,}, which needs "
                        + also(self.dialect.said, {"max_line_size": 2 * size})
                    )
                # An empty field more than the header has is lost by nobody.
                if len(record) != wide and [*record[wide:]] != [""]:
                    ragged += 1
                    first = first if ragged > 1 else (begins, len(record))
        except UnicodeError:
            return _not_encoded(self.file, self.dialect)
        except UnclosedError as error:
            return _unclosed(self.file, error.line, self.dialect)
        if not ragged:
            return ""
        line, fields = first
        return (
            f"{self.place} has {wide} columns, but another number of fields, {fields}, "
            f"in line {line:,}{more(ragged)}: a {self.header.delimiter!r} inside a "
            "field needs quotation marks around it"
        )


# So many bytes of a row DuckDB reads unless it is told more.
LONG = 2_000_000


def _unclosed(file: Path, line: int, dialect: Dialect) -> str:
    return (
        f"{here().name(file)} has a quotation mark that is never closed, or closed in "
        f"the middle of a field, in line {line:,}: double it inside a field, or say "
        f"{also(dialect.said, {'quote': ''})} if quotes mean nothing"
    )


def _not_encoded(file: Path, dialect: Dialect) -> str:
    encoding = dialect.encoding
    line = 0 if encoding else _first_odd_line(file)
    at = f" in line {line:,}" if line else ""
    said = f"{here().name(file)} is not {encoding or 'UTF-8'}{at}"
    if encoding:
        return f"{said}, as its module says: ask who made it for its encoding"
    return f"{said}: name its encoding in the table's module, such as " + also(
        dialect.said, {"encoding": "windows-1252"}
    )


def _first_odd_line(file: Path) -> int:
    with pyarrow.input_stream(str(file)) as stream:
        for number, line in enumerate(io.BufferedReader(stream), 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 0
