"""The table that a review prints: a row for everything that was looked at."""

import os
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

OK, LOOK, WARNING, FAILURE, UNKNOWN = "ok", "look", "warning", "fails", "not checked"
# What could end a line, or show it in another order than it has.
UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+"
)


@dataclass(frozen=True)
class Row:
    """One line of the table: what was looked at, how it is, and what to do."""

    topic: str
    result: str
    detail: str


def show(rows: list[Row]) -> None:
    """Print the table, and add it to the summary of the run where there is one."""
    for row in rows:
        print(UNPRINTABLE.sub(" ", f"{row.topic:<12} {row.result:<12} {row.detail}"))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write("| Review | | |\n|---|---|---|\n")
            for row in rows:
                cells = (cell(text) for text in (row.topic, row.result, row.detail))
                file.write(f"| {' | '.join(cells)} |\n")


def cell(text: str) -> str:
    """Return text that stays text in a Markdown table, whoever wrote it."""
    line = escape(" ".join(UNPRINTABLE.sub(" ", text).split()))
    return re.sub(r"([\\`*_\[\]|@#!~])", r"\\\1", line)
