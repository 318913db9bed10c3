"""Keep notebooks that git may delete: those that it ignores, and once had.

Where a branch still has a notebook that another ignores, `git switch` overwrites what
is on disk, and then deletes it, without a word. A second link to the file, in git's own
folder, survives that.
"""

import os
import shutil
from pathlib import Path

from twobus import git
from twobus.project import here

FOLDER = "twobus/notebooks"


def keep(notebooks: list[Path]) -> None:
    """Keep what is on disk now, and what is saved to it later.

    Only notebooks with outputs that git does not have: all else can be made again.
    """
    folder = _folder()
    if folder is None or not notebooks:
        return
    words = ["ls-files", "-z", "--", here().name(here().notebooks)]
    known = {*git.names(git.ask(*words, cwd=here().root) or "")}
    for notebook in notebooks:
        place = folder / notebook.relative_to(here().notebooks)
        if here().name(notebook) in known or _is_kept(notebook, place):
            continue
        if '"output_type"' in notebook.read_text("utf-8", "replace"):
            _link(notebook, place)


def restore(notebook: Path) -> bool:
    """Bring back a notebook that is gone; tell whether one was kept."""
    folder = _folder()
    place = folder / notebook.relative_to(here().notebooks) if folder else None
    if place is None or not place.is_file():
        return False
    _link(place, notebook)
    print(
        f"{here().name(notebook)} was gone, and is back with its outputs. If it should "
        f"not be, remove {place} as well."
    )
    return True


def _is_kept(notebook: Path, place: Path) -> bool:
    if not place.exists():
        return False
    one, other = notebook.stat(), place.stat()
    same = (one.st_mtime_ns, one.st_size) == (other.st_mtime_ns, other.st_size)
    return notebook.samefile(place) or same


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        # Another disk, or one without links: as it is now is better than nothing.
        shutil.copy2(source, target)


def _folder() -> Path | None:
    """Return where this worktree keeps them; git leaves it alone."""
    found = git.ask("rev-parse", "--git-path", FOLDER, cwd=here().root)
    return here().root / found if found else None
