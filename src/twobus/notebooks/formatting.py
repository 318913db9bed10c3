"""Format notebooks as ruff does, around cells that are no Python yet."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from twobus import git
from twobus.project import StopError, here, visible
from twobus.tasks import task

# Where a cell begins, in a percent script and in a notebook of marimo.
CELL = re.compile(r"^(?:# ?%%|@app\.(?:cell|function|class_definition)\b)")
# How ruff names the place of a mistake, and what it expected there.
PLACE = re.compile(r":(\d+):\d+: (.*)")
RUFF = [sys.executable, "-m", "ruff", "format", "--no-force-exclude"]


@dataclass(frozen=True)
class Broken:
    """A cell that cannot be read as Python.

    Attributes:
        cell: Its number, from 1.
        line: The line of the script where the mistake shows.
        reason: What ruff says of it.
    """

    cell: int
    line: int
    reason: str


@task
def format_all() -> None:
    """Format all notebooks; a cell that is no Python is named and left as it is.

    Raises:
        SystemExit: If there is such a cell.
    """
    scripts = [*visible(here().notebooks, ".py")]
    if not scripts:
        return
    result = git.run([*RUFF, "--", *map(str, scripts)], here().root)
    print(result.stdout, end="")
    if result.returncode == 0:
        return
    told = []
    for script in scripts:
        before = script.read_text("utf-8")
        after, broken = formatted(before, script)
        if after != before:
            script.write_text(after, "utf-8")
        name = here().name(script)
        told += [
            f"{name}, cell {it.cell}, line {it.line}: {it.reason}" for it in broken
        ]
    if not told:
        raise StopError(result.stderr.strip())
    raise StopError("\n".join([*told, "Correct these; all other cells are formatted."]))


def formatted(text: str, script: Path) -> tuple[str, list[Broken]]:
    """Return a notebook formatted, but for the cells that are no Python.

    Args:
        text: The notebook, as a script.
        script: Its file, whose settings are taken.

    Returns:
        The text, and the cells that are as they were.
    """
    result = _ruff(text, script)
    if result.returncode == 0:
        return result.stdout, []
    cells = _cells(text)
    broken, kept, line = [], {}, 0
    # What comes before the first mark is no cell.
    for number, cell in enumerate(cells, 0 if not CELL.match(cells[0]) else 1):
        tried = _ruff(cell.rstrip(), script)
        if tried.returncode:
            place = PLACE.search(tried.stderr)
            at, reason = (int(place[1]), place[2]) if place else (1, tried.stderr)
            broken.append(Broken(number, line + at, reason.strip()))
            # A comment takes its place while ruff formats what is around it.
            header, code = cell.split("\n", 1) if cell.startswith("#") else ("", cell)
            kept[f"# cell {number} of {len(text)}"] = code.strip("\n")
            cells[cells.index(cell)] = f"{header}\n{[*kept][-1]}\n\n"
        line += cell.count("\n")
    result = _ruff("".join(cells), script)
    if not kept or result.returncode:
        return text, broken
    return "\n".join(kept.get(it, it) for it in result.stdout.split("\n")), broken


def _cells(text: str) -> list[str]:
    """Split a script where its cells begin."""
    cells = [""]
    for line in text.splitlines(keepends=True):
        if CELL.match(line) and cells[-1]:
            cells.append("")
        cells[-1] += line
    return cells


def _ruff(text: str, script: Path) -> CompletedProcess[str]:
    words = [*RUFF, "-", "--stdin-filename", str(script)]
    return git.run(words, here().root, text)
