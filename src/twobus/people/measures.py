"""Figures of what a group of people knows: authorship, bus factor, concentration."""

import math
from collections import Counter
from collections.abc import Collection, Iterable

from twobus.people.knowledge import File

# Avelino, Passos, Hora and Valente: A novel approach for estimating truck factors,
# ICPC 2016. How much of the strongest author's degree makes somebody an author, the
# lowest degree at all, and the share of files that must keep an author.
RELATIVE = 0.75
LOWEST = 3.293
COVERED = 0.5


def degree_of_authorship(first: bool, deliveries: int, accepted: int) -> float:
    """Return how much somebody is the author of a file.

    Args:
        first: Whether they created it.
        deliveries: How many later changes they made to it.
        accepted: How many later changes others made to it.
    """
    return 3.293 + 1.098 * first + 0.164 * deliveries - 0.321 * math.log(1 + accepted)


def authors(file: File) -> set[str]:
    """Return a file's authors by their degrees."""
    everybody = sum(file.deliveries.values())
    degrees = {
        person: degree_of_authorship(
            person in file.creators,
            file.deliveries[person],
            everybody - file.deliveries[person],
        )
        for person in file.creators | set(file.deliveries)
    }
    highest = max(degrees.values(), default=0.0)
    return {
        person
        for person, degree in degrees.items()
        if degree >= LOWEST and degree / highest > RELATIVE
    }


def bus_factor(known_by: Collection[Collection[str]]) -> int:
    """Count how many people must leave until half of the files have nobody.

    Each time the one leaves who knows most of the files that are left, as in the paper.

    Args:
        known_by: For each file, who knows it.
    """
    counts = Counter(person for people in known_by for person in people)
    # Whoever leaves takes nothing from the counts of others, so that one order does.
    ranked = sorted(counts, key=lambda person: (-counts[person], person))
    place = {person: number for number, person in enumerate(ranked, 1)}
    # A file is lost with the last of those who know it.
    lost = Counter(max(map(place.__getitem__, it)) for it in known_by if it)
    covered, factor = lost.total(), 0
    while covered and covered >= COVERED * len(known_by):
        factor += 1
        covered -= lost[factor]
    return factor


def truck_factor(files: Iterable[File]) -> int:
    """Return the truck factor of the paper: the bus factor of files' authors."""
    return bus_factor([authors(file) for file in files])


def gini(amounts: Iterable[float]) -> float:
    """Return how unevenly amounts are shared: 0 if evenly, towards 1 if one has all."""
    ordered = sorted(amounts)
    if not (total := sum(ordered)):
        return 0.0
    count = len(ordered)
    ranked = sum((2 * rank - count - 1) * it for rank, it in enumerate(ordered, 1))
    return ranked / (count * total)
