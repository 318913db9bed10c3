"""What one person alone knows, as a list of small steps to a second one."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from twobus.people.history import History
from twobus.people.survey import Surveyor
from twobus.people.things import Thing, things
from twobus.people.words import files
from twobus.project import StopError

# A first change that somebody who does not know it yet can make.
FIRST = {
    "model": "train it (uv run poe train {name}), then make one line of its card or "
    "of its test clearer",
    "table": "look at it (uv run poe data --check), then make the description of one "
    "column clearer",
    "notebook": "run it from its first cell on, then make its summary clearer",
    "folder": "add a small test for {path}, or make one name or comment in it clearer",
}


@dataclass(frozen=True)
class Step:
    """A part of what one person alone knows.

    Attributes:
        kind: What it is.
        name: How it is called.
        paths: The files that nobody else here knows.
        use: What it is for today, such as `serves` or `read by 3 files`; empty where
            nothing tells.
        second: Who could learn it; empty where nobody else is here.
        reason: Why that person.
        first: A small change to begin with.
    """

    kind: str
    name: str
    paths: tuple[str, ...]
    use: str
    second: str
    reason: str
    first: str


def meant(word: str, found: History) -> str:
    """Return the person that a login, a name or an address means.

    Raises:
        StopError: If that is nobody, or more than one.
    """
    wanted = word.lower().removeprefix("@")
    people = [it for it, words in found.logins.items() if wanted in words]
    if len(people) == 1:
        return people[0]
    if people:
        named = " and ".join(sorted(found.logins[it][0] for it in people))
        raise StopError(f"{word} may be {named}: write the address.")
    known = sorted(found.names.values(), key=str.lower)
    raise StopError(
        f"Nobody called {word} has committed here. Write a name, an address or what "
        f"stands before its @. Git knows {', '.join(known) or 'nobody'}."
    )


def steps(
    surveyor: Surveyor, person: str, root: Path, served: Collection[str] = ()
) -> list[Step]:
    """List what nobody here knows but one person, the most important first.

    Models come first, those that serve before others, then tables by how many files
    read them, notebooks, those that run on a schedule before others, and what else
    there is. Each file is in one step.

    Args:
        surveyor: Who knows what.
        person: The person.
        root: The project's folder.
        served: The names of the models that serve.
    """
    left = set(surveyor.only(person))
    code = [*_texts(surveyor.known, root)]
    jobs = [*_jobs(root)]
    found = []
    for part in things(left):
        if paths := [path for path in part.paths if path in left]:
            left -= set(paths)
            serves = part.kind == "model" and part.name in served
            readers = _readers(part, code) if part.kind == "table" else 0
            runs = [name for name, text in jobs if _is_run(part, text)]
            parts = [
                "serves" * serves,
                f"read by {files(readers)}" * bool(readers),
                f"run on a schedule by {', '.join(runs)}" * bool(runs),
            ]
            step = Step(
                part.kind,
                part.name,
                tuple(paths),
                ", ".join(filter(None, parts)),
                *surveyor.nearest(paths),
                FIRST[part.kind].format(name=part.name, path=paths[0]),
            )
            rank = ([*FIRST].index(part.kind), -serves, -readers, -len(runs))
            found.append((rank, step))
    return [step for _, step in sorted(found, key=lambda it: it[0])]


def _readers(part: Thing, code: Iterable[str]) -> int:
    """Count the files that read a table, tests left out."""
    call = re.compile(rf"""\bread\(\s*["']{re.escape(part.name)}["']""")
    return sum(call.search(text) is not None for text in code)


def _texts(paths: Iterable[str], root: Path) -> Iterator[str]:
    for path in paths:
        file = root / path
        if path.endswith(".py") and not path.startswith("tests/") and file.is_file():
            yield file.read_text("utf-8", "replace")


def _jobs(root: Path) -> Iterator[tuple[str, str]]:
    """Yield the names and texts of CI's files that run something on a schedule."""
    workflows = (root / ".github" / "workflows").glob("*.y*ml")
    for file in (*sorted(workflows), root / ".gitlab-ci.yml"):
        if file.is_file() and "schedule" in (
            text := file.read_text("utf-8", "replace")
        ):
            yield file.name, text


def _is_run(part: Thing, job: str) -> bool:
    """Tell whether a job runs a notebook or a model, by its name or all of them."""
    tasks = {"notebook": "report", "model": "(?:train|predict|evaluate)"}
    if part.kind not in tasks:
        return False
    name = re.escape(part.name)
    words = rf"\bpoe +{tasks[part.kind]}\b(?: *$|[^\n]*[\s\"'/]{name}(?![\w-]))"
    return re.search(words, job, re.MULTILINE) is not None
