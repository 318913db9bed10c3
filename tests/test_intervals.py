"""Intervals hold the truth as often as they say; `poe coverage` shows it in full."""

from math import isnan

import numpy as np
import pandas as pd
import pytest
from coverage import grouped, series, simulated

from twobus.models.intervals import interval


@pytest.mark.parametrize("count", [100, 1000])
@pytest.mark.parametrize("alike", [0.0, 0.8])
def test_intervals_in_time_hold_the_truth(count: int, alike: float) -> None:
    held, given = simulated(series(count, alike), 200, seed=1)
    assert given > 0.8
    assert 0.9 <= held <= 0.99


@pytest.mark.parametrize(("count", "size"), [(30, 1), (300, 20), (1000, 50)])
def test_intervals_of_keys_hold_the_truth(count: int, size: int) -> None:
    held, given = simulated(grouped(count, size), 300, seed=1)
    assert given == 1
    assert 0.9 <= held <= 0.98


def shares(values: list[float]) -> pd.DataFrame:
    """Return rows that are right or wrong, each of a key of its own."""
    return pd.DataFrame({"x": values, "_key": range(len(values))})


@pytest.mark.parametrize(("value", "ends"), [(1.0, (0.893, 1.0)), (0.0, (0.0, 0.107))])
def test_all_or_nothing_of_a_few_rows_is_not_certain(
    value: float, ends: tuple[float, float]
) -> None:
    rows = shares([value] * 32)
    found = interval(rows, lambda them: them["x"].mean(), rows, within=(0.0, 1.0))
    assert (found.low, found.high) == pytest.approx(ends, abs=0.001)


def test_too_few_keys_give_no_interval_but_a_reason() -> None:
    rows = shares([0.0, 1.0, 1.0, 0.0])
    found = interval(rows, lambda them: them["x"].mean(), rows)
    assert isnan(found.low)
    assert found.note == "no interval: fewer than 5 keys"


def test_too_few_rows_in_time_give_no_interval_but_a_reason() -> None:
    rows = shares([0.0, 1.0] * 15).assign(time=np.arange(30))
    found = interval(rows, lambda them: them["x"].mean(), rows, time="time")
    assert isnan(found.high)
    assert "fewer than 50 rows in time" in found.note


def test_rows_of_one_time_are_told_apart_by_their_keys() -> None:
    rows = shares([0.0, 1.0] * 15).assign(time=2009)
    assert interval(rows, lambda them: them["x"].mean(), rows, time="time").note == ""
