"""From rows to predictions: the one way that training, batches and the API take."""

from bisect import bisect_left
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from twobus.models.declaration import Model, ModelError

# How the columns of probabilities begin, and the class follows; those of quantiles.
SHARE = "probability_"
QUANTILE = "quantile_"


class RowError(ModelError):
    """A row cannot be predicted.

    Attributes:
        row: Its position, from 0 on.
        reason: What was raised, which may hold values: for who trains, and nobody else.
    """

    def __init__(self, row: int, reason: Exception) -> None:
        """Say which row it is, and nothing of its values."""
        super().__init__(unpredictable(row))
        self.row = row
        self.reason = reason


def unpredictable(row: int) -> str:
    """Say that a row cannot be predicted, and nothing of its values."""
    return (
        f"Row {row} cannot be predicted: a value is too extreme, missing, or was never "
        "seen in training."
    )


def conform(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
    """Give a model's inputs the order and the types that its features see.

    Args:
        rows: Rows with at least the model's inputs, in any order and from any source:
            a database, a file, or JSON.
        model: Whose inputs they are.

    Returns:
        The inputs only: whole numbers without gaps as int64, other numbers as
        float64, true and false as bool, times as UTC, texts of a closed list as a
        category, and other texts, or true and false with gaps, as they are, missing
        ones None.
    """
    dtypes = model.dtypes
    columns = {}
    for name in model.inputs:
        column, dtype = rows[name], dtypes[name]
        if dtype == "object":
            column = column.astype(object).where(column.notna(), None)
        elif column.dtype != dtype and isinstance(dtype, pd.DatetimeTZDtype):
            column = pd.to_datetime(column, utc=True).astype(dtype)
        elif column.dtype != dtype:
            column = column.astype(dtype)
        columns[name] = column
    return pd.DataFrame(columns, index=rows.index)


def features(model: Model, inputs: pd.DataFrame) -> pd.DataFrame:
    """Call a model's `features`, and see that each row is where it was.

    It gets rows of its own: whatever it writes into them, they are as they were when
    they are predicted once more, such as without a row that was refused.

    Args:
        model: The declaration.
        inputs: Its inputs, as `conform` gives them.

    Raises:
        ModelError: If what comes back is not one row of features for each input.
    """
    found = model.features(inputs.copy())
    if not isinstance(found, pd.DataFrame) or not found.index.equals(inputs.index):
        raise ModelError(
            "`features` must return a table with the rows that it was given, in the "
            "same order and with the same index."
        )
    return found


def known_target(model: Model, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose target is known, in the type that it has without gaps."""
    known = rows[rows[model.target].notna()]
    kind = model.contract.columns[model.target].dtype.type
    if kind.is_string():
        return known
    whole = "bool" if kind.is_boolean() else "int64"
    exact = kind.is_boolean() or kind.is_integer()
    return known.astype({model.target: whole if exact else "float64"})


def weights(model: Model, rows: pd.DataFrame) -> pd.Series | None:
    """Return how much each row counts; None where all count the same.

    Raises:
        ModelError: If a weight is missing, negative or infinite, or all are 0.
    """
    if model.weight is None:
        return None
    found = rows[model.weight].astype("float64")
    if wrong := int((~np.isfinite(found) | (found < 0)).sum()):
        raise ModelError(
            f"The weight {model.weight!r} is missing, negative or infinite in {wrong} "
            f"of {len(found)} rows: correct them, or leave these rows out of the table."
        )
    if not found.any():
        raise ModelError(f"The weight {model.weight!r} is 0 in all {len(found)} rows.")
    return found


def predict(model: Model, fitted: Any, rows: pd.DataFrame) -> pd.DataFrame:
    """Predict, by the model's own features and estimator.

    Args:
        model: The declaration.
        fitted: Its fitted estimator.
        rows: Rows with at least the model's inputs.

    Returns:
        For each row, in the same order, a column named after the target and, where
        the estimator gives probabilities, one of each class: `probability_` and its
        name; where it has `predict_quantiles`, one of each of its `quantiles`, such as
        `quantile_0.05`.

    Raises:
        RowError: If the estimator refuses a row, or predicts no finite number for it.
    """
    inputs = conform(rows, model)
    try:
        return _predicted(model, fitted, inputs)
    except ValueError as error:
        reason = error

    def fails(last: int) -> bool:
        try:
            _predicted(model, fitted, inputs.iloc[: last + 1])
        except ValueError:
            return True
        return False

    raise RowError(bisect_left(range(len(rows) - 1), True, key=fails), reason)


def predict_at_once(model: Model, fitted: Any, rows: pd.DataFrame) -> pd.DataFrame:
    """Predict, and do not look for the row where that fails: see `predict`.

    Raises:
        ValueError: If a row cannot be predicted.
    """
    return _predicted(model, fitted, conform(rows, model))


def apart(
    model: Model, fitted: Any, rows: pd.DataFrame, most: int | None = None
) -> tuple[pd.DataFrame, dict[Any, Exception]]:
    """Predict the rows that can be predicted, whatever is wrong with others.

    Args:
        model: The declaration.
        fitted: Its fitted estimator.
        rows: Rows with at least the model's inputs, whose index has each once.
        most: How many rows may be refused, since each takes several predictions.

    Returns:
        What `predict` gives for these rows, in the same order; and by the index of each
        other row why it was refused, in words that may hold values.

    Raises:
        RowError: For the first row of which there is one too many.
    """
    found: list[pd.DataFrame] = []
    refused: dict[Any, Exception] = {}
    left = [conform(rows, model)] if len(rows) else []
    while left:
        part = left.pop()
        try:
            found.append(_predicted(model, fitted, part))
        except ValueError as error:
            middle = len(part) // 2
            if middle:
                left += [part.iloc[middle:], part.iloc[:middle]]
            else:
                refused[part.index[0]] = error
                if most is not None and len(refused) > most:
                    raise RowError(part.index[0], error) from None
    return (pd.concat(found) if found else pd.DataFrame()), refused


def _predicted(model: Model, fitted: Any, inputs: pd.DataFrame) -> pd.DataFrame:
    return table_of(model, fitted, features(model, inputs))


def table_of(model: Model, fitted: Any, given: pd.DataFrame) -> pd.DataFrame:
    """Return what is predicted from features: see `predict`."""
    index, whole = given.index, fitted
    if type(fitted) is Pipeline:
        # Else `predict` and `predict_proba` each take all its steps.
        *steps, (_, fitted) = fitted.steps
        for _, step in steps:
            if step is not None and step != "passthrough":
                given = step.transform(given)
    predicted = {model.target: np.asarray(fitted.predict(given))}
    if hasattr(fitted, "predict_proba"):
        shares = fitted.predict_proba(given)
        for position, label in enumerate(fitted.classes_):
            predicted[f"{SHARE}{label}"] = shares[:, position]
    # As answers are described: those of the last step of a pipeline are not asked for.
    if hasattr(whole, "predict_quantiles"):
        found = fitted.predict_quantiles(given)
        for position, share in enumerate(fitted.quantiles):
            predicted[f"{QUANTILE}{share:g}"] = found[:, position]
    numbers = [values for values in predicted.values() if values.dtype.kind == "f"]
    if not all(np.isfinite(values).all() for values in numbers):
        raise ValueError("A prediction is not finite.")
    return pd.DataFrame(predicted, index=index)
