"""Any CSV file is read as Python reads its texts, or refused; a plain one never is."""

import csv
import datetime as day
import io
import math
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from conftest import Small
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from inside import forget
from test_by_contract import given as written

from template import whole
from twobus.data import DataError, source

pytestmark = pytest.mark.slow

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1
)
MOMENTS = st.datetimes(day.datetime(1, 1, 1), day.datetime(9999, 12, 31))
# The examples of a test follow each other in one project.
SHARED = [HealthCheck.function_scoped_fixture]
# What people, spreadsheets and programs have written.
ODD = [
    *("", " ", "-", "NA", "2.7", "2.0", "-0", "0x10", "0b1", "1e3", "1e400", "1_000"),
    *("1,5", "1.234,5", "007", "+5", " 5", "5 ", "5.", ".5", "١٢", "½", "1/2", "1e-3"),
    *("9007199254740993", "9223372036854775807", "9223372036854775808", "10" * 30),
    *("nan", "inf", "-Infinity", "None", "true", "T", "1", "0", "yes", "on", "maybe"),
    *("2024-01-02", "2024-1-2", "2024/01/02", "12/01/2024", "20240102", "2024-02-30"),
    *("2024-01-02 10:30", "2024-01-02T10:30:00Z", "2024-01-02 10:30:00+02", "24:00:00"),
    *("2024-01-02 00:00:00", "2024-01-02 10:30:00.123456789", "10:30", "10:30:00.5"),
    *("0.125", "19.999", "12345678901234567.89", "infinity", "epoch", "today", "#1"),
    *('say "x"', "a\nb", "a\r\nb", "a;b", "a\tb", "=1+1", "\\N", "null", "2024-W01-1"),
]


def moments(text: str) -> list[Any]:
    """Return what a text may mean as a point in time."""
    found = []
    for form in ("%Y-%m-%d", "%Y/%m/%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"):
        try:
            found.append(day.datetime.strptime(text.strip(), form))
        except ValueError:
            continue
    try:
        moment = day.datetime.fromisoformat(text.strip())
    except ValueError:
        return found
    # A finer time than Python's is cut by it.
    if len(text.rpartition(".")[2].rstrip("Z0")) > 6 and "." in text:
        return found
    if moment.utcoffset():
        return found
    return [*found, moment.replace(tzinfo=None)]


def clock(text: str) -> list[Any]:
    """Return what a text may mean as a time of day."""
    try:
        return [day.time.fromisoformat(text.strip())]
    except ValueError:
        return []


def number(text: str) -> list[Any]:
    """Return the number that a text is, exactly."""
    try:
        return [Decimal(text)]
    except InvalidOperation:
        return []


TRUTH = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0"), False),
}
# A type of a contract: its values, how these are written, and what any text means.
Kind = tuple[
    str, st.SearchStrategy[Any], Callable[[Any], str], Callable[[str], list[Any]]
]
KINDS: dict[str, Kind] = {
    "int": ("int", st.integers(-(2**63), 2**63 - 1), str, number),
    "small": ("dt.Int16", st.integers(-(2**15), 2**15 - 1), str, number),
    "float": (
        "float",
        st.floats(allow_nan=False, allow_infinity=False),
        repr,
        lambda text: [float(text)] if number(text) else [],
    ),
    "decimal": (
        "Annotated[dt.Decimal, 20, 2, True]",
        st.decimals(-(10**17), 10**17, places=2),
        str,
        number,
    ),
    "bool": (
        "bool",
        st.booleans(),
        str,
        lambda text: [TRUTH[text.lower()]] if text.lower() in TRUTH else [],
    ),
    "str": ("str", TEXTS, str, lambda text: [text]),
    "date": (
        "datetime.date",
        st.dates(),
        day.date.isoformat,
        lambda text: [it.date() for it in moments(text) if it.time() == day.time()],
    ),
    "datetime": ("datetime.datetime", MOMENTS, str, moments),
    "time": ("datetime.time", st.times(), day.time.isoformat, clock),
}


def line(texts: Sequence[str]) -> str:
    """Return a record of a CSV file."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(texts)
    return text.getvalue()


def contract(kinds: Sequence[str]) -> str:
    """Return the fields of a contract: one column of each kind, any may be missing."""
    fields = (
        f"c{at}: {KINDS[kind][0]} = pa.Field(nullable=True)"
        for at, kind in enumerate(kinds)
    )
    return "id: int; " + "; ".join(fields)


def same(found: Any, meant: list[Any]) -> bool:
    """Tell whether a value is one of those that a text may mean."""
    if isinstance(found, float) and math.isnan(found):
        return any(one != one for one in meant)
    return any(found == one for one in meant)


@pytest.fixture
def study(small: Small) -> Path:
    """A default project, in which the test works."""
    return small()


def read(project: Path, kinds: Sequence[str], records: str) -> pa.Table:
    """Read records of CSV by a contract of some kinds of columns."""
    header = line(["id", *(f"c{at}" for at in range(len(kinds)))])
    written(project, contract(kinds), header + records)
    forget(project)
    return source().read("x").to_pyarrow()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_rows_that_are_written_are_read_back(study: Path, data: st.DataObject) -> None:
    kinds = data.draw(st.lists(st.sampled_from([*KINDS]), min_size=1, max_size=5))
    row = st.tuples(*(st.none() | KINDS[kind][1] for kind in kinds))
    rows = data.draw(st.lists(row, max_size=20))
    texts = [
        [
            str(at),
            *(
                "" if value is None else KINDS[kind][2](value)
                for kind, value in zip(kinds, row, strict=True)
            ),
        ]
        for at, row in enumerate(rows)
    ]
    found = read(study, kinds, "".join(map(line, texts))).to_pylist()
    assert [(*row.values(),) for row in found] == [
        (at, *row) for at, row in enumerate(rows)
    ]


@pytest.mark.parametrize("position", [0, whole(20_480), whole(130_000)])
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=4, deadline=None, suppress_health_check=SHARED)
@given(data=st.data())
def test_odd_text_is_what_it_says_or_refused(
    study: Path, kind: str, position: int, data: st.DataObject
) -> None:
    _, plain, write, means = KINDS[kind]
    odd = data.draw(st.sampled_from(ODD) | TEXTS)
    usual = line(["0", write(data.draw(plain))])
    records = usual * position + line(["0", odd]) + usual * 10
    try:
        found = read(study, [kind], records)["c0"][position].as_py()
    except DataError as error:
        assert kind != "str"
        assert f"x.csv, line {position + 2:,}" in str(error)
    else:
        assert found is None if odd == "" else same(found, means(odd))
