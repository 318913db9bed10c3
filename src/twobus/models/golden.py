"""See that a version still predicts what it did when it was trained."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import ValidationError

from twobus.models.declaration import Model, ModelError
from twobus.models.rows import predict
from twobus.models.schema import request_type, to_frame

# By how much a prediction may differ from the one that was made after training.
TOLERANCE = 1e-6


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
        kind: Any = request_type(name, model, {})
        request = kind.model_validate({"rows": golden["rows"]})
    except ValidationError:
        # Its message holds values of the data.
        raise ModelError(
            f"the contract of {model.table} no longer allows rows that it was judged "
            "by, so train again"
        ) from None
    predicted = predict(model, fitted, to_frame(request.rows, model))
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
