"""What one job hands to the next: the commits of an update, and how it went.

The first job runs code of a release that nobody has read, and has no right to write.
The second has that right, and runs what the project's lock names. What it is handed is
read as a stranger's: a pack of commits, and some words.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from twobus import git
from twobus.companion import fleet
from twobus.companion.branch import Outcome, is_same, touched
from twobus.companion.template import Release, Template, fetch
from twobus.companion.update import BRANCH, update
from twobus.project import StopError, answers

Tell = Callable[[str], None]

WORDS, PACK = "outcome.json", "changes.pack"
# More than any update has had: bytes of words, bytes and number of commits.
LONGEST, LARGEST, MOST = 1_000_000, 50_000_000, 9
SEALED = "refs/twobus/handed"
AGAIN = "run this again."
# Windows has no such links that others could have made.
FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
Text = Annotated[str, Field(max_length=10_000)]


class Handed(BaseModel):
    """What the words say.

    Attributes:
        release: The release that the project was brought to.
        commit: The last commit; empty where there was nothing to do.
        state: How it went, see `Outcome`.
        conflicts: Files to resolve.
        notes: What people should know.
    """

    model_config = ConfigDict(strict=True, extra="forbid")

    release: Text
    commit: Annotated[str, Field(pattern=r"^([0-9a-f]{40}|[0-9a-f]{64})?$")]
    state: Literal["current", "clean", "conflicts", "unlocked", "unchecked"]
    conflicts: Annotated[list[Text], Field(max_length=1000)]
    notes: Annotated[list[Text], Field(max_length=1000)]


def prepare(project: Path, folder: Path, tell: Tell) -> None:
    """Update a project as its last commit is, and put what is to be handed on.

    Args:
        project: The project's folder.
        folder: Where that is put; made if need be.
        tell: Gets a sentence for what was done.

    Raises:
        StopError: If it cannot be done.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="twobus-") as name:
        work = Path(name)
        clone = work / project.resolve().name
        git.clone(project.resolve(), clone)
        to, skip = ["-B", "main"], {"GIT_LFS_SKIP_SMUDGE": "1"}
        git.git("checkout", "--quiet", *to, cwd=clone, environment=skip)
        identify(clone, project)
        address = str(answers(clone).get("_src_path", ""))
        template = fetch(address, work / "template.git")
        old, new = way(clone, template)
        if is_current(template, old, new):
            outcome = Outcome(str(project), "current", old.name, new.name)
            tell(f"Nothing to update: the project is at {old.name}.")
        else:
            outcome = bring(clone, template, work, tell)
        _give(clone, outcome, folder)


def way(clone: Path, template: Template) -> tuple[Release, Release]:
    """Return the release that a project records, and the newest one."""
    return template.release(str(answers(clone).get("_commit"))), template.newest


def is_current(template: Template, old: Release, new: Release) -> bool:
    """Tell whether there is nothing to bring a project to."""
    return old.ref == new.ref or template.is_newer(old, new)


def bring(clone: Path, template: Template, work: Path, tell: Tell) -> Outcome:
    """Update a clone, on its branch, and run the checks of what comes."""
    with fleet.processes(work, [template]) as pool:
        outcome = pool.submit(partial(update, check=True), clone, template).result()
    for note in outcome.notes:
        tell(note)
    return outcome


def identify(clone: Path, project: Path) -> None:
    """Give a clone the identity of a project's folder, or one of ours."""
    ours = {"user.name": "Twobus", "user.email": "twobus@noreply.invalid"}
    for key, own in ours.items():
        value = git.ask("config", key, cwd=project, strange=True) or own
        git.git("config", key, value, cwd=clone)


def take(clone: Path, template: Template, folder: Path) -> tuple[Outcome, str]:
    """Put the commits that were handed on into a clone, if they are an update's.

    Nothing of them is checked out.

    Args:
        clone: A clone of the branch on which they must stand. Where it has the branch
            of an update, and that has the same content, that remains.
        template: The template, which says what the release is.
        folder: Where they are.

    Returns:
        How the update went, and the last commit.

    Raises:
        StopError: If they are no such commits, or somebody was quicker.
    """
    handed = _words(folder / WORDS)
    old, new = way(clone, template)
    if (handed.release, bool(handed.commit)) != (new.name, True):
        raise StopError(f"The template has just had its release {new.name}: {AGAIN}")
    commit = handed.commit
    pack = clone / ".git" / "objects" / "pack" / "pack-handed.pack"
    pack.parent.mkdir(exist_ok=True)
    pack.write_bytes(_read(folder / PACK, LARGEST))
    # Broken objects, paths such as .git/config, and links to nothing are refused.
    words = ["-c", "core.bigFileThreshold=1m", "index-pack", "--strict"]
    try:
        git.git(*words, pack, cwd=clone, limit=git.PATIENCE)
        git.git("update-ref", SEALED, commit, cwd=clone)
        git.git("rev-list", "--quiet", "--objects", f"HEAD..{SEALED}", cwd=clone)
    except StopError as error:
        raise StopError(f"What was handed on is no update. {error}") from None
    _refuse_others(clone)
    outcome = Outcome(
        str(folder),
        handed.state,
        old.name,
        new.name,
        BRANCH,
        handed.conflicts,
        handed.notes,
        template.changes(old, new),
    )
    seen = git.ask("rev-parse", "--verify", f"refs/heads/{BRANCH}", cwd=clone)
    own = git.git("rev-parse", "HEAD", cwd=clone).strip()
    if seen and is_same(clone, seen, commit, own):
        return outcome, seen
    return outcome, commit


def _give(clone: Path, outcome: Outcome, folder: Path) -> None:
    """Put what is to be handed on into a folder."""
    done = outcome.state != "current"
    commit = git.git("rev-parse", BRANCH, cwd=clone).strip() if done else ""
    handed = Handed(
        release=outcome.new,
        commit=commit,
        state=outcome.state,  # type: ignore[arg-type]
        conflicts=outcome.conflicts,
        notes=outcome.notes,
    )
    if done:
        pack = clone.parent / "changes"
        wanted = f"{commit}\n^HEAD\n"
        words = ["pack-objects", "--quiet", "--revs", str(pack)]
        name = git.git(*words, cwd=clone, text=wanted).strip()
        shutil.move(f"{pack}-{name}.pack", folder / PACK)
    (folder / WORDS).write_text(handed.model_dump_json(), "utf-8")


def _words(file: Path) -> Handed:
    try:
        return Handed.model_validate_json(_read(file, LONGEST))
    except ValidationError:
        raise StopError(
            f"{file.name} is not what an update hands on: look at the job before."
        ) from None


def _read(file: Path, most: int) -> bytes:
    """Read a file, which must be one, and no link that leads to another."""
    try:
        with os.fdopen(os.open(file, FLAGS), "rb") as stream:
            content = stream.read(most + 1)
    except OSError:
        raise StopError(
            f"There is no file {file}: has the job before put it there?"
        ) from None
    if len(content) > most:
        raise StopError(f"{file.name} has more than {most:,} bytes: it is no update.")
    return content


def _refuse_others(clone: Path) -> None:
    """Refuse commits that do not stand on this branch, or that are not an update's."""
    words = ["rev-list", "--parents", f"--max-count={MOST + 1}", f"HEAD..{SEALED}"]
    pairs = [line.split() for line in git.git(*words, cwd=clone).splitlines()]
    below = [*(pair[0] for pair in pairs[1:]), git.git("rev-parse", "HEAD", cwd=clone)]
    if not pairs or [pair[1:] for pair in pairs] != [[one.strip()] for one in below]:
        raise StopError(
            f"What was handed on does not stand on the project's last commit: {AGAIN}"
        )
    if len(pairs) > MOST or touched(clone, SEALED):
        raise StopError("What was handed on has commits that are not an update's.")
