"""A score that is too low says by how much, and what is needed."""

from math import nan

import pytest

from twobus.models.scores import HELD_OUT, Score

NEEDED = "; at least -0.45 is needed"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (-0.5481, "-0.548"),
        # Three places are as many as -0.45 has, and would say that this is enough.
        (-0.45004, "-0.45004"),
        (nan, "not defined for these rows"),
    ],
)
def test_a_score_that_is_too_low_says_what_is_needed(value: float, shown: str) -> None:
    score = Score("neg_log_loss", HELD_OUT, 9, value, value, value, needed=-0.45)
    assert score.missed == f"neg_log_loss (held out) is {shown}{NEEDED}"


@pytest.mark.parametrize("needed", [None, 0.5])
def test_a_score_that_is_enough_says_nothing(needed: float | None) -> None:
    assert Score("r2", HELD_OUT, 9, 0.5, 0.4, 0.6, needed=needed).missed == ""
