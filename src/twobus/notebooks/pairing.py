"""Keep each Jupyter notebook in step with the script that git keeps.

A notebook (`.ipynb`, with outputs) stays on its author's disk; the script beside
it (`.py`, cells marked by `# %%`) is what others review and run. JupyterLab saves
both. Other editors save the notebook alone, and `git pull` changes the script
alone. This module carries the change over, and never overwrites anybody's work.
"""

import hashlib
import json
import os
import re
from copy import deepcopy
from enum import Enum, auto
from pathlib import Path
from typing import Any

from twobus import git
from twobus.notebooks.formatting import formatted
from twobus.notebooks.kept import keep, restore
from twobus.notebooks.merge import TAG, Cell, merge
from twobus.notebooks.pictures import MEDIA, leftovers, pasted, problems
from twobus.project import StopError, here, visible
from twobus.tasks import task

# For each script: the text on which it and its notebook `agreed` last, which tells
# which of the two has changed since, and how; the text that a commit hook has `written`
# to it; and a hash of what the notebook said when a commit was `stopped`. It stays on
# this disk, as the notebooks do.
RECORDS = ".agreed.json"
MERGE = "uv run poe save, look at the change, git add it, and commit again"
HASH = re.compile(r"[0-9a-f]{64}")

FORMATS = {".ipynb": "ipynb", ".py": "py:percent"}
FILTERS = {"notebook_metadata_filter": "-all", "cell_metadata_filter": "tags,-all"}
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


Records = dict[str, dict[str, str]]


class Changed(Enum):
    """Which of a notebook and its script has changed since they agreed."""

    NEITHER = auto()
    NOTEBOOK = auto()
    SCRIPT = auto()
    BOTH = auto()


@task
def write_back() -> None:
    """Save changed notebooks to the scripts that git keeps.

    Where both have changed, they are merged cell by cell; a commit hook names this task
    instead.

    Raises:
        SystemExit: If a script was written, so that somebody looks at it before it
            is committed; or if a notebook needs a person.
    """
    _carry_over(refresh=False)


@task
def open_all() -> None:
    """Give every script its notebook, in step with it, before people open them.

    Outputs of cells whose code is the same are kept.

    Raises:
        SystemExit: As `write_back` does.
    """
    _carry_over(refresh=True)


def keep_all() -> None:
    """Keep the notebooks that git might delete."""
    keep(_ours(".ipynb"))


def compare(notebook: str, script: str | None, agreed: str | None) -> Changed:
    """Tell which side has changed since both agreed.

    Args:
        notebook: What the notebook says, as a script.
        script: What the script says, or None where there is none.
        agreed: What both said last, or None where nobody knows.
    """
    if notebook == script:
        return Changed.NEITHER
    if notebook == agreed:
        return Changed.SCRIPT
    return Changed.NOTEBOOK if script in (None, agreed) else Changed.BOTH


def _carry_over(*, refresh: bool) -> None:
    notebooks = {*_ours(".ipynb")}
    if refresh:
        notebooks |= {path.with_suffix(".ipynb") for path in _ours(".py")}
    known = _read_records()
    records: Records = {}
    messages = []
    for notebook in sorted(notebooks):
        script = notebook.with_suffix(".py")
        record = records[here().name(script)] = known.get(here().name(script), {})
        try:
            messages.append(_align(notebook, script, record, refresh=refresh))
        except (ValueError, OSError) as error:
            messages.append(str(error))
    if notebooks:
        _write_records(records)
    keep_all()
    if "PRE_COMMIT" not in os.environ:
        messages += map(_undecided, _ours(".py"))
        for name in leftovers():
            print(
                f'{name} is shown by no notebook; if nobody needs it: git rm "{name}"'
            )
    messages += problems()
    if any(messages):
        raise StopError("\n".join(filter(None, messages)))


def _align(
    notebook: Path, script: Path, record: dict[str, str], *, refresh: bool
) -> str:
    """Carry changes over from a notebook to its script, and back if told to.

    Returns:
        What people must know, if anything.
    """
    if not notebook.exists() and not restore(notebook):
        _refresh(notebook, script)
    content = _read(notebook)
    pictures = pasted(content, notebook)
    pictures.link(content)
    said = _as_script(content, script)
    there, loose = None, False
    if script.exists():
        content = _read(script)
        # JupyterLab has written it as well, without its pictures.
        loose = pictures.link(content)
        there = _as_script(content, script)
    agreed = _agreed(notebook, script, record.get("agreed"), [said, there])
    if there is not None and there == record.get("written"):
        agreed = there
    changed = compare(said, there, agreed)
    name, told = here().name(script), ""
    if changed is not Changed.SCRIPT:
        pictures.write()
    if changed is Changed.SCRIPT:
        if not (refresh and script.exists()):
            return ""
        _refresh(notebook, script)
        said = _as_script(_read(notebook), script)
    elif changed is not Changed.NEITHER or loose:
        # While its hooks run, pre-commit hides what is not added yet, and may take
        # back what they write. So nothing is merged or agreed on there; and one stop
        # must do, or a commit of other files could never pass.
        in_hook = "PRE_COMMIT" in os.environ
        if in_hook and not loose and record.get("stopped") == _hash(said):
            return ""
        if in_hook:
            record["stopped"] = _hash(said)
        told = f"{name} was written from its newer notebook"
        if there is not None and changed is Changed.BOTH:
            if in_hook:
                return f"{name} and its notebook have both changed: run {MERGE}."
            said = _merged(agreed, said, there, script)
            told = f"{name} and its notebook had both changed, and were merged"
        script.write_text(said, "utf-8", newline="\n")
        if changed is Changed.BOTH:
            _refresh(notebook, script)
        files = f"it and {here().name(here().notebooks)}/{MEDIA}"
        files = files if pictures.files else "it"
        told += f": look at the change, git add {files}, and go on."
        if in_hook:
            record["written"] = said
            return told
    elif refresh:
        # JupyterLab opens the newer of the two, and refuses a notebook that is newer
        # than a script that is formatted in another way.
        script.touch()
    record.clear()
    record["agreed"] = said
    return told


def _agreed(
    notebook: Path, script: Path, recorded: str | None, sides: list[str | None]
) -> str | None:
    """Return the text on which a notebook and its script agreed last, if known."""
    if recorded and not HASH.fullmatch(recorded):
        return recorded
    # Up to release 0.6 only a hash of it was recorded.
    committed = _committed(script)
    for text in [*sides, committed] if recorded else []:
        if text is not None and _hash(text) == recorded:
            return text
    # Notebooks that were paired by hand, of which nothing is recorded.
    if recorded or not script.exists() or committed != sides[1]:
        return None
    later = notebook.stat().st_mtime >= script.stat().st_mtime
    return committed if later else None


def _merged(agreed: str | None, notebook: str, script: str, file: Path) -> str:
    """Return a script with what has changed on both sides."""
    import jupytext

    base = _cells(agreed) if agreed is not None else None
    both, other = (jupytext.reads(it, fmt="py:percent") for it in (notebook, script))
    known = {(it.cell_type, it.source): it for it in [*other.cells, *both.cells]}
    both.cells = []
    for cell in merge(base, _cells(notebook), _cells(script)):
        both.cells.append(deepcopy(known[cell.kind, cell.source]))
        both.cells[-1].metadata = {"tags": [*cell.tags]} if cell.tags else {}
    text: str = jupytext.writes(_without_header(both), fmt="py:percent")
    return formatted(text, file)[0]


def _undecided(script: Path) -> str:
    """Name cells of a script that a merge has left for people to decide."""
    text = script.read_text("utf-8", "replace")
    if TAG not in text:
        return ""
    cells = [number for number, it in enumerate(_cells(text), 1) if TAG in it.tags]
    if not cells:
        return ""
    numbers = ", ".join(map(str, cells))
    return (
        f"{here().name(script)}: the script and the notebook had both changed the "
        f"cells {numbers}, so that all versions are there: keep what is right, and "
        f"remove the tag {TAG}."
    )


def _cells(text: str) -> list[Cell]:
    import jupytext

    return [
        Cell(it.cell_type, it.source, (*it.metadata.get("tags", []),))
        for it in jupytext.reads(text, fmt="py:percent").cells
    ]


def _refresh(notebook: Path, script: Path) -> None:
    """Write the notebook anew from its script, keeping what outputs still hold."""
    import jupytext
    from jupytext.combine import combine_inputs_with_outputs

    content = jupytext.read(script, fmt="py:percent")
    content.metadata["kernelspec"] = KERNEL
    if notebook.exists():
        old = jupytext.read(notebook)
        # Code that is formatted in another way has the same outputs.
        pasted(old, notebook).link(old)
        cells = _cells(_as_script(deepcopy(old), script))
        if len(cells) == len(old.cells):
            for cell, other in zip(old.cells, cells, strict=True):
                cell.source = other.source
        content = combine_inputs_with_outputs(content, old)
        known = {cell.source for cell in old.cells}
        for cell in content.cells:
            if cell.cell_type == "code" and cell.source not in known:
                cell.update(outputs=[], execution_count=None)
            elif "attachment:" not in cell.source:
                cell.pop("attachments", None)
    jupytext.write(content, notebook)


def _read(file: Path) -> Any:
    """Read a notebook or script.

    Raises:
        ValueError: With a sentence, if it cannot be read.
    """
    # Imported late: most commits have no notebook on disk and must not wait for it.
    import jupytext

    try:
        return jupytext.read(file, fmt=FORMATS[file.suffix])
    except Exception as error:
        name, reason = here().name(file), " ".join(str(error).split())[:200]
        raise ValueError(
            f"{name} cannot be read as a notebook; fix or remove it: {reason}"
        ) from None


def _as_script(content: Any, script: Path) -> str:
    """Return a notebook or script that was read, as git should hold it."""
    import jupytext

    # Twice, because some cells, such as ones that end in blank lines, are read back
    # otherwise than they were written, and would look like a change.
    for _ in range(2):
        text: str = jupytext.writes(_without_header(content), fmt="py:percent")
        content = jupytext.reads(text, fmt="py:percent")
    # Formatting changes scripts, and must not look like a person's change.
    return formatted(text, script)[0]


def _without_header(content: Any) -> Any:
    content.metadata["jupytext"] = FILTERS
    return content


def _committed(script: Path) -> str | None:
    """Return the script that was committed last, as git should hold it."""
    shown = git.ask("show", f"HEAD:{here().name(script)}", cwd=here().root)
    if shown is None:
        return None
    import jupytext

    return _as_script(jupytext.reads(shown + "\n", fmt="py:percent"), script)


def _ours(suffix: str) -> list[Path]:
    """List files of a kind; an empty one, as editors make them, is none yet."""
    return [path for path in visible(here().notebooks, suffix) if path.stat().st_size]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read_records() -> Records:
    file = here().notebooks / RECORDS
    try:
        records: Records = json.loads(file.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        # What is damaged is made anew.
        return {}
    return records


def _write_records(records: Records) -> None:
    file = here().notebooks / RECORDS
    new = file.with_suffix(".new")
    new.write_text(json.dumps(records, indent=1, sort_keys=True), "utf-8")
    new.replace(file)
