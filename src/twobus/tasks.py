"""The tasks of a project, as poethepoet includes them, and how each of them ends."""

import re
import sys
import tomllib
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

from twobus.project import ANSWERS, Project, StopError

Words = ParamSpec("Words")


def tasks() -> dict[str, Any]:
    """Return the tasks that suit the project in the working folder.

    Each task of `tasks.toml` names in `for` the kinds of projects and of notebooks
    that have it; without, all have it. The same holds for the steps of `check`. Tasks
    that differ only after an @ have the same name, for different projects.
    """
    project = Project(Path.cwd())
    known = {
        answer(project, "kind", "analysis"),
        answer(project, "notebooks", "none"),
    }
    text = Path(__file__).with_name("tasks.toml").read_text("utf-8")
    for room in project.settings.get("ejected", []):
        # The project has code of its own for these, see `eject`.
        text = text.replace(f'"twobus.{room}.', f'"{project.package}.twobus.{room}.')
    said = tomllib.loads(text)
    return {"env": said["env"], "tasks": _suiting(said["tasks"], known)}


def answer(project: Project, question: str, default: str) -> str:
    """Find an answer that is one word, also in a file that a merge has broken.

    Tasks are there whatever the answers look like: each says itself what it misses.
    And what reads all of YAML takes longer to import than everything else here.
    """
    file = project.root / ANSWERS
    text = file.read_text("utf-8-sig", "replace") if file.is_file() else ""
    found = re.search(rf"^{question}: *['\"]?(\w+)", text, re.MULTILINE)
    return found[1] if found else default


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
            raise SystemExit(str(error)) from None
        except KeyboardInterrupt:
            print("Stopped.", file=sys.stderr)
            raise SystemExit(130) from None

    return run
