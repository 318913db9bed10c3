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
    left = [set(people) for people in known_by]
    factor = 0
    while (covered := sum(map(bool, left))) and covered >= COVERED * len(left):
        counts = Counter(person for people in left for person in people)
        first = min(counts, key=lambda person: (-counts[person], person))
        for people in left:
            people.discard(first)
        factor += 1
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
