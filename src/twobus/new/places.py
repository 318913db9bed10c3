"""Which files a table is made of, and how its module names them."""

import glob
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twobus.data.files import ENDINGS, table_files
from twobus.new.files import NewFileError
from twobus.project import here


@dataclass(frozen=True)
class Place:
    """Where the rows of a table are.

    Attributes:
        files: The files to look at.
        constants: What the module says of them.
        copies: Which of them are to be copied, by where to.
    """

    files: list[Path]
    constants: Mapping[str, Any] = field(default_factory=dict)
    copies: Mapping[Path, Path] = field(default_factory=dict)


def raw() -> Path:
    """Return the folder of raw files."""
    return here().data / "raw"


def place(name: str, file: str, sheet: str, *, copying: bool) -> Place:
    """Find the files that somebody has named.

    Args:
        name: The table's name.
        file: A file, a folder of parts, or a pattern of files in `data/raw`.
        sheet: The sheet of an Excel file.
        copying: Whether files from elsewhere are copied into `data/raw`.

    Raises:
        NewFileError: If there are none, or they cannot hold a table.
    """
    said = {"SHEET": sheet} if sheet else {}
    path = _path(file)
    if path is None:
        files, pattern = _matching(name, file)
        return Place(_readable(files, sheet), {"FILE": pattern, **said})
    files = [path] if path.is_file() else table_files(path.parent, path.name, "")
    if path.is_dir():
        files = [one for one in files if path in one.parents]
    if not files or not all(one.name.endswith(ENDINGS) for one in files):
        known = ", ".join(one for one in ENDINGS if one.count(".") == 1)
        raise NewFileError(
            f"{file} cannot hold a table: read are {known}, and text that is packed "
            "(.csv.gz). Save it as one of these."
        )
    _readable(files, sheet)
    if path.is_relative_to(raw()):
        inside = path.relative_to(raw()).as_posix()
        pattern = glob.escape(inside) + "/**/*" * path.is_dir()
        return Place(files, {**_named(name, files, pattern), **said})
    if not copying:
        return Place(files, said)
    return Place(files, said, _copies(name, path, files))


def found_by_name(name: str, sheet: str) -> Place | None:
    """Return the files in `data/raw` that have a table's name, if there are any.

    Raises:
        DataError: If there are two of that name.
    """
    files = table_files(raw(), name)
    said = {"SHEET": sheet} if sheet else {}
    return Place(_readable(files, sheet), said) if files else None


def ending(file: Path) -> str:
    """Return the end of a file's name that tells how it is read."""
    return next(end for end in ENDINGS if file.name.endswith(end))


def _path(file: str) -> Path | None:
    """Return the file or folder that somebody means; None if it may be a pattern."""
    started = Path(os.environ.get("POE_PWD") or os.environ.get("POE_CWD") or ".")
    for folder in (started, here().root, raw()):
        if (path := folder / Path(file).expanduser()).exists():
            # A link to a file stands where it stands, and not where it leads to.
            path = path.parent.resolve() / path.name
            kept = raw().resolve()
            return raw() / path.relative_to(kept) if kept in path.parents else path
    if glob.has_magic(file):
        return None
    raise NewFileError(f"There is no file {file}.")


def _matching(name: str, file: str) -> tuple[list[Path], str]:
    path = Path(file)
    for folder in (raw(), raw().relative_to(here().root)):
        if path.is_relative_to(folder):
            path = path.relative_to(folder)
    pattern = path.as_posix()
    if path.is_absolute() or ".." in path.parts:
        raise NewFileError(
            f"Put the files of {file} into data/raw first: a pattern is of files there."
        )
    if files := table_files(raw(), name, pattern):
        return files, pattern
    raise NewFileError(f"No file in data/raw that can hold a table fits {pattern}.")


def _named(name: str, files: list[Path], pattern: str) -> dict[str, str]:
    """Return what the module must say so that these files are found."""
    try:
        found = table_files(raw(), name)
    except Exception:
        # Two have that name, so that it must be said which.
        found = []
    return {} if found == files else {"FILE": pattern}


def _copies(name: str, path: Path, files: list[Path]) -> dict[Path, Path]:
    if there := found_by_name(name, ""):
        raise NewFileError(
            f"{here().name(there.files[0])} is there already: name that file, or "
            "choose another name."
        )
    if path.is_dir():
        return {raw() / name / one.relative_to(path): one for one in files}
    return {raw() / f"{name}{ending(path)}": path}


def _readable(files: list[Path], sheet: str) -> list[Path]:
    """Return the files, if it is clear which sheet of an Excel file is meant."""
    for file in files:
        if file.suffix == ".xlsx":
            from python_calamine import CalamineWorkbook

            try:
                names = CalamineWorkbook.from_path(file).sheet_names
            except Exception:
                raise NewFileError(
                    f"{here().name(file)} is no Excel file, or it has a password: save "
                    "it again as .xlsx."
                ) from None
            if sheet not in names if sheet else len(names) > 1:
                known = ", ".join(map(repr, names))
                raise NewFileError(f"Name the sheet by --sheet: {known}.")
    return files
