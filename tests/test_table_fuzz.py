"""Whatever stands in a file, what is found reads all of it, and so does the sample."""

import csv
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from twobus.new.columns import Found, demanding
from twobus.new.dialects import options_of
from twobus.new.looking import Looking
from twobus.new.sample import ROWS, sample

CELLS = [
    "",
    "NA",
    "-",
    "0",
    "1",
    "-7",
    "007",
    "1.0",
    "2.5",
    ".5",
    "1e3",
    "1_000",
    "nan",
]
CELLS += ["1,5", "1,234", "1.234,5", "1 234", "99999999999999999999", "true", "No", "t"]
CELLS += ["2026-01-31", "31/01/2026", "01/02/2026", "2026-01-31 10:30", "10:30", "NULL"]
CELLS += ["2026-01-31T10:30:00Z", "20260131", "Bern", "Zürich", " 5", "5 ", "a;b", '"']
CELLS += ["31 Jan 2026", "1/31/2026 1:05 PM", "inf", "0x10", "two\nlines", "+3", "1."]
COLUMN = st.lists(st.sampled_from(CELLS), min_size=1, max_size=3)
TABLES = st.tuples(
    st.lists(COLUMN, min_size=1, max_size=6),
    st.sampled_from([",", ";", "\t", "|", "^"]),
    st.sampled_from(["utf-8", "cp1252", "utf-16"]),
    st.sampled_from([1, 3, 40]),
)


def look(file: Path) -> tuple[Looking, Found]:
    """Look at a file as the task does."""
    options, _ = options_of([file])
    looking = Looking([file], options)
    return looking, looking.found(ranges=True, sets=True)


@pytest.mark.slow
@given(TABLES)
@settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@example(([["1"], ["2.5"]], ",", "utf-8", 1))
def test_what_is_found_reads_the_file_and_its_sample(
    tmp_path: Path, made: tuple[list[list[str]], str, str, int]
) -> None:
    columns, delimiter, encoding, times = made
    file = tmp_path / "x.csv"
    height = max(map(len, columns)) * times
    with file.open("w", encoding=encoding, newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter)
        writer.writerow(f"c{at}" for at in range(len(columns)))
        for row in range(height):
            writer.writerow(column[row % len(column)] for column in columns)
    looking, found = look(file)
    rows = looking.table(demanding(found.columns))
    # Of one column, an empty line is no row.
    assert found.rows in (height, height - sum(not it for it in columns[0]) * times)
    assert [one.name for one in found.columns] == [*rows.columns]
    small = tmp_path / "sample.csv"
    small.write_bytes(sample(found.columns, found.options))
    samples = Looking([small], found.options)
    table = samples.table(demanding(found.columns))
    assert table.count().to_pyarrow().as_py() == ROWS
    for one in found.columns:
        values = table[one.name].to_pyarrow().to_pylist()
        assert one.dtype.nullable or None not in values
        if one.values:
            assert {*values} <= {*one.values, None}
        if one.low is not None:
            assert all(one.low <= it <= one.high for it in values if it is not None)
