"""What has become of the rows that were predicted, as far as a table knows by now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from twobus.data import source
from twobus.models.columns import INPUT, KEY, PREDICTED, contract, kept_apart
from twobus.models.declaration import Model, ModelError
from twobus.models.keys import hashed
from twobus.models.rows import known_target, weights

# By these a table may name a prediction, instead of by the key of its row.
BY_REQUEST = ["request", "row"]


@dataclass(frozen=True)
class Actuals:
    """The truth of rows.

    Attributes:
        table: The table that knows it.
        by: The columns that both have.
        truth: The target, by a hash of these columns; each hash is there once.
        ambiguous: How many rows of the table were left out, since several have the
            same values in these columns.
        weights: How much these rows count, in the same way; None where all count the
            same, or the table does not know it.
    """

    table: str
    by: Sequence[str]
    truth: pd.Series
    ambiguous: int
    weights: pd.Series | None = None


def read(model: Model, table: str = "") -> Actuals:
    """Read what is known by now.

    Args:
        model: The declaration.
        table: The table; the model's own where it is empty.

    Raises:
        ModelError: If rows of the log cannot be found in it.
        DataError: If it cannot be read.
    """
    table = table or model.table
    columns = contract(table).columns
    if model.target not in columns:
        raise ModelError(f"The table {table} has no column {model.target}.")
    _same_type(model, table)
    key = [*model.key, *model.series]
    both = [*key, *([model.time] if model.time and model.time not in key else [])]
    choices = [it for it in (BY_REQUEST, key, both) if it and {*it} <= {*columns}]
    personal = kept_apart(table, both) if {*both} <= {*columns} else set()
    choices = [it for it in choices if not personal & {*it}]
    hint = (
        f"so rows are not found in {table} again: give a table with the columns "
        f"request, row and {model.target} by --actuals TABLE"
    )
    if not choices:
        what = " and ".join(sorted(personal)) or "no key"
        why = f"{what} is personal" if personal else "the model declares no key"
        raise ModelError(f"{why}, {hint}.")
    weight = [it for it in [model.weight] if it in columns]
    named = [*(name for it in choices for name in it), model.target, *weight]
    wanted = [*dict.fromkeys(named)]
    found = source().read(table).select(wanted).to_pandas()
    known = known_target(model, found)
    for by in choices:
        # Where each has a row of its own, nothing else is needed.
        numbers = hashed(known, by)
        if numbers.is_unique:
            break
    again = numbers.duplicated(keep=False)
    if len(known) and again.all():
        raise ModelError(f"no row has its own {' and '.join(by)}, {hint}.")
    once = ~again.to_numpy()
    truth = known[model.target].set_axis(numbers)[once]
    counted = weights(model, known) if weight and len(known) else None
    if counted is not None:
        counted = counted.set_axis(numbers)[once]
    return Actuals(table, by, truth, int(again.sum()), counted)


def _same_type(model: Model, table: str) -> None:
    """Refuse a table that says the truth in other values than those predicted.

    Raises:
        ModelError: If it does, since no prediction would be found right, or all.
    """
    kinds = [
        source.columns[model.target].dtype.type
        for source in (contract(table), model.contract)
    ]
    theirs, ours = map(_family, kinds)
    # Whole numbers are numbers, and not the other way round.
    if theirs != ours and (theirs, ours) != ("int", "float"):
        raise ModelError(
            f"{model.target} is {theirs} in the table {table}, and {ours} in "
            f"{model.table}, which the model learned from: declare it in {table} as "
            f"{ours}, or make such a column there."
        )


def _family(kind: Any) -> str:
    """Return a type of a contract, as people write it."""
    if kind.is_string() or kind.is_boolean():
        return "str" if kind.is_string() else "bool"
    return "int" if kind.is_integer() else "float" if kind.is_numeric() else str(kind)


def joined(rows: pd.DataFrame, model: Model, actuals: Actuals) -> pd.DataFrame:
    """Return the predictions whose truth is known.

    Args:
        rows: Rows of a log.
        model: The declaration.
        actuals: The truth.

    Returns:
        Predictions as `rows.predict` gives them, with `_truth` and `_key`, and with
        `_weight` where it is known; the index is that of the rows.
    """
    by = [_name(it, rows, actuals) for it in actuals.by]
    if not {*by} <= {*rows.columns}:
        return pd.DataFrame()
    told = rows[rows[by].notna().all(axis="columns")]
    if told.empty:
        return pd.DataFrame()
    numbers = hashed(told, by)
    truth = numbers.map(actuals.truth)
    target = f"{PREDICTED}{model.target}"
    others = [it for it in told if it.startswith(PREDICTED) and it != target]
    # What only other versions predict is empty here.
    names = [target, *(it for it in others if told[it].notna().any())]
    predictions = told[names].rename(columns=lambda it: it.removeprefix(PREDICTED))
    # Rows of one customer are alike; where nobody knows whose they are, of a request.
    whose = [_name(it, rows, actuals) for it in model.key]
    keyed = whose if whose and {*whose} <= {*rows.columns} else ["request"]
    found = predictions.assign(_truth=truth, _key=hashed(told, keyed))
    if actuals.weights is not None:
        found = found.assign(_weight=numbers.map(actuals.weights))
    found = found[truth.notna()]
    # Where some were unknown, whole numbers have become floats.
    return found.astype({"_truth": actuals.truth.dtype})


def _name(column: str, rows: pd.DataFrame, actuals: Actuals) -> str:
    """Return what a log calls a column."""
    if [*actuals.by] == BY_REQUEST and column in BY_REQUEST:
        return column
    return f"{INPUT}{column}" if f"{INPUT}{column}" in rows else f"{KEY}{column}"
