"""Bring a result into a repository as one branch, or not at all.

Everything is done in a clone that borrows the repository's objects and is thrown away:
the folder of people is not touched.
"""

import re
from collections.abc import Set
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from twobus.git import ask, clone, compared, git, names, put_back, run
from twobus.project import StopError, ordinary, read_text, read_toml

# Tells the commits made here from those of people.
TRAILER = "Twobus-Release"
# Tells whether people have amended or rebased one: it names the commit's own tree.
SEAL = "Twobus-Tree"
# What people read in a conflict; `poe review` and the commit hook know them too.
YOURS, THEIRS = "before updating", "after updating"
# Folders that people have renamed get the template's new files as well.
MERGE = [
    "merge.conflictStyle=merge",
    "merge.directoryRenames=true",
    "merge.renormalize=true",
    "merge.verifySignatures=false",
]
# As git writes them: people's own text may show a conflict.
MARKS = re.compile(
    rb"^(<<<<<<<|>>>>>>>) (?:HEAD|[0-9a-f]{40,64})(?=\r?$)", re.MULTILINE
)


@dataclass
class Outcome:
    """What an update did.

    Attributes:
        path: The project's folder.
        state: `current`, `clean`, `conflicts`, `unlocked` (`uv lock` failed),
            `unchecked` (the project's checks did not pass) or `failed`.
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


def refuse_unready(here: Path, clone: Path, branch: str) -> str:
    """Refuse a project whose state, or whose branch for the result, is not clear.

    Args:
        here: The project's folder.
        clone: A clone of it.
        branch: The branch for the result.

    Returns:
        Where the branch is, empty if there is none.

    Raises:
        StopError: If work of people could get lost or mixed up.
    """
    identity = ["-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT"]
    if ask(*identity, cwd=clone) is None:
        raise StopError(
            "git does not know who you are: git config --global user.name and "
            "user.email tell it."
        )
    if files := [line[3:] for line in changed(here, clone, "--untracked-files=no")]:
        raise StopError(f"Commit what has changed first: {', '.join(files)}.")
    if ask("symbolic-ref", "--short", "HEAD", cwd=here, strange=True) == branch:
        raise StopError(
            f"You are on {branch}, the result of an earlier run: merge it first, "
            "or switch to another branch."
        )
    above = branch.split("/")[0]
    known = ["rev-parse", "--verify"]
    if ask(*known, f"refs/heads/{above}", cwd=here, strange=True) is not None:
        raise StopError(
            f"A branch is called {above}, and git cannot have {branch} beside it: "
            f"git branch -m {above} another-name."
        )
    seen = ask(*known, f"refs/heads/{branch}", cwd=here, strange=True)
    if seen is None:
        return ""
    trees = git("worktree", "list", "--porcelain", cwd=here, strange=True)
    if f"branch refs/heads/{branch}\n" in trees:
        raise StopError(f"Another worktree is on {branch}: switch away from it there.")
    if touched(clone, seen):
        raise StopError(
            f"Somebody has committed to {branch}: merge that branch, or delete it "
            f"by git branch -D {branch}."
        )
    return seen


def changed(here: Path, clone: Path, *words: str) -> list[str]:
    """List what differs in a project's folder from its commit, as `git status` does."""
    words = ("status", "--porcelain", "--ignore-submodules=dirty", *words)
    view = compared(clone, here)
    return git(*words, cwd=here, strange=True, environment=view).splitlines()


def touched(clone: Path, branch: str) -> bool:
    """Tell whether people have committed to an update's branch, or changed a commit."""
    trailer = f"%(trailers:key={SEAL},valueonly,separator=%x20)"
    log = git("log", f"--format=%T {trailer}", f"HEAD..{branch}", cwd=clone)
    pairs = [line.partition(" ") for line in log.splitlines()]
    return any(tree != sealed for tree, _, sealed in pairs)


def refuse_hidden(here: Path, added: list[str], known: Set[str]) -> None:
    """Refuse where the branch would write over files that git ignores.

    git takes such files for worthless when it switches to the branch.

    Raises:
        StopError: If there are any.
    """
    theirs = {path for name in known for path in above(name)}
    hidden = {
        path
        for name in added
        # Where a file or a link of people is in the way, git knows of it.
        if known.isdisjoint(above(name)[:-1])
        for path in above(name)
        if path not in theirs and _stands(here / path, as_folder=path != name)
    }
    if hidden:
        raise StopError(
            f"{', '.join(sorted(hidden))}: this is not in git, and the template brings "
            "files of these names. Move yours away, or commit them."
        )


def _stands(file: Path, as_folder: bool) -> bool:
    if file.is_symlink():
        return True
    return file.exists() and not (as_folder and file.is_dir())


def above(name: str) -> list[str]:
    """Return a path and the folders that it lies in, the highest first."""
    return [*map(str, reversed(PurePosixPath(name).parents)), name]


def files(folder: Path) -> list[str]:
    """List the files in a folder, as git names them."""
    found = (file for file in folder.rglob("*") if not file.is_dir())
    return sorted(file.relative_to(folder).as_posix() for file in found)


def borrow(here: Path, folder: Path) -> tuple[Path, str]:
    """Clone a project, at its commit; no file is there yet.

    Returns:
        The clone, and the commit.
    """
    own = git("rev-parse", "HEAD", cwd=here, strange=True).strip()
    clone(here, folder)
    git("update-ref", "--no-deref", "HEAD", own, cwd=folder)
    return folder, own


def check_out(clone: Path, attributes: str = "") -> None:
    """Get the files of a clone's commit.

    Args:
        clone: The clone.
        attributes: What holds for its files, whatever their own .gitattributes say.
    """
    if attributes:
        (clone / ".git" / "info").mkdir(exist_ok=True)
        (clone / ".git" / "info" / "attributes").write_text(attributes, "utf-8")
    words = ["checkout", "--quiet", "--detach", "HEAD"]
    git(*words, cwd=clone, environment={"GIT_LFS_SKIP_SMUDGE": "1"})


def tree(clone: Path, rendered: Path) -> str:
    """Store a rendered project in a clone, and return the name of its tree."""
    index = {"GIT_INDEX_FILE": str(rendered.parent / "index")}
    words = [f"--git-dir={clone / '.git'}", f"--work-tree={rendered}"]
    git(*words, "add", "--all", "--force", cwd=rendered, environment=index)
    return git(*words, "write-tree", cwd=rendered, environment=index).strip()


def merge(clone: Path, own: str, trees: list[str], outcome: Outcome) -> None:
    """Merge what changed between two trees into a clone's own.

    git merges commits, so that the three trees become commits for the moment.
    """
    base = _store(clone, trees[0])
    theirs = _store(clone, trees[1], base)
    ours = _store(clone, f"{own}^{{tree}}", base)
    git("checkout", "--quiet", "--detach", ours, cwd=clone)
    flags = [word for setting in MERGE for word in ("-c", setting)]
    command = ["git", *flags, "merge", "--quiet", "--no-commit", "--no-ff", theirs]
    merged = run(command, clone)
    if ask("rev-parse", "--verify", "MERGE_HEAD", cwd=clone) is None:
        raise StopError(f"git merge failed: {merged.stderr.strip()}")
    _resolve(clone, theirs, outcome)
    _refuse_broken(clone, outcome)
    git("add", "--all", cwd=clone)
    git("merge", "--quit", cwd=clone)
    git("reset", "--quiet", "--soft", own, cwd=clone)


def _refuse_broken(clone: Path, outcome: Outcome) -> None:
    """Take a pyproject.toml that no tool can read any more for a conflict.

    git merges lines, and does not know that a table must not stand there twice.
    """
    name = "pyproject.toml"
    file = ordinary(clone, name)
    if name in outcome.conflicts or not file:
        return
    try:
        read_toml(read_text(file))
    except StopError as error:
        outcome.conflicts.append(name)
        outcome.notes.append(f"{name} {error} Put that right by hand.")


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


def commit(clone: Path, subject: str, outcome: Outcome) -> bool:
    """Commit what is in a clone's folder, and tell whether anything has changed."""
    git("add", "--all", cwd=clone)
    if ask("diff", "--cached", "--quiet", cwd=clone) is not None:
        return False
    paragraphs = [subject]
    if outcome.conflicts and not outcome.branch:
        listed = "\n".join(f"- {name}" for name in outcome.conflicts)
        paragraphs.append(f"With conflicts to resolve in\n\n{listed}")
    tree = git("write-tree", cwd=clone).strip()
    paragraphs.append(f"{TRAILER}: {outcome.new}\n{SEAL}: {tree}")
    message = "\n\n".join(paragraphs) + "\n"
    git("commit", "--quiet", "--no-verify", "--file=-", cwd=clone, text=message)
    return True


def publish(clone: Path, own: str, here: Path, branch: str, seen: str) -> None:
    """Put the result into the project, in one step, unless it is there already.

    Args:
        clone: Where the result is.
        own: The commit from which it was made.
        here: The project's folder.
        branch: The branch to make or to move.
        seen: Where the branch was before, empty if there was none.

    Raises:
        StopError: If somebody has moved the branch in the meantime.
    """
    if seen and is_same(clone, seen, "HEAD", own):
        return
    if not put_back(clone, here, branch, seen, own):
        raise StopError(f"{branch} has just been changed by somebody: run this again.")


def is_same(clone: Path, one: str, other: str, own: str) -> bool:
    """Tell whether a commit has the content of another, and stands on our own."""
    trees = git("rev-parse", f"{one}^{{tree}}", f"{other}^{{tree}}", cwd=clone)
    same = len(set(trees.split())) == 1
    return same and git("merge-base", one, own, cwd=clone).strip() == own


def conflicts(here: Path, clone: Path) -> list[str]:
    """List the files in which an update has left something to resolve."""
    view = compared(clone, here)

    def listed(*words: str) -> list[str]:
        # `git grep` fails where it finds nothing.
        return names(ask(*words, cwd=here, strange=True, environment=view) or "")

    words = ["diff", "--name-only", "--diff-filter=U", "--ignore-submodules=dirty"]
    unmerged = listed(*words, "-z")
    marks = f"^(<<<<<<< {YOURS}|>>>>>>> {THEIRS})"
    marked = listed("grep", "--files-with-matches", "-I", "-z", "-E", marks)
    rejected = listed("ls-files", "-co", "-z", "--", "*.rej")
    return sorted({*unmerged, *marked, *rejected})
