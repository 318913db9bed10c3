"""What a table's contract says of its columns, today or when a version was made."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from typing import Any

import ibis
import pandas as pd
import pandera.ibis as pa

from twobus.data import DataError, source
from twobus.project import StopError

# Contracts of a version, in place of those of today, while its module is imported.
_kept: ContextVar[Mapping[str, Any] | None] = ContextVar("kept", default=None)
# Checks that say what a request may hold; all others are of no use without a table.
TOLD = (
    "isin",
    "in_range",
    "greater_than",
    "greater_than_or_equal_to",
    "less_than",
    "less_than_or_equal_to",
    "str_length",
    "str_matches",
)


# And those of numbers that have a least or a largest value.
LOWEST = ("in_range", "greater_than", "greater_than_or_equal_to")
HIGHEST = ("in_range", "less_than", "less_than_or_equal_to")


# How the columns of a log begin, so that none is called like another one.
INPUT, KEY, PREDICTED = "input_", "key_", "predicted_"


class ModelError(StopError):
    """A model cannot be had, or must not be used; the message says what to do."""


def contract(table: str) -> Any:
    """Return what the rows of a table look like, as a pandera schema.

    Raises:
        ModelError: If there is no such table, or it has no contract.
    """
    kept = _kept.get()
    if kept is not None and table in kept:
        return kept[table]
    try:
        return source().contract(table)
    except DataError as error:
        raise ModelError(str(error)) from None


def kept_apart(table: str, names: Sequence[str]) -> set[str]:
    """Return the columns whose values are never kept of requests: personal ones.

    Today's contract says which these are, by `pa.Field(metadata={"personal": True})`.
    A column that it no longer has is among them, since nobody can tell.

    Args:
        table: The table.
        names: The columns in question.
    """
    try:
        columns = contract(table).columns
    except ModelError:
        return {*names}
    told = {it: (columns[it].metadata or {}) for it in names if it in columns}
    return {it for it in names if it not in told or told[it].get("personal")}


def personal_inputs(model: Any) -> set[str]:
    """Return the inputs of a model that are never kept: see `kept_apart`.

    Args:
        model: Its declaration. Lags are the target once more.
    """
    own = [it for it in model.inputs if it in model.contract.columns]
    lags = {*model.inputs} - {*own}
    target = kept_apart(model.table, [model.target])
    return kept_apart(model.table, own) | (lags if target else set())


def identifiers(model: Any) -> list[str]:
    """Return the columns that say whose row it is, and are no inputs of a model.

    A request may carry them, so that what has become of a row can be found later:
    those of `key`, `series` and `time` that are not personal.

    Args:
        model: Its declaration.
    """
    time = [model.time] if model.time else []
    named = dict.fromkeys([*model.key, *model.series, *time])
    others = [it for it in named if it not in (*model.inputs, model.target)]
    personal = kept_apart(model.table, others)
    return [it for it in others if it not in personal]


@contextmanager
def kept(contracts: Mapping[str, Any]) -> Iterator[None]:
    """Let `contract` return these until the block ends."""
    token = _kept.set(contracts)
    try:
        yield
    finally:
        _kept.reset(token)


def closed_list(column: Any) -> list[Any]:
    """Return the values that a column of a contract allows; none if it is open."""
    checks = (check for check in column.checks if check.name == "isin")
    return next((list(check.statistics["allowed_values"]) for check in checks), [])


def limits(column: Any) -> tuple[float | None, float | None]:
    """Return the least and the largest number that a contract allows, or None."""
    low: float | None = None
    high: float | None = None
    for check in column.checks:
        said = check.statistics
        if check.name in LOWEST:
            low = said["min_value"]
        if check.name in HIGHEST:
            high = said["max_value"]
    if listed := closed_list(column):
        low, high = min(listed), max(listed)
    return low, high


def dtype(column: Any) -> Any:
    """Return the type of pandas in which features see a column of a contract."""
    kind = column.dtype.type
    if kind.is_string():
        listed = closed_list(column)
        return pd.CategoricalDtype(listed) if listed else "object"
    if kind.is_timestamp() or kind.is_date():
        return pd.DatetimeTZDtype("us", "UTC")
    if kind.is_boolean():
        return "object" if column.nullable else "bool"
    return "int64" if kind.is_integer() and not column.nullable else "float64"


def span(times: pd.Series, value: Any) -> Any:
    """Return how long a `gap` or a `season` is, in the type of some times.

    Raises:
        ModelError: If it is none for them.
    """
    try:
        found = pd.Timedelta(value) if isinstance(value, str) else value
        _ = times.head(1) - found
    except (TypeError, ValueError):
        raise ModelError(
            f"{value!r} is no span of {times.name!r}: write '7D' or "
            "pd.DateOffset(months=1) for times, and a number for numbers."
        ) from None
    return found


def described(schema: Any) -> dict[str, Any]:
    """Return a contract in values of JSON, as far as requests need it."""
    return {name: _described(column) for name, column in schema.columns.items()}


def restored(said: Mapping[str, Any]) -> Any:
    """Return the contract that `described` has put into values of JSON."""
    return pa.DataFrameSchema({name: _restored(it) for name, it in said.items()})


def _described(column: Any) -> dict[str, Any]:
    return {
        "type": str(column.dtype.type),
        "nullable": column.nullable,
        "title": column.title,
        "description": column.description,
        "checks": {
            check.name: {key: _plain(it) for key, it in check.statistics.items()}
            for check in column.checks
            if check.name in TOLD
        },
    }


def _restored(said: Mapping[str, Any]) -> Any:
    checks = [
        getattr(pa.Check, name)(**{key: _typed(it) for key, it in statistics.items()})
        for name, statistics in said["checks"].items()
    ]
    return pa.Column(
        ibis.dtype(said["type"]),
        checks=checks,
        nullable=said["nullable"],
        title=said["title"],
        description=said["description"],
    )


def _plain(value: Any) -> Any:
    """Return a limit of a check in values of JSON."""
    if isinstance(value, datetime):
        return {"datetime": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(it) for it in value]
    if pattern := getattr(value, "pattern", None):
        return pattern
    # A decimal, or a number of numpy.
    return value.item() if hasattr(value, "item") else float(value)


def _typed(value: Any) -> Any:
    if isinstance(value, list):
        return [_typed(it) for it in value]
    if isinstance(value, dict):
        ((kind, text),) = value.items()
        return {"datetime": datetime, "date": date}[kind].fromisoformat(text)
    return value
