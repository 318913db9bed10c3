"""Who should read a change, so that more people than its author know its files."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from twobus import git
from twobus.codeowners import forge_of
from twobus.owning import owners_of
from twobus.people import Advice, File, advise
from twobus.people.history import History, history
from twobus.people.knowledge import MASS
from twobus.people.settings import settings
from twobus.people.survey import Surveyor
from twobus.project import StopError, here
from twobus.review.before import ask
from twobus.review.request import Request
from twobus.review.table import LOOK, Row
from twobus.review.waiting import login, waiting

TOPIC = "Who reads"


def readers(start: str, request: Request) -> Iterator[Row]:
    """Yield a row that says who should read a change, and why.

    Args:
        start: The commit from which the change began.
        request: What the forge says of it.
    """
    project = here()
    try:
        said = settings(project)
        found = history(project.root, start)
    except StopError as error:
        yield Row(TOPIC, LOOK, f"nobody can say who should: {error}")
        return
    changed = git.names(ask("diff", "--name-only", "-z", "-M", start, "HEAD"))
    paths = [path for path in changed if said.counts(path)]
    if len(paths) > MASS:
        detail = f"{len(paths)} files are too many for anybody to learn each: split it"
        yield Row(TOPIC, LOOK, detail)
    elif paths:
        surveyor = Surveyor(found, said, datetime.now(UTC))
        yield Row(TOPIC, LOOK, _said(surveyor, found, start, request, paths))


def _said(
    surveyor: Surveyor,
    found: History,
    start: str,
    request: Request,
    paths: Sequence[str],
) -> str:
    authors = _authors(found, start, request)
    knowledge, at = surveyor.knowledge, surveyor.at
    files = [knowledge.file(path) or File(path) for path in paths]
    others = surveyor.here - authors
    # The rules want an owner; who is none may learn it beside one.
    owning = _owners(found, paths) & others
    busy, unknown = _waiting(found) if len(others) > 1 else (Counter[str](), "")
    advice = advise(
        knowledge,
        files,
        authors,
        at,
        among=owning or others,
        learners=others,
        waiting=busy,
    )
    if not advice.reader:
        return (
            "nobody else has worked here within half a year, so that one person alone "
            "knows this: ask somebody new"
        )
    _hand_on(found, [advice.reader, advice.second])
    also = ""
    if advice.second:
        also = f", and {surveyor.names[advice.second]} to learn it"
    name = surveyor.names[advice.reader]
    return f"{name}{also}: {_reason(surveyor, advice, files)}{unknown}"


def _hand_on(found: History, people: Sequence[str]) -> None:
    """Write the logins of those who should read it, for a job that may ask them."""
    if output := os.environ.get("GITHUB_OUTPUT"):
        addresses = [
            [word for word in found.logins[person] if "@" in word]
            for person in people
            if person
        ]
        logins = filter(None, map(login, addresses))
        with Path(output).open("a", encoding="utf-8") as file:
            file.write(f"readers={' '.join(logins)}\n")


def _waiting(found: History) -> tuple[Counter[str], str]:
    """Return how many open requests wait for whom, and what is to be said of that."""
    try:
        logins = waiting()
    except LookupError as error:
        reason = f"; what else waits for whom, the forge does not tell ({error})"
        return Counter(), reason
    counts = Counter[str]()
    for person, words in found.logins.items():
        counts[person] = sum(logins[word] for word in words)
    return counts, ""


def _reason(surveyor: Surveyor, advice: Advice, files: Sequence[File]) -> str:
    name = surveyor.names[advice.reader]
    near, beside = surveyor.beside(advice.reader, [file.path for file in files])
    if advice.knows:
        known = f"{name} knows {advice.knows} of {len(files)} files of this change"
    elif near:
        known = f"{name} knows {near} of {beside} files beside it"
    else:
        known = f"{name} is likely to stay, and would learn it"
    if not advice.alone:
        return f"two or more know each of its files, and {known}"
    first = next(file for file in files if file.path == advice.alone[0])
    here = first.knowers(surveyor.at) & surveyor.here
    more = f" and {len(advice.alone) - 1} more" * (len(advice.alone) > 1)
    if here:
        rests = f"{surveyor.names[min(here)]} alone knows {first.path}"
    elif first.held:
        rests = f"nobody here knows {first.path} any more"
    else:
        rests = f"nobody but its author knows {first.path} yet"
    return f"{rests}{more}; {known}"


def _authors(found: History, start: str, request: Request) -> set[str]:
    """Return who wrote the change: by its commits, and by who opened the request."""
    words = {request.author.lower()} - {""}
    for line in ask("log", "--format=%aE%x00%aN", f"{start}..HEAD").splitlines():
        address, _, name = line.lower().partition("\0")
        # A first name alone may be somebody else's.
        words |= {address, name} if " " in name else {address}
    return {person for person, its in found.logins.items() if words & {*its}}


def _owners(found: History, paths: Sequence[str]) -> set[str]:
    """Return those whom git knows of the owners of all paths."""
    root = here().root
    forge = forge_of(root)
    owners = {
        name.lstrip("@") for path in paths for name in owners_of(root, path, forge)
    }
    return {person for person, its in found.logins.items() if owners & {*its}}
