"""Who knows which file: what people wrote and read, how long ago, and who is here.

Defined, with formulas and sources, in `docs/people.md`.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

DAY = 86_400
YEAR = 365.25 * DAY
MONTH = YEAR / 12
# What one change leaves behind: whoever creates a file knows most of it, whoever reads
# a change half as much as its author.
CREATED, WROTE, READ = 2.0, 1.0, 0.5
# Knowledge halves in a year, and below this nobody calls it knowing: one change is
# known for two years, one that was only read for one.
HALF_LIFE = YEAR
ENOUGH = 0.25
# A change of more files teaches nobody each of them.
MASS = 50
# Who has neither written nor read for so long is not here any more.
AWAY = 182 * DAY


@dataclass(frozen=True, slots=True)
class Move:
    """What a change did to one file.

    Attributes:
        status: Git's letter: `A` added, `M` changed, `D` deleted, `R` moved, `T` type.
        path: The file's path afterwards.
        old: Its path before, where it was moved.
    """

    status: str
    path: str
    old: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A change that came into the history.

    Attributes:
        time: When, in seconds.
        authors: Who wrote it; the first is its author.
        readers: Who reviewed it, none of them an author.
        files: What it did to which file.
        teaches: Whether people know what it touched: not where a tool wrote it.
    """

    time: float
    authors: tuple[str, ...]
    readers: tuple[str, ...]
    files: tuple[Move, ...]
    teaches: bool = True

    @property
    def is_mass(self) -> bool:
        """Whether it touches too many files for anybody to know each of them."""
        return len(self.files) > MASS


@dataclass(slots=True)
class File:
    """A file, whatever it was called over time.

    Attributes:
        path: Its path now.
        held: What each person knows of it, as it was when they last touched it.
        creators: Who created it.
        deliveries: How many later changes each person made to it.
        alive: Whether it is there.
        read: Whether a change of it was ever reviewed.
        ours: Whether people changed it, and not only a template or a tool.
    """

    path: str
    held: dict[str, tuple[float, float]] = field(default_factory=dict)
    creators: set[str] = field(default_factory=set)
    deliveries: Counter[str] = field(default_factory=Counter)
    alive: bool = True
    read: bool = False
    ours: bool = False

    def strength(self, person: str, at: float) -> float:
        """Return how much a person knows of it at a time; 1 is a change just made."""
        if person not in self.held:
            return 0.0
        strength, time = self.held[person]
        return float(strength * 0.5 ** (max(0.0, at - time) / HALF_LIFE))

    def knowers(self, at: float) -> set[str]:
        """Return who knows it at a time."""
        return {it for it in self.held if self.strength(it, at) >= ENOUGH}

    def learn(self, person: str, weight: float, at: float) -> None:
        """Add what a person wrote or read of it."""
        strength, time = self.held.get(person, (0.0, at))
        if at >= time:
            strength = strength * 0.5 ** ((at - time) / HALF_LIFE) + weight
            self.held[person] = (strength, at)
        else:
            # It comes late into the history.
            self.held[person] = (
                strength + weight * 0.5 ** ((time - at) / HALF_LIFE),
                time,
            )


class Knowledge:
    """What a history has taught its people so far.

    Attributes:
        files: All files that ever were, in the order in which they appeared.
        last: When each person last wrote or read.
    """

    def __init__(self, mass: bool = False) -> None:
        """Begin with an empty history.

        Args:
            mass: Whether mass changes teach as well.
        """
        self.files: list[File] = []
        self.last: dict[str, float] = {}
        self._mass = mass
        self._by_path: dict[str, File] = {}
        self._moved: dict[str, File] = {}
        # A bit for each month since 1970.
        self._months: dict[str, int] = {}
        self._reviews: dict[str, list[float]] = {}

    def file(self, path: str) -> File | None:
        """Return the file of a path, also of one that it had before it was moved."""
        return self._by_path.get(path) or self._moved.get(path)

    def alive(self) -> Iterator[File]:
        """Yield the files that are there."""
        return (file for file in self.files if file.alive)

    def follow(self, change: Change) -> list[File]:
        """Move files as a change does, and return those that it touches."""
        return [self._place(move) for move in change.files]

    def learn(
        self,
        change: Change,
        files: Iterable[File] | None = None,
        really: Change | None = None,
    ) -> None:
        """Add what its authors and readers know by a change.

        Args:
            change: The change.
            files: What it touches, where `follow` has been asked already.
            really: Who really took part, if others are supposed to have read it: those
                are the ones who were here.
        """
        touched = list(self.follow(change) if files is None else files)
        for person in change.readers:
            insort(self._reviews.setdefault(person, []), change.time)
        for person in (*(really or change).authors, *(really or change).readers):
            self.last[person] = max(change.time, self.last.get(person, change.time))
            month = 1 << max(0, int(change.time // MONTH))
            self._months[person] = self._months.get(person, 0) | month
        teaches = change.teaches and (self._mass or not change.is_mass)
        for file, move in zip(touched, change.files, strict=True):
            file.ours = file.ours or change.teaches
            if teaches:
                self._teach(file, move, change)
            if move.status == "D":
                file.alive = False

    def stay(self, person: str, at: float) -> float:
        """Estimate how likely a person is to be here later.

        If they took part in m of the last twelve months, m / (m + 4), halved for each
        half-year of silence. Compared with two histories in `docs/people.md`.
        """
        if person not in self.last:
            return 0.0
        year = self._months[person] >> max(0, int(at // MONTH) - 11) & 0xFFF
        active = year.bit_count()
        silence = max(0.0, at - self.last[person])
        return float(active / (active + 4) * 0.5 ** (silence / AWAY))

    def here(self, at: float, left: Iterable[str] = ()) -> set[str]:
        """Return who took part within the last half-year.

        Args:
            at: At which time.
            left: Who is known to have left since.
        """
        gone = set(left)
        return {
            person
            for person, time in self.last.items()
            if at - time < AWAY and person not in gone
        }

    def load(self, person: str, at: float, days: int = 90) -> int:
        """Count the reviews that a person did within some days."""
        times = self._reviews.get(person, [])
        return len(times) - bisect_left(times, at - days * DAY)

    def _place(self, move: Move) -> File:
        if move.old and (file := self._by_path.pop(move.old, None)):
            self._moved[move.old] = file
            if replaced := self._by_path.get(move.path):
                replaced.alive = False
        elif known := self._by_path.get(move.path):
            file = known
        elif move.status in "MTD" and (moved := self._moved.get(move.path)):
            # Another branch does not know yet that it has another name.
            return moved
        else:
            file = File(move.path)
            self.files.append(file)
        file.path, file.alive = move.path, True
        self._by_path[move.path] = file
        return file

    def _teach(self, file: File, move: Move, change: Change) -> None:
        created = move.status == "A" and not file.held
        for person in change.authors:
            file.learn(person, CREATED if created else WROTE, change.time)
            if created:
                file.creators.add(person)
            elif move.status != "D":
                file.deliveries[person] += 1
        for person in change.readers:
            file.learn(person, READ, change.time)
            file.read = True


def likely_alone(chances: Iterable[float]) -> tuple[float, float]:
    """Return how likely it is that nobody stays, and that exactly one does.

    Args:
        chances: How likely each of the people who know something is to stay.
    """
    nobody, one = 1.0, 0.0
    for chance in chances:
        nobody, one = nobody * (1 - chance), one * (1 - chance) + nobody * chance
    return nobody, one
