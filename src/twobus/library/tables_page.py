"""Write docs/tables.md: what the library's catalogue and its contracts say."""

from pathlib import Path
from typing import Any

from twobus.data import Entry, own_tables
from twobus.project import here
from twobus.tasks import task

HEAD = """# Tables

Written by `uv run poe tables` from `src/*/tables`: change it there.
"""


@task
def write() -> None:
    """Write the page anew."""
    file().parent.mkdir(exist_ok=True)
    file().write_text(page(), "utf-8", newline="\n")
    print(f"Written: {here().name(file())}")


def file() -> Path:
    """Return where the page is."""
    return here().root / "docs" / "tables.md"


def page() -> str:
    """Return the page: for each table who answers for it, and what its columns are."""
    return "\n".join([HEAD, *map(_section, own_tables().catalogue())])


def _section(entry: Entry) -> str:
    facts = [
        f"- Owner: {entry.owner}",
        f"- Updated: {entry.updated}",
        *[f"- **Will go**: {entry.replaced}"] * bool(entry.replaced),
    ]
    rows = [
        _row(column) for column in own_tables().contract(entry.name).columns.values()
    ]
    table = ["| Column | Type | Meaning | Rules |", "|---|---|---|---|", *rows, ""]
    parts = [f"## {entry.name}", entry.description, "\n".join(facts)]
    return "\n\n".join([*parts, "\n".join(table)])


def _row(column: Any) -> str:
    rules = [
        *["may be missing"] * column.nullable,
        *["unique"] * column.unique,
        *(str(check.error or check.name) for check in column.checks),
    ]
    cells = [f"`{column.name}`", column.dtype, column.description, ", ".join(rules)]
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(content: Any) -> str:
    return " ".join(str(content or "").split()).replace("|", "\\|")
