"""Tables that are files: find one, read it by its contract, and tell its hash."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ibis

from twobus.data.errors import DataError


def table_file(folder: Path, name: str) -> Path | None:
    """Return the file that holds a table, if the folder has one."""
    files = (folder / f"{name}{suffix}" for suffix in (".parquet", ".csv"))
    return next((file for file in files if file.exists()), None)


def digest(file: Path) -> str:
    """Return the first twelve digits of a file's SHA-256 hash."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:12]


def read_file(
    backend: Any, file: Path, contract: Any, csv_options: Mapping[str, Any]
) -> ibis.Table:
    """Return a file as a table, which is named like it.

    Args:
        backend: A DuckDB.
        file: A Parquet or CSV file.
        contract: The table's contract, a pandera schema.
        csv_options: How DuckDB shall read a CSV file.

    Raises:
        DataError: If the file is empty, or its rows differ in length.
    """
    name = file.stem
    if file.suffix == ".parquet":
        return backend.read_parquet(file, table_name=name)
    if not file.stat().st_size:
        raise DataError(f"The table {name!r} has an empty file, {file.name}.")
    table = backend.read_csv(file, table_name=name, **csv_options)
    if len(table.columns) == 1 < len(contract.columns):
        raise DataError(
            f"{file.name} does not split into columns: look for a row that has more "
            "or fewer fields than the header."
        )
    # DuckDB guesses types from the values: "1, 2" may well be a column of floats.
    specs = contract.columns.items()
    wanted = {column: spec.dtype.type for column, spec in specs if spec.dtype}
    found = table.schema().items()
    return table.cast(
        {
            column: wanted[column]
            for column, dtype in found
            if column in wanted and _may_be(dtype, wanted[column])
        }
    )


def _may_be(guessed: Any, wanted: Any) -> bool:
    """Tell whether values of a guessed type may have been written for another one."""
    if guessed.is_integer():
        return bool(wanted.is_numeric())
    if guessed.is_floating():
        return bool(wanted.is_floating() or wanted.is_decimal())
    return bool((guessed.is_date() or guessed.is_timestamp()) and wanted.is_timestamp())
