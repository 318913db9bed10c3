"""Who knows what in many projects, in all of which people are the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from twobus.people.history import History, history
from twobus.people.identities import Identities
from twobus.people.settings import settings
from twobus.people.survey import Survey, Surveyor
from twobus.project import Project, StopError


@dataclass(frozen=True)
class Many:
    """Who knows what in many projects.

    Attributes:
        projects: What is known of each, by its folder; those with most files at risk,
            of all that it has, come first.
        unknown: Why nothing is known of the others.
        leaving: Which files nobody here would know without a person, by project, in
            the order of the alphabet.
    """

    projects: dict[str, Survey]
    unknown: dict[str, str]
    leaving: dict[str, dict[str, tuple[str, ...]]]


def survey_all(roots: Mapping[str, Path], now: datetime) -> Many:
    """Find out who knows what in many projects.

    People are one where they have an address in common, or a name of two words.

    Args:
        roots: The folders of the projects, by what people call them.
        now: The time for which that is.
    """
    histories: dict[str, History] = {}
    surveys: dict[str, Survey] = {}
    unknown: dict[str, str] = {}
    for folder, root in roots.items():
        try:
            project = Project(root)
            histories[folder] = history(root, strange=True)
            surveyor = Surveyor(histories[folder], settings(project), now)
            surveys[folder] = surveyor.survey()
        except StopError as error:
            unknown[folder] = str(error)
    called = _called(histories)
    leaving: dict[str, dict[str, tuple[str, ...]]] = {}
    for folder, found in surveys.items():
        for name, paths in found.leaving.items():
            leaving.setdefault(called[folder, name], {})[folder] = paths
    ranked = sorted(
        surveys, key=lambda it: -len(surveys[it].at_risk) / max(1, surveys[it].files)
    )
    return Many(
        {folder: surveys[folder] for folder in ranked},
        unknown,
        dict(sorted(leaving.items(), key=lambda it: it[0].lower())),
    )


def _called(histories: dict[str, History]) -> dict[tuple[str, str], str]:
    """Return how people are called in all projects, by project and name there."""
    people = Identities()
    found = [
        (folder, name, word)
        for folder, its in histories.items()
        for person, name in its.names.items()
        for word in its.logins.get(person, ())
        if "@" in word
    ]
    for _, name, address in found:
        people.add(name, address)
    people.merge()
    names = people.names()
    return {
        (folder, name): names[people.of(name, address)]
        for folder, name, address in found
    }
