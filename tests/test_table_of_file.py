"""`poe new-table` with a file: a contract, a sample, the docs, and what to look at."""

import datetime
import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest
from conftest import Small
from inside import call
from reading import count, table
from tabled import CANARY, fields, given, made, on_samples

from template import Result, status
from twobus.data import source


@pytest.fixture
def study(small: Small) -> Path:
    """A default project, in which the test works."""
    return small()


ROWS = "id,wert,ort\n1,2.5,Zürich\n2,,Bern\n"
FILES: dict[str, tuple[str, bytes, list[str]]] = {
    "tab": ("x.tsv", ROWS.replace(",", "\t").encode(), []),
    "semicolon": ("x.csv", ROWS.replace(",", ";").encode(), []),
    "hat": (
        "x.txt",
        ROWS.replace(",", "^").encode(),
        ["# Columns are separated by '^'.", 'CSV_OPTIONS = {"delim": "^"}'],
    ),
    "packed": ("x.csv.gz", gzip.compress(ROWS.encode()), []),
    "marked": ("x.csv", b"\xef\xbb\xbf" + ROWS.encode(), []),
    "UTF-16": ("x.csv", ROWS.encode("utf-16"), []),
    "Windows": (
        "x.csv",
        ROWS.encode("cp1252"),
        [
            "# The file is not UTF-8: is it windows-1252? Look at its letters.",
            'CSV_OPTIONS = {"encoding": "windows-1252"}',
        ],
    ),
    "title": (
        "x.csv",
        b"Report of May\n\n" + ROWS.encode(),
        [
            "# 2 lines stand above the header, and are skipped.",
            'CSV_OPTIONS = {"skip": 2}',
        ],
    ),
    "JSON lines": (
        "x.jsonl",
        b'{"id": 1, "wert": 2.5, "ort": "Bern"}\n{"id": 2, "wert": null, "ort": "B"}\n',
        [],
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_of_each_kind_is_read(study: Path, kind: str) -> None:
    name, data, said = FILES[kind]
    given(study, data, name)
    module = made(study)
    for line in said:
        assert line in module.splitlines()
    assert ("CSV_OPTIONS" in module) == bool(said)
    wanted = ["id: int", "wert: float = pa.Field(nullable=True)", "ort: str"]
    assert [line for line in fields(module) if "#" not in line] == wanted
    assert count("x") == 2


def test_times_of_a_parquet_file_keep_their_zone(study: Path) -> None:
    at = [datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)]
    rows = {
        "at": pa.array(at, pa.timestamp("us", "Europe/Berlin")),
        "plain": pa.array([datetime.datetime(2026, 1, 1)], pa.timestamp("ns")),
        "text": ["2026-01-01"],
        "nan": [float("nan")],
        "small": pa.array([1], pa.int16()),
        "list": [[1]],
    }
    pyarrow.parquet.write_table(pa.table(rows), study / "data/raw/x.parquet")
    module = made(study)
    assert fields(module) == [
        "# Written in the zone Europe/Berlin, read as UTC",
        'at: Annotated[dt.Timestamp, "UTC", None, True]',
        "plain: datetime.datetime",
        "text: str",
        "# No value in any row: of what type will it be?",
        "nan: float = pa.Field(nullable=True)",
        "small: dt.Int16",
    ]
    assert source().read("x").at.to_pyarrow().to_pylist() == at


def test_names_of_folders_are_columns(study: Path) -> None:
    for year in (2025, 2026):
        folder = study / f"data/raw/x/year={year}/month=01"
        folder.mkdir(parents=True)
        pyarrow.parquet.write_table(pa.table({"a": [1]}), folder / "part.parquet")
    module = made(study)
    assert "FILE" not in module
    assert [line for line in fields(module) if "#" not in line] == [
        "a: int",
        "year: int",
        "month: str",
    ]


def sheets(file: Path) -> Path:
    """Write an Excel file with two sheets."""
    book = openpyxl.Workbook()
    first = book.active
    assert first is not None
    first.title = "Kunden"
    first.append(["Nr.", "seit", "Umsatz (€)"])
    first.append([1, datetime.date(2026, 1, 1), "NA"])
    first.append([2, datetime.date(2026, 1, 2), 2.5])
    book.create_sheet("Notes").append(["a"])
    book.save(file)
    return file


def test_a_sheet_of_an_excel_file_is_named(study: Path, tmp_path: Path) -> None:
    file = sheets(tmp_path / "Kunden 2026.xlsx")
    refused = call(study, "new-table", "x", str(file))
    assert refused.output == "Name the sheet by --sheet: 'Kunden', 'Notes'.\n"
    module = made(study, str(file), "--sheet", "Kunden")
    assert 'SHEET = "Kunden"' in module
    assert fields(module) == [
        'nr: int = pa.Field(alias="Nr.")',
        "seit: datetime.date",
        'umsatz: float = pa.Field(nullable=True, alias="Umsatz (€)")',
    ]
    assert count("x") == 2


def test_a_file_from_elsewhere_is_copied(study: Path, tmp_path: Path) -> None:
    file = tmp_path / "orders of May.csv"
    file.write_text("a\n1\n", "utf-8")
    made(study, str(file))
    assert (study / "data/raw/x.csv").read_text("utf-8") == "a\n1\n"
    assert file.read_text("utf-8") == "a\n1\n"


@pytest.mark.parametrize("there", ["x.csv", "x.tsv"])
def test_no_file_is_written_over_or_beside_another(
    study: Path, tmp_path: Path, there: str
) -> None:
    given(study, "b\n1\n", there)
    (tmp_path / "x.csv").write_text("a\n1\n", "utf-8")
    before = status(study)
    result = call(study, "new-table", "x", str(tmp_path / "x.csv"))
    assert (result.code, status(study)) == (1, before)
    assert f"data/raw/{there} is there already" in result.output
    assert [one.name for one in (study / "data/raw").glob("x*")] == [there]


def test_nothing_is_written_where_not_all_can_be(study: Path, tmp_path: Path) -> None:
    page = study / "docs/data.md"
    page.unlink()
    page.mkdir()
    (tmp_path / "orders.csv").write_text("a\n1\n", "utf-8")
    result = call(study, "new-table", "x", str(tmp_path / "orders.csv"))
    assert (result.code, status(study)) == (1, " D docs/data.md\n")
    assert "Nothing was written" in result.output
    assert not [*(study / "data/raw").glob("x*")]


@pytest.mark.parametrize(
    ("named", "line"),
    [
        ("data/raw/orders-1.csv", 'FILE = "orders-1.csv"'),
        ("orders-*.csv", 'FILE = "orders-*.csv"'),
        ("data/raw/orders-*.csv", 'FILE = "orders-*.csv"'),
        ("data/raw/by [year]", 'FILE = "by [[]year]/**/*"'),
    ],
)
def test_a_raw_file_of_another_name_is_named(
    study: Path, named: str, line: str
) -> None:
    for number in (1, 2):
        given(study, f"a\n{number}\n", f"orders-{number}.csv")
        given(study, f"a\n{number}\n", f"by [year]/{number}.csv")
    module = made(study, named)
    assert line in module.splitlines()
    assert count("x") == 1 + ("*" in line)


def test_no_value_leaves(study: Path) -> None:
    line = f"{CANARY},{CANARY}.5,name {CANARY},2026-01-01 00:{CANARY[:2]}\n"
    given(study, "id,x,name,at\n" + line * 30)
    module = made(study)
    written = [
        module,
        table(study, "x").with_suffix(".csv").read_text("utf-8"),
        (study / "docs/data.md").read_text("utf-8"),
    ]
    assert CANARY not in "".join(written)


def test_ranges_and_sets_are_taken_where_asked_for(study: Path) -> None:
    rows = "".join(
        f"{number},{number}.5,2026-01-{number + 1:02},{'ab'[number % 2]}\n"
        for number in range(30)
    )
    given(study, f"n,x,day,kind\n{rows}")
    result = call(study, "new-table", "x", "--ranges", "--sets")
    assert "real values" in result.output
    assert on_samples(study, "x") == 20
    module = table(study, "x").read_text("utf-8")
    assert [line for line in fields(module) if "#" not in line] == [
        "n: int = pa.Field(ge=0, le=29)",
        "x: float = pa.Field(ge=0.5, le=29.5)",
        "day: datetime.date = pa.Field(",
        "ge=datetime.date(2026, 1, 1), le=datetime.date(2026, 1, 30)",
        ")",
        'kind: str = pa.Field(isin=["a", "b"])',
    ]
    assert "# Unique in all rows: unique=True, if it is a key" in module


def test_a_table_gets_a_section_after_those_of_people(study: Path) -> None:
    page = study / "docs/data.md"
    before = page.read_text("utf-8")
    given(study, "a,b|c\n1,NA\n2,3\n")
    made(study)
    after = page.read_text("utf-8")
    assert after.startswith(before)
    added = after.removeprefix(before)
    assert "## x" in added
    assert "- File: `data/raw/x.csv`, unchanged; missing values: `NA`." in added
    assert "| `b\\|c` | | |" in added


def test_a_section_that_people_have_begun_is_left(study: Path) -> None:
    page = study / "docs/data.md"
    text = page.read_text("utf-8") + "\n## x\n\nOurs.\n"
    page.write_text(text, "utf-8")
    given(study, "a\n1\n")
    made(study)
    assert page.read_text("utf-8") == text


def test_a_library_takes_a_contract_of_a_file_but_no_rows(
    small: Small, tmp_path: Path
) -> None:
    project = small(kind="library", package_name="acme_data")
    (tmp_path / "x.csv").write_text("a\n1\n2\n", "utf-8")
    result = call(project, "new-table", "x", str(tmp_path / "x.csv"))
    assert result.code == 0, result.output
    assert "Rows are read from the database that DATA_URL names." in result.output
    assert "2 rows" in result.output
    assert not (project / "data").exists()
    assert "## x" in (project / "docs/tables.md").read_text("utf-8")


def test_a_study_on_a_library_gets_no_table(small: Small) -> None:
    project = small(shared_library="acme-data>=1")
    result = call(project, "new-table", "x")
    assert (result.code, status(project)) == (1, "")
    assert "add the table to that library" in result.output


REFUSED: dict[str, tuple[str, bytes, str]] = {
    "absent": ("other.csv", b"a\n1\n", "There is no file "),
    "another kind": ("x.doc", b"a\n1\n", "cannot hold a table: read are .parquet"),
    "empty": ("x.csv", b"", "x.csv is empty"),
    "ragged": ("x.csv", b"a,b\n1,2\n1,2,3\n4242,2,3\n", "has 2 columns, but another"),
    "unclosed": ("x.csv", b'a,b\n1,"4242\n', "quotation mark"),
    "two of a name": ("x.csv", b"a,A\n1,2\n", "two columns 'a'"),
    "no Excel": ("x.xlsx", b"4242", "is no Excel file"),
    "no Parquet": ("x.parquet", b"4242", "is no Parquet file"),
    "no JSON": ("x.jsonl", b'{"a": 1}\n4242\n', "line 2 is none"),
    "not packed": ("x.csv.gz", b"a\n4242\n", "cannot be unpacked"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_a_table_is_refused_in_a_sentence(
    study: Path, tmp_path: Path, kind: str
) -> None:
    name, data, said = REFUSED[kind]
    wanted = tmp_path / ("x.csv" if kind == "absent" else name)
    (tmp_path / name).write_bytes(data)
    result = call(study, "new-table", "x", str(wanted))
    assert (result.code, status(study)) == (1, ""), result.output
    assert said in result.output
    assert CANARY not in result.output
    assert not [*(study / "data/raw").glob("x*")]


def test_a_table_without_rows_has_columns(study: Path) -> None:
    given(study, "a,b\n")
    assert fields(made(study))[1::2] == ["a: str", "b: str"]


AWKWARD = ["class", "schema", "Config", "validate", "2x", "a b", "a_b", "A-b", "l"]
AWKWARD += ["int", "datetime", "pa", "dt", "Größe (m²)", "x" * 300, "ﬁt", "_a", "😀"]
AWKWARD += ['a "b" \\ c', "two\nlines", "$name", "{x}", "#1", "ünïcode" * 40, "match"]
# Letters that look like those of others.
AWKWARD += ["O\u0441\u0430", "a\u2013b"]


def test_columns_may_be_called_anything(study: Path) -> None:
    lines = [AWKWARD, *[["1"] * len(AWKWARD)] * 3]
    quoted = ['"' + cell.replace('"', '""') + '"' for line in lines for cell in line]
    wide = len(AWKWARD)
    rows = [",".join(quoted[at : at + wide]) for at in range(0, len(quoted), wide)]
    given(study, "\n".join(rows) + "\n")
    made(study)
    assert [*source().contract("x").columns] == AWKWARD
    for words in (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]):
        done = run(study, *words)
        assert done.code == 0, done.output


def run(project: Path, *words: str) -> Result:
    """Run a tool of this environment on a project."""
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=project, capture_output=True, text=True
    )
    return Result(done.returncode, done.stdout + done.stderr)


@pytest.mark.whole
def test_many_columns_are_one_table(study: Path) -> None:
    names = [f"V{number}" for number in range(300)]
    given(study, "\n".join([",".join(names), *[",".join(["1"] * 300)] * 3]) + "\n")
    made(study)
    assert len(source().contract("x").columns) == 300


def test_values_of_json_are_no_words_for_missing(study: Path) -> None:
    lines = [json.dumps({"a": value}) for value in (1, None, "NA")]
    given(study, "\n".join(lines) + "\n", "x.jsonl")
    assert fields(made(study))[-1] == "a: str = pa.Field(nullable=True)"


def test_a_table_is_found_by_its_name(study: Path) -> None:
    shutil.copy(study / "data/raw/penguins.csv", study / "data/raw/birds.csv")
    module = made(study, name="birds")
    assert 'CSV_OPTIONS = {"nullstr": "NA"}' in module
    assert "FILE" not in module
    assert "bill_length_mm: float = pa.Field(nullable=True)" in module
