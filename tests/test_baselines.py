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


def guesses(
    rows: pd.DataFrame, late: Any, left: Any = None, **changes: Any
) -> list[list[float]]:
    """Return what is predicted of the rows that are late."""
    given: dict[str, Any] = {"key": [], "series": [], "gap": None, "season": None}
    model = SimpleNamespace(
        inputs=["day"],
        weight=None,
        target="y",
        time="day",
        estimator=LinearRegression(),
        **{**given, **changes},
    )
    rows = rows.assign(_key=hashed(rows, changes.get("key") or ["day"]))
    left = ~(late | True) if left is None else left
    parts = Split(rows[~late & ~left], rows[late], rows[left])
    found = baselines(cast("Model", model), parts)
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


@pytest.mark.usefixtures("no_features")
def test_series_know_what_was_known_at_the_horizon_also_within_the_gap() -> None:
    # By hand: of two shops, days 1 to 8; days 7 and 8 are judged, 2 days ahead.
    a = days([1, 2, 3, 4, 5, 6, 7, 8], shop="a")
    b = days([10, 20, 30, 40, 50, 60, 70, 80], shop="b").drop(index=5)
    rows = pd.concat([a, b]).sort_values(["day", "shop"], ignore_index=True)
    day = rows["day"].dt.day
    stated = {"series": ["shop"], "gap": "2D", "season": "4D"}
    gap = (day > 5) & (day < 7)
    mean, last, season = guesses(rows, day > 6, left=gap, **stated)
    assert mean == [16.5] * 4
    # Day 6 is in the gap, but known on day 8; shop b was closed then.
    assert last == [5, 50, 6, 50]
    assert season == [3, 30, 4, 40]
