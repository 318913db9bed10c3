"""Files are read by the contract: each value as it stands there, or not at all."""

import datetime
import gzip
import re
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import Small
from reading import add_table, refusal

from template import ROOT, run
from twobus.data import contracts, source

ONE = (
    "import datetime\nfrom typing import Annotated\nimport ibis.expr.datatypes as dt\n"
)
# Beyond what DuckDB would look at before it guesses.
MANY = 30_000
# Part of each value that must not be shown.
CANARY = "4242"


@pytest.fixture
def study(small: Small) -> Path:
    """A default project, in which the test works."""
    return small()


def rows(
    project: Path, fields: str, text: str | bytes, more: str = "", ending: str = ".csv"
) -> list[Any]:
    """Read a raw file by a contract, and return its values row by row."""
    given(project, fields, text, more, ending)
    return values()


def given(
    project: Path, fields: str, text: str | bytes, more: str = "", ending: str = ".csv"
) -> Path:
    """Give a project the table `x`, whose raw file holds a text."""
    add_table(project, "x", fields.replace("; ", "\n    "), more=ONE + more)
    file = project / f"data/raw/x{ending}"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def values(**options: Any) -> list[Any]:
    """Return the values of the table `x`, row by row; of one column, bare."""
    table = source().read("x", **options).to_pyarrow()
    found = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return [one[0] if len(one) == 1 else one for one in found]


def refused(project: Path, fields: str, text: str | bytes, more: str = "") -> str:
    """Return the sentence that refuses a raw file, checked or not."""
    given(project, fields, text, more)
    said = refusal(values, CANARY)
    assert refusal(lambda: values(check=False), CANARY) == said
    return said.removeprefix("The table 'x' ")


LATE: dict[str, tuple[str, str, str, Any]] = {
    "decimals after whole numbers": ("a: float", "10", "2.49", 2.49),
    "money": ("a: Annotated[dt.Decimal, 12, 2, True]", "10", "19.99", Decimal("19.99")),
    "time of day": (
        "a: datetime.datetime",
        "2024-01-02",
        "2024-01-02 10:30:00",
        datetime.datetime(2024, 1, 2, 10, 30),
    ),
    "words after numbers": ("a: str", "120", "B-341", "B-341"),
    "17 digits": (
        "a: Annotated[dt.Decimal, 20, 2, True]",
        "1.00",
        "12345678901234567.89",
        Decimal("12345678901234567.89"),
    ),
    "numbers beyond floats": ("a: int", "1", "9007199254740993", 9007199254740993),
    "exponents": ("a: int", "1", "2e3", 2000),
}


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("row", [0, 1, MANY], ids=["first", "second", "late"])
def test_value_of_another_look_is_what_it_says(
    study: Path, late: str, row: int
) -> None:
    fields, usual, odd, value = LATE[late]
    lines = ["a", *[usual] * MANY]
    lines.insert(1 + row, odd)
    assert rows(study, fields, "\n".join(lines) + "\n")[row] == value


NOT: dict[str, tuple[str, str, str, str]] = {
    "half a whole number": ("a: int", "10", "4242.7", "a whole number"),
    "hexadecimal": ("a: int", "10", "0x4242", "a whole number"),
    "binary": ("a: int", "10", "0b101", "a whole number"),
    "too big": ("a: int", "10", "92233720368547758084242", "a whole number"),
    "too big for its type": ("a: dt.Int8", "10", "4242", "a whole number"),
    "word": ("a: int", "10", "about 4242", "a whole number"),
    "comma": ("a: float", "1.5", "4,242", "a number"),
    "third decimal": (
        "a: Annotated[dt.Decimal, 12, 2, True]",
        "1.5",
        "42.424",
        "a number with at most 2 decimals, 12 digits",
    ),
    "time with a date": (
        "a: datetime.date",
        "2024-01-02",
        "2024-01-02 10:30",
        "a date, year-month-day",
    ),
    "no such day": (
        "a: datetime.date",
        "2024-01-02",
        "2024-02-30",
        "a date, year-month-day",
    ),
    "day or month": (
        "a: datetime.date",
        "12/01/2024",
        "12/02/2024",
        "a date, year-month-day",
    ),
    "nanoseconds": (
        "a: datetime.datetime",
        "2024-01-02",
        "2024-01-02 10:30:00.123456789",
        "a time, year-month-day hours:minutes:seconds",
    ),
    "offset": (
        "a: datetime.datetime",
        "2024-01-02",
        "2024-01-02 10:30:00+02",
        "a time, year-month-day hours:minutes:seconds",
    ),
    "no offset": (
        'a: Annotated[dt.Timestamp, "UTC", None, True]',
        "2024-01-02 10:30:00Z",
        "2024-01-02 10:30:00",
        "a time with its offset from UTC, year-month-day hours:minutes+00",
    ),
    "clock": (
        "a: datetime.time",
        "10:30",
        "24:00:00",
        "a time of day, hours:minutes:seconds",
    ),
    "truth": ("a: bool", "true", "maybe 4242", "true or false"),
}


@pytest.mark.parametrize("kind", NOT)
@pytest.mark.parametrize("row", [0, MANY], ids=["first", "late"])
def test_what_is_not_of_its_type_is_refused_with_its_line(
    study: Path, kind: str, row: int
) -> None:
    fields, usual, odd, words = NOT[kind]
    lines = ["id,a", *(f"{at},{usual}" for at in range(MANY))]
    lines.insert(1 + row, f'7,"{odd}"')
    said = refused(study, f"id: int; {fields}", "\n".join(lines) + "\n")
    line = f"{row + 2:,}" if usual != "12/01/2024" else "2"
    told = f"cannot be read: a must be {words}, which it is not in data/raw/x.csv, line"
    assert said.startswith(f"{told} {line}")


def test_each_odd_row_is_counted(study: Path) -> None:
    said = refused(study, "a: int", "a\n1\n4242.5\n2\n4242.5\n4242.5\n")
    assert "data/raw/x.csv, line 3 and 2 more" in said


RIGHT: dict[str, tuple[str, str, list[Any]]] = {
    "numbers as text": ("a: str", "a\n120\n341\n", ["120", "341"]),
    "leading zeros": ("a: str", "a\n007\n", ["007"]),
    "dates as text": ("a: str", "a\n2024-01-01\n", ["2024-01-01"]),
    "truth as text": ("a: str", "a\ntrue\n", ["true"]),
    "clock as text": ("a: str", "a\n12:30\n", ["12:30"]),
    "empty column": (
        "id: int; a: float = pa.Field(nullable=True)",
        "id,a\n1,\n2,\n",
        [(1, None), (2, None)],
    ),
    "as pandas writes": (
        "id: int; a: int = pa.Field(nullable=True)",
        "id,a\n1,517.0\n2,\n",
        [(1, 517), (2, None)],
    ),
    "hashes": (
        "id: str; name: str = pa.Field(nullable=True)",
        "id,name\n1,Ann\n2,#1 fan\n#3,Bob\n4,Di\n",
        [("1", "Ann"), ("2", "#1 fan"), ("#3", "Bob"), ("4", "Di")],
    ),
    "midnight": (
        "a: datetime.date",
        "a\n2024-01-02 00:00:00\n",
        [datetime.date(2024, 1, 2)],
    ),
    "UTC": (
        "a: datetime.datetime",
        "a\n2024-01-02T10:30:00Z\n2024-01-02 10:30:00+00:00\n",
        [datetime.datetime(2024, 1, 2, 10, 30)] * 2,
    ),
    "format": (
        'a: datetime.date = pa.Field(metadata={"format": "%d/%m/%Y"})',
        "a\n12/01/2024\n",
        [datetime.date(2024, 1, 12)],
    ),
    "semicolons": ("a: int; b: str", "a;b\n1;x,y\n", [(1, "x,y")]),
    "tabs": ("a: int; b: str", "a\tb\n1\tx\n", [(1, "x")]),
    "one column of semicolons": ("a: str", "a\nx;y\n", ["x;y"]),
    "mixed line ends": (
        "a: int; b: str",
        'a,b\r\n1,"x\r\ny"\n2,z\r\n',
        [(1, "x\r\ny"), (2, "z")],
    ),
    "old line ends": ("a: int; b: str", "a,b\r1,x\r2,y\r", [(1, "x"), (2, "y")]),
    "blank lines": ("a: int; b: str", "\na,b\n\n1,x\n\n", [(1, "x")]),
    "another order": ("b: str; a: int", "a,b\n1,x\n", [(1, "x")]),
    "alias": (
        'delay: float = pa.Field(alias="Dep Delay (min)")',
        '"Dep Delay (min)"\n1.5\n',
        [1.5],
    ),
    "quotes": ("a: str; b: str", 'a,b\n"say ""x"", y",z\n', [('say "x", y', "z")]),
    "inches": ("a: str; b: str", 'a,b\n5" pipe,z\n', [('5" pipe', "z")]),
    "quoted header": ("a: int; b: str", '"a","b"\n"1","x"\n', [(1, "x")]),
    "no rows": ("a: int; b: str", "a,b\n", []),
}


@pytest.mark.parametrize("kind", RIGHT)
def test_what_is_right_is_read(study: Path, kind: str) -> None:
    fields, text, found = RIGHT[kind]
    assert rows(study, fields, text) == found


OPTIONS: dict[str, tuple[str, str, str | bytes, list[Any]]] = {
    "decimal comma": (
        'CSV_OPTIONS = {"decimal_separator": ","}',
        "a: float; b: Annotated[dt.Decimal, 12, 2, True]",
        "a;b\n1,5;2,25\n",
        [(1.5, Decimal("2.25"))],
    ),
    "thousands": (
        'CSV_OPTIONS = {"decimal_separator": ",", "thousands": "."}',
        "a: float; b: int",
        "a;b\n1.234,5;1.234.567\n",
        [(1234.5, 1234567)],
    ),
    "no header": (
        'CSV_OPTIONS = {"header": False}',
        "a: int; b: str",
        "1,x\n2,y\n",
        [(1, "x"), (2, "y")],
    ),
    "lines above": ('CSV_OPTIONS = {"skip": 2}', "a: int", "made by\nx\na\n1\n", [1]),
    "comments": (
        'CSV_OPTIONS = {"comment": "#"}',
        "a: int; b: str",
        "# made by\na,b\n1,x\n# end\n",
        [(1, "x")],
    ),
    "missing": (
        'CSV_OPTIONS = {"nullstr": ["NA", "-"]}',
        "id: int; a: int = pa.Field(nullable=True)",
        "id,a\n1,NA\n2,-\n3,\n",
        [(1, None), (2, None), (3, None)],
    ),
    "dates": (
        'CSV_OPTIONS = {"dateformat": "%d.%m.%Y"}',
        "a: datetime.date",
        "a\n02.01.2024\n",
        [datetime.date(2024, 1, 2)],
    ),
    "guesses that have no effect": (
        'CSV_OPTIONS = {"sample_size": 1, "types": {"a": "DOUBLE"}}',
        "a: int",
        "a\n9007199254740993\n",
        [9007199254740993],
    ),
    "Windows-1252": (
        'CSV_OPTIONS = {"encoding": "windows-1252"}',
        "a: str; b: str",
        "a,b\ncafé,5 €\n".encode("cp1252"),
        [("café", "5 €")],
    ),
    "Latin-1": (
        'CSV_OPTIONS = {"encoding": "latin-1"}',
        "a: str; b: str",
        "a,b\ncafé,x\n".encode("latin-1"),
        [("café", "x")],
    ),
    "UTF-16": ("", "a: str; b: str", "a,b\ncafé,x\n".encode("utf-16"), [("café", "x")]),
    "UTF-8 with its mark": ("", "a: int", b"\xef\xbb\xbfa\n1\n", [1]),
    "columns of one file": ("", "a: int", "a,b\n1,x\n", [(1, "x")]),
}


@pytest.mark.parametrize("kind", OPTIONS)
def test_what_the_module_says_of_its_file_holds(study: Path, kind: str) -> None:
    options, fields, text, found = OPTIONS[kind]
    assert rows(study, fields, text, options) == found


STRUCTURE: dict[str, tuple[str | bytes, str]] = {
    "too many fields": (
        "a,b\n1,x\n2,y,4242\n3,z,4242\n",
        "cannot be read: data/raw/x.csv has 2 columns, but another number of "
        "fields, 3, in line 3 and 1 more: a ',' inside a field needs quotation marks "
        "around it.",
    ),
    "too few fields": (
        "a,b\n1,x\n2\n",
        "cannot be read: data/raw/x.csv has 2 columns, but another number of "
        "fields, 1, in line 3: a ',' inside a field needs quotation marks around it.",
    ),
    "open quote": (
        'a,b\n1,x\n2,"4242\n3,z\n',
        "cannot be read: data/raw/x.csv has a quotation mark that is never closed, or "
        "closed in the middle of a field, in line 3: double it inside a field, or "
        'say CSV_OPTIONS = {"quote": ""} if quotes mean nothing.',
    ),
    "another encoding": (
        "a,b\n1,x\n4242,café\n".encode("latin-1"),
        "cannot be read: data/raw/x.csv is not UTF-8 in line 3: name its encoding in "
        'the table\'s module, such as CSV_OPTIONS = {"encoding": "windows-1252"}.',
    ),
}


@pytest.mark.parametrize("kind", STRUCTURE)
def test_file_that_cannot_be_read_is_said_with_its_line(study: Path, kind: str) -> None:
    text, said = STRUCTURE[kind]
    assert refused(study, "a: int; b: str", text) == said


HINTS: dict[str, tuple[str, str, str]] = {
    "missing": ("a: float", "NA", 'CSV_OPTIONS = {"nullstr": ["", "NA"]}'),
    "missing for databases": (
        "a: float",
        r"\N",
        r'CSV_OPTIONS = {"nullstr": ["", "\\N"]}',
    ),
    "decimal comma": ("a: float", '"1,5"', 'CSV_OPTIONS = {"decimal_separator": ","}'),
    "day or month": (
        "a: datetime.date",
        "12/01/2024",
        'pa.Field(metadata={"format": "%d/%m/%Y"}), as its dates are written',
    ),
    "offset": (
        "a: datetime.datetime",
        "2024-01-01 10:00+02",
        'Annotated[dt.Timestamp, "UTC", None, True] in the contract',
    ),
}


@pytest.mark.parametrize("kind", HINTS)
def test_what_could_be_meant_is_said(study: Path, kind: str) -> None:
    fields, text, said = HINTS[kind]
    assert said in refused(study, fields, f"a\n{text}\n")


def test_two_columns_of_one_name_are_refused(study: Path) -> None:
    given(study, "a: int", "a,A\n1,2\n")
    assert "x.csv has two columns 'a'" in refusal(values)


def test_broken_rule_is_counted_and_placed(study: Path) -> None:
    given(study, "a: int = pa.Field(ge=0)", "a\n1\n-4242\n2\n-4242\n")
    assert refusal(values, CANARY) == (
        "The table 'x' breaks its contract: a fails greater_than_or_equal_to(0) in 2 "
        "of 4 rows, first in data/raw/x.csv, line 3. Correct the data or tables/x.py; "
        'read("x", check=False) leaves these rules out.'
    )


# Files of other kinds.


def parquet(project: Path, fields: str, table: pa.Table, more: str = "") -> Path:
    """Give a project the table `x` as a Parquet file."""
    file = given(project, fields, b"", more, ".parquet")
    pa.parquet.write_table(table, file)
    return file


STORED: dict[str, tuple[str, pa.Array, list[Any]]] = {
    "int32 for int": ("a: int", pa.array([1, 2], "int32"), [1, 2]),
    "float32 for float": ("a: float", pa.array([1.5], "float32"), [1.5]),
    "whole floats for int": (
        "a: int = pa.Field(nullable=True)",
        pa.array([517.0, float("nan"), None]),
        [517, None, None],
    ),
    "UTC": (
        "a: datetime.datetime",
        pa.array([datetime.datetime(2024, 1, 2, 10)], pa.timestamp("us", "UTC")),
        [datetime.datetime(2024, 1, 2, 10)],
    ),
    "dates for times": (
        "a: datetime.datetime",
        pa.array([datetime.date(2024, 1, 2)]),
        [datetime.datetime(2024, 1, 2)],
    ),
    "midnights for dates": (
        "a: datetime.date",
        pa.array([datetime.datetime(2024, 1, 2)]),
        [datetime.date(2024, 1, 2)],
    ),
    "narrow decimals": (
        "a: Annotated[dt.Decimal, 12, 2, True]",
        pa.array([Decimal("1.5")], pa.decimal128(5, 1)),
        [Decimal("1.50")],
    ),
    "nothing at all": (
        "a: float = pa.Field(nullable=True)",
        pa.array([None, None]),
        [None, None],
    ),
    "categories": ("a: str", pa.array(["x", "y"]).dictionary_encode(), ["x", "y"]),
}


@pytest.mark.parametrize("kind", STORED)
def test_stored_type_that_loses_nothing_is_read(study: Path, kind: str) -> None:
    fields, array, found = STORED[kind]
    parquet(study, fields, pa.table({"a": array}))
    assert values() == found


STORED_WRONG: dict[str, tuple[str, pa.Array, str]] = {
    "half": ("a: int", pa.array([1.0, 4242.5]), "a must be a whole number"),
    "too big": ("a: dt.Int8", pa.array([4242]), "a must be a whole number"),
    "numbers for text": ("a: str", pa.array([4242]), "a is int64, not string"),
    "text for numbers": ("a: int", pa.array(["4242"]), "a is string, not int64"),
    "time of day": (
        "a: datetime.date",
        pa.array([datetime.datetime(2024, 1, 2, 10)]),
        "a must be a date",
    ),
    "another zone": (
        "a: datetime.datetime",
        pa.array([datetime.datetime(2024, 1, 2)], pa.timestamp("us", "Europe/Berlin")),
        "a is timestamp('UTC'",
    ),
}


@pytest.mark.parametrize("kind", STORED_WRONG)
def test_stored_type_that_loses_something_is_refused(study: Path, kind: str) -> None:
    fields, array, said = STORED_WRONG[kind]
    parquet(study, fields, pa.table({"a": array}))
    assert said in refusal(values, CANARY)


def test_folder_of_parts_is_one_table(study: Path) -> None:
    given(study, "a: int", "").unlink()
    folder = study / "data/raw/x"
    folder.mkdir()
    for at, kind in enumerate(["int32", "int64"]):
        table = pa.table({"a": pa.array([at], kind)})
        pa.parquet.write_table(table, folder / f"part-{at}.parquet")
    (folder / "_SUCCESS").touch()
    assert sorted(values()) == [0, 1]


def test_files_of_a_pattern_are_one_table(study: Path) -> None:
    given(study, "a: int; b: str", "", 'FILE = "2024/x-*.csv.gz"').unlink()
    (study / "data/raw/2024").mkdir()
    for at, text in enumerate(["a,b\n1,x\n", "b,a\ny,2\n"]):
        file = study / f"data/raw/2024/x-{at}.csv.gz"
        file.write_bytes(gzip.compress(text.encode()))
    assert sorted(values()) == [(1, "x"), (2, "y")]


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
def test_file_may_have_any_name(study: Path, ending: str) -> None:
    odd = f"it's [1-2] * 100% {{x}} 名前 😀{ending}"
    given(
        study, "a: int", "", f"FILE = {odd.replace('[', '[[]').replace('*', '[*]')!r}"
    )
    pa.parquet.write_table(pa.table({"a": [1]}), study / f"data/raw/{odd}")
    if ending != ".parquet":
        text = {".csv": "a\n1\n", ".jsonl": '{"a": 1}\n'}[ending]
        (study / f"data/raw/{odd}").write_text(text, "utf-8")
    assert values() == [1]


def test_odd_row_is_placed_in_its_part(study: Path) -> None:
    given(study, "a: int", "", 'FILE = "x-*.csv"').unlink()
    for at, text in enumerate(["a\n1\n", "a\n2\n4242.5\n"]):
        (study / f"data/raw/x-{at}.csv").write_text(text)
    assert "data/raw/x-1.csv, line 3" in refusal(values, CANARY)


def test_part_that_lacks_a_column_is_named(study: Path) -> None:
    given(study, "a: int; b: str", "", 'FILE = "x-*.csv"').unlink()
    (study / "data/raw/x-0.csv").write_text("a,b\n1,x\n")
    (study / "data/raw/x-1.csv").write_text("a\n2\n")
    assert (
        refusal(values)
        == "The table 'x' cannot be read: data/raw/x-1.csv lacks the column 'b'."
    )


def zstd(text: str) -> bytes:
    return bytes(pa.compress(text.encode(), "zstd", asbytes=True))


PACKED: dict[str, Callable[[str], bytes]] = {
    ".gz": lambda text: gzip.compress(text.encode()),
    ".zst": zstd,
}


@pytest.mark.parametrize("packed", PACKED)
def test_packed_file_is_read(study: Path, packed: str) -> None:
    text = PACKED[packed]("a,b\n1,x\n")
    assert rows(study, "a: int; b: str", text, ending=f".csv{packed}") == [(1, "x")]


@pytest.mark.parametrize("packed", PACKED)
def test_odd_row_of_a_packed_file_is_placed(study: Path, packed: str) -> None:
    text = PACKED[packed]("a,b\n1,x\n4242.5,y\n")
    given(study, "a: int; b: str", text, ending=f".csv{packed}")
    assert f"data/raw/x.csv{packed}, line 3" in refusal(values, CANARY)


def test_lines_of_json_are_read(study: Path) -> None:
    fields = (
        "id: str; a: float = pa.Field(nullable=True); "
        "day: datetime.date = pa.Field(nullable=True)"
    )
    text = '{"id": 120, "a": 2.5, "day": "2024-01-02"}\n\n{"id": "b", "a": null}\n'
    assert rows(study, fields, text, ending=".jsonl") == [
        ("120", 2.5, datetime.date(2024, 1, 2)),
        ("b", None, None),
    ]


def test_odd_value_of_json_is_placed(study: Path) -> None:
    given(study, "a: int", '{"a": 1}\n\n{"a": 4242.5}\n', ending=".ndjson")
    assert "data/raw/x.ndjson, line 3" in refusal(values, CANARY)


def test_line_that_is_no_json_is_placed(study: Path) -> None:
    given(study, "a: int", '{"a": 1}\n{"a": 4242\n', ending=".jsonl")
    assert refusal(values, CANARY) == (
        "The table 'x' cannot be read: data/raw/x.jsonl must hold a JSON object in "
        "each line, and line 2 is none."
    )


def excel(project: Path, fields: str, more: str = "", **sheets: pd.DataFrame) -> None:
    """Give a project the table `x` as an Excel file."""
    file = given(project, fields, b"", more, ".xlsx")
    with pd.ExcelWriter(file, engine="openpyxl") as book:
        for name, frame in sheets.items():
            frame.to_excel(book, sheet_name=name, index=False)


def test_sheet_is_read(study: Path) -> None:
    frame = pd.DataFrame(
        {
            "id": [120, "b"],
            "n": [1, 2],
            "at": [pd.Timestamp("2024-01-02 10:30"), pd.NaT],
            "ok": [True, False],
        }
    )
    fields = (
        "id: str; n: int; at: datetime.datetime = pa.Field(nullable=True); ok: bool"
    )
    excel(study, fields, Sheet1=frame)
    assert values() == [
        ("120", 1, datetime.datetime(2024, 1, 2, 10, 30), True),
        ("b", 2, None, False),
    ]


def test_sheet_among_several_is_read_by_name(study: Path) -> None:
    one, two = pd.DataFrame({"a": [1]}), pd.DataFrame({"a": [2]})
    excel(study, "a: int", 'SHEET = "Data 2"', **{"Data 1": one, "Data 2": two})
    assert values() == [2]


def test_sheet_among_several_is_asked_for(study: Path) -> None:
    one = pd.DataFrame({"a": [1]})
    excel(study, "a: int", **{"Data 1": one, "Data 2": one})
    assert refusal(values) == (
        "The table 'x' cannot be read: data/raw/x.xlsx has the sheets 'Data 1', 'Data "
        "2': say which in the table's module, SHEET = \"Data 1\"."
    )


def test_odd_cell_is_placed(study: Path) -> None:
    excel(study, "a: int", Sheet1=pd.DataFrame({"a": [1, 4242.5]}))
    assert "data/raw/x.xlsx, row 3" in refusal(values, CANARY)


def test_sheet_may_have_empty_rows_and_columns(study: Path) -> None:
    file = given(study, "a: int; b: str", b"", ending=".xlsx")
    book = openpyxl.Workbook()
    for at, row in {
        3: ("a", "b"),
        4: (1, "x\ny"),
        6: (2, "z"),
        9: (4242.5, "x"),
    }.items():
        for column, value in enumerate(row, 2):
            book.active.cell(at, column, value)
    book.save(file)
    assert "data/raw/x.xlsx, row 9" in refusal(values, CANARY)
    book.active.cell(9, 2, 3)
    book.save(file)
    assert values() == [(1, "x\ny"), (2, "z"), (3, "x")]


def test_table_that_is_there_twice_is_refused(study: Path) -> None:
    parquet(study, "a: int", pa.table({"a": [1]}))
    (study / "data/raw/x.csv").write_text("a\n2\n")
    assert refusal(values) == (
        "The table 'x' has x.parquet and x.csv in data/raw: remove one, or say "
        'FILE = "x.parquet" in tables/x.py.'
    )


def test_rows_come_bit_by_bit_by_the_contract(study: Path) -> None:
    given(study, "a: int", "a\n1\n9007199254740993\n")
    batches = source().read("x", check=False).to_pyarrow_batches()
    assert [row["a"] for batch in batches for row in batch.to_pylist()] == [
        1,
        9007199254740993,
    ]


def test_file_that_has_changed_is_checked_again(study: Path) -> None:
    file = given(study, "a: int = pa.Field(ge=0)", "a\n1\n")
    assert values() == [1]
    file.write_text("a\n-4242\n")
    assert "in 1 of 1 rows" in refusal(values, CANARY)


def test_file_that_has_not_changed_is_checked_once(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(study, "a: int = pa.Field(ge=0)", "a\n1\n")
    assert values() == [1]
    monkeypatch.setattr(contracts, "row_breaches", None)
    assert values() == [1]


# What the page of the docs says.

PAGE = (ROOT / "docs/data.md").read_text("utf-8")


@pytest.fixture
def deliveries(study: Path) -> Path:
    """The module that the page shows, in a project."""
    (module,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    file = study / "src/penguin_study/tables/deliveries.py"
    file.write_text(module, "utf-8")
    return file


def test_rows_of_the_page_s_contract_are_read(study: Path, deliveries: Path) -> None:
    text = (
        "id,pieces,weight,price,express,ordered,left,arrived,slot,Delay (min)\n"
        "007,2,NA,19.99,yes,31/12/2024,2025-01-02 10:30,2025-01-03 10:30+02:00,10:30,\n"
    )
    file = study / "data/raw/deliveries-1.csv.gz"
    file.write_bytes(gzip.compress(text.encode("cp1252")))
    (row,) = source().read("deliveries").to_pyarrow().to_pylist()
    assert row["ordered"] == datetime.date(2024, 12, 31)
    arrived = datetime.datetime(2025, 1, 3, 8, 30, tzinfo=datetime.UTC)
    assert row["arrived"] == arrived


@pytest.mark.parametrize("tool", [["mypy", "--strict"], ["ruff", "check"]])
def test_the_page_s_contract_passes(deliveries: Path, tool: list[str]) -> None:
    done = run(sys.executable, "-m", *tool, str(deliveries), cwd=deliveries.parents[3])
    assert done.code == 0, done.output


def meanings() -> list[tuple[str, str, bool]]:
    """Return each text that the page's table has, its type, and whether it is read."""
    found = []
    for line in PAGE.splitlines():
        cells = line.strip("| ").split(" | ")
        if len(cells) < 2 or not cells[0].startswith("`") or "CSV" in line:
            continue
        kind = cells[0].split("`")[1]
        if not re.match(r"str|int|float|bool|datetime|Annotated", kind):
            continue
        for right, cell in zip([True, False], cells[1:3], strict=False):
            found += [(kind, text, right) for text in re.findall("`([^`]+)`", cell)]
    return found


@pytest.mark.parametrize(("kind", "text", "right"), meanings())
def test_what_the_page_says_of_a_text_holds(
    study: Path, kind: str, text: str, right: bool
) -> None:
    if text in ("Z", "+00:00"):
        text = f"2024-01-02 10:30{text}"
    given(study, f"a: {kind}; b: str", f'a,b\n"{text}",x\n')
    if right:
        assert len(values(check=False)) == 1
    else:
        assert "a must be" in refusal(values)
