"""The pages of who knows what, which need no network."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from twobus import content_policy
from twobus.people.handover import Step
from twobus.people.many import Many
from twobus.people.survey import Survey
from twobus.people.things import KINDS
from twobus.people.words import files, trend, verdict


def render(found: Survey, title: str) -> str:
    """Return the page of a survey.

    Args:
        found: The survey.
        title: How the project is called.
    """
    groups = {kind: [row for row in found.rows if row.kind == kind] for kind in KINDS}
    return _rendered(
        "page.html.j2",
        title=title,
        found=found,
        sentences=[*verdict(found)],
        groups={kind: rows for kind, rows in groups.items() if rows},
        trend=trend,
    )


def render_many(found: Many, day: str) -> str:
    """Return the page of many projects.

    Args:
        found: What is known of them.
        day: The day for which that is.
    """
    return _rendered("many.html.j2", found=found, day=day, trend=trend)


def render_handover(steps: list[Step], person: str, title: str, day: str) -> str:
    """Return the page of what one person hands over.

    Args:
        steps: What there is to do.
        person: How the person is called.
        title: How the project is called.
        day: The day for which that is.
    """
    return _rendered(
        "handover.html.j2", title=title, person=person, steps=steps, day=day
    )


def _rendered(template: str, **values: Any) -> str:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(template)
    return page.render(policy=content_policy.head(), files=files, **values)
