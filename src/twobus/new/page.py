"""The section of a table in docs/data.md, for people to fill in."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from twobus.new.columns import Column, Found
from twobus.new.files import fill
from twobus.project import here


def page() -> Path:
    """Return where a project's data is described."""
    return here().root / "docs" / "data.md"


def described(name: str, found: Found, constants: Mapping[str, Any], file: str) -> str:
    """Return the page with one section more; as it is, if the table has one.

    Args:
        name: The table's name.
        found: What was found out about it.
        constants: What the module says of where its rows are kept.
        file: The file that it is read from; empty if it is none.
    """
    text = page().read_text("utf-8") if page().exists() else "# Data\n"
    if f"## {name}" in text.splitlines():
        return text
    words = {
        "name": name,
        "read": _read(found, constants, file),
        "rows": "\n".join(map(_row, found.columns)),
    }
    return f"{text.rstrip()}\n\n{fill('table_page.md', words)}"


def _read(found: Found, constants: Mapping[str, Any], file: str) -> str:
    if not file:
        location = constants.get("LOCATION")
        return f"- In the database: `{location}`." if location else "- File: …"
    sheet = f", sheet `{constants['SHEET']}`" if "SHEET" in constants else ""
    missing = found.options.get("nullstr", [])
    words = [missing] if isinstance(missing, str) else missing
    told = ", ".join(f"`{word}`" for word in words)
    return f"- File: `{file}`{sheet}, unchanged" + (
        f"; missing values: {told}." if told else "."
    )


def _row(one: Column) -> str:
    return f"| `{' '.join(one.name.split()).replace('|', chr(92) + '|')}` | | |"
