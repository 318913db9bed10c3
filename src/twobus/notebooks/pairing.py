"""Keep each Jupyter notebook in step with the script that git keeps.

A notebook (`.ipynb`, with outputs) stays on its author's disk; the script beside
it (`.py`, cells marked by `# %%`) is what others review and run. JupyterLab saves
both. Other editors save the notebook alone, and `git pull` changes the script
alone. This module carries the change over, and never overwrites anybody's work.
"""

import hashlib
import json
import os
import sys
from enum import Enum, auto
from pathlib import Path

from twobus import git
from twobus.project import StopError, here, visible
from twobus.tasks import task

# For each script, as hashes: the text on which it and its notebook `agreed` last,
# which tells which of the two has changed since; the text that was `written` to it
# from the notebook; and the text of the notebook for which a commit was `stopped`.
# It stays on this disk, as the notebooks do.
RECORDS = ".agreed.json"

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

    Raises:
        SystemExit: If a script was written, so that somebody looks at it before it
            is committed; or if both have changed, and neither was touched.
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


def compare(notebook: str, script: str | None, agreed: str | None) -> Changed:
    """Tell which side has changed since both agreed.

    Args:
        notebook: What the notebook says, as a script or its hash.
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
        except ValueError as error:
            messages.append(str(error))
    if notebooks:
        _write_records(records)
    if any(messages):
        raise StopError("\n".join(filter(None, messages)))


def _align(
    notebook: Path, script: Path, record: dict[str, str], *, refresh: bool
) -> str:
    """Carry a change over from a notebook to its script, or back if told to.

    Returns:
        What people must know, if anything.
    """
    if not notebook.exists():
        _refresh(notebook, script)
    said = _as_script(notebook)
    there = _hash(_as_script(script)) if script.exists() else None
    agreed = record.get("agreed") or _committed(notebook, script)
    if there and there == record.get("written"):
        agreed = there
    changed = compare(_hash(said), there, agreed)
    if changed is Changed.SCRIPT:
        if not (refresh and script.exists()):
            return ""
        _refresh(notebook, script)
        said = _as_script(notebook)
    elif changed is not Changed.NEITHER:
        # While its hooks run, pre-commit hides what is not added yet, and may take
        # back what they write. So a change is only agreed on when it is seen in
        # both; and one stop must do, or a commit of other files could never pass.
        if "PRE_COMMIT" in os.environ:
            if record.get("stopped") == _hash(said):
                return ""
            record["stopped"] = _hash(said)
        name = here().name(script)
        if changed is Changed.BOTH:
            return (
                f"{name} and its notebook have both changed, so neither was touched: "
                "keep the notebook with `uv run jupytext --to py:percent "
                f'"{here().name(notebook)}"`, or the script by removing the notebook.'
            )
        script.write_text(said, "utf-8", newline="\n")
        record["written"] = _hash(said)
        return (
            f"{name} was written from its newer notebook: look at the change, git add "
            "it, and go on."
        )
    elif refresh:
        # JupyterLab opens the newer of the two, and refuses a notebook that is newer
        # than a script that is formatted in another way.
        script.touch()
    record.clear()
    record["agreed"] = _hash(said)
    return ""


def _refresh(notebook: Path, script: Path) -> None:
    """Write the notebook anew from its script, keeping what outputs still hold."""
    import jupytext
    from jupytext.combine import combine_inputs_with_outputs

    content = jupytext.read(script, fmt="py:percent")
    content.metadata["kernelspec"] = KERNEL
    if notebook.exists():
        old = jupytext.read(notebook)
        content = combine_inputs_with_outputs(content, old)
        known = {cell.source for cell in old.cells}
        for cell in content.cells:
            if cell.cell_type == "code" and cell.source not in known:
                cell.update(outputs=[], execution_count=None)
    jupytext.write(content, notebook)


def _as_script(file: Path) -> str:
    """Return a notebook or script as the script that git should hold.

    Raises:
        ValueError: With a sentence, if it cannot be read.
    """
    # Imported late: most commits have no notebook on disk and must not wait for it.
    import jupytext

    try:
        content = jupytext.read(file, fmt=FORMATS[file.suffix])
    except Exception as error:
        name, reason = here().name(file), " ".join(str(error).split())[:200]
        raise ValueError(
            f"{name} cannot be read as a notebook; fix or remove it: {reason}"
        ) from None
    # Twice, because some cells, such as ones that end in blank lines, are read back
    # otherwise than they were written, and would look like a change.
    for _ in range(2):
        content.metadata["jupytext"] = FILTERS
        text: str = jupytext.writes(content, fmt="py:percent")
        content = jupytext.reads(text, fmt="py:percent")
    # Formatting changes scripts, and must not look like a person's change. What
    # does not parse cannot be formatted, and stays as it is.
    stdin = ["-", "--stdin-filename", str(file.with_suffix(".py"))]
    ruff = [sys.executable, "-m", "ruff", "format", *stdin]
    formatted = git.run(ruff, here().root, text)
    return formatted.stdout if formatted.returncode == 0 else text


def _committed(notebook: Path, script: Path) -> str | None:
    """Return the committed script's hash, if the notebook was saved after the script.

    Serves notebooks that were paired by hand, of which no agreement is recorded.
    """
    if not script.exists() or script.stat().st_mtime > notebook.stat().st_mtime:
        return None
    shown = git.ask("show", f"HEAD:{here().name(script)}", cwd=here().root) or ""
    same = shown.splitlines() == script.read_text("utf-8").strip().splitlines()
    return _hash(_as_script(script)) if same else None


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
