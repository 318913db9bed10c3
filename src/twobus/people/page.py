"""The page of who knows what, which needs no network."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from twobus.people.survey import Survey
from twobus.people.things import KINDS
from twobus.people.words import files, trend, verdict


def render(found: Survey, title: str) -> str:
    """Return the page of a survey.

    Args:
        found: The survey.
        title: How the project is called.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    groups = {kind: [row for row in found.rows if row.kind == kind] for kind in KINDS}
    return environment.get_template("page.html.j2").render(
        title=title,
        found=found,
        sentences=[*verdict(found)],
        groups={kind: rows for kind, rows in groups.items() if rows},
        files=files,
        trend=trend,
    )
