"""Where the project is that people work in, and what its files say of it.

One process works for one project: `here` finds it, and everything else asks `here`.
"""

import os
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

ANSWERS = ".copier-answers.yml"
# No text that people write and read is larger, in bytes.
MOST_BYTES = 10 * 2**20
# What Copier records has some kilobytes; a short YAML can mean a long one.
MOST_YAML = 2**16
DEEPEST, MOST_BARE = 20, 3_000
MOST_DOTS = 5_000
# All of them but tabulators and line ends, and broken characters.
UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
    r"\ud800-\udfff]"
)


def plain(text: str) -> str:
    """Return a text of others as a terminal may get it.

    Control characters move the cursor, set the window's title or hide what stands
    there; others turn the order of letters round. They are shown by their numbers.
    """
    return UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


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
        backend = table(self.pyproject, "tool", "uv", "build-backend")
        name = str(table(self.pyproject, "project").get("name", self.root.name))
        return str(backend.get("module-name") or name.replace("-", "_"))

    @property
    def source(self) -> str:
        """The module by which the project reads its tables: its own or a library's."""
        return str(self.settings.get("data") or f"{self.package}.data")

    @property
    def settings(self) -> dict[str, Any]:
        """What `[tool.twobus]` says."""
        return table(self.pyproject, "tool", "twobus")

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
    if not folder.is_dir():
        raise StopError(f"There is no folder {folder}.")
    if leads_out(folder, ANSWERS):
        raise StopError(f"{ANSWERS} leads out of the project: replace that link.")
    if not (path := ordinary(folder, ANSWERS)):
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
    recorded = read_yaml(text)
    if not all(isinstance(question, str) for question in recorded):
        return None
    seeded = recorded.get("seeded", {})
    return recorded if recorded and isinstance(seeded, dict) else None


def read_yaml(text: str) -> dict[str, Any]:
    """Return what a YAML of questions or answers says; nothing where it says nothing.

    Who wrote it may want to harm: names that stand for other parts make a few lines
    mean gigabytes, and types that are named can be of any sort.
    """
    # Imported late: who reads a table needs no answers.
    import yaml

    if len(text) > MOST_YAML:
        return {}
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            named = isinstance(event, yaml.AliasEvent) or getattr(event, "tag", None)
            # Without quotes it may be a number, which Python would not show.
            bare = "" if getattr(event, "style", "") else getattr(event, "value", "")
            if named or depth > DEEPEST or len(bare) > MOST_BARE:
                return {}
        said = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}


def read_toml(text: str) -> dict[str, Any]:
    """Return what a TOML says.

    Raises:
        StopError: If it cannot be read, with what is wrong.
    """
    try:
        # The time that such a name takes grows by the square of its length.
        if any(line.count(".") > MOST_DOTS for line in text.splitlines()):
            raise ValueError("a line has too many dots")
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise StopError(f"cannot be read: {error}.") from None


def table(data: Any, *names: str) -> dict[str, Any]:
    """Return a table in what a file says; an empty one where there is none."""
    for name in names:
        data = data.get(name) if isinstance(data, dict) else None
    return dict(data) if isinstance(data, dict) else {}


def leads_out(folder: Path, name: str) -> bool:
    """Tell whether a link takes what has this name out of a folder."""
    return not Path(os.path.realpath(folder / name)).is_relative_to(
        os.path.realpath(folder)
    )


def ordinary(folder: Path, name: str) -> Path | None:
    """Return a file in a folder; None where it is none, or links lead out of there."""
    file = folder / name
    return file if file.is_file() and not leads_out(folder, name) else None


def read_text(path: Path, errors: str = "strict") -> str:
    """Return a file's text.

    Args:
        path: The file.
        errors: What to do with what is no text, as Python calls it.

    Raises:
        StopError: If it cannot be read as text, or is far too large for one.
    """
    try:
        if not path.is_file():
            raise OSError("it is no ordinary file")
        if path.stat().st_size > MOST_BYTES:
            raise OSError(f"it is larger than {MOST_BYTES // 2**20} MB")
        return path.read_text("utf-8-sig", errors)
    except (OSError, UnicodeDecodeError) as error:
        raise StopError(f"{path} cannot be read as text: {error}") from None


def visible(folder: Path, suffix: str) -> Iterator[Path]:
    """Yield the files of a kind in a folder, without those in hidden places."""
    for path in sorted(folder.rglob(f"*{suffix}")):
        if not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path


def _is_ours(folder: Path) -> bool:
    try:
        return "twobus" in table(_toml(folder / "pyproject.toml"), "tool")
    except StopError:
        # Whoever breaks this file wants to be told, and not to be sent elsewhere.
        return (folder / ANSWERS).is_file()


def _toml(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    text = read_text(file)
    try:
        return read_toml(text)
    except StopError as error:
        raise StopError(f"{file.name} {error}") from None
