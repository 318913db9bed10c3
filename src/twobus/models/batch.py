"""Predict a whole table."""

from pathlib import Path

import pandas as pd

from twobus.data import source
from twobus.models.declaration import ModelError
from twobus.models.registry import champion, fetch
from twobus.models.rows import predict
from twobus.models.series import lagged, reached


def predict_table(name: str, file: Path) -> int:
    """Predict each row of a model's table by its promoted version.

    Args:
        name: The model's name.
        file: The Parquet file to write: key, time and inputs of the rows, the
            predictions, and the version that made them.

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
    rows = lagged(model, source().read(model.table).to_pandas())
    if far := int((~(near := reached(model, rows))).sum()):
        print(
            f"{far} rows are not predicted: they are further ahead of the last known "
            f"{model.target} than the gap, {model.gap}."
        )
        rows = rows[near]
    time = [model.time] if model.time else []
    shown = [*model.key, *model.series, *time, *model.inputs]
    known = rows[list(dict.fromkeys(shown))]
    predicted = predict(model, version.fitted, rows).add_prefix("predicted_")
    file.parent.mkdir(parents=True, exist_ok=True)
    table = pd.concat([known, predicted], axis="columns").assign(version=number)
    table = table.reset_index(drop=True)
    unfinished = file.with_name(f".{file.name}")
    table.to_parquet(unfinished)
    unfinished.replace(file)
    return len(table)
