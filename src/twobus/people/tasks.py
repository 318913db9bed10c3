"""`poe people`: who knows what."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from twobus.people.approvals import refresh
from twobus.people.many import Many, survey_all
from twobus.people.page import render, render_many
from twobus.people.settings import TABLE, settings
from twobus.people.survey import YOUNG, Survey, survey
from twobus.people.words import alone, files, trend, verdict
from twobus.project import StopError, here
from twobus.tasks import task

# What a terminal shows; the page has all.
SHOWN = 20
NAMED = 3


@task
def people(folders: Sequence[str] = (), as_json: bool = False, on: str = "") -> None:
    """Say who knows what, and write `reports/people.html`.

    Args:
        folders: Projects to look at instead of this one; then the page is
            `reports/people-of-many.html`.
        as_json: Print one JSON object instead.
        on: The day for which that is, such as 2026-01-31; today if empty.

    Raises:
        SystemExit: If git does not know, or a setting cannot be understood.
    """
    project, day = here(), _day(on)
    # Tasks work in the project's folder, and people elsewhere, too.
    started = os.environ.get("POE_PWD") or "."
    roots = {folder: Path(started, folder).resolve() for folder in folders}
    for folder, root in (roots or {"": project.root}).items():
        if root.is_dir() and (told := refresh(root)):
            print(f"{folder}: {told}".removeprefix(": "), file=sys.stderr)
    found: Survey | Many
    if roots:
        found = survey_all(roots, day)
        name, lines = "people-of-many.html", _lines_of_many(found)
        text = render_many(found, day.date().isoformat())
    else:
        found = survey(project.root, settings(project), day)
        name, lines = "people.html", _lines(found)
        text = render(found, project.root.name)
    if as_json:
        print(json.dumps(asdict(found), ensure_ascii=False, indent=2))
    else:
        page = project.reports / name
        page.parent.mkdir(exist_ok=True)
        page.write_text(text, "utf-8", newline="\n")
        print("\n".join(lines))
        print(f"\nPage: {project.name(page)}")
    if isinstance(found, Many) and found.unknown:
        raise StopError(f"Nothing is known of {len(found.unknown)} of them, see above.")


@task
def name_alone() -> None:
    """Print a line if files rest on one person; fail where a limit says so.

    Raises:
        SystemExit: If more do than `[tool.twobus.people]` allows, in a project that is
            older than a month.
    """
    said = settings(here())
    try:
        found = survey(here().root, said, datetime.now(UTC))
    except StopError as error:
        print(f"Who knows what is not counted. {error}")
        return
    if not found.at_risk:
        return
    line = f"{alone(found)}: uv run poe people."
    risky = len(found.at_risk)
    if said.limit is None or risky <= said.limit or found.age < YOUNG:
        print(line)
    else:
        raise StopError(
            f"{line} That is {files(risky)}, and limit in {TABLE} allows {said.limit}."
        )


def _day(text: str) -> datetime:
    """Return the end of a day, or now."""
    if not text:
        return datetime.now(UTC)
    try:
        day = datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        raise StopError(f"{text} is no day: write it as 2026-01-31.") from None
    return day.replace(hour=23, minute=59, tzinfo=UTC)


def _lines(found: Survey) -> Iterator[str]:
    yield from verdict(found)
    yield ""
    rows = [
        (
            f"{row.kind} {row.name}",
            f"{row.at_risk} of {row.files}",
            trend(row.before, row.at_risk),
            str(row.bus_factor),
            ", ".join(row.known_to[:NAMED]) + ", …" * (len(row.known_to) > NAMED),
            row.nearest,
        )
        for row in found.rows[:SHOWN]
    ]
    head = ("", "at risk", "in a year", "bus factor", "known to", "nearest to it")
    yield from _table(head, *rows)
    if len(found.rows) > SHOWN:
        yield f"… and {len(found.rows) - SHOWN} more on the page."
    for person, paths in found.leaving.items():
        named = ", ".join(paths[:NAMED]) + ", …" * (len(paths) > NAMED)
        yield f"If {person} leaves, nobody here knows {files(len(paths))}: {named}"


def _lines_of_many(found: Many) -> Iterator[str]:
    rows = [
        (
            folder,
            f"{len(one.at_risk)} of {one.files}",
            trend(one.before, len(one.at_risk)),
            str(one.bus_factor),
            ", ".join(one.here[:NAMED]) + ", …" * (len(one.here) > NAMED),
        )
        for folder, one in found.projects.items()
    ]
    if rows:
        yield from _table(("", "at risk", "in a year", "bus factor", "here"), *rows)
    for person, its in found.leaving.items():
        named = (f"{files(len(paths))} of {folder}" for folder, paths in its.items())
        yield f"If {person} leaves, nobody here knows {', '.join(named)}"
    for folder, reason in found.unknown.items():
        yield f"{folder}: {reason}"


def _table(*rows: tuple[str, ...]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()
