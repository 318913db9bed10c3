"""Who should read a change, so that more of those who stay know its files.

The same function advises in projects and in the simulation, see `docs/people.md`.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from twobus.people.knowledge import File, Knowledge, likely_alone

# A file that a reader keeps from resting on one person is worth three files that this
# reader knows and no other reader does.
SPREAD = 3.0
# Where nobody is likely to stay, a first reader saves a quarter of a file.
FIRST = 0.25
# Work decides only between readers who are nearly as good: it costs a tenth of a file.
BUSY = 0.1
# A second reader costs somebody an hour: that must save half a file.
SECOND = 0.5


@dataclass(frozen=True)
class Advice:
    """Who should read a change; nobody where nobody else is here.

    Attributes:
        reader: The one who should read it.
        second: Who should read it as well, because too little of it is safe otherwise.
        knows: How many of its files the reader knows.
        alone: The files that at most one of those who are here knows besides readers.
    """

    reader: str = ""
    second: str = ""
    knows: int = 0
    alone: tuple[str, ...] = ()


def advise(
    knowledge: Knowledge,
    files: Sequence[File],
    authors: Collection[str],
    at: float,
    *,
    reading: Collection[str] = (),
    asked: str = "",
    among: Iterable[str] | None = None,
    learners: Iterable[str] | None = None,
    waiting: Mapping[str, int] | None = None,
) -> Advice:
    """Say who should read a change.

    Args:
        knowledge: What people know before the change.
        files: The files that it touches.
        authors: Who wrote it; they are never proposed.
        at: When.
        reading: Who reads it in any case.
        asked: Who has been asked. Only somebody who knows as much of it, and keeps as
            much of it safe, is proposed instead.
        among: Who may be the reader; all who are here if not given.
        learners: Who may be the second one; the same if not given.
        waiting: How many reviews wait for whom.
    """
    here = knowledge.here(at)
    first = set(here if among is None else among) | ({asked} - {""})
    first -= {*authors, *reading}
    if not first:
        return Advice()
    others = first if learners is None else {*learners} - {*authors, *reading}
    possible = first | others
    known = [file.knowers(at) for file in files]
    present = {*authors, *reading}
    stay = {it: knowledge.stay(it, at) for it in possible.union(present, *known)}
    saved = _saved(known, present, stay, possible)
    covered = Counter(person for it in known if it.isdisjoint(reading) for person in it)
    loads = {it: knowledge.load(it, at) for it in possible}
    for person, count in (waiting or {}).items():
        if person in loads:
            loads[person] += count
    most = max(1, *loads.values())
    busy = {person: BUSY * load / most for person, load in loads.items()}

    def cost(person: str) -> tuple[float, bool, str]:
        worth = SPREAD * saved[person] + covered[person]
        return busy[person] - worth, person != asked, person

    reader = min(
        (
            person
            for person in first
            if not asked
            or (saved[person] >= saved[asked] and covered[person] >= covered[asked])
        ),
        key=cost,
    )
    more = _saved(known, present | {reader}, stay, others - {reader})
    lowest, second = min(((busy[it] - more[it], it) for it in more), default=(0.0, ""))
    return Advice(
        reader,
        second if lowest < -SECOND else "",
        sum(reader in it for it in known),
        tuple(
            file.path
            for file, it in zip(files, known, strict=True)
            if len((it & here) | present) <= 1
        ),
    )


def _saved(
    known: Sequence[Collection[str]],
    present: Collection[str],
    stay: Mapping[str, float],
    possible: Iterable[str],
) -> dict[str, float]:
    """Estimate how many files rest on one person or none, and do not if one reads."""
    total, own = 0.0, defaultdict[str, float](float)
    for people in known:
        nobody, one = likely_alone(stay[it] for it in sorted({*people, *present}))
        risk = one + FIRST * nobody
        total += risk
        for person in people:
            own[person] += risk
    return {person: stay[person] * max(0.0, total - own[person]) for person in possible}
