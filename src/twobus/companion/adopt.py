"""Bring an existing repository under Twobus, on a branch of its own.

The template is rendered with answers guessed from the repository, and merged into a
clone that is thrown away, as if both had begun from nothing: what only one of them has
stays, and where they differ, git leaves a conflict.
"""

import json
import re
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import yaml

from twobus.companion.advice import Tree, advise, some
from twobus.companion.branch import (
    borrow,
    check_out,
    commit,
    files,
    merge,
    publish,
    refuse_hidden,
    refuse_unready,
    tree,
)
from twobus.companion.fit import Adoption, fit
from twobus.companion.guess import guess
from twobus.companion.template import Template, absolute, fetch, render
from twobus.companion.update import refuse_unknown
from twobus.git import git, names, top
from twobus.project import ANSWERS, StopError, answers, leads_out

BRANCH = "twobus/adopt"
# Files pass through the clone byte by byte: no filter or line end is applied.
AS_THEY_ARE = "* -text -filter -ident -working-tree-encoding !merge\n"
CRUFT = ".cruft.json"


def adopt(
    project: Path, address: str, *, data: Mapping[str, Any], interactive: bool
) -> Adoption:
    """Bring a repository under Twobus, on the branch `twobus/adopt`.

    Args:
        project: The repository's folder.
        address: Where the template is.
        data: Answers that are certain.
        interactive: Whether to ask the person at the terminal.

    Returns:
        What was done.

    Raises:
        StopError: If it cannot be done; then nothing has changed.
    """
    here, address = top(project), absolute(address)
    _refuse_adopted(here, address)
    with tempfile.TemporaryDirectory(prefix="twobus-") as name:
        work = Path(name)
        clone, own = borrow(here, work / "clone" / here.name)
        seen = refuse_unready(here, clone, BRANCH)
        template = fetch(address, work / "template.git")
        release = template.newest
        if "package_name" not in template.questions(release):
            raise StopError(f"{address} is not Twobus: name its address by --template.")
        refuse_unknown(data, template, release)
        found = Adoption(str(project), "clean", new=release.name)
        check_out(clone, AS_THEY_ARE)
        theirs = _files(clone)
        links = [name for name, mode in theirs.items() if mode == "120000"]
        if away := [name for name in links if leads_out(clone, name)]:
            found.notes.append(
                f"{some(away)}: nobody reads where these links lead, which is out of "
                "the repository; they are as they were."
            )
        known = frozenset(theirs)
        guessed = guess(clone, here, sorted(known))
        made, managed = _render(template, guessed, data, interactive, work / here.name)
        found.answers = _asked(answers(made))
        _set_aside(clone, theirs, found)
        fit(made, managed, clone, theirs, found)
        refuse_hidden(here, found.added, known)
        both = [name for name in files(made) if name in known]
        repository = Tree(clone, made, sorted(known), found.added, both, found.answers)
        found.advice = advise(repository)
        nothing = git("mktree", cwd=clone).strip()
        merge(clone, _start(clone), [nothing, tree(clone, made)], found)
        git("reset", "--quiet", "--soft", own, cwd=clone)
        commit(clone, f"Adopt Twobus {release.name}", found)
        publish(clone, own, here, BRANCH, seen)
        found.branch = BRANCH
        found.state = "conflicts" if found.conflicts else "clean"
    return found


def home() -> str:
    """Return where this companion came from.

    Raises:
        StopError: If it does not know.
    """
    try:
        stated = distribution("twobus").read_text("direct_url.json")
    except PackageNotFoundError:
        stated = None
    direct = json.loads(stated or "{}")
    url = str(direct.get("url", ""))
    if url.startswith("file:"):
        url = url2pathname(urlsplit(url).path)
        url = url if Path(url, "copier.yml").is_file() else ""
    # What pip and uv were given may hold a password; git has other ways to know it.
    url = re.sub(r"^(https?://)[^/@]*@", r"\1", url)
    if not url or "archive_info" in direct:
        raise StopError(
            "This companion does not know where the template is: name its address by "
            "--template."
        )
    return url


def _refuse_adopted(here: Path, address: str) -> None:
    """Refuse a project that Twobus made.

    Raises:
        StopError: If it is one.
    """
    if (here / ANSWERS).is_file():
        recorded = answers(here)
        if "seeded" in recorded or recorded.get("_src_path") == address:
            raise StopError(
                f"{ANSWERS} says that Twobus made this project: run twobus update."
            )


def _files(clone: Path) -> dict[str, str]:
    """Return what git has, with the modes."""
    lines = names(git("ls-files", "--stage", "-z", cwd=clone))
    parts = (line.split("\t", 1) for line in lines)
    return {name: about.split()[0] for about, name in parts}


def _render(
    template: Template,
    guessed: dict[str, Any],
    data: Mapping[str, Any],
    interactive: bool,
    folder: Path,
) -> tuple[Path, set[str]]:
    """Render all that the template gives, and tell what it goes on to manage.

    Copier takes guesses for recorded answers: it offers them, and drops those that its
    own rules refuse.
    """
    known = folder.parent / "guesses.yml"
    known.write_text(yaml.safe_dump(guessed, allow_unicode=True), "utf-8")
    release = template.newest
    made = render(
        template,
        release,
        folder.parent / "made" / folder.name,
        answers=dict(data),
        recorded=known,
        interactive=interactive,
    )
    managed = render(
        template,
        release,
        folder.parent / "managed" / folder.name,
        recorded=made / ANSWERS,
        exclude=template.once(release),
    )
    return made, set(files(managed))


def _asked(recorded: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in recorded.items() if k[0] != "_" and k != "seeded"}


def _set_aside(clone: Path, theirs: dict[str, str], found: Adoption) -> None:
    """Let another template keep its record beside ours."""
    if (clone / CRUFT).is_file():
        found.notes.append(
            f"{CRUFT} is kept, and cruft goes on to follow the old template: remove "
            "it, and cruft from CI, so that no two templates undo each other's work."
        )
    if ANSWERS not in theirs:
        return
    source = str(answers(clone).get("_src_path") or "other")
    slug = re.sub(r"\W+", "-", PurePosixPath(source).name.removesuffix(".git"))
    aside = f".copier-answers.{slug.strip('-').lower() or 'other'}.yml"
    if aside in theirs:
        raise StopError(
            f"There are {ANSWERS} and {aside}: remove one, and commit that."
        )
    git("mv", ANSWERS, aside, cwd=clone)
    theirs[aside] = theirs.pop(ANSWERS)
    found.notes.append(
        f"{ANSWERS} of {source} is {aside} now, and uvx copier update --answers-file "
        f"{aside} follows that template. Where both write a file, choose one of them."
    )


def _start(clone: Path) -> str:
    """Store what is in a clone's folder as the commit from which to merge."""
    git("add", "--all", cwd=clone)
    made = git("write-tree", cwd=clone).strip()
    words = ["commit-tree", made, "-p", "HEAD", "-m", "Make room"]
    start = git(*words, cwd=clone).strip()
    git("reset", "--quiet", "--soft", start, cwd=clone)
    return start
