"""A model of a series must be better than what the series was last."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from twobus.models.baselines import baselines
from twobus.models.declaration import Model
from twobus.models.keys import hashed
from twobus.models.split import Split

START = pd.Timestamp("2024-01-01", tz="UTC")


@pytest.fixture
def no_features(monkeypatch: pytest.MonkeyPatch) -> None:
    """Predict the mean without features."""
    monkeypatch.setattr(
        "twobus.models.baselines.predict",
        lambda model, fitted, rows: pd.DataFrame({"y": fitted.predict(rows)}),
    )


def guesses(rows: pd.DataFrame, late: Any, **changes: Any) -> list[list[float]]:
    """Return what is predicted of the rows that are late."""
    given = {"key": [], "time": "day", "gap": None, "season": None, **changes}
    model = SimpleNamespace(
        inputs=["day"], target="y", estimator=LinearRegression(), **given
    )
    rows = rows.assign(_key=hashed(rows, given["key"] or ["day"]))
    found = baselines(cast("Model", model), Split(rows[~late], rows[late]))
    return [it["y"].tolist() for it in found]


def days(values: list[float], **columns: Any) -> pd.DataFrame:
    """Return a value a day."""
    times = START + pd.to_timedelta(np.arange(len(values)), unit="D")
    return pd.DataFrame({"day": times, "y": values, **columns})


@pytest.mark.usefixtures("no_features")
@pytest.mark.parametrize(
    ("changes", "last"),
    [
        ({}, [[4.0, 5.0]]),
        ({"gap": "2D"}, [[3.0, 4.0]]),
        ({"season": "3D"}, [[4.0, 5.0], [2.0, 3.0]]),
        ({"season": pd.DateOffset(days=3)}, [[4.0, 5.0], [2.0, 3.0]]),
        # What is not known in time is not known of a season before, either.
        ({"season": "1D", "gap": "2D"}, [[3.0, 4.0], [3.0, 4.0]]),
    ],
)
def test_numbers_in_time_are_predicted_by_the_last_that_are_known(
    changes: dict[str, Any], last: list[list[float]]
) -> None:
    rows = days([1, 2, 3, 4, 5, 6])
    mean, *found = guesses(rows, rows["y"] > 4, **changes)
    assert mean == [2.5, 2.5]
    assert found == last


@pytest.mark.usefixtures("no_features")
def test_each_key_is_a_series_and_one_that_is_new_has_the_mean() -> None:
    rows = days([10, 100, 20, 100, 30, 100], shop=["a", "b"] * 3)
    _, last = guesses(rows, rows.index >= 4, key=["shop"])
    assert last == [20, 100]
    _, last = guesses(rows.assign(shop=range(6)), rows.index >= 4, key=["shop"])
    assert last == [57.5, 57.5]


@pytest.mark.usefixtures("no_features")
def test_the_last_value_of_a_walk_is_far_closer_than_its_mean() -> None:
    random = np.random.default_rng(0)
    rows = days([*np.cumsum(random.standard_normal(500))])
    late = rows.index >= 400
    mean, last = (
        np.abs(np.array(it) - rows["y"][late]).mean() for it in guesses(rows, late)
    )
    assert last < 1.2 < mean / 2
