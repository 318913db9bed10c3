"""Look at all rows of files, and tell what a contract should say of them."""

import os
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet

from twobus.data import DataError
from twobus.data.connection import in_memory
from twobus.data.files import JSON, TEXT, parts
from twobus.data.formats.copies import fresh
from twobus.data.formats.forms import Style
from twobus.data.formats.parts import Fault, Part
from twobus.data.formats.texts import literal
from twobus.data.formats.widening import UTC_NAMES
from twobus.new.columns import Column, Found, demanding, number
from twobus.new.measuring import measured
from twobus.new.places import ending
from twobus.new.texts import WORDS, Texts, guess

# How many values, of all columns together, tell what most columns are.
LOOKED_AT = 100_000
# What is missing in a column of texts as well, and hardly a value.
PLAIN_WORDS = {"NA", "N/A", "n/a", "NULL", "null", "None", "NaN", "nan", "NaT"}
PLAIN_WORDS |= {"\\N", "#N/A", "<NA>"}
# What a query may keep in memory; more of it goes to the disk.
LIMIT = "2GB"


class Looking:
    """Files that hold one table."""

    def __init__(
        self, files: list[Path], options: Mapping[str, Any], sheet: str = ""
    ) -> None:
        """Read nothing yet.

        Args:
            files: The files.
            options: How CSV files are written, as `CSV_OPTIONS` says it.
            sheet: The sheet of an Excel file that has several.
        """
        self.files = files
        self.options = dict(options)
        self.sheet = sheet
        self.words: dict[str, dict[str, int]] = {}
        self.missing: set[str] = set()
        self._texts: list[Part] = []
        self.backend = in_memory()
        self.backend.raw_sql(f"SET memory_limit = '{LIMIT}'")
        # What does not fit goes to a folder that goes with this process.
        self.backend.raw_sql(f"SET temp_directory = {literal(str(fresh()) + '.d')}")

    def found(self, *, ranges: bool = False, sets: bool = False) -> Found:
        """Tell what a contract should say.

        Args:
            ranges: Whether it should say the least and the greatest value.
            sets: Whether it should say which values there are, where these are few.

        Raises:
            DataError: If the files cannot be read.
        """
        every = self._texts = self.parts(demanding())
        names = [*dict.fromkeys(one.name for part in every for one in part.columns)]
        types = dict(
            self.backend.give("looked_at", ([], every), lambda _: every)
            .schema()
            .items()
        )
        texts = [name for name in names if self._is_text(name)]
        told = self._told(texts) if texts else {}
        columns = {it: told.get(it) or Column(it, types[it]) for it in names}
        columns = self._settled(columns)
        table, known = self.backend.table("read"), self._doubted(columns)
        found = measured(table, known, ranges=ranges, sets=sets)
        return replace(found, options=self.options)

    def parts(self, contract: Any) -> list[Part]:
        """Return the files, to be read by a contract."""
        folder = Path(os.path.commonpath([file.parent for file in self.files]))
        connection = self.backend.con
        return parts(self.files, folder, contract, self.options, self.sheet, connection)

    def table(self, contract: Any) -> Any:
        """Return the rows by a contract, each value of which has been read.

        Raises:
            DataError: If a value is not what the contract says.
        """
        state: tuple[list[Any], Any] = [], contract
        table = self.backend.give("read", state, lambda _: self.parts(contract))
        self.backend.prove("read")
        return table

    def faults(self, contract: Any) -> list[tuple[Fault, Part]]:
        """Return what is not as a contract says, with the file it is in.

        Raises:
            DataError: If a file cannot be read at all.
        """
        found = []
        for part in self.parts(contract):
            try:
                found += [(one, part) for one in part.faults(self.backend.con)]
            except duckdb.Error:
                problem = part.structure() or f"{part.place} cannot be read"
            else:
                continue
            raise DataError(f"{problem}.")
        return found

    @cached_property
    def _parquet(self) -> dict[str, Any]:
        """The columns of Parquet files that are stored with a type, and this."""
        return {
            column.name: column.type
            for file in self.files
            if file.suffix == ".parquet"
            for column in pyarrow.parquet.read_schema(file)
        }

    @property
    def _kind(self) -> str:
        """What kind of files they are, of those that `CSV_OPTIONS` speaks of."""
        ends = {ending(file) for file in self.files}
        if any(one.startswith(JSON) for one in ends):
            return "json"
        return "text" if any(one.startswith(TEXT) for one in ends) else "other"

    def _is_text(self, column: str) -> bool:
        return column not in self._parquet

    def _doubted(self, columns: Mapping[str, Column]) -> list[Column]:
        """Say of each column what stands in it for a missing value, and its zone."""
        found = []
        for name, column in columns.items():
            for word, count in self.words.get(name, {}).items():
                if column.dtype.is_string() and word in self.missing | PLAIN_WORDS:
                    rows = number(count, "row")
                    told = "is read as missing, as in other columns"
                    if word not in self.missing:
                        told = "may mean missing: then name it in CSV_OPTIONS, nullstr"
                    column = column.doubting(f'"{word}" in {rows} {told}')
            zone = getattr(self._parquet.get(name), "tz", None)
            if zone and zone not in UTC_NAMES:
                column = column.doubting(f"written in the zone {zone}, read as UTC")
            found.append(column)
        return found

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.backend.con.execute(query).fetchall()
        return rows

    def _whole(self) -> Texts:
        rows = " UNION ALL BY NAME ".join(part.select() for part in self._texts)
        # Where words for missing values cannot be named, they are texts.
        known = frozenset() if self._kind == "json" else Texts.missing
        return Texts(self._ask, f"({rows})", known)

    def _pick(self, columns: list[str]) -> None:
        """Count words for missing values in all rows, and keep some rows.

        Raises:
            DataError: If the files cannot be read.
        """
        size = max(LOOKED_AT // len(columns), 1_000)
        while True:
            whole = self._whole()
            try:
                self.words = whole.words(columns)
                self._ask(
                    f"CREATE OR REPLACE TEMP TABLE picked AS FROM {whole.relation} "
                    f"USING SAMPLE reservoir({size} ROWS) REPEATABLE (0)"
                )
            except duckdb.Error:
                problems = [*filter(None, (part.structure() for part in self._texts))]
            else:
                return
            # Not while handling the error, which may hold values of the data.
            plainer = [part.plainer() for part in self._texts]
            if problems or not any(plainer):
                places = ", ".join(part.place for part in self._texts)
                raise DataError(f"{'; '.join(problems) or f'{places} is unreadable'}.")
            pairs = zip(plainer, self._texts, strict=True)
            self._texts = [one or before for one, before in pairs]

    def _told(self, columns: list[str]) -> dict[str, Column]:
        """Tell what columns of texts are, and note in the options how."""
        self._pick(columns)
        whole = self._whole()
        some = replace(whole, relation="picked")
        styled = self._kind != "other"
        first = guess(some, columns, self._style(), styled=styled)
        self._write(first.style)
        found = dict(first.columns)
        if first.unsure:
            pointed = [it for it in found if found[it].dtype.is_floating()]
            unsure = sorted(first.unsure)
            more = guess(whole, unsure, first.style, styled=styled, pointed=pointed)
            self._write(more.style)
            found |= more.columns
            found |= self._nearly(more.nearly, found)
        self._name_missing(found)
        return found

    def _style(self) -> Style:
        said = self.options
        return Style(said.get("decimal_separator", "."), said.get("thousands", ""))

    def _write(self, style: Style) -> None:
        if style.decimal != ".":
            self.options["decimal_separator"] = style.decimal
        if style.thousands:
            self.options["thousands"] = style.thousands

    def _name_missing(self, columns: Mapping[str, Column]) -> None:
        """Note which words stand for a missing value: those among other than texts."""
        said = self.options.get("nullstr", self.options.get("null", ""))
        known = {said} if isinstance(said, str) else {*said}
        for name in self.words.keys() & columns.keys():
            if not columns[name].dtype.is_string() or columns[name].empty:
                known |= {*self.words[name]}
        if known := known - {""}:
            self.options.pop("null", None)
            several = sorted(known)
            self.options["nullstr"] = several if len(known) > 1 else several[0]
        self.missing = known

    def _nearly(
        self, nearly: Mapping[str, Column], found: Mapping[str, Column]
    ) -> dict[str, Column]:
        """Say of columns of texts what nearly all of their values are."""
        self._name_missing({**found, **nearly})
        told = {}
        for name, column in nearly.items():
            if faults := self.faults(demanding([column])):
                count = sum(fault.count for fault, _ in faults)
                fault, part = faults[0]
                # No folders: the words are to be read on other machines.
                words = (
                    f"{WORDS[column.dtype]}, but for {number(count, 'value')}, the "
                    f"first in {part.file.name}, {part.where(fault.row)}"
                )
                told[name] = found[name].doubting(words)
        return told

    def _settled(self, columns: dict[str, Column]) -> dict[str, Column]:
        """Return columns of types that all values have, and prepare the table.

        What some values were told by need not hold for others.
        """
        problem = ""
        for _ in range(3):
            try:
                self.table(demanding(columns.values()))
            except DataError as error:
                problem = str(error)
            else:
                return columns
            wrong = {one.column for one, _ in self.faults(demanding(columns.values()))}
            if not (wrong := wrong - self._parquet.keys()):
                break
            told = guess(self._whole(), sorted(wrong), self._style(), styled=False)
            columns = columns | told.columns
            columns |= self._nearly(told.nearly, columns)
            self._name_missing(columns)
        # Not while handling the error, which may hold values of the data.
        raise DataError(problem)
