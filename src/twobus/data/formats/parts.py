"""A file of a table: its rows by the contract, and what is wrong with them."""

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from twobus.data.formats.forms import THIS, Form, Style, form, hint, quoted
from twobus.project import here

# The number of a row, beside its columns.
ROW = "__number_of_twobus"
# What of a row cannot be read, beside its columns.
UNREADABLE = "__unreadable_of_twobus"
# How many odd texts are looked at for a hint.
LOOKED_AT = 1_000


@dataclass(frozen=True)
class Fault:
    """A column of a file whose values are not what its contract says.

    Attributes:
        column: The column.
        count: How many of its values.
        row: The first such row, the file's first being number 0.
        words: What each should be.
        hint: What the table's module could say about it; empty if nothing.
    """

    column: str
    count: int
    row: int
    words: str
    hint: str

    def said(self, part: "Part") -> str:
        """Return a phrase that names file, place, column and what is expected."""
        first = f"{part.place}, {part.where(self.row)}"
        phrase = f"{self.column} must be {self.words}, which it is not in {first}"
        phrase += more(self.count)
        return f"{phrase} (if that is meant: {self.hint})" if self.hint else phrase


@dataclass(frozen=True)
class Column:
    """A column of a file, as SQL.

    Attributes:
        name: Its name.
        value: Its value by the contract, which fails where a value is not right.
        wrong: A condition that holds where it is not; empty if it always is.
        form: What it should be.
    """

    name: str
    value: str
    wrong: str
    form: Form


@dataclass(frozen=True)
class Part:
    """A file of a table.

    Attributes:
        file: The file, as people know it.
        source: The relation of SQL that has its rows as they are.
        columns: Its columns.
    """

    file: Path
    source: str
    columns: tuple[Column, ...]

    @property
    def place(self) -> str:
        """The file, from the project's folder."""
        return here().name(self.file)

    def select(self) -> str:
        """Return the query for its rows, by the contract."""
        chosen = (f"{one.value} AS {name(one.name)}" for one in self.columns)
        return f"SELECT {', '.join(chosen)} FROM {self.source}"

    def whole(self, told: Collection[str] | None = None) -> str:
        """Return the query for all rows: what cannot be read is missing, and told.

        Args:
            told: Of which columns it is told; None: of all.
        """
        chosen = [
            f"CASE WHEN {one.wrong} THEN NULL ELSE {one.value} END AS {name(one.name)}"
            if one.wrong
            else f"{one.value} AS {name(one.name)}"
            for one in self.columns
        ]
        said = [
            f"CASE WHEN {one.wrong} THEN concat({quoted(one.name)}, ' must be ', "
            f"{quoted(one.form.words)}, ', and is ', "
            f"CAST({name(one.name)} AS VARCHAR)) END"
            for one in self.columns
            if one.wrong and (told is None or one.name in told)
        ]
        all_said = f"concat_ws('; ', {', '.join(said)})" if said else "''"
        chosen.append(f"{all_said} AS {name(UNREADABLE)}")
        return f"SELECT {', '.join(chosen)} FROM {self.source}"

    def faults(self, connection: Any) -> list[Fault]:
        """Look at each value, and count those that are not what they should be.

        Args:
            connection: A connection of DuckDB.
        """
        asked = [one for one in self.columns if one.wrong]
        if not asked:
            return []
        counts = ", ".join(
            f"count(*) FILTER ({one.wrong}), min({ROW}) FILTER ({one.wrong})"
            for one in asked
        )
        rows = f"SELECT *, row_number() OVER () - 1 AS {ROW} FROM {self.source}"
        found = connection.execute(f"SELECT {counts} FROM ({rows})").fetchone()
        pairs = zip(asked, found[::2], found[1::2], strict=True)
        return [
            Fault(one.name, count, row, one.form.words, self._hint(connection, one))
            for one, count, row in pairs
            if count
        ]

    def _hint(self, connection: Any, column: Column) -> str:
        return hint(column.form, {*self._wrong(connection, column, LOOKED_AT)})

    def _wrong(self, connection: Any, column: Column, most: int) -> list[str]:
        texts = connection.execute(
            f"SELECT DISTINCT CAST({name(column.name)} AS VARCHAR) FROM {self.source} "
            f"WHERE {column.wrong} LIMIT {most}"
        ).fetchall()
        return [text for (text,) in texts]

    def odd(self, connection: Any, most: int) -> dict[str, list[str]]:
        """Return values of the data that are not what they should be, by column.

        Args:
            connection: A connection of DuckDB.
            most: How many of each column.
        """
        asked = {one.name: one for one in self.columns if one.wrong}
        found = {it: self._wrong(connection, one, most) for it, one in asked.items()}
        return {it: texts for it, texts in found.items() if texts}

    def where(self, row: int) -> str:
        """Say where a row stands in the file."""
        return f"row {row + 1:,}"

    def structure(self) -> str:
        """Say what keeps the file from being read at all; empty if nothing is known."""
        return ""

    def plainer(self) -> "Part | None":
        """Return the same file, read in a slower way that takes more; None at last."""
        return None


def name(column: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + column.replace('"', '""') + '"'


def dtype_of(column: str, contract: Any) -> Any:
    """Return the type that a contract gives to a column; None if it gives none."""
    return (
        spec.dtype.type if (spec := spec_of(column, contract)) and spec.dtype else None
    )


def form_of(column: str, contract: Any, style: Style) -> Form:
    """Return how the values of a column are written.

    Args:
        column: A column of a file.
        contract: The table's contract, a pandera schema; it may know nothing of it.
        style: How the table's texts are written.
    """
    spec = spec_of(column, contract)
    return form(dtype_of(column, contract), style, spec.metadata if spec else None)


def spec_of(column: str, contract: Any) -> Any:
    """Return what a contract says of a column; None if it says nothing."""
    for spec in contract.columns.values():
        if re.match(spec.name, column) if spec.regex else spec.name == column:
            return spec
    return None


def from_text(column: str, one: Form) -> Column:
    """Return a column of texts as values of a type."""
    this = name(column)
    if one.right == "true":
        return Column(column, this, "", one)
    right, value, looks = (
        sql.replace(THIS, this) for sql in (one.right, one.value, one.looks)
    )
    strict = strictly(column, this, value, looks or right, one)
    return replace(strict, wrong=strictly(column, this, value, right, one).wrong)


def natively(column: str, one: Form) -> Column:
    """Return a column that DuckDB has read as the form's native type."""
    this, as_text = name(column), from_text(column, one)
    if not one.native:
        return as_text
    value = this if one.native == one.sql_type else f"CAST({this} AS {one.sql_type})"
    right = one.native_right.replace(THIS, this)
    strict = strictly(column, this, value, right, one)
    return replace(strict, wrong=as_text.wrong)


def strictly(column: str, this: str, value: str, right: str, one: Form) -> Column:
    """Return a column whose values are right, or stop the query.

    Args:
        column: Its name.
        this: The column as it stands in the file, in SQL.
        value: Its value by the contract.
        right: A condition that holds where nothing is lost; empty if it always does.
        one: What it should be.
    """
    if not right:
        return Column(column, value, "", one)
    stop = f"error('a value is not {one.words}')"
    # What most values are comes first: each condition costs a look at each.
    usual = one.usual.replace(THIS, this)
    plain = f"WHEN {usual} THEN CAST({this} AS {one.sql_type}) " if usual else ""
    rest = f"WHEN {right} THEN {value} WHEN {this} IS NULL THEN NULL ELSE {stop}"
    wrong = f"{this} IS NOT NULL AND NOT coalesce({right}, false)"
    return Column(column, f"CASE {plain}{rest} END", wrong, one)


def more(count: int) -> str:
    """Say of how many more something holds than the first."""
    return f" and {count - 1:,} more" if count > 1 else ""
