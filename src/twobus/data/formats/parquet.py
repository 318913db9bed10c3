"""Parquet files, whose values have types already."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet

from twobus.data.errors import DataError
from twobus.data.formats.forms import Style
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


@dataclass(frozen=True)
class ParquetPart(Part):
    """A Parquet file, whose values have types already."""

    @classmethod
    def of(cls, file: Path, contract: Any, connection: Any) -> "ParquetPart":
        """Read the types of a file.

        Args:
            file: The file.
            contract: The table's contract, a pandera schema.
            connection: A connection of DuckDB.

        Raises:
            DataError: If it is no Parquet file.
        """
        source = f"read_parquet({path(file)}, hive_types_autocast = false)"
        try:
            stored = pyarrow.parquet.read_schema(file)
            found = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        except Exception:
            raise DataError(
                f"{here().name(file)} is no Parquet file, or it is damaged: fetch it "
                "again"
            ) from None
        columns = []
        for column, sql_type, *_ in found:
            this, one = name(column), form_of(column, contract, Style())
            if column not in stored.names:
                # Part of the folder's name, such as year=2026.
                columns.append(from_text(column, one))
                continue
            kind, dtype = stored.field(column).type, dtype_of(column, contract)
            zone, empty = getattr(kind, "tz", None), pyarrow.types.is_null(kind)
            value, right = widened(this, sql_type, dtype, zone, empty=empty)
            # Its values are no texts, to look at how they are written.
            stored_as = replace(one, usual="")
            columns.append(strictly(column, this, value, right, stored_as))
        return cls(file, source, tuple(columns))
