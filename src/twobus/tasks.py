"""The tasks of a project, as poethepoet includes them, and how each of them ends."""

import re
import sys
import tomllib
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

from twobus.project import ANSWERS, Project, StopError, here, plain

Words = ParamSpec("Words")
# The answers that decide on tasks and on the steps of `check`.
CHOICES = {
    "kind": ("analysis", "library", "model"),
    "notebooks": ("jupyter", "marimo", "none"),
}


def tasks() -> dict[str, Any]:
    """Return the tasks that suit the project in the working folder.

    Each task of `tasks.toml` names in `for` the kinds of projects and of notebooks
    that have it; without, all have it. The same holds for the steps of `check`. Tasks
    that differ only after an @ have the same name, for different projects.
    """
    project = Project(Path.cwd())
    known = {_answer(project, question) for question in CHOICES}
    if not is_known(project):
        # What most projects are: all but `check` is better than no tasks.
        known |= {"analysis", "unknown"}
    text = Path(__file__).with_name("tasks.toml").read_text("utf-8")
    for room in project.ejected:
        # The project has code of its own for these, see `eject`.
        calls = rf'"twobus\.{re.escape(room)}\.([\w.:]+)"'
        own = rf'"{project.room(room)}.\1"'
        lost = f'"twobus.tasks:refuse_lost({room!r})"'
        text = re.sub(calls, own if project.has_own(room) else lost, text)
    said = tomllib.loads(text)
    return {"env": said["env"], "tasks": _suiting(said["tasks"], known)}


def kind(project: Project) -> str:
    """Return what kind of project this is, as its answers say; empty if they do not."""
    found = _answer(project, "kind")
    return found if found in CHOICES["kind"] else ""


def notebooks(project: Project) -> str:
    """Return which notebooks this project has; empty if its answers do not say."""
    found = _answer(project, "notebooks")
    return found if found in CHOICES["notebooks"] else ""


def is_known(project: Project) -> bool:
    """Tell whether the answers say what `check` has to run."""
    # A library is not asked for notebooks.
    return kind(project) == "library" or bool(kind(project) and notebooks(project))


def _answer(project: Project, question: str) -> str:
    """Find an answer that is one word, also in a file that a merge has broken.

    Tasks are there whatever the answers look like: each says itself what it misses.
    And what reads all of YAML takes longer to import than everything else here.
    """
    file = project.root / ANSWERS
    text = file.read_text("utf-8-sig", "replace") if file.is_file() else ""
    found = re.search(rf"^{question}: *['\"]?(\w+)", text, re.MULTILINE)
    return found[1] if found else ""


def _suiting(part: Any, known: set[str]) -> Any:
    """Leave out what is for others, and the words that say so."""
    if isinstance(part, list):
        return [_suiting(one, known) for one in part if _is_for(one, known)]
    if isinstance(part, dict):
        kept = {name: one for name, one in part.items() if name != "for"}
        return {
            name.partition("@")[0]: _suiting(one, known)
            for name, one in kept.items()
            if _is_for(one, known)
        }
    return part


def _is_for(part: Any, known: set[str]) -> bool:
    wanted = part.get("for", []) if isinstance(part, dict) else []
    return not wanted or bool(known & {*wanted})


def task(function: Callable[Words, None]) -> Callable[Words, None]:
    """Let a function be a task: what stops it is said in a sentence.

    Raises:
        SystemExit: If it was stopped.
    """

    @wraps(function)
    def run(*words: Words.args, **options: Words.kwargs) -> None:
        for stream in (sys.stdout, sys.stderr):
            # Names may hold letters that a terminal of another language lacks.
            if reconfigure := getattr(stream, "reconfigure", None):
                reconfigure(errors="backslashreplace")
        try:
            function(*words, **options)
        except StopError as error:
            raise SystemExit(plain(str(error))) from None
        except KeyboardInterrupt:
            print("Stopped.", file=sys.stderr)
            raise SystemExit(130) from None

    return run


@task
def refuse_unknown() -> None:
    """Refuse to check a project without knowing what belongs to its checks.

    Raises:
        SystemExit: Always.
    """
    raise StopError(
        f"{ANSWERS} does not say what kind of project this is, or which notebooks it "
        "has, so that nobody knows what to check: take that file from git again."
    )


@task
def refuse_lost(room: str) -> None:
    """Refuse a task whose code is neither in the project nor asked for elsewhere.

    Args:
        room: The room of common code that the project lists as its own.

    Raises:
        SystemExit: Always.
    """
    folder = f"src/{here().package}/twobus/{room}"
    raise StopError(
        f"pyproject.toml lists {room!r} below `ejected`, and there is no code in "
        f"{folder}. Next: uv run twobus eject {room}, which completes that."
    )
