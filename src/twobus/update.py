"""Update a project on a branch of its own: Copier renders, git merges.

Nothing is done in the project's folder. Both releases are rendered, what changed
between them is merged in a clone that is thrown away, and the result arrives as one
branch, or not at all.
"""

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twobus.git import ask, git, names, run, top
from twobus.project import ANSWERS, StopError, answers
from twobus.template import Release, Template, render

BRANCH = "twobus/update"
# Tells the commits of an update from those of people.
TRAILER = "Twobus-Release"
# What people read in a conflict; `poe review` and the commit hook know them too.
YOURS, THEIRS = "before updating", "after updating"
# Folders that people have renamed get the template's new files as well.
MERGE = [
    "merge.conflictStyle=merge",
    "merge.directoryRenames=true",
    "merge.renormalize=true",
]
# As git writes them: people's own text may show a conflict.
MARKS = re.compile(
    rb"^(<<<<<<<|>>>>>>>) (?:HEAD|[0-9a-f]{40,64})(?=\r?$)", re.MULTILINE
)
RUFF = re.compile(r'name = "ruff"\nversion = "([^"]+)"')


@dataclass
class Outcome:
    """What an update did.

    Attributes:
        path: The project's folder.
        state: `current`, `clean`, `conflicts`, `unchecked` or `failed`: a clean
            update of which the project's checks did not pass is unchecked.
        old: The release that the project recorded.
        new: The release that it was brought to.
        branch: Where the result is, if there is one.
        conflicts: Files with parts that people must choose between.
        notes: Sentences on what was decided, or is left to do.
        changes: What the changelog says, by release, the newest first.
    """

    path: str
    state: str
    old: str = ""
    new: str = ""
    branch: str = ""
    conflicts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    changes: dict[str, str] = field(default_factory=dict)


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
    if old.ref == release.ref and not data:
        return outcome
    refuse_unready(here, BRANCH)
    refuse_unknown(data, template, release)
    if data.get("package_name", recorded["package_name"]) != recorded["package_name"]:
        raise StopError(
            "An update cannot rename the package, since your code imports it: move "
            "your code to a new project of that name."
        )
    outcome.changes = template.changes(old, release)
    with tempfile.TemporaryDirectory(prefix="twobus-") as name:
        work = Path(name)
        before, after = _render_both(template, (old, release), here, data, work)
        outcome.notes += _silent_changes(recorded, answers(after), data)
        if data:
            outcome.notes += _left_over(template, release, here, after, work)
        clone, own = borrow(here, work / "clone" / here.name)
        trees = [tree(clone, folder) for folder in (before, after)]
        merge(clone, own, trees, outcome)
        commit(clone, f"Update Twobus from {old.name} to {release.name}", outcome)
        _settle(clone, own, outcome, check)
        publish(clone, own, here, BRANCH)
    return outcome


def refuse_unready(here: Path, branch: str) -> None:
    """Refuse a project whose state, or whose branch for the result, is not clear.

    Raises:
        StopError: If work of people could get lost or mixed up.
    """
    if (
        ask("-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT", cwd=here)
        is None
    ):
        raise StopError(
            "git does not know who you are: git config --global user.name and "
            "user.email tell it."
        )
    if git("status", "--porcelain", cwd=here):
        raise StopError("There are changes that are not committed: commit them first.")
    if ask("symbolic-ref", "--short", "HEAD", cwd=here) == branch:
        raise StopError(
            f"You are on {branch}, the result of an earlier run: merge it first, "
            "or switch to another branch."
        )
    above = branch.split("/")[0]
    if ask("rev-parse", "--verify", f"refs/heads/{above}", cwd=here) is not None:
        raise StopError(
            f"A branch is called {above}, and git cannot have {branch} beside it: "
            f"git branch -m {above} another-name."
        )
    if ask("rev-parse", "--verify", f"refs/heads/{branch}", cwd=here) is None:
        return
    log = ["log", f"--format=%H %(trailers:key={TRAILER})", f"HEAD..{branch}"]
    if any(len(line.split()) == 1 for line in git(*log, cwd=here).splitlines() if line):
        raise StopError(
            f"Somebody has committed to {branch}: merge that branch, or delete it "
            f"by git branch -D {branch}."
        )


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
    without = template.once(new)
    before = render(
        template,
        old,
        work / "before" / here.name,
        answers=answers(here),
        exclude=[*template.once(old), *without],
    )
    after = render(
        template,
        new,
        work / "after" / here.name,
        answers=dict(data),
        recorded=here / ANSWERS,
        exclude=without,
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
            notes.append(f"New question {question}: answered with {answer!r}.")
        elif old[question] != answer:
            notes.append(
                f"{question} was {old[question]!r}, which is not offered any more: "
                f"it is {answer!r} now."
            )
    return notes


def _left_over(
    template: Template, release: Release, here: Path, after: Path, work: Path
) -> list[str]:
    """Say which files a changed answer brought, that the new one does not."""
    folders = [
        render(template, release, work / "with" / here.name, answers=answers(here)),
        render(template, release, work / "without" / here.name, answers=answers(after)),
    ]
    with_old, with_new = (
        {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
        for folder in folders
    )
    left = sorted(name for name in with_old - with_new if (here / name).is_file())
    if not left:
        return []
    return [f"No answer asks for these any more: {', '.join(left)}."]


def borrow(here: Path, folder: Path, attributes: str = "") -> tuple[Path, str]:
    """Make a clone that borrows a project's objects and has its settings.

    Args:
        here: The project's folder.
        folder: Where the clone is put.
        attributes: What holds for its files, whatever their own .gitattributes say.

    Returns:
        The clone, and the project's commit, which is checked out.
    """
    own = git("rev-parse", "HEAD", cwd=here).strip()
    git("clone", "--quiet", "--shared", "--no-checkout", "--no-tags", here, folder)
    config = git("rev-parse", "--git-path", "config", cwd=here).strip()
    git("config", "include.path", str(here / config), cwd=folder)
    git("config", "core.hooksPath", os.devnull, cwd=folder)
    if attributes:
        (folder / ".git" / "info").mkdir(exist_ok=True)
        (folder / ".git" / "info" / "attributes").write_text(attributes, "utf-8")
    git("checkout", "--quiet", "--detach", own, cwd=folder, GIT_LFS_SKIP_SMUDGE="1")
    return folder, own


def tree(clone: Path, rendered: Path) -> str:
    """Store a rendered project in a clone, and return the name of its tree."""
    index = {"GIT_INDEX_FILE": str(rendered.parent / "index")}
    words = [f"--git-dir={clone / '.git'}", f"--work-tree={rendered}"]
    git(*words, "add", "--all", "--force", cwd=rendered, **index)
    return git(*words, "write-tree", cwd=rendered, **index).strip()


def merge(clone: Path, own: str, trees: list[str], outcome: Outcome) -> None:
    """Merge what changed between two trees into a clone's own.

    git merges commits, so that the three trees become commits for the moment.
    """
    base = _store(clone, trees[0])
    theirs = _store(clone, trees[1], base)
    git(
        "checkout",
        "--quiet",
        "--detach",
        _store(clone, f"{own}^{{tree}}", base),
        cwd=clone,
    )
    flags = [word for setting in MERGE for word in ("-c", setting)]
    command = ["git", *flags, "merge", "--quiet", "--no-commit", "--no-ff", theirs]
    merged = run(command, clone)
    if ask("rev-parse", "--verify", "MERGE_HEAD", cwd=clone) is None:
        raise StopError(f"git merge failed: {merged.stderr.strip()}")
    _resolve(clone, theirs, outcome)
    git("add", "--all", cwd=clone)
    git("merge", "--quit", cwd=clone)
    git("reset", "--quiet", "--soft", own, cwd=clone)


def _store(clone: Path, tree: str, *parents: str) -> str:
    flags = [word for parent in parents for word in ("-p", parent)]
    return git("commit-tree", tree, *flags, "-m", "Render", cwd=clone).strip()


def _resolve(clone: Path, theirs: str, outcome: Outcome) -> None:
    """Keep what people have where git cannot put both versions into one file."""
    stages: dict[str, set[str]] = {}
    for line in names(git("ls-files", "--unmerged", "-z", cwd=clone)):
        where, name = line.split("\t", 1)
        stages.setdefault(name, set()).add(where.split()[2])
    for name, found in stages.items():
        file = clone / name
        text = file.read_bytes() if file.is_file() else b""
        if {"2", "3"} <= found and theirs.encode() in text:
            file.write_bytes(MARKS.sub(_label, text))
            outcome.conflicts.append(name)
        elif "2" in found:
            git("checkout", "--quiet", "--ours", "--", name, cwd=clone)
            gone = "3" not in found
            change = "does not have it any more" if gone else "has a new one"
            outcome.notes.append(f"{name} is as you left it; the template {change}.")
        else:
            git("rm", "--quiet", "--cached", "--ignore-unmatch", "--", name, cwd=clone)
            file.unlink(missing_ok=True)
            outcome.notes.append(
                f"{name} stays deleted, as you left it; the template has changed it."
            )


def _label(mark: re.Match[bytes]) -> bytes:
    side = YOURS if mark[1] == b"<<<<<<<" else THEIRS
    return mark[1] + b" " + side.encode()


def commit(clone: Path, subject: str, outcome: Outcome) -> None:
    """Commit what is in a clone's folder, if anything has changed."""
    git("add", "--all", cwd=clone)
    if ask("diff", "--cached", "--quiet", cwd=clone) is not None:
        return
    paragraphs = [subject]
    if outcome.conflicts and not outcome.branch:
        listed = "\n".join(f"- {name}" for name in outcome.conflicts)
        paragraphs.append(f"With conflicts to resolve in\n\n{listed}")
    paragraphs.append(f"{TRAILER}: {outcome.new}")
    message = "\n\n".join(paragraphs) + "\n"
    git("commit", "--quiet", "--no-verify", "--file=-", cwd=clone, text=message)


def _settle(clone: Path, own: str, outcome: Outcome, check: bool) -> None:
    """Bring lock and format up to date, and run the checks if asked to."""
    outcome.state = "conflicts" if outcome.conflicts else "clean"
    outcome.branch = BRANCH
    lock = clone / "uv.lock"
    if not lock.is_file():
        outcome.notes.append("There is no uv.lock: run uv lock, and commit it.")
        return
    if {"pyproject.toml", "uv.lock"} & set(outcome.conflicts):
        outcome.notes.append("Not locked yet: run uv lock when all is resolved.")
        return
    uv = os.environ.get("UV", "uv")
    locked = run([uv, "lock", "--quiet"], clone)
    if locked.returncode:
        outcome.state = "conflicts" if outcome.conflicts else "unchecked"
        outcome.notes += ["uv lock failed:", *locked.stderr.strip().splitlines()]
        return
    commit(clone, "Lock dependencies after the update", outcome)
    if outcome.conflicts:
        return
    words = ["diff", "--name-only", "--diff-filter=AMR", "-z", own, "--", "*.py"]
    changed = names(git(*words, cwd=clone))
    if changed and (version := RUFF.search(lock.read_text("utf-8"))):
        ruff = [uv, "tool", "run", "--quiet", f"ruff@{version[1]}"]
        run([*ruff, "format", "--force-exclude", "--", *changed], clone)
        commit(clone, "Format after the update", outcome)
    if check:
        result = run([uv, "run", "--quiet", "--locked", "poe", "check"], clone)
        if result.returncode:
            outcome.state = "unchecked"
            said = (result.stdout + result.stderr).strip().splitlines()
            outcome.notes += ["poe check failed on the branch:", *said[-20:]]


def publish(clone: Path, own: str, here: Path, branch: str) -> None:
    """Put the result into the project, in one step, unless it is there already."""
    result = git("rev-parse", "HEAD", cwd=clone).strip()
    existing = ask("rev-parse", "--verify", f"refs/heads/{branch}", cwd=here)
    if existing:
        trees = [f"{one}^{{tree}}" for one in (existing, result)]
        same = len(set(git("rev-parse", *trees, cwd=clone).split())) == 1
        if same and git("merge-base", existing, own, cwd=clone).strip() == own:
            return
    into = f"+{result}:refs/heads/{branch}"
    git("fetch", "--quiet", "--no-tags", clone, into, cwd=here)
