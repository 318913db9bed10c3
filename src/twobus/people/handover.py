"""What one person alone knows, as a list of small steps to a second one."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from twobus.people.history import History
from twobus.people.survey import Surveyor
from twobus.people.things import Thing, things
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
        used_by: How many other files read it, where it is a table.
        second: Who could learn it; empty where nobody else is here.
        reason: Why that person.
        first: A small change to begin with.
    """

    kind: str
    name: str
    paths: tuple[str, ...]
    used_by: int
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


def steps(surveyor: Surveyor, person: str, root: Path) -> list[Step]:
    """List what nobody here knows but one person, the most important first.

    Models come first, then tables by how many files read them, notebooks, and what else
    there is. Each file is in one step.

    Args:
        surveyor: Who knows what.
        person: The person.
        root: The project's folder.
    """
    left = set(surveyor.only(person))
    parts = []
    for part in things(left):
        if paths := [path for path in part.paths if path in left]:
            left -= set(paths)
            used = _used_by(part, surveyor.known, root) if part.kind == "table" else 0
            parts.append((part, tuple(paths), used))
    ranked = sorted(parts, key=lambda it: -it[2] if it[0].kind == "table" else 0)
    kinds = list(FIRST)
    ranked.sort(key=lambda it: kinds.index(it[0].kind))
    return [
        Step(
            part.kind,
            part.name,
            paths,
            used,
            *surveyor.nearest(paths),
            FIRST[part.kind].format(name=part.name, path=paths[0]),
        )
        for part, paths, used in ranked
    ]


def _used_by(part: Thing, known: Iterable[str], root: Path) -> int:
    """Count the files that read a table, tests left out."""
    call = re.compile(rf"""\bread\(\s*["']{re.escape(part.name)}["']""")
    return sum(call.search(text) is not None for text in _texts(known, root))


def _texts(paths: Iterable[str], root: Path) -> Iterator[str]:
    for path in paths:
        file = root / path
        if path.endswith(".py") and not path.startswith("tests/") and file.is_file():
            yield file.read_text("utf-8", "replace")
