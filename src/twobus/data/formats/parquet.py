"""Parquet files, whose values have types already."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow.compute
import pyarrow.parquet

from twobus.data.errors import DataError
from twobus.data.formats.forms import Style, quoted
from twobus.data.formats.parts import (
    Part,
    dtype_of,
    form_of,
    from_text,
    name,
    strictly,
)
from twobus.data.formats.texts import path
from twobus.data.formats.widening import widened
from twobus.project import here

# The digits that DuckDB's decimals have, and what stands for a missing value in names.
DIGITS = 38
NOTHING = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class ParquetPart(Part):
    """A Parquet file, whose values have types already."""

    @classmethod
    def of(cls, file: Path, folder: Path, contract: Any, connection: Any) -> Any:
        """Read the types of a file.

        Args:
            file: The file.
            folder: Where the table's files are; folders below it may be called after
                values, such as `year=2026`.
            contract: The table's contract, a pandera schema.
            connection: A connection of DuckDB.

        Raises:
            DataError: If it is no Parquet file, or DuckDB would change its values.
        """
        place = here().name(file)
        source = f"read_parquet({path(file)}, hive_partitioning = false)"
        try:
            stored = pyarrow.parquet.read_schema(file)
            found = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        except Exception:
            raise DataError(
                f"{place} is no Parquet file, or it is damaged: fetch it again"
            ) from None
        parts = dict(
            part.split("=", 1)
            for part in file.relative_to(folder).parts[:-1]
            if "=" in part
        )
        names = [name.casefold() for name in (*stored.names, *parts)]
        if twice := [
            name for name in (*stored.names, *parts) if names.count(name.casefold()) > 1
        ]:
            raise DataError(
                f"{place} has two columns {twice[0]!r}, of its own or by its folder, "
                "or they differ only in upper and lower case"
            )
        columns = []
        for column, sql_type, *_ in found:
            this, one = name(column), form_of(column, contract, Style())
            kind, dtype = stored.field(column).type, dtype_of(column, contract)
            _see_exact(file, column, kind)
            zone, empty = getattr(kind, "tz", None), pyarrow.types.is_null(kind)
            value, right = widened(this, sql_type, dtype, zone, empty=empty)
            # Its values are no texts, to look at how they are written.
            stored_as = replace(one, usual="")
            columns.append(strictly(column, this, value, right, stored_as))
        for column, text in parts.items():
            columns.append(from_text(column, form_of(column, contract, Style())))
            given = "NULL" if text == NOTHING else quoted(unquote(text))
            source = f"(SELECT *, {given}::VARCHAR AS {name(column)} FROM {source})"
        return cls(file, source, tuple(columns))


def _see_exact(file: Path, column: str, kind: Any) -> None:
    """See that DuckDB has a type for all values of a column.

    Raises:
        DataError: If it would round or cut them.
    """
    place = f"{here().name(file)}: {column}"
    if pyarrow.types.is_decimal(kind) and kind.precision > DIGITS:
        raise DataError(
            f"{place} has more than {DIGITS} digits, which would be rounded"
        )
    if pyarrow.types.is_timestamp(kind) and kind.unit == "ns" and kind.tz:
        for batch in pyarrow.parquet.ParquetFile(file).iter_batches(columns=[column]):
            finer = batch.column(0).cast("int64")
            whole = pyarrow.compute.multiply(pyarrow.compute.divide(finer, 1000), 1000)
            if pyarrow.compute.any(pyarrow.compute.not_equal(finer, whole)).as_py():
                raise DataError(f"{place} has nanoseconds, which would be cut")
