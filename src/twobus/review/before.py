"""What the project was at the commit from which a change began."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from twobus import git
from twobus.project import ANSWERS, StopError, here, parse_answers, read_toml

# They stand in pyproject.toml.
LIMITS = (
    "warn_added",
    "fail_added",
    "notebook_lines",
    "notebook_cell",
    "notebook_definitions",
)


def limits(commit: str) -> dict[str, int]:
    """Return the limits of a commit, where it has any, else those of now."""
    for found in (toml("pyproject.toml", commit) if commit else {}, here().pyproject):
        with suppress(LookupError, ValueError, TypeError):
            section = found["tool"]["twobus"]["review"]
            return {name: int(section[name]) for name in LIMITS}
    raise StopError(
        f"pyproject.toml must give whole numbers for {', '.join(LIMITS)} in "
        "[tool.twobus.review]: a template update brings them."
    )


def answers(commit: str = "") -> dict[str, Any]:
    """Return the answers of a commit, where it has any, else those of now."""
    for text in (at(commit, ANSWERS), text_of(here().root / ANSWERS)):
        if (answers := parse_answers(text)) is not None:
            return answers
    return {}


def toml(name: str, commit: str = "") -> dict[str, Any]:
    """Return what a file of TOML said at a commit, or says now; nothing if broken."""
    text = at(commit, name) if commit else text_of(here().root / name)
    with suppress(StopError):
        return read_toml(text)
    return {}


def at(commit: str, name: str) -> str:
    """Return a file's text at a commit; nothing where it was not there."""
    return ask("show", f"{commit}:{name}") if commit else ""


def text_of(file: Path) -> str:
    """Return a file's text as it is; nothing where it is not there."""
    return file.read_text("utf-8-sig", "replace") if file.is_file() else ""


def ask(*words: str, text: str = "") -> str:
    """Return what a git command prints; nothing where it fails."""
    return git.ask(*words, cwd=here().root, text=text) or ""
