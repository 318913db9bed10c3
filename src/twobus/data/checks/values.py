"""Show values of the data: to the person who asks, and to nobody else."""

import os
import sys
from collections.abc import Iterator
from typing import Any

import ibis

from twobus.data.access import own_tables
from twobus.data.checks.verdict import Verdict
from twobus.data.contracts import rules
from twobus.data.errors import DataError
from twobus.project import StopError

# So many values of each kind are shown.
MOST = 5


def refuse_others() -> None:
    """See that nobody else will read what is printed.

    Raises:
        StopError: If it may be read by others, or kept.
    """
    if os.environ.get("CI") or not sys.stdout.isatty():
        raise StopError(
            "--show-values prints values of the data, and only to a person's own "
            "terminal: this is none. Leave it out, or run it in one."
        )


def values(verdict: Verdict, contract: Any) -> Iterator[str]:
    """Yield lines with up to five values of each rule that is broken, or new category.

    Args:
        verdict: What was found of the table.
        contract: Its contract, a pandera schema.
    """
    name, table = verdict.name, verdict.table
    if table is None or verdict.today is None:
        for odd, texts in _odd(name).items():
            yield f"{name}: {odd} is not of its type: {', '.join(texts)}"
        return
    if verdict.failures:
        for rule, column, rows in broken(table, contract):
            shown = rows.limit(MOST).to_pyarrow().to_pylist()
            found = [str(row[column] if column else row) for row in shown]
            if found:
                yield f"{name}: {rule}: {', '.join(found)}"
    for it in verdict.compared:
        for change in it.changes:
            new = [verdict.today.names[key] for key in change.fresh[:MOST]]
            if new:
                yield f"{name}: {change.column} is new with {', '.join(new)}"


def _odd(name: str) -> dict[str, list[str]]:
    try:
        return own_tables().odd(name, MOST)
    except DataError:
        # The tables are a library's, which may be of another release.
        return {}


def broken(
    table: ibis.Table, contract: Any
) -> Iterator[tuple[str, str | None, ibis.Table]]:
    """Yield each rule, the column that it is of, and the rows that break it."""
    for rule in rules(table, contract):
        if rule.broken is not None:
            yield rule.phrase, rule.column, table.filter(rule.broken)
        elif rule.column and contract.columns[rule.column].unique:
            rows = table.group_by(rule.column).aggregate(often=table.count())
            yield rule.phrase, rule.column, rows.filter(rows.often > 1)
