"""See that a version still predicts what it did when it was trained."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from twobus.models.columns import closed_list
from twobus.models.declaration import Model, ModelError
from twobus.models.rows import predict
from twobus.models.schema import row_type, to_frame

# By how much a prediction may differ from the one that was made after training.
TOLERANCE = 1e-6
# A text that so many of the golden rows have may be shown to everybody.
SHARED = 5
TEXT = "text"


def example(model: Model, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return a row as a request may have it, which is nobody's.

    Numbers are means, times are in the middle, texts are those that several rows have
    or that the contract lists.

    Args:
        model: The declaration.
        rows: Some rows of a request.
    """
    columns = model.columns
    return {
        name: _usual(columns[name], [it[name] for it in rows if it[name] is not None])
        for name in model.inputs
    }


def _usual(column: Any, values: list[Any]) -> Any:
    kind = column.dtype.type
    listed = closed_list(column)
    if listed or kind.is_boolean():
        return Counter(values or listed or [False]).most_common(1)[0][0]
    if not values:
        return None
    if kind.is_numeric():
        mean = fmean(values)
        return round(mean) if kind.is_integer() else float(f"{mean:.3g}")
    if kind.is_timestamp() or kind.is_date():
        times = pd.to_datetime(pd.Series(values), utc=True, format="ISO8601")
        middle = times.min() + (times.max() - times.min()) / 2
        return f"{middle:%Y-%m-%d}" + "T00:00:00+00:00" * kind.is_timestamp()
    value, count = Counter(values).most_common(1)[0]
    return value if count >= SHARED else TEXT


def repeat(
    name: str,
    model: Model,
    fitted: Any,
    golden: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> None:
    """Predict once more what was predicted after training, by the way of a request.

    Args:
        name: The model's name.
        model: Its declaration, as it is now.
        fitted: The fitted estimator.
        golden: Rows of a request, and what was predicted for them.
        facts: What it was made from.

    Raises:
        ModelError: If rows are no longer allowed, or something else is predicted.
    """
    try:
        kind = row_type(name, model, {})
        rows = [kind.model_validate(row) for row in golden["rows"]]
    except ValidationError:
        # Its message holds values of the data.
        raise ModelError(
            f"the contract of {model.table} no longer allows rows that it was judged "
            "by, so train again"
        ) from None
    predicted = predict(model, fitted, to_frame(rows, model))
    for column, before in golden["predictions"].items():
        now = predicted[column]
        if before and isinstance(before[0], float):
            same = np.allclose(now, before, rtol=TOLERANCE, atol=TOLERANCE)
        else:
            same = now.tolist() == before
        if not same:
            raise ModelError(
                f"it predicts another {column} than when it was trained, with "
                f"{', '.join(facts['packages'])}: a package or a feature has "
                f"changed, so train again"
            )
