"""Say how a project stands to its template, also what Copier keeps to itself."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from twobus.companion.branch import borrow, changed, conflicts, tree
from twobus.companion.template import Template, render
from twobus.git import git, names, top
from twobus.project import answers


@dataclass
class Status:
    """How a project stands to its template.

    Attributes:
        path: The project's folder.
        state: `current`, `behind`, `conflicts` or `failed`.
        recorded: The release that it was made from, or updated to.
        newest: The newest release.
        uncommitted: Whether there are changes that are not committed.
        edited: Managed files that people have changed.
        deleted: Managed files that people have deleted.
        moved: Managed files that people have moved, with where they are now.
        conflicts: Files in which an update has left something to resolve.
        notes: Sentences on what could not be done.
        changes: What the changelog says since, by release, the newest first.
    """

    path: str
    state: str
    recorded: str = ""
    newest: str = ""
    uncommitted: bool = False
    edited: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    conflicts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    changes: dict[str, str] = field(default_factory=dict)


def status(project: Path, template: Template) -> Status:
    """Compare a project with the release that it records, and with the newest.

    Raises:
        StopError: If that cannot be done.
    """
    here = top(project)
    old, new = template.release(str(answers(here)["_commit"])), template.newest
    found = Status(str(project), "current", old.name, new.name)
    if template.is_newer(new, old):
        found.state = "behind"
        found.changes = template.changes(old, new)
    with tempfile.TemporaryDirectory(prefix="twobus-") as name:
        clone, own = borrow(here, Path(name, "clone"))
        found.uncommitted = bool(changed(here, clone))
        if conflicting := conflicts(here, clone):
            found.state, found.conflicts = "conflicts", conflicting
        made = render(
            template,
            old,
            Path(name, "made", here.name),
            answers=answers(here),
            exclude=template.once(old),
        )
        words = ["diff", "--name-status", "--find-renames", "-z"]
        differing = git(*words, tree(clone, made), own, cwd=clone)
        _sort(names(differing), found, set(template.shared(old)))
    return found


def _sort(changes: list[str], found: Status, shared: set[str]) -> None:
    """Sort what git says has changed in managed files."""
    rest = iter(changes)
    for kind in rest:
        name = next(rest)
        if kind[0] == "R":
            found.moved[name] = next(rest)
        elif kind[0] == "D":
            found.deleted.append(name)
        elif kind[0] in "MT" and name not in shared:
            found.edited.append(name)
