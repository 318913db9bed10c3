"""Who knows what in a project today, what rests on one person, and who is nearest."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path

from twobus import git
from twobus.people.history import History, history
from twobus.people.knowledge import YEAR, File, Knowledge
from twobus.people.measures import bus_factor, truck_factor
from twobus.people.settings import Settings, settings
from twobus.people.things import Thing, folder_of, things
from twobus.project import Project, StopError

# Younger projects are told, and never refused.
YOUNG = 30


@dataclass(frozen=True)
class Row:
    """A part of a project.

    Attributes:
        kind: What it is.
        name: How it is called.
        files: How many files it has.
        at_risk: How many of them at most one person knows who is here.
        before: How many that were a year ago; None where it is younger.
        known_to: Who knows at least half of it, by the alphabet.
        bus_factor: How many people must leave until nobody knows half of it.
        nearest: Who is nearest to knowing what is at risk; empty where nothing is.
        reason: Why.
    """

    kind: str
    name: str
    files: int
    at_risk: int
    before: int | None
    known_to: tuple[str, ...]
    bus_factor: int
    nearest: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Endangered:
    """A file that at most one of those who are here knows.

    Attributes:
        path: Its path.
        known_to: Who knows it; empty if nobody does.
        nearest: Who is nearest to knowing it.
        reason: Why.
    """

    path: str
    known_to: str
    nearest: str
    reason: str


@dataclass(frozen=True)
class Survey:
    """Who knows what.

    Attributes:
        day: The day on which that is so.
        age: How many days ago somebody first worked on it.
        here: Who is here, by the alphabet.
        files: How many files people know or should know.
        bus_factor: How many people must leave until nobody knows half of them.
        truck_factor: The same of their authors, as the paper has it.
        before: How many files were at risk a year ago; None in a younger project.
        rows: Its parts, those with most files at risk first.
        at_risk: The files at risk, by path.
        leaving: Which files nobody here would know without a person, by the alphabet.
    """

    day: str
    age: int
    here: tuple[str, ...]
    files: int
    bus_factor: int
    truck_factor: int
    before: int | None
    rows: tuple[Row, ...]
    at_risk: tuple[Endangered, ...]
    leaving: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def alone(self, kind: str) -> int:
        """Count the parts of a kind of which something is at risk."""
        return sum(row.kind == kind and row.at_risk > 0 for row in self.rows)


def survey(root: Path, said: Settings, now: datetime) -> Survey:
    """Find out who knows what in a project.

    Args:
        root: The project's folder.
        said: What it says of its people.
        now: The time for which that is.

    Raises:
        StopError: If git does not know.
    """
    return Surveyor(history(root), said, now.astimezone(UTC)).survey()


def known_to(project: Project, path: str) -> tuple[str, ...]:
    """Return who is here and knows a file; nobody where git cannot say.

    Args:
        project: The project.
        path: The file's path within it.
    """
    try:
        commit = git.ask("rev-parse", "--verify", "HEAD", cwd=project.root) or ""
        return _kept(project, commit).knowing(path)
    except StopError:
        # What shows this has more to show; `poe check` says why.
        return ()


@lru_cache(maxsize=2)
def _kept(project: Project, commit: str) -> "Surveyor":
    found = history(project.root, commit or "HEAD")
    return Surveyor(found, settings(project), datetime.now(UTC))


class Surveyor:
    """What a survey needs at hand.

    Attributes:
        knowledge: What people know.
        names: How they are called.
        here: Who is here.
        files: The files that people know or should know.
        at: The time, in seconds.
    """

    def __init__(self, found: History, said: Settings, now: datetime) -> None:
        """Learn the history."""
        self.at = now.timestamp()
        self.names = found.names
        self._said = said
        self._day = now.date().isoformat()
        left = [
            person
            for person, words in found.logins.items()
            if {it.lower().removeprefix("@") for it in said.left} & {*words}
        ]
        self._started = min(
            (change.time for change in found.changes if change.teaches),
            default=self.at,
        )
        # Learned once: what came until a year ago, which is looked at, then the rest.
        year = self.at - YEAR
        late = [change for change in found.changes if year < change.time <= self.at]
        self.knowledge = Knowledge()
        for change in found.changes:
            if change.time <= year:
                self.knowledge.learn(change)
        self._before = self._a_year_ago() if self._started <= year else None
        for change in late:
            self.knowledge.learn(change)
        if any(change.time > self.at for change in found.changes):
            self.files = self._counted(self.knowledge.alive())
        else:
            # A merge may have brought what no commit did: nobody knows that.
            there = (
                self.knowledge.file(it) or File(it, ours=True) for it in found.paths
            )
            self.files = self._counted(there)
        self.here = self.knowledge.here(self.at, left)
        self._known = {file.path: self._knowers(file) for file in self.files}
        self._beside = Counter(map(folder_of, self._known))
        self._near: dict[str, Counter[str]] = {it: Counter() for it in self._beside}
        for path, people in self._known.items():
            self._near[folder_of(path)].update(people)
        self._parts_before = {
            (part.kind, part.name): part.paths for part in things(self._before or ())
        }

    def survey(self) -> Survey:
        """Return who knows what."""
        rows = [self._row(part) for part in things(self._known)]
        risky = [path for path, people in self._known.items() if len(people) <= 1]
        leaving: dict[str, list[str]] = {person: [] for person in self.here}
        for path in risky:
            for person in self._known[path]:
                leaving[person].append(path)
        before = self._before
        return Survey(
            self._day,
            int((self.at - self._started) // 86_400),
            self._called(self.here),
            len(self.files),
            bus_factor([*self._known.values()]),
            truck_factor(self.files),
            None if before is None else sum(map(_is_risky, before.values())),
            tuple(sorted(rows, key=lambda row: -row.at_risk)),
            tuple(self._endangered(path) for path in sorted(risky)),
            {
                self.names[person]: tuple(sorted(paths))
                for person, paths in sorted(
                    leaving.items(), key=lambda it: self.names[it[0]].lower()
                )
                if paths
            },
        )

    @property
    def known(self) -> list[str]:
        """The paths of all files that people know or should know."""
        return [*self._known]

    def knowing(self, path: str) -> tuple[str, ...]:
        """Return who is here and knows a file, by the alphabet."""
        return self._called(self._known.get(path, ()))

    def only(self, person: str) -> list[str]:
        """Return the files that a person knows, here or gone, and nobody else here."""
        return [
            file.path
            for file in self.files
            if person in file.knowers(self.at) and not self._known[file.path] - {person}
        ]

    def nearest(self, paths: Collection[str]) -> tuple[str, str]:
        """Return who of those who are here is nearest to knowing files, and why.

        Who knew them, or knows what is beside them, and is likely to stay; not who
        knows one of them.

        Returns:
            The person's name, and the reason; empty where there is nobody.
        """
        files = [file for path in paths if (file := self.knowledge.file(path))]
        knowing = set[str]().union(*(self._known[path] for path in paths))
        best: tuple[float, str, str] = (-1.0, "", "")
        for person in sorted(self.here - knowing):
            once = sum(file.strength(person, self.at) > 0 for file in files)
            near, beside = self.beside(person, paths)
            worth = once / len(paths) + near / max(1, beside)
            score = (0.01 + worth) * self.knowledge.stay(person, self.at)
            if score > best[0]:
                reason = "is here, and knows nothing beside it yet"
                if once:
                    reason = "wrote or read it some time ago"
                elif near:
                    reason = f"knows {near} of {beside} files beside it"
                best = (score, self.names[person], reason)
        return best[1:]

    def beside(self, person: str, paths: Iterable[str]) -> tuple[int, int]:
        """Count the files in the folders of paths: which a person knows, and all."""
        folders = {*map(folder_of, paths)}
        near = sum(self._near[it][person] for it in folders if it in self._near)
        return near, sum(self._beside[it] for it in folders)

    def _counted(self, files: Iterable[File]) -> list[File]:
        return [it for it in files if it.ours and self._said.counts(it.path)]

    def _a_year_ago(self) -> dict[str, set[str]]:
        at = self.at - YEAR
        here = self.knowledge.here(at)
        files = self._counted(self.knowledge.alive())
        return {file.path: file.knowers(at) & here for file in files}

    def _knowers(self, file: File) -> set[str]:
        return file.knowers(self.at) & self.here

    def _row(self, part: Thing) -> Row:
        paths = part.paths
        known = [self._known[path] for path in paths]
        risky = [path for path in paths if _is_risky(self._known[path])]
        counts = {
            person: sum(person in people for people in known)
            for person in set[str]().union(*known)
        }
        most = [it for it, count in counts.items() if 2 * count >= len(paths)]
        then = None
        before = self._before or {}
        if old := self._parts_before.get((part.kind, part.name)):
            then = sum(_is_risky(before[path]) for path in old)
        return Row(
            part.kind,
            part.name,
            len(paths),
            len(risky),
            then,
            self._called(most),
            bus_factor(known),
            *(self.nearest(risky) if risky else ("", "")),
        )

    def _endangered(self, path: str) -> Endangered:
        known = "".join(self.names[it] for it in self._known[path])
        return Endangered(path, known, *self.nearest([path]))

    def _called(self, people: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted((self.names[it] for it in people), key=str.lower))


def _is_risky(people: Collection[str]) -> bool:
    return len(people) <= 1
