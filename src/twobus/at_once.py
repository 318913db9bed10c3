"""Change many files of a project at once: all of them, or none.

What they will hold, and what they held, is written into a folder beside them first;
then each is moved to its place. A run that was killed between two moves is completed
by the next one, and a run that was killed before the first one has changed nothing.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from twobus.project import StopError

# Tells that all is prepared.
READY = "ready"


def finish(root: Path, folder: Path) -> list[Path] | None:
    """Complete what an earlier run has begun, or undo it.

    Args:
        root: The project's folder.
        folder: Where that run has prepared its files.

    Returns:
        The files that are complete now; none if it is undone, since it had not come to
        a move; None if there was no such run.

    Raises:
        StopError: If it cannot be completed.
    """
    if not folder.is_dir():
        return None
    moved = []
    if (folder / READY).is_file():
        _see_untouched(root, folder)
        old, new = ([*_inside(folder / part)] for part in ("old", "new"))
        moved = [root / name for name in sorted({*old, *new})]
        _move(root, folder)
    shutil.rmtree(folder)
    return moved


def change(root: Path, folder: Path, files: Mapping[Path, bytes]) -> None:
    """Write files of a project: all, or none.

    Args:
        root: The project's folder.
        folder: A folder in it, which goes again.
        files: What each file will hold.

    Raises:
        StopError: If they cannot be written; then nothing has changed.
    """
    new, old = folder / "new", folder / "old"
    try:
        for file, content in files.items():
            name = file.relative_to(root)
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(content)
            if file.exists():
                shutil.copymode(file, new / name)
                (old / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(file, old / name)
        # git must not take it along.
        (folder / ".gitignore").write_text("*\n", "utf-8")
        (folder / READY).touch()
        _move(root, folder)
    except OSError as error:
        raise StopError(f"Nothing has changed: {error}.") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _inside(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder, by their names from there on."""
    return (it.relative_to(folder) for it in folder.rglob("*") if it.is_file())


def _move(root: Path, folder: Path) -> None:
    """Move all files to their places, or put back what was there."""
    new, moved = folder / "new", []
    try:
        for name in sorted(_inside(new)):
            moved.append(name)
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).replace(root / name)
    except BaseException:
        # Also when a person stops it.
        for name in moved:
            _put_back(root, folder / "old", name)
        raise


def _put_back(root: Path, old: Path, name: Path) -> None:
    if (old / name).is_file():
        shutil.copy2(old / name, root / name)
        return
    (root / name).unlink(missing_ok=True)
    for above in [*name.parents][:-1]:
        with suppress(OSError):
            (root / above).rmdir()


def _see_untouched(root: Path, folder: Path) -> None:
    """See that nobody has changed a file since it was prepared to be replaced.

    Raises:
        StopError: If somebody has.
    """
    new, old = folder / "new", folder / "old"
    for name in sorted(_inside(new)):
        before = (old / name).read_bytes() if (old / name).is_file() else None
        now = (root / name).read_bytes() if (root / name).is_file() else None
        if now not in (before, (new / name).read_bytes()):
            raise StopError(
                f"An earlier run was stopped halfway, and {name.as_posix()} has "
                f"changed since: move your version away and run this again, or git "
                f"restore the project and remove {folder.name}/."
            )
