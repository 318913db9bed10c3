"""Notebooks whose code belongs into the package."""

import ast
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from twobus.project import here
from twobus.review.before import limits, text_of
from twobus.review.table import WARNING, Row


def overgrown(changed: Iterable[str]) -> Iterator[Row]:
    """Yield a row for each changed notebook whose code belongs into the package."""
    limit = limits("")
    folder = here().notebooks.relative_to(here().root).as_posix()
    for name in changed:
        file = here().root / name
        ours = name.startswith(f"{folder}/") and file.suffix == ".py"
        if not ours or not file.is_file():
            continue
        cells = re.split(r"^(?:# %%|@app\.cell)", text_of(file), flags=re.MULTILINE)
        sizes = [sum(map(_is_code, cell.splitlines())) for cell in cells]
        found = {
            "notebook_lines": (sum(sizes), "lines of code"),
            "notebook_cell": (max(sizes), "lines in one cell"),
            "notebook_definitions": (_definitions(file), "functions and classes"),
        }
        much = [f"{n} {of}" for key, (n, of) in found.items() if n > limit[key]]
        if much:
            detail = f"{', '.join(much)}: move what is not the story to the package"
            yield Row(name, WARNING, detail)


def _is_code(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _definitions(file: Path) -> int:
    """Count what a notebook defines, without the functions that are marimo's cells."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    # What cannot be read is what other checks tell of.
    with suppress(SyntaxError, ValueError, MemoryError, RecursionError):
        nodes = ast.walk(ast.parse(text_of(file)))
        return sum(
            not any("app.cell" in ast.unparse(mark) for mark in node.decorator_list)
            for node in nodes
            if isinstance(node, kinds)
        )
    return 0
