"""Files and uses that nobody had in mind: right, or refused, and never in between."""

import gzip
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import Small
from reading import refusal
from test_by_contract import CANARY, given, parquet, refused, rows, values

from twobus.data import own_tables, source

MANY = 200_000


@pytest.fixture
def study(small: Small) -> Path:
    """A default project, in which the test works."""
    return small()


def test_streams_give_all_rows_whatever_else_is_asked(study: Path) -> None:
    given(study, "a: int", "a\n" + "1\n" * MANY)
    table = source().read("x")
    streams = [table.to_pyarrow_batches(chunk_size=1_000) for _ in range(2)]
    counts = [next(stream).num_rows for stream in streams]
    assert table.count().execute() == MANY
    counts += [batch.num_rows for stream in streams for batch in stream]
    assert sum(counts) == 2 * MANY


def test_threads_may_read_different_tables(study: Path) -> None:
    for name in "abcdefgh":
        tables = study / "src/penguin_study/tables"
        given(study, f"{name}: int", "").unlink()
        (tables / "x.py").rename(tables / f"{name}.py")
        frame = pa.table({name: pa.array(range(1_000))})
        pa.parquet.write_table(frame, study / f"data/raw/{name}.parquet")
    found: dict[str, Any] = {}

    def read(name: str) -> None:
        try:
            found[name] = source().read(name).to_pyarrow()[name].to_pylist()
        except Exception as error:
            found[name] = error

    threads = [threading.Thread(target=read, args=[name]) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {name: [*range(1_000)] for name in "abcdefgh"}


def test_folder_of_a_csv_file_is_no_value(study: Path) -> None:
    given(study, "id: int; v: str", "", 'FILE = "x/*/*.csv"').unlink()
    for number, name in ((1, "id=7"), (2, "id=8")):
        (study / "data/raw/x" / name).mkdir(parents=True)
        file = study / "data/raw/x" / name / "p.csv"
        file.write_text(f"id,v\n{number},a\n", "utf-8")
    assert values() == [(1, "a"), (2, "a")]


def test_folder_of_a_parquet_file_is_a_value(study: Path) -> None:
    given(study, "a: int; year: int", "").unlink()
    for year in (2025, 2026):
        folder = study / f"data/raw/x/year={year}"
        folder.mkdir(parents=True)
        pa.parquet.write_table(pa.table({"a": [year]}), folder / "p.parquet")
    assert values() == [(2025, 2025), (2026, 2026)]


@pytest.mark.parametrize("place", [".ipynb_checkpoints", "_temporary/0"])
def test_what_programs_leave_beside_parts_takes_no_part(
    study: Path, place: str
) -> None:
    given(study, "a: int", "").unlink()
    for folder in ("x", f"x/{place}"):
        (study / "data/raw" / folder).mkdir(parents=True)
        (study / "data/raw" / folder / "p.csv").write_text("a\n1\n", "utf-8")
    assert values() == [1]


def test_packed_file_that_is_cut_off_is_refused(study: Path) -> None:
    text = "a\n" + "".join(f"{at * 7919}\n" for at in range(20_000))
    given(study, "a: int", gzip.compress(text.encode())[:-9_000], ending=".csv.gz")
    assert refusal(values) == (
        "The table 'x' cannot be read: data/raw/x.csv.gz is cut off, or no .gz file: "
        "fetch it again."
    )


@pytest.mark.parametrize(
    "option", ['"ignore_errors": True', '"null_padding": True', '"strict_mode": False']
)
def test_option_that_leaves_something_out_is_refused(study: Path, option: str) -> None:
    given(study, "a: int", "a\n1\n", f"CSV_OPTIONS = {{{option}}}")
    assert "which may leave out or change what stands in a file" in refusal(values)


def test_numbers_of_json_stay_as_they_are_written(study: Path) -> None:
    fields = "a: str; b: Annotated[dt.Decimal, 38, 10, True]"
    text = '{"a": 1.10, "b": 1234567890123456789.1234567891}\n'
    assert rows(study, fields, text, ending=".jsonl") == [
        ("1.10", Decimal("1234567890123456789.1234567891"))
    ]


def test_object_with_a_name_twice_is_refused(study: Path) -> None:
    given(study, "a: int", '{"a": 1}\n{"a": 1, "a": 2}\n', ending=".jsonl")
    assert "line 2 is none" in refusal(values)


SAID: dict[str, tuple[str, str, str, str]] = {
    "tail after thousands": (
        "a: float",
        '"1.234,5.6"',
        'CSV_OPTIONS = {"decimal_separator": ",", "thousands": "."}',
        "a must be a number",
    ),
    "fraction for whole seconds": (
        "a: Annotated[dt.Timestamp, None, 0, True]",
        "2024-01-02 10:00:00.5",
        "",
        "a must be a time",
    ),
    "offset that is none": (
        'a: Annotated[dt.Timestamp, "UTC", None, True]',
        "2024-01-02 10:00+99:99",
        "",
        "a must be a time with its offset",
    ),
    "offset in a form": (
        'a: datetime.datetime = pa.Field(metadata={"format": "%d/%m/%Y %z"})',
        "02/01/2024 +02",
        "",
        "must have %z if, and only if",
    ),
    "unknown sign of a form": (
        'a: datetime.date = pa.Field(metadata={"format": "%A %d/%m/%Y"})',
        "Monday 02/01/2024",
        "",
        "has a sign that is not known here",
    ),
    "number without end": ("a: float", "1e400", "", "a must be a number"),
    "fraction of a large number": (
        "a: int",
        "4503599627370497.5",
        "",
        "a must be a whole number",
    ),
    "two signs": ("a: int", "1", 'CSV_OPTIONS = {"delim": "||"}', "only one sign"),
    "no names": ("b: int", "1", "", 'CSV_OPTIONS = {"header": False}'),
}


@pytest.mark.parametrize("kind", SAID)
def test_what_cannot_be_meant_is_refused(study: Path, kind: str) -> None:
    fields, text, options, said = SAID[kind]
    given(study, fields, f"a\n{text}\n", options)
    assert said in refusal(values)


def test_columns_may_be_known_by_a_pattern(study: Path) -> None:
    fields = 'm: float = pa.Field(alias="^c_.*$", regex=True)'
    assert rows(study, fields, "c_1\tc_2, ml\n1.5\t2.5\n") == [(1.5, 2.5)]


def test_row_that_is_too_long_is_named_with_what_it_needs(study: Path) -> None:
    file = given(study, "a: int; b: str", "a,b\n1," + "é" * 1_500_000 + "\n")
    said = refusal(values)
    assert f"{file.name} has a row of 3,000,001 bytes in line 2" in said
    assert 'CSV_OPTIONS = {"max_line_size": 6_000_002}' in said


def test_comment_is_a_line_and_no_part_of_one(study: Path) -> None:
    more = 'CSV_OPTIONS = {"comment": "#"}'
    text = 'a,b\n1,x#y\n# made\n2,"x\n# y"\n'
    assert rows(study, "a: int; b: str", text, more) == [(1, "x#y"), (2, "x\n# y")]


def test_comment_is_no_row_of_one_column(study: Path) -> None:
    more = 'CSV_OPTIONS = {"comment": "#"}'
    assert rows(study, "a: str", "# made\na\nx\n# end\n", more) == ["x"]


def test_line_below_a_comment_is_named(study: Path) -> None:
    more = 'CSV_OPTIONS = {"comment": "#"}'
    said = refused(study, "a: int; b: str", "a,b\n# made\n1,x\n4242.5,y\n", more)
    assert "data/raw/x.csv, line 4" in said


def test_cell_with_a_lone_return_is_one_cell(study: Path) -> None:
    file = given(study, "a: str", b"", ending=".xlsx")
    book = openpyxl.Workbook()
    for at, value in enumerate(["a", "g_x000D_h", "k"], 1):
        book.active.cell(at, 1, value)
    book.save(file)
    assert len(values()) == 2


def sheet(study: Path, fields: str, *values: str | int, more: str = "") -> Path:
    """Give the project a table `x` of one column in an Excel file."""
    file = given(study, fields, b"", more, ending=".xlsx")
    book = openpyxl.Workbook()
    for at, value in enumerate(["a", *values], 1):
        book.active.cell(at, 1, value)
    book.save(file)
    return file


def test_an_error_in_a_sheet_is_no_missing_value(study: Path) -> None:
    sheet(study, "a: float = pa.Field(nullable=True)", 1, "#DIV/0!", 2)
    said = refusal(values)
    assert "row 3" in said
    assert 'CSV_OPTIONS = {"nullstr": ["", "#DIV/0!"]}' in said


def test_an_error_in_a_sheet_may_be_said_to_be_missing(study: Path) -> None:
    more = 'CSV_OPTIONS = {"nullstr": "#N/A"}'
    sheet(study, "a: float = pa.Field(nullable=True)", 1, "#N/A", 2, more=more)
    assert pd.isna(values()[1])


def test_a_formula_that_was_never_computed_is_refused(study: Path) -> None:
    sheet(study, "a: float = pa.Field(nullable=True)", 1, "=A2+1")
    assert "has a formula without a result in the cell A3" in refusal(values)


def test_file_that_has_changed_since_it_was_read_is_refused(study: Path) -> None:
    file = given(study, "a: int; b: float", "a,b\n1,5.0\n")
    table = source().read("x")
    file.write_text("b,a\n5.0,12\n", "utf-8")
    assert "has another file since it was read" in refusal(table.execute)


def test_a_hint_keeps_the_options_that_are_set(study: Path) -> None:
    more = 'CSV_OPTIONS = {"delim": ";", "nullstr": "-"}'
    said = refused(study, "a: int; b: str", "a;b\nNA;x\n", more)
    hint = 'CSV_OPTIONS = {"delim": ";", "nullstr": ["", "NA", "-"]}'
    assert f"(if that is meant: {hint})" in said


def test_a_hint_for_a_sheet_keeps_the_options_that_are_set(study: Path) -> None:
    more = 'CSV_OPTIONS = {"decimal_separator": ","}'
    sheet(study, "a: float", 1, "NA", more=more)
    assert '{"decimal_separator": ",", "nullstr": ["", "NA"]}' in refusal(values)


def test_file_of_capitals_is_found(study: Path) -> None:
    given(study, "a: int", "a\n1\n").rename(study / "data/raw/x.CSV")
    assert values() == [1]


@pytest.mark.parametrize("pattern", ["../x.csv", "/data/x.csv"])
def test_file_elsewhere_is_refused(study: Path, pattern: str) -> None:
    given(study, "a: int", "a\n1\n", f"FILE = {pattern!r}")
    assert "must name files below data/raw" in refusal(values)


def test_other_encoding_far_down_is_named_with_its_line(study: Path) -> None:
    text = b"\n# x\n" + b"a,b\n" + b"1,x\n" * 30_000 + b"4242,caf\xe9\n"
    said = refused(study, "a: int; b: str", text[5:])
    assert "data/raw/x.csv is not UTF-8 in line 30,002" in said


def test_digits_that_would_be_rounded_are_refused(study: Path) -> None:
    array = pa.array([Decimal("1" * 41 + ".25")], pa.decimal256(50, 2))
    parquet(study, "a: float", pa.table({"a": array}))
    assert "has more than 38 digits" in refusal(values)


def test_nanoseconds_in_a_zone_are_refused(study: Path) -> None:
    array = pa.array([1_700_000_000_123_456_789], pa.timestamp("ns", "UTC"))
    parquet(
        study, 'a: Annotated[dt.Timestamp, "UTC", None, True]', pa.table({"a": array})
    )
    assert "has nanoseconds" in refusal(values)


# Values of the data stay out of what is said, whatever is asked.
WAYS: dict[str, Callable[[Any, Any, Path], object]] = {
    "JSON": lambda table, base, place: table.to_json(place / "x.json"),
    "Parquet": lambda table, base, place: table.to_parquet(place / "x.parquet"),
    "CSV": lambda table, base, place: table.to_csv(place / "x.csv"),
    "table": lambda table, base, place: base.create_table("copy", obj=table),
    "view": lambda table, base, place: base.create_view("seen", obj=table),
    "stream": lambda table, base, place: table.to_pyarrow_batches(),
    "pandas": lambda table, base, place: table.to_pandas(),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_way_to_the_rows_shows_a_value(
    study: Path, tmp_path: Path, way: str
) -> None:
    given(study, "a: float", f"a\n1.5\nabout {CANARY}\n")
    table, base = source().read("x", check=False), own_tables().connect()
    said = refusal(lambda: WAYS[way](table, base, tmp_path), CANARY)
    assert "data/raw/x.csv, line 3" in said


def test_query_that_asks_too_much_shows_no_value(study: Path) -> None:
    given(study, "a: str", f"a\nabout {CANARY}\n")
    number = source().read("x").a.cast("int")
    assert refusal(number.execute, CANARY).startswith("The query failed (Conversion")


def test_many_odd_columns_are_said_in_short(study: Path) -> None:
    names = [f"c{at}" for at in range(200)]
    fields = "; ".join(f"{name}: int" for name in names)
    text = ",".join(names) + "\n" + ",".join(["4242.5"] * 200) + "\n"
    assert "; and 195 more columns are not" in refused(study, fields, text)


def test_duckdb_itself_would_lose_rows_of_a_stream() -> None:
    """If this fails, streams need no connection of their own any more."""
    base = duckdb.connect()
    stream = base.execute("FROM range(200000)").fetch_record_batch(1_000)
    seen = next(stream).num_rows
    base.execute("SELECT 1").fetchall()
    assert seen + sum(batch.num_rows for batch in stream) < MANY
