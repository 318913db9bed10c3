"""Write docs/tables.md: what the library's catalogue and its contracts say.

Managed by Twobus: change it by a pull request to the template.
"""

from typing import Any

from ..data import Entry, catalogue, contract
from ..settings import ROOT

PAGE = ROOT / "docs" / "tables.md"
HEAD = """# Tables

Written by `uv run poe tables` from `src/*/tables`: change it there.
"""


def write() -> None:
    """Write the page anew."""
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), "utf-8", newline="\n")
    print(f"Written: {PAGE.relative_to(ROOT).as_posix()}")


def page() -> str:
    """Return the page: for each table who answers for it, and what its columns are."""
    return "\n".join([HEAD, *map(_section, catalogue())])


def _section(entry: Entry) -> str:
    facts = [
        f"- Owner: {entry.owner}",
        f"- Updated: {entry.updated}",
        *[f"- **Will go**: {entry.replaced}"] * bool(entry.replaced),
    ]
    rows = [_row(column) for column in contract(entry.name).columns.values()]
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
