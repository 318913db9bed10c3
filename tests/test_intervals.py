"""Intervals hold the truth as often as they say; `poe coverage` shows it in full."""

from math import isnan

import numpy as np
import pandas as pd
import pytest
from coverage import at_once, grouped, of_mean, series, simulated, trees

from twobus.models.intervals import Interval, by_seeds, interval


@pytest.mark.slow
@pytest.mark.parametrize("count", [100, 1000])
@pytest.mark.parametrize("alike", [0.0, 0.8])
def test_intervals_in_time_hold_the_truth(count: int, alike: float) -> None:
    held, given = simulated(of_mean(series(count, alike)), 200, seed=1)
    assert given > 0.8
    assert 0.9 <= held <= 0.99


@pytest.mark.slow
@pytest.mark.parametrize(("count", "size"), [(30, 1), (300, 20), (1000, 50)])
def test_intervals_of_keys_hold_the_truth(count: int, size: int) -> None:
    held, given = simulated(of_mean(grouped(count, size)), 300, seed=1)
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


def test_a_few_times_of_several_series_give_no_interval_but_a_reason() -> None:
    rows = shares([0.0, 1.0] * 60).assign(time=np.arange(120) // 5)
    found = interval(rows, lambda them: them["x"].mean(), rows, time="time")
    assert found.note == "no interval: fewer than 50 times"
    many = shares([0.0, 1.0] * 60).assign(time=np.arange(120) // 60)
    assert interval(many, lambda them: them["x"].mean(), many, time="time").note == ""


@pytest.mark.parametrize("alike", [0.0, 0.8])
def test_rows_of_one_time_of_several_series_are_left_out_together(alike: float) -> None:
    held, given = simulated(of_mean(at_once(1000, alike)), 200, seed=1)
    assert given == 1
    assert 0.9 <= held <= 0.99


def test_folds_that_share_what_they_learn_from_hold_the_truth_of_a_tree() -> None:
    held, _ = simulated(trees(100), 60, seed=1)
    assert held >= 0.88


def test_rows_of_one_time_are_told_apart_by_their_keys() -> None:
    rows = shares([0.0, 1.0] * 15).assign(time=2009)
    assert interval(rows, lambda them: them["x"].mean(), rows, time="time").note == ""


def alarms(seeds: int) -> float:
    """Return how often a change of nothing but the seed is called one."""
    random = np.random.default_rng(0)
    named, runs = 0, 2000
    for _ in range(runs):
        sides = random.standard_normal((2, seeds)).tolist()
        value = sides[1][0] - sides[0][0]
        # By the rows alone, both sides differ by less than they do.
        error = 0.5
        value += error * random.standard_normal()
        ends = Interval(value - 1.96 * error, value + 1.96 * error)
        found = by_seeds(ends, value, sides)
        named += not found.low <= 0 <= found.high
    return named / runs


def test_a_change_of_the_seed_is_seldom_called_better_or_worse() -> None:
    assert alarms(1) > 0.3
    assert alarms(5) <= 0.06


def test_what_draws_nothing_keeps_its_interval() -> None:
    ends = Interval(-1.0, 3.0)
    assert by_seeds(ends, 1.0, [[2.0], [3.0]]) is ends
    assert by_seeds(ends, 1.0, [[2.0, 2.0], [3.0]]) is ends
