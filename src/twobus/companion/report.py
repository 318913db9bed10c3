"""What people read about their projects."""

from collections import Counter
from collections.abc import Iterable, Mapping

import typer
from packaging.version import Version
from rich.cells import cell_len
from rich.console import Console
from rich.markdown import Markdown
from rich.markup import escape as unmarked

from twobus.companion.branch import Outcome
from twobus.companion.fit import Adoption
from twobus.companion.status import Status
from twobus.companion.update import BRANCH, NEW_QUESTION
from twobus.project import plain

STATES = {
    "current": "up to date",
    "behind": "behind",
    "clean": "updated",
    "conflicts": "conflicts",
    "unlocked": "not locked",
    "unchecked": "checks fail",
    "failed": "failed",
}
console = Console(highlight=False, soft_wrap=True)


def escape(text: str) -> str:
    """Return a text of others as the console may get it."""
    return unmarked(plain(text))


def say(text: str, err: bool = False) -> None:
    """Print what may hold words of others."""
    typer.echo(plain(text), err=err)


def progress(outcome: Outcome) -> None:
    """Say that one project is done, while others are still at work."""
    console.print(f"{escape(outcome.path)}: {STATES[outcome.state]}")


def statuses(found: list[Status]) -> None:
    """Print how projects stand to their template."""
    rows = [(one.path, one.recorded, one.newest, STATES[one.state]) for one in found]
    _table(("Project", "Release", "Newest", "State"), *rows)
    for one in found:
        moved = [f"{old} to {new}" for old, new in one.moved.items()]
        lists = {
            "to resolve": one.conflicts,
            "edited here": one.edited,
            "deleted here": one.deleted,
            "moved here": moved,
        }
        lines = [
            f"{what}: {', '.join(files)}" for what, files in lists.items() if files
        ]
        if one.uncommitted:
            lines.append("has changes that are not committed")
        _bullets(one.path, [*lines, *one.notes])
    _changes(one.changes for one in found)
    if any(one.state == "behind" for one in found):
        console.print(
            "\nNext: twobus update, or uv run poe update in a project that has it."
        )


def outcomes(done: list[Outcome]) -> None:
    """Print what updates did, and what is left to do."""
    console.print()
    rows = [(one.path, one.old, one.new, STATES[one.state]) for one in done]
    _table(("Project", "From", "To", "State"), *rows)
    common = _common(done)
    for one in done:
        conflicts = [f"to resolve: {name}" for name in one.conflicts]
        notes = [note for note in one.notes if note not in common]
        _bullets(one.path, [*conflicts, *notes])
    _bullets("In several projects", common)
    _changes(one.changes for one in done)
    if any(one.branch for one in done):
        choose = "choose between what is marked <<<<<<< and >>>>>>>, commit; "
        resolve = choose if any(one.conflicts for one in done) else ""
        console.print(
            f"\nNext: git switch {BRANCH}; {resolve}"
            "uv run poe check; push the branch and open a pull request."
        )


def adoption(done: Adoption) -> None:
    """Print what an adoption did, and what is left to do."""
    if done.state == "failed":
        console.print(escape(f"{done.path}: {' '.join(done.notes)}"))
        return
    console.print(escape(f"{done.path}: Twobus {done.new} on the branch {done.branch}"))
    parts = {
        "Answers (change one by --data, and run this again)": [
            f"{question}: {answer}" for question, answer in done.answers.items()
        ],
        f"Added, {len(done.added)} files": _by_folder(done.added),
        "Yours stay as they are": done.kept,
        "To resolve": done.conflicts,
        "To know": done.notes,
        "What should move, none of which is done for you": done.advice,
    }
    for title, lines in parts.items():
        if lines:
            _bullets(title, lines)
    console.print(
        f"\nNext: git switch {done.branch}; resolve what is named above, between "
        "<<<<<<< and >>>>>>>; uv lock; uv run poe setup; uv run poe check; then a pull "
        "request."
    )


def _common(done: list[Outcome]) -> list[str]:
    """List what several projects decide alike, which is read once."""
    decided = Counter(
        note for one in done for note in one.notes if note.startswith(NEW_QUESTION)
    )
    return [note for note, projects in decided.items() if projects > 1]


def _by_folder(files: list[str]) -> list[str]:
    """Put the files of a folder into one line."""
    folders: dict[str, list[str]] = {}
    for file in files:
        folder, slash, name = file.rpartition("/")
        folders.setdefault(folder + slash, []).append(name)
    return [f"{folder or './'}: {', '.join(some)}" for folder, some in folders.items()]


def _table(*rows: tuple[str, ...]) -> None:
    """Print rows in columns; nothing is cut off, however narrow the terminal is."""
    if len(rows) == 2 and not rows[1][1]:
        rows = ((rows[1][0], rows[1][3]),)
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        line = "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in cells)
        console.print(escape(line.rstrip()))


def _bullets(path: str, lines: list[str]) -> None:
    if lines:
        console.print(f"\n{escape(path)}")
    for line in lines:
        console.print(f"  {escape(line)}")


def _changes(found: Iterable[Mapping[str, str]]) -> None:
    """Print what the changelog says, each release once."""
    known: dict[str, str] = {}
    for changes in found:
        known |= changes
    for release in sorted(known, key=Version, reverse=True):
        console.print(f"\n{escape(release)}")
        # Without wrapping, Rich cuts the lines of a list off.
        console.print(Markdown(known[release]), soft_wrap=False)
