"""What the cells of a notebook are called, where people look for them."""

import re
from pathlib import Path
from typing import Any

# Where cells begin in a script of either kind.
START = re.compile(r"# %%|@app\.(?:cell|function|class_definition)\b|with app\.setup\b")


def cell_names(notebook: Any, script: Path) -> list[str]:
    """Return what each cell is called: its number, and its line if that can be told.

    Args:
        notebook: The notebook.
        script: Its file.
    """
    lines = script.read_text("utf-8", errors="replace").splitlines()
    starts = [number for number, line in enumerate(lines, 1) if START.match(line)]
    numbers = range(1, len(notebook.cells) + 1)
    if len(starts) != len(numbers):
        return [f"cell {number}" for number in numbers]
    return [f"cell {it} (line {starts[it - 1]})" for it in numbers]
