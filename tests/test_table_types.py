"""`poe new-table` finds the type that fits all values, or says what it doubts."""

from pathlib import Path

import pytest
from conftest import Small
from reading import count
from tabled import fields, given, made


@pytest.fixture
def study(small: Small) -> Path:
    """A default project, in which the test works."""
    return small()


MANY = 12_000
COLUMNS: dict[str, tuple[list[str], list[str], str]] = {
    "whole numbers": (["1", "-2", "3"], ["a: int"], ""),
    "decimals, late": (["1"] * MANY + ["2.5"], ["a: float"], ""),
    "words, late": (
        ["1"] * MANY + ["about 4242"],
        [
            "# Whole numbers, but for 1 value, the first in x.csv, line 12,002",
            "a: str",
        ],
        "",
    ),
    "codes": (
        ["01234", "12345"],
        ["# 1 value with leading zeros, so that all stay text", "a: str"],
        "",
    ),
    "whole, with a point": (
        ["1.0", "2.0"],
        ["# Only whole numbers so far: int, if it counts something", "a: float"],
        "",
    ),
    "more digits than floats": (
        ["123456789012345678901", "2"],
        [
            "# More digits than a float holds: Annotated[dt.Decimal, 38, 0, True]?",
            "a: str",
        ],
        "",
    ),
    "lines between digits": (["1_000", "2_000"], ["a: str"], ""),
    "true and false": (["true", "False"], ["a: bool"], ""),
    "yes and no": (["yes", "no"], ["a: bool"], ""),
    "one letter": (["n", "n"], ["a: str"], ""),
    "0 and 1": (
        ["0", "1"],
        ["# Only 0 and 1: bool, if it says no or yes", "a: int"],
        "",
    ),
    "days": (["2026-01-31", "2026-02-01"], ["a: datetime.date"], ""),
    "days and a time": (
        ["2026-01-31", "2026-02-01 10:30"],
        ["a: datetime.datetime"],
        "",
    ),
    "times with an offset": (
        ["2026-01-31T10:00:00Z", "2026-02-01 10:30+02:00"],
        ['a: Annotated[dt.Timestamp, "UTC", None, True]'],
        "",
    ),
    "times of day": (["10:30", "23:59:59"], ["a: datetime.time"], ""),
    "day before month": (
        ["31.01.2026", "01.02.2026"],
        ['a: datetime.date = pa.Field(metadata={"format": "%d.%m.%Y"})'],
        "",
    ),
    "month before day, told late": (
        ["01/02/2026"] * MANY + ["01/31/2026"],
        ['a: datetime.date = pa.Field(metadata={"format": "%m/%d/%Y"})'],
        "",
    ),
    "day or month first": (
        ["01/02/2026", "03/04/2026"],
        [
            "# Dates, written as %d/%m/%Y or as %m/%d/%Y? Name it by "
            'metadata={"format": …}',
            "a: str",
        ],
        "",
    ),
    "clocks of twelve hours": (
        ["1/31/2026 1:05 PM", "2/1/2026 12:00 AM"],
        ['a: datetime.datetime = pa.Field(metadata={"format": "%m/%d/%Y %I:%M %p"})'],
        "",
    ),
    "missing": (["1", "", "3"], ["a: int = pa.Field(nullable=True)"], ""),
    "missing by words": (
        ["1", "NA", "-"],
        ["a: int = pa.Field(nullable=True)"],
        'CSV_OPTIONS = {"nullstr": ["-", "NA"]}',
    ),
    "a word in texts": (
        ["Bern", "NA", "-"],
        [
            '# "NA" in 1 row may mean missing: then name it in CSV_OPTIONS, nullstr',
            "a: str",
        ],
        "",
    ),
    "decimal comma": (
        ["1,5", "12,25"],
        ["a: float"],
        'CSV_OPTIONS = {"decimal_separator": ","}',
    ),
    "thousands": (
        ["1,234,567", "12"],
        ["a: int"],
        'CSV_OPTIONS = {"thousands": ","}',
    ),
    "both": (
        ["1.234,50", "2,5"],
        ["a: float"],
        'CSV_OPTIONS = {"decimal_separator": ",", "thousands": "."}',
    ),
    "comma of thousands or decimals": (
        ["1,234", "5,678"],
        [
            "# 1,234 may be 1.234 or 1234: say decimal_separator or thousands in",
            "# CSV_OPTIONS",
            "a: str",
        ],
        "",
    ),
    "cents": (
        ["1.50", "2.25"],
        [
            "# Two decimals everywhere: money? Then Annotated[dt.Decimal, 18, 2, True]",
            "a: float",
        ],
        "",
    ),
    "nothing": (
        ["", ""],
        [
            "# No value in any row: of what type will it be?",
            "a: str = pa.Field(nullable=True)",
        ],
        "",
    ),
    "texts": (["Bern", "Basel"], ["a: str"], ""),
}


@pytest.mark.parametrize("column", COLUMNS)
def test_a_column_has_the_type_that_fits_all_of_its_values(
    study: Path, column: str
) -> None:
    values, expected, options = COLUMNS[column]
    given(study, "a;b\n" + "".join(f"{value};u\n" for value in values))
    module = made(study)
    assert fields(module) == [*expected, "b: str"]
    assert [line for line in module.splitlines() if "CSV_OPTIONS =" in line] == [
        options
    ] * bool(options)
    assert count("x") == len(values)
