"""Predict a whole table."""

from pathlib import Path

import pandas as pd

from twobus.data import source
from twobus.models.declaration import ModelError
from twobus.models.registry import champion, fetch
from twobus.models.rows import predict


def predict_table(name: str, file: Path) -> int:
    """Predict each row of a model's table by its promoted version.

    Args:
        name: The model's name.
        file: The Parquet file to write: the rows' key and inputs, the predictions, and
            the version that made them.

    Returns:
        How many rows these are.

    Raises:
        ModelError: If no version is promoted, or it cannot be used.
        DataError: If the table cannot be read.
    """
    if (number := champion(name)) is None:
        raise ModelError(
            f"No version of {name} is promoted: uv run poe promote {name} …"
        )
    version = fetch(name, number)
    model = version.model
    rows = source().read(model.table).to_pandas()
    known = rows[list(dict.fromkeys([*model.key, *model.inputs]))]
    predicted = predict(model, version.fitted, rows).add_prefix("predicted_")
    file.parent.mkdir(parents=True, exist_ok=True)
    table = pd.concat([known, predicted], axis="columns").assign(version=number)
    unfinished = file.with_name(f".{file.name}")
    table.to_parquet(unfinished)
    unfinished.replace(file)
    return len(table)
