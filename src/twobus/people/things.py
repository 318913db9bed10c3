"""What people look for in a project: its folders, tables, models and notebooks."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

# The order in which they are shown.
KINDS = ("model", "table", "notebook", "folder")
TOP = "(top folder)"


@dataclass(frozen=True)
class Thing:
    """A part of a project.

    Attributes:
        kind: One of `KINDS`.
        name: How people call it.
        paths: Its files.
    """

    kind: str
    name: str
    paths: tuple[str, ...]


def things(paths: Iterable[str]) -> list[Thing]:
    """List the parts to which paths of a project belong.

    A file is part of its folder, and may be part of a table, model or notebook as well.
    """
    found: dict[tuple[str, str], list[str]] = {}
    for path in sorted(paths):
        for part in _parts(PurePosixPath(path)):
            found.setdefault(part, []).append(path)
    # A sample or a page alone is none: the module makes it one.
    return [
        Thing(kind, name, tuple(its))
        for (kind, name), its in sorted(
            found.items(), key=lambda it: (KINDS.index(it[0][0]), it[0][1])
        )
        if kind == "folder" or any(path.endswith(".py") for path in its)
    ]


def _parts(path: PurePosixPath) -> list[tuple[str, str]]:
    match path.parts:
        case ("src", _, "tables" | "models" as folder, name) if name != "__init__.py":
            own = [(folder.removesuffix("s"), path.stem)]
        case ("docs", "models", _):
            own = [("model", path.stem)]
        case ("notebooks", *_, _) if path.suffix == ".py":
            own = [("notebook", path.with_suffix("").as_posix().partition("/")[2])]
        case _:
            own = []
    return [*own, ("folder", folder_of(str(path)))]


def folder_of(path: str) -> str:
    """Return the folder by which a path is counted: of code the third level at most."""
    *parts, _ = path.split("/")
    return "/".join(parts[: 3 if parts[:1] == ["src"] else 1]) or TOP
