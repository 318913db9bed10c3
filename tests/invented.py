"""Invented histories of reviews, for the recommender to be tried on."""

import random
from collections.abc import Callable, Sequence

from twobus.people import Change, Move
from twobus.people.knowledge import DAY, YEAR

Chooser = Callable[[random.Random, str, Sequence[str], Sequence[str]], list[str]]


def first_of(
    chance: random.Random, area: str, team: Sequence[str], owners: Sequence[str]
) -> list[str]:
    """One person reviews everything."""
    return [team[0]]


def anybody(
    chance: random.Random, area: str, team: Sequence[str], owners: Sequence[str]
) -> list[str]:
    """People review by chance."""
    return [chance.choice(team)]


def owner(
    chance: random.Random, area: str, team: Sequence[str], owners: Sequence[str]
) -> list[str]:
    """Who owns the area reviews, with a colleague now and then."""
    second = [chance.choice(team)] if chance.random() < 0.3 else []
    return list(dict.fromkeys([owners[0], *second]))


def history(
    choose: Chooser,
    people: int = 10,
    years: int = 5,
    a_year: int = 200,
    tenure: float = 2.5,
    seed: int = 0,
) -> list[Change]:
    """Invent a history: areas with owners, and people who come and go.

    Args:
        choose: Who reviews.
        people: How many are there at a time.
        years: How long it lasts.
        a_year: How many changes a year has.
        tenure: After how many years people leave, in the mean.
        seed: Of what is by chance.
    """
    chance = random.Random(seed)
    names = iter(f"p{number:03}" for number in range(100_000))
    until = {next(names): chance.expovariate(1 / tenure) * YEAR for _ in range(people)}
    areas = [f"area{number}" for number in range(max(2, people))]
    made: dict[str, list[str]] = {area: [] for area in areas}
    changes = []
    for number in range(years * a_year):
        time = number * YEAR / a_year + chance.random() * DAY
        for gone in [person for person, end in until.items() if end < time]:
            del until[gone]
            until[next(names)] = time + chance.expovariate(1 / tenure) * YEAR
        team = sorted(until)
        area = chance.choice(areas)
        owners = team[areas.index(area) % len(team) :] + team
        author = owners[0] if chance.random() < 0.6 else chance.choice(team)
        moves = []
        for _ in range(1 + min(15, int(chance.expovariate(0.5)))):
            if not made[area] or chance.random() < 0.15:
                made[area].append(f"{area}/file{len(made[area])}.py")
                moves.append(Move("A", made[area][-1]))
            else:
                moves.append(Move("M", chance.choice(made[area])))
        unique = {move.path: move for move in reversed(moves)}
        asked = [it for it in choose(chance, area, team, owners) if it != author] or [
            it for it in team if it != author
        ][:1]
        changes.append(Change(time, (author,), tuple(asked), tuple(unique.values())))
    return changes
