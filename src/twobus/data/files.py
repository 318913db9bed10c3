"""Tables that are files: find them, read them by the contract, and tell their hash."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twobus.data.errors import DataError
from twobus.project import here

if TYPE_CHECKING:
    from twobus.data.formats.parts import Part

# What is read, by the end of a file's name.
TEXT = (".csv", ".tsv", ".txt")
JSON = (".jsonl", ".ndjson")
PACKED = ("", ".gz", ".zst")
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
    if pattern:
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise DataError(
                f"FILE in tables/{name}.py must name files below {here().name(folder)}."
            )
        one = folder / pattern
        return [one] if one.is_file() else _with_rows(folder, folder.glob(pattern))
    names = [f"{name}{ending}" for ending in ENDINGS]
    # Capitals mean nothing in an ending: Windows programs write ORDERS.CSV.
    found = [
        file
        for file in (folder.iterdir() if folder.is_dir() else [])
        if file.name.startswith(name)
        and f"{name}{file.name.removeprefix(name).lower()}" in names
        and file.is_file()
    ]
    found.sort(key=lambda file: names.index(f"{name}{file.name[len(name) :].lower()}"))
    parts = _with_rows(folder / name, (folder / name).rglob("*"))
    if len(found) > 1 or (found and parts):
        several = " and ".join(file.name for file in [*found, folder / name][:2])
        raise DataError(
            f"The table {name!r} has {several} in {here().name(folder)}: remove one, "
            f'or say FILE = "{found[0].name}" in tables/{name}.py.'
        )
    return found or parts


def _with_rows(folder: Path, files: Iterable[Path]) -> list[Path]:
    """Return the files of a folder that hold rows, without what others leave there.

    That is _SUCCESS and .part-0.crc, and what is in folders of such names.
    """
    return sorted(
        file
        for file in files
        if file.name.lower().endswith(ENDINGS)
        and file.is_file()
        and not any(
            part.startswith(("_", ".")) for part in file.relative_to(folder).parts
        )
    )


def digest(file: Path) -> str:
    """Return the first twelve digits of a file's SHA-256 hash."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:12]


def parts(
    files: list[Path],
    folder: Path,
    contract: Any,
    options: Mapping[str, Any],
    sheet: str,
    connection: Any,
) -> "list[Part]":
    """Return the files of a table, each to be read by the contract.

    Args:
        files: The files.
        folder: Where the table's files are.
        contract: The table's contract, a pandera schema.
        options: How CSV files are written, see `CSV_OPTIONS` in `docs/data.md`.
        sheet: The sheet of an Excel file that has several.
        connection: A connection of DuckDB.

    Raises:
        DataError: If one has no header, or is not what the end of its name says.
    """
    # They load Arrow, which takes longer than whoever never reads a table should wait.
    from twobus.data.formats.delimited import CsvPart
    from twobus.data.formats.parquet import ParquetPart
    from twobus.data.formats.texts import dialect, see_whole

    written = dialect(options, contract)
    # Of what the module says, only this is true of what is written by us as well.
    plain = replace(
        dialect({}, contract),
        missing=written.missing,
        style=written.style,
        said=written.said,
    )
    found: list[Part] = []
    for file in files:
        if not file.stat().st_size:
            raise DataError(f"{here().name(file)} is empty")
        ending = next(end for end in ENDINGS if file.name.lower().endswith(end))
        if ending.endswith((".gz", ".zst")):
            see_whole(file)
        if ending == ".parquet":
            found.append(ParquetPart.of(file, folder, contract, connection))
        elif ending == ".xlsx":
            from twobus.data.formats import excel

            copy = excel.sheet(file, sheet)
            row = partial(_row, copy)
            found.append(CsvPart.of(copy, contract, plain, file, row))
        elif ending.startswith(JSON):
            from twobus.data.formats import json_lines

            copy, line = json_lines.as_csv(file), partial(_line, file)
            found.append(CsvPart.of(copy, contract, plain, file, line))
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


def _row(copy: Path, number: int) -> str:
    from twobus.data.formats.excel import row_of

    return f"row {row_of(number, copy):,}"


def _line(file: Path, number: int) -> str:
    from twobus.data.formats.json_lines import line_of

    return f"line {line_of(number, file):,}"
