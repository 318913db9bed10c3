"""Tables that are files: find them, read them by the contract, and tell their hash."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twobus.data.errors import DataError
from twobus.project import here

if TYPE_CHECKING:
    from twobus.data.formats.parts import Part

# What is read, by the end of a file's name.
TEXT = (".csv", ".tsv", ".txt")
JSON = (".jsonl", ".ndjson")
PACKED = ("", ".gz", ".zst", ".bz2")
ENDINGS = (
    ".parquet",
    *(f"{kind}{packed}" for kind in (*TEXT, *JSON) for packed in PACKED),
    ".xlsx",
)


def table_files(folder: Path, name: str, pattern: str = "") -> list[Path]:
    """Return the files that hold a table, in the order of their names.

    Args:
        folder: Where they are.
        name: The table's name: that of the one file but for its ending, or that of a
            folder of parts.
        pattern: Which files they are instead, with `*` for any letters.

    Raises:
        DataError: If the folder has two tables of that name.
    """
    if pattern and (folder / pattern).is_file():
        return [folder / pattern]
    if pattern:
        return sorted(file for file in folder.glob(pattern) if _holds_rows(file))
    found = [folder / f"{name}{ending}" for ending in ENDINGS]
    found = [file for file in found if file.is_file()]
    parts = sorted(file for file in (folder / name).rglob("*") if _holds_rows(file))
    if len(found) > 1 or (found and parts):
        several = " and ".join(file.name for file in [*found, folder / name][:2])
        raise DataError(
            f"The table {name!r} has {several} in {here().name(folder)}: remove one, "
            f'or say FILE = "{found[0].name}" in tables/{name}.py.'
        )
    return found or parts


def _holds_rows(file: Path) -> bool:
    # Others leave files such as _SUCCESS and .part-0.crc beside theirs.
    return file.name.endswith(ENDINGS) and not file.name.startswith(("_", "."))


def digest(file: Path) -> str:
    """Return the first twelve digits of a file's SHA-256 hash."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:12]


def parts(
    files: list[Path],
    contract: Any,
    options: Mapping[str, Any],
    sheet: str,
    connection: Any,
) -> "list[Part]":
    """Return the files of a table, each to be read by the contract.

    Args:
        files: The files.
        contract: The table's contract, a pandera schema.
        options: How CSV files are written, see `CSV_OPTIONS` in `docs/data.md`.
        sheet: The sheet of an Excel file that has several.
        connection: A connection of DuckDB.

    Raises:
        DataError: If one has no header, or is not what the end of its name says.
    """
    # They load Arrow, which takes longer than whoever never reads a table should wait.
    from twobus.data.formats.delimited import CsvPart
    from twobus.data.formats.json_lines import JsonPart
    from twobus.data.formats.parquet import ParquetPart
    from twobus.data.formats.texts import dialect

    written = dialect(options, contract)
    found: list[Part] = []
    for file in files:
        if not file.stat().st_size:
            raise DataError(f"{here().name(file)} is empty")
        ending = next(end for end in ENDINGS if file.name.endswith(end))
        if ending == ".parquet":
            found.append(ParquetPart.of(file, contract, connection))
        elif ending == ".xlsx":
            from twobus.data.formats.excel import sheet as written_as_csv

            # Of what the module says, only this is true of the copy as well.
            said = {"nullstr": written.missing}
            plain, copy = dialect(said, contract), written_as_csv(file, sheet)
            found.append(CsvPart.of(copy, contract, plain, file))
        elif ending.startswith(JSON):
            found.append(JsonPart.of(file, contract, written.style, connection))
        else:
            found.append(CsvPart.of(file, contract, written))
    _complete(found, contract)
    return found


def _complete(parts: "list[Part]", contract: Any) -> None:
    """Refuse a part that lacks a column which another one has."""
    if len(parts) < 2:
        return
    names = [{column.name for column in part.columns} for part in parts]
    for part, own in zip(parts, names, strict=True):
        others = set().union(*names) - own
        if lacking := [column for column in contract.columns if column in others]:
            raise DataError(f"{part.place} lacks the column {lacking[0]!r}")
