"""Give a project its own copy of a room of this package: the last resort.

Who must change common code at once, or wants to leave, gets the code of the locked
release in `src/<package>/twobus/<room>/`. From then on it belongs to the project: its
tasks and imports use it, and no update touches it.

Small modules that all rooms share stay in this package.
"""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

from twobus.project import Project, StopError, here, read_text
from twobus.tasks import task

PACKAGE = Path(__file__).parent
ROOMS = ("data", "library", "models", "new", "notebooks", "review")
# A model is told by its class, so that whatever asks for models must know the same one.
COME_ALONG = {"models": ("new", "review")}
USAGE = f"Usage: uv run twobus eject ROOM. The rooms are {', '.join(ROOMS)}."
# What is copied; bytecode is not.
ENDINGS = (".css", ".html", ".j2", ".py", ".toml", ".txt")


@task
def main(words: list[str]) -> None:
    """Eject rooms by their names.

    Raises:
        SystemExit: With a sentence, if that cannot be done; then nothing has changed.
    """
    if words in ([], ["--help"]):
        print(__doc__, USAGE, sep="\n")
        return
    if unknown := [word for word in words if word not in ROOMS]:
        raise StopError(f"There is no room {unknown[0]!r}. {USAGE}")
    # As its files are now, whatever was read before.
    project = Project(here().root)
    wanted = {*words, *(more for word in words for more in COME_ALONG.get(word, ()))}
    ejected = project.settings.get("ejected", [])
    rooms = sorted(wanted - {*ejected})
    if not rooms:
        raise StopError(f"Ejected already: {', '.join(sorted(wanted))}.")
    _refuse_other_release(project)
    _refuse_taken(project, rooms)
    files = _copies(project, rooms)
    files |= _imports(project, rooms, files)
    pyproject = project.root / "pyproject.toml"
    files[pyproject] = _listed(read_text(pyproject), sorted({*ejected, *rooms}))
    _write(project, files)
    _tidy(project, [file for file in files if file.suffix == ".py"])
    print(
        f"Ejected to {project.name(_home(project))}: {', '.join(rooms)}. This code is "
        "yours now: no update changes it. Next: uv run poe check, then commit."
    )


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


def _refuse_taken(project: Project, rooms: list[str]) -> None:
    for room in rooms:
        if (folder := _home(project) / room).exists():
            raise StopError(f"{project.name(folder)} is there already: move it away.")


def _copies(project: Project, rooms: list[str]) -> dict[Path, str]:
    """Return the files of rooms, as they will stand in the project."""
    home = _home(project)
    files = {}
    if not (home / "__init__.py").exists():
        version = distribution("twobus").version
        words = (
            f'"""Common code of Twobus {version}, which belongs to this project now."""'
        )
        files[home / "__init__.py"] = f"{words}\n"
    for room in rooms:
        for file in sorted((PACKAGE / room).rglob("*")):
            if file.is_file() and file.suffix in ENDINGS:
                files[home / file.relative_to(PACKAGE)] = file.read_text("utf-8")
    return files


def _imports(
    project: Project, rooms: list[str], copies: dict[Path, str]
) -> dict[Path, str]:
    """Return the files whose imports of rooms lead to the project's own from now on."""
    people = [
        file
        for folder in ("src", "tests", "notebooks")
        for file in sorted((project.root / folder).rglob("*.py"))
    ]
    texts = {file: read_text(file) for file in people} | copies
    return {
        file: text
        for file, before in texts.items()
        if file.suffix == ".py"
        and (text := _redirected(before, rooms, project.package)) != before
    }


def _redirected(text: str, rooms: list[str], package: str) -> str:
    """Let import statements find rooms in the project's package."""
    try:
        statements = [
            node
            for node in ast.walk(ast.parse(text))
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]
    except (SyntaxError, ValueError):
        # What does not parse is for other checks to tell.
        return text
    lines = text.splitlines(keepends=True)
    rooms_found = re.compile(rf"\btwobus\.({'|'.join(rooms)})\b")
    for node in statements:
        for number in range(node.lineno - 1, node.end_lineno or node.lineno):
            if f"{package}.twobus." not in lines[number]:
                lines[number] = rooms_found.sub(rf"{package}.twobus.\1", lines[number])
    return "".join(lines)


def _listed(pyproject: str, rooms: list[str]) -> str:
    """Return `pyproject.toml` with the ejected rooms, which tasks and updates read.

    Raises:
        StopError: If the place for them is not found.
    """
    names = ", ".join(f'"{room}"' for room in rooms)
    line = f"ejected = [{names}]"
    text, count = re.subn(r"^ejected = \[.*\]$", line, pyproject, flags=re.MULTILINE)
    if not count:
        heading = r"^\[tool\.twobus\]\n"
        text, count = re.subn(
            heading, rf"[tool.twobus]\n{line}\n", pyproject, flags=re.MULTILINE
        )
    if not count:
        text = pyproject.rstrip("\n") + (
            "\n\n# Rooms of Twobus of which this project has its own code.\n"
            f"[tool.twobus]\n{line}\n"
        )
    try:
        found = tomllib.loads(text)["tool"]["twobus"]["ejected"]
    except (tomllib.TOMLDecodeError, LookupError):
        found = None
    if found != rooms:
        raise StopError(f"Write {line} below [tool.twobus] in pyproject.toml first.")
    return text


def _write(project: Project, files: dict[Path, str]) -> None:
    """Write all files or none.

    Raises:
        StopError: If one cannot be written.
    """
    before = {file: file.read_bytes() if file.exists() else None for file in files}
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8", newline="\n")
    except OSError as error:
        for file, content in before.items():
            if content is None:
                file.unlink(missing_ok=True)
            else:
                file.write_bytes(content)
        raise StopError(f"Nothing was ejected: {error}.") from None


def _tidy(project: Project, files: list[Path]) -> None:
    """Sort imports, format, and mark what the project's rules see in foreign code."""
    names = [project.name(file) for file in files]
    ejected = [name for name in names if Path(name).is_relative_to(_home_name(project))]
    for words in (
        ["check", "--quiet", "--fix-only", "--select=I", *names],
        ["format", "--quiet", *names],
        ["check", "--quiet", "--add-noqa", *ejected],
    ):
        subprocess.run([sys.executable, "-m", "ruff", *words], cwd=project.root)


def _home_name(project: Project) -> str:
    return project.name(_home(project))
