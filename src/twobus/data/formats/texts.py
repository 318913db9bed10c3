"""Files of text: their encoding, their header, their records and where these stand."""

import csv
import glob
import io
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, lookup
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa

from twobus.data.errors import DataError
from twobus.data.formats.copies import as_records, fresh
from twobus.data.formats.forms import Style, quoted
from twobus.data.formats.options import also
from twobus.project import here

# What may separate columns, if the module does not say it.
DELIMITERS = (",", ";", "\t", "|")
# What the contract decides, or this module: DuckDB is not asked to guess them.
OURS = {"all_varchar", "auto_detect", "column_types", "columns", "dtypes", "names"}
OURS |= {"sample_size", "types", "header", "skip", "delim", "sep", "encoding"}
OURS |= {"dateformat", "date_format", "timestampformat", "timestamp_format"}
OURS |= {"delimiter", "nullstr", "null", "quote", "escape", "comment"}
OURS |= {"decimal_separator", "thousands", "new_line", "compression", "normalize_names"}
# What changes how a file is read, and no row or value of it.
THEIRS = {"buffer_size", "max_line_size", "parallel"}
LONGEST = 2**31 - 1


class UnclosedError(Exception):
    """A quotation mark is never closed, or closed in the middle of a field.

    Attributes:
        line: Where the record begins.
    """

    def __init__(self, line: int) -> None:
        """Remember the line."""
        super().__init__(line)
        self.line = line


@dataclass(frozen=True)
class Dialect:
    """How a table's CSV files are written, of what its module says.

    Attributes:
        delimiter: What separates columns; empty if the header tells.
        quote: What surrounds texts.
        escape: What stands before a quote inside them.
        comment: What a line of no data begins with; empty if nothing does.
        skip: How many lines stand before the header.
        names: The columns, if the files have no header.
        encoding: Python's name of the encoding; empty for UTF-8, or UTF-16 by its mark.
        missing: What stands for a missing value.
        style: How numbers, dates and times are written.
        others: More options of DuckDB's reader, in SQL.
        said: What `CSV_OPTIONS` says, as Python writes it.
    """

    delimiter: str
    quote: str
    escape: str
    comment: str
    skip: int
    names: tuple[str, ...] | None
    encoding: str
    missing: tuple[str, ...]
    style: Style
    others: str
    said: str = "{}"

    def reader(self, lines: Iterable[str], delimiter: str) -> Any:
        """Return a reader of the standard library that reads as DuckDB does."""
        csv.field_size_limit(LONGEST)
        doubled = self.escape == self.quote
        return csv.reader(
            lines,
            delimiter=delimiter,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            doublequote=doubled,
            escapechar=None if doubled or not self.escape else self.escape,
            strict=True,
        )

    def sql(self, delimiter: str) -> str:
        """Return the options of DuckDB's reader, but for columns and lines to skip."""
        said = {
            "delim": delimiter,
            "quote": self.quote,
            "escape": self.escape,
            "nullstr": [*self.missing],
            "header": False,
            "auto_detect": False,
            **({"comment": self.comment} if self.comment else {}),
        }
        return f"{arguments(said)}, {self.others}".removesuffix(", ")


def dialect(options: Mapping[str, Any], contract: Any) -> Dialect:
    """Return how CSV files are written, of what `CSV_OPTIONS` says.

    Args:
        options: Options of DuckDB's `read_csv`; those that would guess have no effect.
        contract: The table's contract, which names the columns where no header does.

    Raises:
        DataError: If Python does not know the encoding.
    """
    said = {name: value for name, value in options.items() if value is not None}
    if odd := sorted({*said} - OURS - THEIRS):
        raise DataError(
            f"CSV_OPTIONS has {odd[0]!r}, which may leave out or change what stands in "
            "a file, or means nothing here: remove it"
        )

    def first(*names: str, default: Any) -> Any:
        return next((said[name] for name in names if name in said), default)

    encoding = first("encoding", default="")
    try:
        known = lookup(encoding).name if encoding else ""
        "".encode(known or "utf-8")
    except LookupError:
        raise DataError(
            f"CSV_OPTIONS names the encoding {encoding!r}, which Python does not know: "
            "windows-1252, latin-1 and utf-16 are examples"
        ) from None
    missing = first("nullstr", "null", default="")
    names = first("names", "columns", default=None) or [*contract.columns]
    for sign in ("delim", "sep", "delimiter", "quote", "escape", "comment"):
        said[sign] = {"\\t": "\t"}.get(said.get(sign, ""), said.get(sign, ""))
        if len(said[sign]) > 1:
            raise DataError(
                f"CSV_OPTIONS has {sign} = {said[sign]!r}: only one sign is understood"
            )
        if not said[sign] and sign not in options:
            del said[sign]
    quote = first("quote", default='"')
    if said.get("thousands") == said.get("decimal_separator", "."):
        raise DataError("CSV_OPTIONS has one sign for thousands and for decimals")
    style = Style(
        said.get("decimal_separator", "."),
        said.get("thousands", ""),
        first("dateformat", "date_format", default=""),
        first("timestampformat", "timestamp_format", default=""),
    )
    return Dialect(
        delimiter=first("delim", "sep", "delimiter", default=""),
        quote=quote,
        escape=first("escape", default=quote),
        comment=said.get("comment", ""),
        skip=int(said.get("skip", 0)),
        names=None if said.get("header", True) else tuple(names),
        encoding="" if known == "utf-8" else known,
        # What is empty is missing, whatever else is.
        missing=tuple(
            dict.fromkeys(["", *([missing] if isinstance(missing, str) else missing)])
        ),
        style=style,
        others=arguments({name: said[name] for name in said if name not in OURS}),
        said=repr({**options}),
    )


def arguments(options: Mapping[str, Any]) -> str:
    """Return options as SQL of DuckDB writes them."""
    return ", ".join(f"{name} = {literal(value)}" for name, value in options.items())


def literal(value: Any) -> str:
    """Return a value as SQL of DuckDB writes it."""
    match value:
        case bool():
            return str(value).lower()
        case str():
            return quoted(value)
        case Mapping():
            pairs = (f"{quoted(str(k))}: {literal(v)}" for k, v in value.items())
            return f"{{{', '.join(pairs)}}}"
        case list() | tuple():
            return f"[{', '.join(map(literal, value))}]"
    return str(value)


def path(file: Path) -> str:
    """Return a file's path for DuckDB, which takes [ and * in it for a pattern."""
    return quoted(glob.escape(str(file)))


@contextmanager
def reading(file: Path, encoding: str = "") -> Iterator[TextIO]:
    """Open a file of text, compressed or not; line ends stay as they are."""
    with pa.input_stream(str(file)) as stream:
        buffered = io.BufferedReader(stream)
        encoding = encoding or marked(buffered.peek(2)[:2]) or "utf-8-sig"
        with io.TextIOWrapper(buffered, encoding, newline="") as text:
            yield text


def marked(start: bytes) -> str:
    """Return the encoding that a file's first two bytes cannot be mistaken for."""
    return "utf-16" if start in (BOM_UTF16_LE, BOM_UTF16_BE) else ""


def encoding_of(file: Path, dialect: Dialect) -> str:
    """Return the encoding of a file that is not UTF-8; empty if it is."""
    if dialect.encoding:
        return dialect.encoding
    with pa.input_stream(str(file)) as stream:
        return marked(stream.read(2))


@dataclass(frozen=True)
class Header:
    """What stands above the records of a file.

    Attributes:
        names: The columns, in the order of the file.
        delimiter: What separates them.
        lines: How many lines it takes, with those before it.
    """

    names: tuple[str, ...]
    delimiter: str
    lines: int


def header(
    file: Path,
    dialect: Dialect,
    knows: Callable[[str], bool] | None,
    shown: str = "",
) -> Header:
    """Read a file's header; the delimiter is the one that gives known columns.

    Args:
        file: The file.
        dialect: How it is written.
        knows: Tells whether the contract has a column; None if it demands none.
        shown: What people call the file, if that is not its name.

    Raises:
        DataError: If two columns have one name, or no line is a header.
    """
    found: list[Header] = []
    problem: Exception | None = None
    for delimiter in [dialect.delimiter] if dialect.delimiter else DELIMITERS:
        try:
            found.append(_header(file, dialect, delimiter, shown or file.name))
        except UnclosedError as error:
            # "a";"b" has no sense where commas separate.
            problem = problem or error
    if problem and not found:
        raise problem
    known = knows or (lambda _: False)
    best = max(found, key=lambda it: (sum(map(known, it.names)), len(it.names)))
    if knows and not any(map(knows, best.names)):
        hint = also(dialect.said, {"header": False})
        raise DataError(
            f"{shown or file.name} has none of the contract's columns above its rows: "
            f"correct their names, or say {hint} if there is no header"
        )
    folded = [name.casefold() for name in best.names]
    if twice := [name for name in best.names if folded.count(name.casefold()) > 1]:
        raise DataError(
            f"{shown or file.name} has two columns {twice[0]!r}, or they differ only "
            "in upper and lower case: rename one in the file"
        )
    return best


def _header(file: Path, dialect: Dialect, delimiter: str, shown: str) -> Header:
    with reading(file, dialect.encoding) as text:
        for _ in range(dialect.skip):
            text.readline()
        lines = _Lines(text, dialect, dialect.skip)
        for record in lines.records(delimiter):
            if not record:
                continue
            if dialect.names is not None:
                return Header(dialect.names, delimiter, dialect.skip)
            # A mark of the byte order, of an encoding that does not take it off.
            record[0] = record[0].removeprefix("\ufeff")
            names = (name or f"column{at}" for at, name in enumerate(record))
            return Header(tuple(names), delimiter, lines.number)
    raise DataError(f"{shown} is empty: not even a header stands in it")


class _Lines:
    """The lines of a file of text but for comments, which are counted."""

    def __init__(self, text: Iterable[str], dialect: Dialect, number: int) -> None:
        self.text, self.dialect = text, dialect
        # The line that was read last, and that at which the present record begins.
        self.number, self.begins = number, 0

    def __iter__(self) -> Iterator[str]:
        comment, quote = self.dialect.comment, self.dialect.quote
        open_quote = False
        for line in self.text:
            self.number += 1
            if comment and not open_quote and line.startswith(comment):
                continue
            if quote and line.count(quote) % 2:
                open_quote = not open_quote
            self.begins = self.begins or self.number
            yield line

    def records(self, delimiter: str) -> Iterator[list[str]]:
        reader = self.dialect.reader(self, delimiter)
        while True:
            self.begins = 0
            try:
                record = next(reader, None)
            except csv.Error:
                raise UnclosedError(self.begins or self.number) from None
            if record is None:
                return
            yield record


def records(
    file: Path, dialect: Dialect, header: Header
) -> Iterator[tuple[int, list[str]]]:
    """Yield the records below the header, each with the line it begins at.

    Raises:
        UnclosedError: At a quotation mark that is never closed, or closed too early.
        UnicodeError: Where the encoding is another one.
    """
    with reading(file, dialect.encoding) as text:
        for _ in range(header.lines):
            text.readline()
        lines = _Lines(text, dialect, header.lines)
        for record in lines.records(header.delimiter):
            if record or len(header.names) == 1:
                yield lines.begins, record or [""]


def line_of(number: int, file: Path, dialect: Dialect, header: Header) -> int:
    """Return the line at which a record begins, the first record being number 0."""
    for at, (line, _) in enumerate(records(file, dialect, header)):
        if at == number:
            return line
    return 0


def rewritten(file: Path, dialect: Dialect, header: Header | None = None) -> Path:
    """Return a copy of a file in UTF-8, made once a process.

    Args:
        file: The file.
        dialect: How it is written.
        header: If given, the copy has records below this header only, with one kind of
            line ends.
    """
    change = file.stat()
    return _rewritten(file, dialect, header, change.st_mtime_ns, change.st_size)


@cache
def _rewritten(
    file: Path, dialect: Dialect, header: Header | None, *change: int
) -> Path:
    copy = fresh()
    with copy.open("w", encoding="utf-8", newline="") as stream:
        if header is None:
            with reading(file, dialect.encoding) as text:
                while part := text.read(1 << 20):
                    stream.write(part)
            return copy
        writer = as_records(stream, header.delimiter)
        for _, record in records(file, dialect, header):
            writer.writerow(record)
    return copy


def see_whole(file: Path) -> None:
    """See that a packed file can be unpacked to its end, which DuckDB does not.

    Raises:
        DataError: If it is cut off, or not packed.
    """
    try:
        with pa.input_stream(str(file)) as stream:
            while stream.read(1 << 22):
                pass
    except OSError:
        kind = file.suffix
        raise DataError(
            f"{here().name(file)} is cut off, or no {kind} file: fetch it again"
        ) from None
