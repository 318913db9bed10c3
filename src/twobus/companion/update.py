"""Update a project on a branch of its own: Copier renders, git merges.

Both releases are rendered, and what changed between them is merged.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from twobus.companion.branch import (
    Outcome,
    borrow,
    check_out,
    commit,
    conflicts,
    files,
    merge,
    publish,
    refuse_hidden,
    refuse_unready,
    tree,
)
from twobus.companion.lock import UNLOCKED
from twobus.companion.lock import lock as bring_up
from twobus.companion.migrate import advise, is_crossed, rewrite
from twobus.companion.template import Release, Template, render
from twobus.git import git, names, run, top
from twobus.project import (
    ANSWERS,
    Project,
    StopError,
    answers,
    ordinary,
    read_text,
    table,
)

BRANCH = "twobus/update"
# The note of an update that was not checked either.
GAP = "\n\n  # What yours imports."
NEW_QUESTION = "New question"
RUFF = re.compile(r'name = "ruff"\nversion = "([0-9][0-9a-z.]*)"')


def update(
    project: Path,
    template: Template,
    *,
    to: str = "",
    data: Mapping[str, Any] | None = None,
    check: bool = False,
) -> Outcome:
    """Bring a project to a release, on the branch `twobus/update`.

    Args:
        project: The project's folder.
        template: Its template.
        to: The release to bring it to; the newest if empty.
        data: Answers to change.
        check: Whether to run the project's checks on the result.

    Returns:
        What was done.

    Raises:
        StopError: If it cannot be done; then nothing has changed.
    """
    here, data = top(project), data or {}
    recorded = answers(here)
    release = template.find(to) if to else template.newest
    old = template.release(str(recorded["_commit"]))
    outcome = Outcome(str(project), "current", old.name, release.name)
    if template.is_newer(old, release):
        raise StopError(f"The project is at {old.name}, newer than {release.name}.")
    moved = template.address != recorded["_src_path"]
    with tempfile.TemporaryDirectory(prefix="twobus-") as name:
        work = Path(name)
        clone, own = borrow(here, work / "clone" / here.name)
        if old.ref == release.ref and not data and not moved:
            outcome.conflicts = conflicts(here, clone)
            outcome.state = "conflicts" if outcome.conflicts else "current"
            return outcome
        seen = refuse_unready(here, clone, BRANCH)
        refuse_unknown(data, template, release)
        package = recorded.get("package_name")
        if data.get("package_name", package) != package:
            raise StopError(
                "An update cannot rename the package, since your code imports it: move "
                "your code to a new project of that name."
            )
        outcome.changes = template.changes(old, release)
        before, after = _render_both(template, (old, release), here, data, work)
        if moved:
            _put_back_the_address(before, here)
        outcome.notes += _silent_changes(recorded, answers(after), data)
        if rooms := Project(here).ejected:
            listed = ", ".join(rooms)
            outcome.notes.append(f"Not updated, since this code is your own: {listed}.")
        check_out(clone)
        known = frozenset(names(git("ls-files", "-z", cwd=clone)))
        refuse_hidden(here, [name for name in files(after) if name not in known], known)
        _close_the_gap(before, after, clone)
        trees = [tree(clone, folder) for folder in (before, after)]
        merge(clone, own, trees, outcome)
        crossed = is_crossed(before, after, str(package))
        if crossed:
            advise(before, after, clone, str(package), outcome)
        subject = _subject(old, release, data, template.address if moved else "")
        if not commit(clone, subject, outcome):
            return outcome
        outcome.branch = BRANCH
        if crossed:
            library = str(answers(after).get("seeded", {}).get("library") or "")
            outcome.notes += rewrite(clone, str(package), library)
            commit(clone, "Import common code from the package twobus", outcome)
        if data:
            both = (recorded, answers(after))
            outcome.notes += _left_over(template, release, clone, both, work)
            outcome.notes += _moved_data(*both, clone)
        _settle(clone, own, outcome, check)
        publish(clone, own, here, BRANCH, seen)
    return outcome


def refuse_unknown(
    data: Mapping[str, Any], template: Template, release: Release
) -> None:
    """Refuse answers to questions that there are not: Copier would take them silently.

    Raises:
        StopError: If there are any.
    """
    unknown = data.keys() - set(template.questions(release))
    if unknown:
        raise StopError(f"There is no question {', '.join(sorted(unknown))}.")


def _render_both(
    template: Template,
    releases: tuple[Release, Release],
    here: Path,
    data: Mapping[str, Any],
    work: Path,
) -> tuple[Path, Path]:
    """Render a project as it was made, and as it would be made today.

    Both without what is given once, unless a new answer brings it.
    """
    old, new = releases
    recorded = answers(here)
    before = render(
        template,
        old,
        work / "before" / here.name,
        answers=recorded,
        # A file that only a new answer needs goes away; what is given once does not.
        exclude=[*template.once(old), *template.once(new, only_given=True)],
    )
    # Here imports are rewritten, so that nothing must stand in for what has moved.
    seeded = dict(recorded.get("seeded") or {}, package=True)
    known = work / "recorded.yml"
    known.write_text(
        yaml.safe_dump(dict(recorded, seeded=seeded), allow_unicode=True), "utf-8"
    )
    after = render(
        template,
        new,
        work / "after" / here.name,
        answers=dict(data),
        recorded=known,
        exclude=template.once(new),
    )
    return before, after


def _silent_changes(
    old: Mapping[str, Any], new: Mapping[str, Any], data: Mapping[str, Any]
) -> list[str]:
    """Say which answers are new, and which were not accepted any more."""
    notes = []
    for question, answer in new.items():
        if question.startswith("_") or question in {"seeded", *data}:
            continue
        if question not in old:
            notes.append(f"{NEW_QUESTION} {question}: answered with {answer!r}.")
        elif old[question] != answer:
            notes.append(
                f"{question} was {old[question]!r}, which is not offered any more: "
                f"it is {answer!r} now."
            )
    return notes


def _close_the_gap(before: Path, after: Path, clone: Path) -> None:
    """Take an empty line out of the rendered projects that `uv add` takes out.

    Earlier releases have it beside lines that change, which would be a conflict.
    """
    name = "pyproject.toml"
    closed = GAP.replace("\n\n", "\n")
    file = ordinary(clone, name)
    own = read_text(file) if file else ""
    if GAP in own or closed not in own:
        return
    for file in (before / name, after / name):
        file.write_text(file.read_text("utf-8").replace(GAP, closed), "utf-8")


def _put_back_the_address(before: Path, here: Path) -> None:
    """Let a project as it was made name the template's place as its files do today.

    It was rendered from the new place, since the old one may be gone.
    """
    # Only an update writes it, so that the project's own is what was made.
    shutil.copy(here / ANSWERS, before / ANSWERS)
    rendered, today = (_source(folder) for folder in (before, here))
    if rendered and today:
        file = before / "pyproject.toml"
        text = file.read_text("utf-8")
        file.write_text(text.replace(f'"{rendered}"', f'"{today}"'), "utf-8")


def _source(folder: Path) -> str:
    """Return from where a project installs the package, empty if nothing says so."""
    try:
        own = table(Project(folder).pyproject, "tool", "uv", "sources", "twobus")
    except StopError:
        return ""
    return str(own.get("git") or "")


def _subject(old: Release, new: Release, data: Mapping[str, Any], moved_to: str) -> str:
    if old.ref == new.ref and moved_to and not data:
        return f"Follow the template to {moved_to}"
    if old.ref == new.ref:
        return f"Change {', '.join(data)} in the answers to Twobus"
    return f"Update Twobus from {old.name} to {new.name}"


def _left_over(
    template: Template,
    release: Release,
    clone: Path,
    both: tuple[Mapping[str, Any], Mapping[str, Any]],
    work: Path,
) -> list[str]:
    """Say which files the old answers brought, and the new ones would not."""
    old, new = (
        set(files(render(template, release, work / side / "x", answers=dict(given))))
        for side, given in zip(("old", "new"), both, strict=True)
    )
    left = sorted(name for name in old - new if (clone / name).is_file())
    return (
        [f"Delete what you do not need; no answer asks for it: {', '.join(left)}."]
        if left
        else []
    )


def _moved_data(
    old: Mapping[str, Any], new: Mapping[str, Any], clone: Path
) -> list[str]:
    """Say what follows from reading by another library, or by none."""
    package = new["package_name"]
    was, now = (
        given.get("seeded", {}).get("library") or f"{package}.data"
        for given in (old, new)
    )
    if was == now:
        return []
    notes = [f"Your code reads by {now} now: write that where it imports {was}."]
    own = sorted((clone / "src" / package / "tables").glob("[!_]*.py"))
    if own and now != f"{package}.data":
        tables = ", ".join(file.stem for file in own)
        notes.append(f"These tables are read from the library only: {tables}.")
    return notes


def _settle(clone: Path, own: str, outcome: Outcome, check: bool) -> None:
    """Bring lock and format up to date, and run the checks if asked to."""
    outcome.state = "conflicts" if outcome.conflicts else "clean"
    lock = clone / "uv.lock"
    # What is written through a link may be anywhere.
    if lock.is_symlink() or not lock.is_file():
        outcome.notes.append("There is no uv.lock: run uv lock, and commit it.")
        return
    if {"pyproject.toml", "uv.lock"} & set(outcome.conflicts):
        outcome.notes.append(f"{UNLOCKED}: run uv lock when all is resolved.")
        return
    uv = os.environ.get("UV", "uv")
    if said := bring_up(clone, uv):
        outcome.state = "conflicts" if outcome.conflicts else "unlocked"
        outcome.notes += said
        return
    commit(clone, "Lock dependencies after the update", outcome)
    if outcome.conflicts:
        return
    words = ["diff", "--name-only", "--diff-filter=AMR", "-z", own, "--", "*.py"]
    changed = names(git(*words, cwd=clone))
    if changed and (version := RUFF.search(lock.read_text("utf-8"))):
        ruff = [uv, "tool", "run", "--quiet", f"ruff@{version[1]}"]
        sort = ["check", "--quiet", "--fix-only", "--exit-zero", "--select=I"]
        run([*ruff, *sort, "--force-exclude", "--", *changed], clone)
        run([*ruff, "format", "--force-exclude", "--", *changed], clone)
        commit(clone, "Format after the update", outcome)
    if check:
        result = run([uv, "run", "--quiet", "--locked", "poe", "check"], clone)
        if result.returncode:
            outcome.state = "unchecked"
            said = _failures(result.stdout + result.stderr)
            outcome.notes += ["poe check failed on the branch:", *said[-20:]]


def _failures(output: str) -> list[str]:
    """Return what the failing tasks of `poe check` said, which run side by side."""
    lines = output.strip().splitlines()
    ended = " ".join(line for line in lines if "non-zero exit status" in line)
    failed = set(re.findall(r"'([a-z-]+)", ended))
    said = []
    for line in lines:
        task, bar, words = line.partition(" | ")
        passed = words.endswith(("Passed", "Skipped"))
        if bar and words and not passed and task.split("[")[0] in failed:
            said.append(line)
    return said or lines
