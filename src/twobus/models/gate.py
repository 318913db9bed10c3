"""What must be true of a version that serves: the same for people and for servers."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from twobus import git
from twobus.models import sealed
from twobus.models.declaration import ModelError, unanswered
from twobus.project import StopError, here

if TYPE_CHECKING:
    from twobus.models.registry import Version

NOT_COMMITTED = "It was trained with changes that are not committed: commit them first."
ON_SAMPLES = "It was trained on the samples: set DATA_URL to the real data first."


def objections(version: Version) -> list[str]:
    """Say why a version must not be promoted; nothing if it may."""
    page = f"docs/models/{version.name}.md"
    empty = unanswered(version.name)
    return [
        *faults(version),
        *(
            f"{page} says nothing below {title!r}."
            if title
            else f"{page} has no section: write ## Intended use, and below it for whom."
            for title in empty
        ),
    ]


def faults(version: Version) -> list[str]:
    """Say why a version must not serve, whoever has promoted it; nothing if it may."""
    low = (f"{it.missed}." for it in version.scores if it.missed)
    return [*distrust(version), *low]


def distrust(version: Version) -> list[str]:
    """Say why a version must not be asked at all, however good; nothing if it may."""
    facts = version.facts
    return [
        *([NOT_COMMITTED] * facts["dirty"]),
        *([ON_SAMPLES] * facts["samples"]),
        *_elsewhere(facts["commit"]),
    ]


def _elsewhere(commit: str) -> list[str]:
    """Say that a commit is not on the main branch, where git can tell."""
    root = here().root
    try:
        main = git.main(root)
        if not main or git.holds(root, main, commit):
            return []
    except StopError:
        # Where it only serves, there may be no git.
        return []
    return [
        f"Its commit {commit[:12]} is not on {main}: merge and push it, or train again "
        f"from {main}."
    ]


def prove(files: Path, commit: str) -> None:
    """Refuse code of a version that git does not have on the main branch.

    Args:
        files: The files of the version.
        commit: The commit that it says it is of.

    Raises:
        ModelError: If its code is another, or nothing can be told.
    """
    root = here().root
    try:
        main = git.main(root)
        known = bool(main) and git.holds(root, main, commit)
    except StopError:
        main, known = "", False
    for name, content in sealed.sources(files) if known else ():
        # A checkout may have other ends of lines, and git's output is read as text.
        text = content.decode("utf-8", "surrogateescape").replace("\r\n", "\n")
        with suppress(StopError):
            if git.git("cat-file", "blob", f"{commit}:./{name}", cwd=root) == text:
                continue
        raise ModelError(f"its {name} is not the one of commit {commit[:12]}")
    if not known:
        where = f"on {main}" if main else "known here, where git tells nothing"
        raise ModelError(
            f"its code is another than today's, and its commit {commit[:12]} is not "
            f"{where}: set TRUST_REGISTRY=true if only people whose code is reviewed "
            "can write to the registry"
        )
