"""Give a project its own copy of a room of this package: the last resort.

Who must change common code at once, or wants to leave, gets the code of the locked
release in `src/<package>/twobus/<room>/`. From then on it belongs to the project: its
tasks and imports use it, and no update touches it.

Small modules that all rooms share stay in this package.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import distribution
from pathlib import Path

from twobus import at_once
from twobus.git import git, names, refuse_inside
from twobus.imports import rewritten
from twobus.project import Project, StopError, here, read_text
from twobus.tasks import kind, notebooks, task

PACKAGE = Path(__file__).parent
ROOMS = ("data", "library", "models", "new", "notebooks", "people", "review")
# What only some projects have.
ONLY = {"library": "library", "models": "model"}
# A model, and what refuses a table, are told by their class, so that whatever asks for
# them must know the same one.
COME_ALONG = {"data": ("new", "library"), "models": ("new", "review")}
USAGE = f"Usage: uv run twobus eject ROOM. The rooms are {', '.join(ROOMS)}."
# What is copied; bytecode is not.
ENDINGS = (".css", ".gz", ".html", ".j2", ".js", ".py", ".toml", ".txt")
# Where all is prepared before anything is moved.
PREPARED = ".eject"
HEADER = r"(?m)^\[tool\.twobus\][^\S\n]*(?:#.*)?$"
# Where a room may be called by its name that is no import.
CALLING = (".toml", ".yml", ".yaml", ".cfg", ".ini", ".sh", "Dockerfile", "Makefile")


@task
def main(words: list[str]) -> None:
    """Eject rooms by their names.

    Raises:
        SystemExit: With a sentence, if that cannot be done; then nothing has changed.
    """
    if words in ([], ["--help"], ["-h"]):
        print(__doc__, USAGE, sep="\n")
        return
    if unknown := [word for word in words if word not in ROOMS]:
        raise StopError(f"There is no room {unknown[0]!r}. {USAGE}")
    # As its files are now, whatever was read before.
    project = Project(here().root)
    refuse_inside(project.root)
    earlier = at_once.finish(project.root, project.root / PREPARED)
    if earlier:
        project = Project(project.root)
        _tidy(project, earlier)
        print("An eject that was stopped halfway is complete now.")
    elif earlier is not None:
        print("An eject that was stopped had changed nothing, and begins anew.")
    _eject(project, words, completed=bool(earlier))


def _eject(project: Project, words: list[str], *, completed: bool) -> None:
    wanted = _wanted(project, words)
    rooms = [room for room in wanted if not project.has_own(room)]
    if not rooms:
        if completed:
            return
        raise StopError(f"Ejected already: {', '.join(wanted)}.")
    _refuse_other_release(project)
    _refuse_taken(project, rooms)
    files = _copies(project, rooms)
    # Tasks are looked for in the list, and a room that was lost is in it already.
    added = [room for room in rooms if room not in project.ejected]
    listed = [*added, *project.ejected]
    files |= _imports(project, listed, files)
    pyproject = project.root / "pyproject.toml"
    files[pyproject] = _listed(read_text(pyproject), added).encode()
    left = [*_left(project, listed, files)]
    at_once.change(project.root, project.root / PREPARED, files)
    _tidy(project, [*files])
    print(
        f"Ejected to {project.name(_home(project))}: {', '.join(rooms)}. This code is "
        "yours now: no update changes it. Next: uv run poe check, then commit."
    )
    if left:
        print("These still call the common code by its name; change what you need:")
        print(*(f"  {place}" for place in left), sep="\n")


def _wanted(project: Project, words: list[str]) -> list[str]:
    """Return the rooms to eject, with those that must come along.

    Raises:
        StopError: If a project of this kind does not have one.
    """
    own = kind(project)
    for word in words:
        if own and ONLY.get(word, own) != own:
            raise StopError(
                f"This project is of the kind {own!r}, which has no use for {word}: "
                f"only one of the kind {ONLY[word]!r} has."
            )
        if word == "notebooks" and own and notebooks(project) in ("", "none"):
            raise StopError("This project has no notebooks, and no use for that room.")
    along = {
        more
        for word in words
        for more in COME_ALONG.get(word, ())
        if not own or ONLY.get(more, own) == own
    }
    return sorted({*words, *along})


def _home(project: Project) -> Path:
    return project.code / "twobus"


def _refuse_other_release(project: Project) -> None:
    """Refuse to hand out another release's code than the one that is locked.

    Raises:
        StopError: If this one is not it.
    """
    lock = project.root / "uv.lock"
    if not lock.is_file():
        raise StopError("There is no uv.lock, which tells the release: run uv lock.")
    packages = tomllib.loads(read_text(lock)).get("package", [])
    locked = next((it for it in packages if it["name"] == "twobus"), None)
    own = distribution("twobus")
    place = own.read_text("direct_url.json") or ""
    commit = str((locked or {}).get("source", {}).get("git", "")).rpartition("#")[2]
    same = commit in place if commit else (locked or {}).get("version") == own.version
    if locked is None or not same:
        raise StopError(
            "This is not the release that uv.lock names: run `uv run twobus eject` in "
            "the project, so that its own environment gives the code."
        )


def _release() -> str:
    """Return the release of this code: the tag or commit it was asked for by, if so."""
    own = distribution("twobus")
    place = json.loads(own.read_text("direct_url.json") or "{}")
    asked = place.get("vcs_info", {}).get("requested_revision")
    return str(asked or own.version)


def _refuse_taken(project: Project, rooms: list[str]) -> None:
    for room in rooms:
        if (folder := _home(project) / room).exists():
            raise StopError(f"{project.name(folder)} is there already: move it away.")


def _copies(project: Project, rooms: list[str]) -> dict[Path, bytes]:
    """Return the files of rooms, as they will stand in the project."""
    home = _home(project)
    files = {}
    if not (home / "__init__.py").exists():
        words = '"""Common code of Twobus, which belongs to this project now."""'
        files[home / "__init__.py"] = f"{words}\n".encode()
    for room in rooms:
        for file in sorted((PACKAGE / room).rglob("*")):
            if file.is_file() and file.suffix in ENDINGS:
                files[home / file.relative_to(PACKAGE)] = file.read_bytes()
        # Whoever compares it with a later release must know where it came from.
        files[home / room / "__init__.py"] += (
            f"\n# From Twobus {_release()}.\n".encode()
        )
    return files


class _Ejected:
    """What has moved into a project: see `twobus.imports.Moves`."""

    def __init__(self, package: str, rooms: list[str]) -> None:
        self.package = package
        self.rooms = rooms

    def base(self, file: str, module: str, level: int) -> str | None:
        return module if not level and module.split(".")[0] == "twobus" else None

    def module(self, old: str) -> str | None:
        parts = old.split(".")
        return (
            f"{self.package}.{old}" if parts[1:2] and parts[1] in self.rooms else None
        )

    def name(self, base: str, name: str) -> str | None:
        return None

    def gives(self, module: str, name: str) -> bool:
        return True


def _known(project: Project) -> list[str]:
    """List the files that people have: what git knows, or would know."""
    words = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    known = dict.fromkeys(names(git(*words, cwd=project.root)))
    files = [(name, project.root / name) for name in known]
    return [name for name, file in files if file.is_file() and not file.is_symlink()]


def _imports(
    project: Project, rooms: list[str], copies: dict[Path, bytes]
) -> dict[Path, bytes]:
    """Return the files whose imports of rooms lead to the project's own from now on."""
    moves = _Ejected(project.package, rooms)
    people = [project.root / name for name in _known(project) if _is_code(name)]
    texts = {file: file.read_bytes() for file in people} | copies
    return {
        file: text
        for file, before in texts.items()
        if _is_code(file.name)
        and (text := rewritten(moves, project.name(file), before)[0]) != before
    }


def _is_code(name: str) -> bool:
    return name.endswith((".py", ".pyi"))


def _left(
    project: Project, rooms: list[str], files: dict[Path, bytes]
) -> Iterator[str]:
    """Name the places that call a room by its name, and could not be rewritten."""
    # Where words for people name a module, nothing of this stands before it.
    called = re.compile(
        rf"(?:[\"']|-m +|from +|import +)(twobus\.(?:{'|'.join(rooms)})\b)"
    )
    for name in _known(project):
        file = project.root / name
        own = file.is_relative_to(_home(project))
        if own or not (_is_code(name) or name.endswith(CALLING)):
            continue
        text = files.get(file, file.read_bytes()).decode("utf-8", "replace")
        for number, line in enumerate(text.splitlines(), 1):
            if found := called.search(line):
                yield f"{name}:{number} {found[1]}"


def _listed(pyproject: str, rooms: list[str]) -> str:
    """Return `pyproject.toml` with more ejected rooms, which tasks read.

    Args:
        pyproject: Its text.
        rooms: Those that are not in its list yet.

    Raises:
        StopError: If that cannot be done without changing anything else.
    """
    if not rooms:
        return pyproject
    wanted = tomllib.loads(pyproject)
    said = wanted.setdefault("tool", {}).setdefault("twobus", {})
    before = said.get("ejected", [])
    said["ejected"] = rooms + before if isinstance(before, list) else rooms
    line = f"ejected = {json.dumps(rooms)}"
    # However a list is written, more may stand at its beginning.
    begun = re.finditer(r"\bejected[\"']?\s*=\s*\[", pyproject)
    more = json.dumps(rooms)[1:-1]
    for place, text in (
        *((it.end(), f"{more},") for it in begun),
        *((it.end(), f"\n{line}") for it in re.finditer(HEADER, pyproject)),
        (len(pyproject), f"\n[tool.twobus]\n{line}\n"),
    ):
        changed = pyproject[:place] + text + pyproject[place:]
        with suppress(tomllib.TOMLDecodeError):
            if tomllib.loads(changed) == wanted:
                return changed
    raise StopError(
        f"Write {line} into [tool.twobus] of pyproject.toml, beside what that list "
        "has, and run this again: its form is one that cannot be changed here."
    )


def _tidy(project: Project, files: list[Path]) -> None:
    """Sort imports, format, and mark what the project's rules see in foreign code."""
    listed = [project.name(file) for file in files if _is_code(file.name)]
    home = project.name(_home(project))
    ejected = [name for name in listed if Path(name).is_relative_to(home)]
    for words in (
        ["check", "--quiet", "--fix-only", "--select=I", *listed],
        ["format", "--quiet", *listed],
        ["check", "--quiet", "--add-noqa", *ejected],
    ):
        subprocess.run([sys.executable, "-m", "ruff", *words], cwd=project.root)
