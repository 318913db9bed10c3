"""Where the project is that people work in, and what its files say of it.

One process works for one project: `here` finds it, and everything else asks `here`.
"""

import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

ANSWERS = ".copier-answers.yml"


class StopError(Exception):
    """What could not be done: one sentence for people."""


@dataclass(frozen=True)
class Project:
    """A project, by the folder that holds its `pyproject.toml`.

    Attributes:
        root: That folder.
    """

    root: Path

    @property
    def data(self) -> Path:
        """The folder of its data files."""
        return self.root / "data"

    @property
    def notebooks(self) -> Path:
        """The folder of its notebooks."""
        return self.root / "notebooks"

    @property
    def reports(self) -> Path:
        """The folder of what it has rendered for readers."""
        return self.root / "reports"

    @property
    def code(self) -> Path:
        """The folder of its package."""
        return self.root / "src" / self.package

    @cached_property
    def pyproject(self) -> dict[str, Any]:
        """What `pyproject.toml` says; nothing where there is none.

        Raises:
            StopError: If it cannot be read.
        """
        return _toml(self.root / "pyproject.toml")

    @property
    def package(self) -> str:
        """The package that the project's build makes, by the rule of uv's backend."""
        backend = self.pyproject.get("tool", {}).get("uv", {}).get("build-backend", {})
        name = self.pyproject.get("project", {}).get("name", self.root.name)
        return str(backend.get("module-name") or name.replace("-", "_"))

    @property
    def source(self) -> str:
        """The module by which the project reads its tables: its own or a library's."""
        return str(self.settings.get("data") or f"{self.package}.data")

    @property
    def settings(self) -> dict[str, Any]:
        """What `[tool.twobus]` says."""
        return dict(self.pyproject.get("tool", {}).get("twobus", {}))

    @property
    def ejected(self) -> list[str]:
        """The rooms of common code that the project says it has of its own."""
        said = self.settings.get("ejected", [])
        listed = said if isinstance(said, list) else [said]
        return [room for room in listed if isinstance(room, str)]

    def has_own(self, room: str) -> bool:
        """Tell whether the project has its own code of a room, and says so."""
        code = self.code / "twobus" / room / "__init__.py"
        return room in self.ejected and code.is_file()

    def room(self, room: str) -> str:
        """Return the module by which the project imports a room of common code."""
        own = f"{self.package}." if self.has_own(room) else ""
        return f"{own}twobus.{room}"

    def name(self, path: Path) -> str:
        """Return a path as people write it: from the project's folder on, if it can."""
        inside = path.is_relative_to(self.root)
        return (path.relative_to(self.root) if inside else path).as_posix()


@cache
def here() -> Project:
    """Find the project that people work in.

    It is the folder at or above the working folder whose `pyproject.toml` has a table
    `[tool.twobus]`; else the project in whose environment this Python runs, so that a
    scheduled job may start anywhere; else the nearest folder with a `pyproject.toml`.
    """
    above = [Path.cwd(), *Path.cwd().parents]
    found = [folder for folder in above if (folder / "pyproject.toml").is_file()]
    owner = Path(sys.prefix).parent
    candidates = [
        *(folder for folder in found if _is_ours(folder)),
        *[owner] * (owner / "pyproject.toml").is_file(),
        *found,
        Path.cwd(),
    ]
    return Project(candidates[0].resolve())


def answers(folder: Path) -> dict[str, Any]:
    """Read what Copier has recorded of a project.

    Raises:
        StopError: If that is missing, or cannot be understood.
    """
    path = folder / ANSWERS
    if not folder.is_dir():
        raise StopError(f"There is no folder {folder}.")
    if not path.is_file():
        raise StopError(
            f"There is no {ANSWERS} in {folder.resolve()}: run this in a project that "
            "Twobus made, or name its folder."
        )
    recorded = parse_answers(read_text(path))
    if recorded is None:
        raise StopError(f"{ANSWERS} is not what Copier wrote: take it from git again.")
    return recorded


def parse_answers(text: str) -> dict[str, Any] | None:
    """Return the answers that a text holds; None if it holds none."""
    # Imported late: who reads a table needs no answers.
    import yaml

    try:
        recorded = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return recorded if isinstance(recorded, dict) else None


def read_text(path: Path) -> str:
    """Return a file's text.

    Raises:
        StopError: If it cannot be read as text.
    """
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise StopError(f"{path} cannot be read as text: {error}") from None


def visible(folder: Path, suffix: str) -> Iterator[Path]:
    """Yield the files of a kind in a folder, without those in hidden places."""
    for path in sorted(folder.rglob(f"*{suffix}")):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _is_ours(folder: Path) -> bool:
    try:
        return "twobus" in _toml(folder / "pyproject.toml").get("tool", {})
    except StopError:
        # Whoever breaks this file wants to be told, and not to be sent elsewhere.
        return (folder / ANSWERS).is_file()


def _toml(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        return tomllib.loads(read_text(file))
    except tomllib.TOMLDecodeError as error:
        raise StopError(f"{file.name} cannot be read: {error}.") from None
