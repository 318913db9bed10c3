"""`poe handover`: how a second one learns what one person alone knows."""

import re
from datetime import UTC, datetime

from twobus.people.handover import meant, steps
from twobus.people.history import history
from twobus.people.page import render_handover
from twobus.people.settings import settings
from twobus.people.survey import Surveyor
from twobus.project import Project, here
from twobus.tasks import kind, task


@task
def handover(person: str) -> None:
    """Write a page of what one person alone knows, with a step for each part.

    Args:
        person: A login, a name or an address.

    Raises:
        SystemExit: If git knows nobody of that name, or does not know at all.
    """
    project, now = here(), datetime.now(UTC)
    found = history(project.root)
    who = meant(person, found)
    served, unknown = _served(project)
    surveyor = Surveyor(found, settings(project), now)
    todo = steps(surveyor, who, project.root, served)
    name = re.sub(r"[^\w.-]+", "-", found.names[who]).strip("-.").lower()
    page = project.reports / f"handover-{name}.html"
    page.parent.mkdir(exist_ok=True)
    day = now.date().isoformat()
    text = render_handover(todo, found.names[who], project.root.name, day)
    page.write_text(text, "utf-8", newline="\n")
    for step in todo:
        second = f"{step.second}, who {step.reason}" if step.second else "somebody new"
        use = f" ({step.use})" * bool(step.use)
        print(f"[ ] {step.kind} {step.name}{use}: {second}. First: {step.first}.")
    if not todo:
        print(f"Somebody else here knows each file that {found.names[who]} knows.")
    print(f"\nPage: {project.name(page)}{unknown}")


def _served(project: Project) -> tuple[list[str], str]:
    """Return which models serve, and what is to be said where nobody knows."""
    if kind(project) != "model":
        return [], ""
    # Imported late: who has no models has not what loads them.
    from twobus.models.declaration import ModelError, names
    from twobus.models.registry import champion

    try:
        return [name for name in names() if champion(name) is not None], ""
    except ModelError as error:
        return [], f"\nWhich models serve is not known: {error}"
