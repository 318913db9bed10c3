"""A notebook and its script, as people and editors change them."""

import json
from collections.abc import Callable
from pathlib import Path

import template
from twobus.notebooks import pairing

SCRIPT = "notebooks/02_pair.py"
NOTEBOOK = "notebooks/02_pair.ipynb"
SOURCE = """# %% [markdown]
# # Numbers
#
# There are **some**.

# %%
one = 1
one

# %%
two = 2
two

# %%
three = 3
three
"""
RECORDS = "notebooks/.agreed.json"

WRITTEN = (
    f"{SCRIPT} was written from its newer notebook: look at the change, git add it, "
    "and go on."
)
BOTH = (
    f"{SCRIPT} and its notebook had both changed, and were merged: look at the change, "
    "git add it, and go on."
)
STOPPED = f"{SCRIPT} and its notebook have both changed: run uv run poe save"


def add_script(project: Path) -> Path:
    """Commit a script that is a notebook."""
    (project / SCRIPT).write_text(SOURCE)
    return template.commit(project)


def save() -> str:
    """Save changed notebooks to their scripts; return what people are told."""
    return _told(pairing.write_back)


def open_all() -> str:
    """Do what `poe lab` does before it starts the server."""
    return _told(pairing.open_all)


def _told(task: Callable[[], None]) -> str:
    try:
        task()
    except SystemExit as stop:
        return str(stop)
    return ""


def replace(file: Path, old: str, new: str) -> None:
    """Change a text file in one place, which must be there."""
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
    file.write_text(text.replace(old, new), "utf-8", newline="\n")


def edit_notebook(project: Path) -> None:
    """Change a notebook as an editor does that does not know of its script."""
    replace(project / NOTEBOOK, "two = 2", "two = 22")
    assert "two = 22" not in (project / SCRIPT).read_text("utf-8")


def write_notebook(file: Path, *cells: tuple[str, str, list[str]]) -> None:
    """Write a notebook from cells: their types, sources and tags."""
    content = {
        "cells": [
            {
                "cell_type": kind,
                "id": f"cell-{number}",
                "metadata": {"tags": tags} if tags else {},
                "source": source,
            }
            | ({"outputs": [], "execution_count": None} if kind == "code" else {})
            for number, (kind, source, tags) in enumerate(cells)
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    file.write_text(json.dumps(content), "utf-8")


def cells(file: Path) -> list[tuple[str, str, list[str]]]:
    """Read the types, sources and tags of a notebook's cells."""
    return [
        (cell["cell_type"], "".join(cell["source"]), cell["metadata"].get("tags", []))
        for cell in json.loads(file.read_text("utf-8"))["cells"]
    ]


def contents(project: Path, *names: str) -> list[bytes]:
    """Read files of a project, to see later that nobody touched them."""
    return [(project / name).read_bytes() for name in names]
