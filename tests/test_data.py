"""A project's tables: where they are read from, and what is said where they are not."""

import csv
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import ibis
import pytest
from conftest import Small
from reading import HEADER, add_table, count, edit, refusal, table

from template import git, lend, poe
from twobus.data import own_tables, source

PLANTED = "s3cret"
WAREHOUSE = f"mysql://user:{PLANTED}@127.0.0.1:1/x"


@pytest.fixture
def study(small: Small) -> Path:
    """A default project, in which the test works."""
    return small()


def raw(project: Path) -> Path:
    return project / "data/raw/penguins.csv"


# Where tables are read from.


def test_tables_are_read_from_raw_files_by_default(study: Path) -> None:
    assert count() == 344


def test_every_table_is_read_from_samples(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_table(study, "islands", "island: str", "island\nBiscoe\nDream\n")
    monkeypatch.setenv("DATA_URL", "samples")
    found = {name: count(name) for name in source().names()}
    assert found == {"islands": 2, "penguins": 38}
    assert source().on_samples()


def test_tables_are_read_from_any_folder_of_the_project(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(study / "notebooks")
    assert count() == 344


def test_tables_are_read_from_anywhere_by_the_project_s_environment(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(study / ".venv"))
    assert count() == 344


def test_raw_file_may_be_parquet(study: Path) -> None:
    few = duckdb.read_csv(str(raw(study)), na_values="NA").limit(7)
    few.write_parquet(str(raw(study).with_suffix(".parquet")))
    raw(study).unlink()
    assert count() == 7


@pytest.fixture
def database(study: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A database with seven penguins, and five in a schema; tables are read from it."""
    file = study.parent / "ware house é.duckdb"
    with duckdb.connect(str(file)) as base:
        base.read_csv(str(raw(study)), na_values="NA").limit(7).create("penguins")
        base.execute("create schema field")
        base.execute("create table field.birds as from penguins limit 5")
    monkeypatch.setenv("DATA_URL", f"duckdb://{file}")
    return file


def test_tables_are_read_from_a_database(database: Path) -> None:
    assert count() == 7
    assert not source().on_samples()


def test_path_of_a_database_begins_at_the_project(
    study: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (study / "data/interim").mkdir(exist_ok=True)
    shutil.copy(database, study / "data/interim/x.duckdb")
    monkeypatch.setenv("DATA_URL", "duckdb://data/interim/x.duckdb")
    monkeypatch.chdir(study / "notebooks")
    assert count() == 7


def test_several_can_read_a_database_at_once(database: Path) -> None:
    ours = own_tables().connect()
    # DuckDB refuses this while somebody has the file open for writing.
    with duckdb.connect(str(database), read_only=True) as theirs:
        assert theirs.sql("from penguins").fetchall()
    with pytest.raises(duckdb.InvalidInputException, match="read-only"):
        ours.raw_sql("delete from penguins")


def test_location_names_a_table_in_the_database(study: Path, database: Path) -> None:
    locate(study, "field.birds")
    assert count() == 5


def locate(project: Path, location: str) -> None:
    with table(project).open("a", encoding="utf-8") as module:
        module.write(f'\nLOCATION = "{location}"\n')


# What breaks a contract is named, and no value of the data is shown.

CANARY = "4242.4242"


def with_row(text: str, **values: str) -> str:
    """Return a raw file in which one row has other values, and a canary."""
    rows = list(csv.DictReader(io.StringIO(text)))
    rows[5] |= {"bill_length_mm": CANARY, **values}
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def without_column(text: str) -> str:
    return re.sub(r",\w+$", "", text, flags=re.MULTILINE)


def with_column(text: str) -> str:
    header, rows = text.split("\n", 1)
    return f"{header},note\n" + rows.replace("\n", f",{CANARY}\n")


def after_many_rows(text: str, **values: str) -> str:
    """Put a row behind those by which DuckDB tells the types of columns."""
    _, rows = text.split("\n", 1)
    return text + rows * 60 + with_row(text, **values).split("\n", 1)[1]


def broken(rule: str) -> str:
    """Return how it is said that the row which `with_row` changes breaks a rule."""
    return (
        f"{rule} in 1 of 344 rows, first in data/raw/penguins.csv, line 7. Correct the "
        'data or tables/penguins.py; read("penguins", check=False) leaves these rules '
        "out."
    )


BREACHES: dict[str, tuple[Callable[[str], str], str]] = {
    "missing column": (without_column, "it lacks the column 'year'."),
    "extra column": (with_column, "the column 'note' is not part of it."),
    "wrong type": (
        lambda raw: with_row(raw, year=f"in {CANARY}"),
        "year must be a whole number, which it is not in data/raw/penguins.csv, "
        "line 7.",
    ),
    "wrong type far down": (
        lambda raw: after_many_rows(raw, year=f"in {CANARY}"),
        "year must be a whole number, which it is not in data/raw/penguins.csv, "
        "line 20,991.",
    ),
    "null": (lambda raw: with_row(raw, year="NA"), broken("year is missing")),
    "out of range": (
        lambda raw: with_row(raw, body_mass_g="42424242"),
        broken("body_mass_g fails in_range(1000, 10000)"),
    ),
    "unknown word": (
        lambda raw: with_row(raw, island=f"Isle {CANARY}"),
        broken("island fails isin(['Biscoe', 'Dream', 'Torgersen'])"),
    ),
    "not UTF-8": (
        lambda raw: with_row(raw, island=f"{CANARY} \udcff"),
        "is not UTF-8 in line 7: name its encoding in the table's module, such as "
        'CSV_OPTIONS = {"nullstr": "NA", "encoding": "windows-1252"}.',
    ),
}


def spoil(project: Path, breach: str) -> None:
    """Break a contract by what stands in the raw file."""
    text = raw(project).read_text("utf-8")
    spoilt = BREACHES[breach][0](text)
    assert spoilt != text
    raw(project).write_text(spoilt, "utf-8", "surrogateescape")


@pytest.mark.parametrize("breach", BREACHES)
def test_breach_of_a_contract_is_named_without_values(
    study: Path, breach: str, capfd: pytest.CaptureFixture[str]
) -> None:
    spoil(study, breach)
    said = refusal(count, "4242")
    assert said.startswith("The table 'penguins' ")
    assert said.endswith(BREACHES[breach][1])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The table 'penguins' cannot be read: data/raw/penguins.csv is empty."),
        (
            f"{HEADER}\nAdelie,Dream,1.0,2.0,3,4,male,2007,{CANARY}\nAdelie\n",
            "The table 'penguins' cannot be read: data/raw/penguins.csv has 8 columns, "
            "but another number of fields, 9, in line 2 and 1 more: a ',' inside a "
            "field needs quotation marks around it.",
        ),
    ],
    ids=["empty", "ragged"],
)
def test_file_that_is_no_table_is_said(study: Path, text: str, said: str) -> None:
    raw(study).write_text(text, "utf-8")
    assert refusal(count, CANARY) == said


def make_unique(project: Path, column: str) -> None:
    """Demand by the contract that no value of a column stands there twice."""
    field = f"{column}: int = pa.Field("
    edit(table(project), field, f"{field}unique=True, ")


def test_values_that_stand_there_twice_are_named_by_column(study: Path) -> None:
    make_unique(study, "flipper_length_mm")
    assert "flipper_length_mm is not unique in 287 of 344 rows." in refusal(count)


def test_values_that_stand_there_once_are_unique(study: Path) -> None:
    make_unique(study, "flipper_length_mm")
    header, *rows = raw(study).read_text("utf-8").splitlines()
    once = {row.split(",")[4]: row for row in rows}
    raw(study).write_text("\n".join([header, *once.values()]), "utf-8")
    assert count() == len(once)


def test_whole_numbers_keep_a_contract_of_floats(study: Path) -> None:
    header, *rows = raw(study).read_text("utf-8").splitlines()
    whole = [re.sub(r"\.\d", "", row) for row in rows]
    raw(study).write_text("\n".join([header, *whole]), "utf-8")
    assert count() == 344
    assert source().read("penguins").bill_depth_mm.type().is_floating()


@pytest.mark.parametrize("breach", ["null", "out of range", "unknown word"])
def test_rows_are_not_checked_on_request(study: Path, breach: str) -> None:
    spoil(study, breach)
    assert count(check=False) == 344


@pytest.mark.parametrize("breach", ["missing column", "extra column"])
def test_names_and_types_are_always_checked(study: Path, breach: str) -> None:
    spoil(study, breach)
    said = refusal(lambda: count(check=False))
    assert BREACHES[breach][1].split(";")[0] in said


@pytest.mark.parametrize("breach", ["wrong type", "wrong type far down"])
def test_value_of_another_type_is_refused_where_it_is_asked_for(
    study: Path, breach: str
) -> None:
    spoil(study, breach)
    rows = source().read("penguins", check=False)
    assert BREACHES[breach][1] in refusal(rows.year.max().execute)


# What cannot be read is said in a sentence, and no password is shown.


def test_unknown_table_is_named_with_the_known_ones(study: Path) -> None:
    assert refusal(lambda: count("pinguins")) == (
        "There is no table 'pinguins'; known tables: penguins."
    )


def test_missing_raw_file_is_named_with_its_place(study: Path) -> None:
    raw(study).unlink()
    assert refusal(count) == (
        "The table 'penguins' has no file: expected penguins.csv or penguins.parquet "
        "in data/raw; `uv run poe data` may fetch it."
    )


def test_table_that_the_database_lacks_is_named(study: Path, database: Path) -> None:
    locate(study, "field.fish")
    said = refusal(count)
    assert said.startswith("The database has no table 'field.fish': LOCATION")


@pytest.mark.parametrize("place", ["{tmp}/none.duckdb", "data/none.duckdb"])
def test_missing_database_file_is_said_and_not_made(
    study: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv("DATA_URL", f"duckdb://{place.format(tmp=study.parent)}")
    said = "DATA_URL names a database that is a file that is not there."
    assert refusal(count) == said
    assert not [*study.parent.rglob("none.duckdb*")]


def test_file_that_is_no_database_is_said(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (study / "none.duckdb").write_text("a,b\n" * 9_000, "utf-8")
    monkeypatch.setenv("DATA_URL", "duckdb://none.duckdb")
    assert refusal(count) == (
        "DATA_URL names a database that is a file of no DuckDB database, or of a newer "
        "DuckDB."
    )


def test_database_that_another_program_has_open_is_said(
    study: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        f"import duckdb; kept = duckdb.connect({str(database)!r}); "
        "print(flush=True); input()"
    )
    command = [sys.executable, "-c", code]
    monkeypatch.setenv("DATA_URL", f"duckdb://{database}")
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as other:
        assert other.stdout and other.stdout.readline()
        said = refusal(count)
        other.communicate(b"\n")
    assert said == (
        f"DATA_URL names a database that another program (process {other.pid}) has "
        "open for writing: close it there, or let that open it with read_only=True."
    )


def test_missing_driver_is_said_without_the_password(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_URL", WAREHOUSE)
    assert refusal(count, PLANTED) == (
        "DATA_URL names a database that needs a driver that is not installed: see "
        ".env.example."
    )


@pytest.mark.parametrize(
    "url",
    [
        PLANTED,
        f"orakel://user:{PLANTED}@host/x",
        f"http://[{PLANTED}",
        f"{PLANTED}.duckdb",
        f"sqlite:///{PLANTED}.db",
        f"file:///{PLANTED}.duckdb",
    ],
)
def test_url_that_means_nothing_is_said_without_its_text(
    study: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATA_URL", url)
    said = refusal(count, PLANTED)
    assert "names a database that cannot be opened" in said
    assert not [*study.glob(f"{PLANTED}*")]


@pytest.mark.slow
def test_checks_are_green_without_the_warehouse(ready: Path) -> None:
    with lend(ready):
        (ready / ".env").write_text(f"DATA_URL={WAREHOUSE}\n")
        raw(ready).unlink()
        git("commit", "-aqm", "The warehouse has it", "--no-verify", cwd=ready)
        result = poe(ready, "check")
    assert result.code == 0, result.output
    assert PLANTED not in result.output


# A project whose own code is broken.

MARKERS = "<<<<<<< before updating\nX = 1\n=======\nX = 2\n>>>>>>> after updating\n"


@pytest.mark.parametrize("tables", [source, own_tables])
def test_conflict_markers_in_data_py_are_said(
    study: Path, tables: Callable[[], object]
) -> None:
    module = study / "src/penguin_study/data.py"
    lines = len(module.read_text("utf-8").splitlines())
    with module.open("a", encoding="utf-8") as file:
        file.write(MARKERS)
    assert refusal(tables) == (
        "penguin_study.data cannot be imported: SyntaxError in "
        f"src/penguin_study/data.py, line {lines + 1}: invalid syntax"
    )


def test_mistake_in_data_py_is_said(study: Path) -> None:
    edit(study / "src/penguin_study/data.py", "Tables(tables)", "Tabels(tables)")
    assert refusal(source) == (
        "penguin_study.data cannot be imported: NameError: name 'Tabels' is not defined"
    )


# What else people run into.


def test_module_without_contract_is_named(study: Path) -> None:
    table(study, "orders").write_text('"""Nothing yet."""\n')
    assert refusal(lambda: count("orders")) == (
        "The table 'orders' has no contract: tables/orders.py lacks it."
    )


def test_column_that_must_be_unique_is_looked_at(study: Path) -> None:
    add_table(study, "orders", "id: int = pa.Field(unique=True)", "id\n1\n1\n")
    assert "id is not unique in 1 of 2 rows." in refusal(lambda: sample("orders"))


def test_whole_numbers_may_stand_in_a_column_of_floats(study: Path) -> None:
    add_table(study, "orders", "price: float", "price\n1\n2\n")
    assert str(sample("orders").execute().price.dtype) == "float64"


def sample(name: str) -> ibis.Table:
    """Read a table from its sample."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_URL", "samples")
        return source().read(name)
