"""When a table is stale, by the words of `UPDATED` and by `LIMITS`."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from twobus.data import Limits
from twobus.data.checks.fresh import ago, moment, oldest
from twobus.data.limits import duration, limit

# A Thursday.
NOW = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("hourly", NOW - timedelta(hours=1.5)),
        ("every hour", NOW - timedelta(hours=1.5)),
        ("every 4 hours", NOW - timedelta(hours=6)),
        ("every 15 minutes", NOW - timedelta(minutes=22.5)),
        ("every 3 days", NOW - timedelta(days=4.5)),
        ("weekly", NOW - timedelta(days=10.5)),
        ("monthly", NOW - timedelta(days=46.5)),
        # What was due at the start of Thursday has brought something of Wednesday.
        ("daily", datetime(2026, 11, 25, tzinfo=UTC)),
        ("Every day.", datetime(2026, 11, 25, tzinfo=UTC)),
        ("each night", datetime(2026, 11, 25, tzinfo=UTC)),
        ("nightly by 3:30 UTC", datetime(2026, 11, 25, 3, 30, tzinfo=UTC)),
        # At 4:00, what is due by 5:00 may still come.
        ("every night by 5:00 UTC", datetime(2026, 11, 24, 5, tzinfo=UTC)),
        ("every night by 5 UTC", datetime(2026, 11, 24, 5, tzinfo=UTC)),
        ("every Monday by 6:00 UTC", datetime(2026, 11, 16, 6, tzinfo=UTC)),
        ("every Monday", datetime(2026, 11, 17, tzinfo=UTC)),
        ("every weekday by 03:00 UTC", datetime(2026, 11, 25, 3, tzinfo=UTC)),
    ],
)
def test_words_say_how_old_the_newest_row_may_be(
    words: str, expected: datetime
) -> None:
    assert oldest(words, NOW) == expected


def test_on_a_monday_the_update_of_friday_counts_for_weekdays() -> None:
    monday = datetime(2026, 11, 30, 4, tzinfo=UTC)
    friday = datetime(2026, 11, 27, 3, tzinfo=UTC)
    assert oldest("every weekday by 3:00 UTC", monday) == friday


@pytest.mark.parametrize(
    "words", ["", "never", "no more: the study ended in 2009", "No longer."]
)
def test_what_never_changes_may_be_of_any_age(words: str) -> None:
    assert oldest(words, NOW) is None


@pytest.mark.parametrize(
    "words",
    [
        "every night by 5:00",
        "every night by 5:00 CET",
        "every night at 5:00 UTC",
        "every night by 25:00 UTC",
        "daily, except on holidays",
        "when Ann has time",
        "no more often than daily",
        "neverending",
    ],
)
def test_other_words_are_not_guessed(words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        oldest(words, NOW)


def test_a_date_is_over_when_its_day_is() -> None:
    assert moment(date(2026, 11, 25)) == datetime(2026, 11, 26, tzinfo=UTC)


def test_a_time_without_a_zone_is_in_utc() -> None:
    assert moment(datetime(2026, 11, 25, 1)) == datetime(2026, 11, 25, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(minutes=5), "5 minutes"),
        (timedelta(hours=31), "31 hours"),
        (timedelta(days=9), "9 days"),
    ],
)
def test_an_age_is_said_in_a_unit_that_suits_it(age: timedelta, words: str) -> None:
    assert ago(age) == words


def test_a_duration_is_a_number_and_a_unit() -> None:
    found = [duration(text) for text in ("90min", "26h", "1.5 d", "2w")]
    assert [it / timedelta(hours=1) for it in found] == [1.5, 26, 36, 336]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"fresh": "a day"}, 'write "26h"'),
        ({"rows": (10, 1)}, "allows no table"),
        ({"missing": 5}, "write 0.05 for 5 %"),
        ({"missing": {"x": -1}}, "is no share"),
        ({"drift": 0}, "write 0.2"),
    ],
)
def test_limits_that_cannot_be_meant_are_refused(
    given: dict[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        Limits(**given)  # type: ignore[arg-type]


def test_a_limit_is_for_all_columns_or_for_those_that_are_named() -> None:
    assert [limit(0.2, "x"), limit({"x": 0.1}, "x"), limit({"x": 0.1}, "y")] == [
        0.2,
        0.1,
        None,
    ]
