"""Replay a history of reviews, and let the recommender choose one reader of each.

    uv run poe simulate-people FILE --seeds 10 --json

`docs/people.md` says what is measured, and how.
"""

import argparse
import csv
import gzip
import json
import random
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import groupby, repeat
from pathlib import Path
from statistics import fmean
from time import perf_counter

from twobus.people import Change, File, Knowledge, Move, advise
from twobus.people.knowledge import YEAR
from twobus.people.measures import gini

QUARTER = YEAR / 4
COLUMNS = ("change", "time", "author", "reviewers", "status", "path", "old_path")


@dataclass
class Quarter:
    """What a quarter has seen, and how it ended.

    Attributes:
        number: Which quarter it is.
        at_risk: Files that were ever read in a review, and that at most one of the
            people who stay knows at its end.
        everywhere: The same of all files.
        known: Files under review that one of the readers knew, each review by itself.
        under_review: Files under review.
        work: Reviews by person.
        people: Who really took part.
        reviews: How many changes were reviewed.
        added: Readers who were added.
    """

    number: int
    at_risk: int = 0
    everywhere: int = 0
    known: int = 0
    under_review: int = 0
    work: Counter[str] = field(default_factory=Counter)
    people: set[str] = field(default_factory=set)
    reviews: int = 0
    added: int = 0


def read(path: Path) -> list[Change]:
    """Read a history: a row a changed file."""
    opened = gzip.open if path.suffix == ".gz" else open
    rows: dict[str, list[dict[str, str]]] = {}
    with opened(path, "rt", encoding="utf-8-sig", newline="") as stream:
        table = csv.DictReader(stream)
        if missing := set(COLUMNS) - {*(table.fieldnames or ())}:
            raise SystemExit(f"{path} has no column {', '.join(sorted(missing))}.")
        for row in table:
            rows.setdefault(row["change"], []).append(row)
    return sorted(map(_change, rows.values()), key=lambda change: change.time)


def _change(rows: list[dict[str, str]]) -> Change:
    author = rows[0]["author"]
    asked = (rows[0]["reviewers"] or "").split()
    readers = dict.fromkeys(it for it in asked if it != author)
    files = tuple(
        _move(row["status"][:1], row["path"], row["old_path"]) for row in rows
    )
    return Change(float(rows[0]["time"]), (author,), tuple(readers), files)


def _move(status: str, path: str, old: str) -> Move:
    # A copy is a new file, and leaves the old one where it is.
    return Move("A" if status == "C" else status, path, old if status == "R" else "")


def replay(changes: Sequence[Change], seed: int | None = None) -> Iterator[Quarter]:
    """Replay a history, as it really was or with one reader of each review replaced.

    Args:
        changes: The history.
        seed: Decides which reader is replaced; None for what really happened.
    """
    chance = random.Random(seed)
    leaves: dict[str, float] = {}
    for change in changes:
        leaves.update(dict.fromkeys((*change.authors, *change.readers), change.time))
    knowledge = Knowledge()
    for number, group in groupby(changes, lambda it: int(it.time // QUARTER)):
        quarter = Quarter(number)
        for real in group:
            files = knowledge.follow(real)
            change = real
            if real.readers and not real.is_mass:
                if seed is not None:
                    change = _replaced(knowledge, files, real, chance, quarter)
                _count(quarter, files, change)
            quarter.people.update((*real.authors, *real.readers))
            knowledge.learn(change, files, real)
        end = (number + 1) * QUARTER
        stay = {person for person, time in leaves.items() if time >= end}
        for file in knowledge.alive():
            if sum(person in stay for person in file.held) <= 1:
                quarter.everywhere += 1
                quarter.at_risk += file.read
        yield quarter


def _replaced(
    knowledge: Knowledge,
    files: Sequence[File],
    real: Change,
    chance: random.Random,
    quarter: Quarter,
) -> Change:
    """Let the recommender choose instead of one reader, by chance which."""
    place = chance.randrange(len(real.readers))
    rest = real.readers[:place] + real.readers[place + 1 :]
    asked = real.readers[place]
    advice = advise(
        knowledge, files, real.authors, real.time, reading=rest, asked=asked
    )
    added = (advice.second,) if advice.second else ()
    quarter.added += len(added)
    return replace(real, readers=(*rest, advice.reader, *added))


def _count(quarter: Quarter, files: Sequence[File], change: Change) -> None:
    quarter.reviews += 1
    quarter.work.update(change.readers)
    quarter.under_review += len(files)
    quarter.known += sum(
        not file.held.keys().isdisjoint(change.readers) for file in files
    )


def relative(before: float, after: float) -> float:
    """Return a change as a share of what was before, of 1 where nothing was."""
    return (after - before) / (before or 1)


def compare(really: Sequence[Quarter], instead: Sequence[Quarter]) -> dict[str, float]:
    """Compare a replay with what really happened, over the quarters with reviews."""
    pairs = [
        (one, other)
        # Nobody knows yet who stays after the last one.
        for one, other in zip(really[:-1], instead[:-1], strict=True)
        if one.reviews
    ]
    concentration: tuple[list[float], list[float]] = ([], [])
    for one, other in pairs:
        people = {*one.people, *one.work, *other.work}
        for quarter, found in zip((one, other), concentration, strict=True):
            found.append(gini(quarter.work[person] for person in people))

    def total(name: str, side: int) -> float:
        return float(sum(getattr(pair[side], name) for pair in pairs))

    return {
        "files_at_risk": relative(total("at_risk", 0), total("at_risk", 1)),
        "expertise": relative(
            total("known", 0) / total("under_review", 0),
            total("known", 1) / total("under_review", 1),
        ),
        "concentration": relative(*map(fmean, concentration)),
        "added_reviews": total("added", 1),
        "files_at_risk_of_all": relative(
            total("everywhere", 0), total("everywhere", 1)
        ),
    }


def _replayed(changes: Sequence[Change], seed: int) -> list[Quarter]:
    return list(replay(changes, seed))


def simulate(changes: Sequence[Change], seeds: Iterable[int]) -> dict[str, float]:
    """Return the mean over seeds of what the recommender changes.

    Raises:
        SystemExit: If the history has nothing to measure.
    """
    really = list(replay(changes))
    if not any(quarter.reviews for quarter in really[:-1]):
        raise SystemExit(
            "There is nothing to simulate: the history needs a review before its last "
            "quarter."
        )
    with ProcessPoolExecutor() as pool:
        replays = pool.map(_replayed, repeat(changes), seeds)
        found = [compare(really, instead) for instead in replays]
    means = {name: round(fmean(one[name] for one in found), 4) for name in found[0]}
    return {**means, "reviews": sum(it.reviews for it in really), "seeds": len(found)}


def main() -> None:
    """Simulate what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    if not words.file.is_file():
        raise SystemExit(f"There is no file {words.file}.")
    start = perf_counter()
    found = simulate(read(words.file), range(max(1, words.seeds)))
    if words.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name.replace('_', ' '):24}{value:10.4g}")
    print(f"{perf_counter() - start:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
