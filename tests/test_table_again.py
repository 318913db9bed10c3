"""`poe new-table --again` says what has changed in a source, and proposes lines."""

import subprocess
from pathlib import Path

import pytest
from conftest import Small
from inside import call
from postgres import Server
from reading import edit, table
from tabled import given

from template import Result, status

ROWS = "id,delay,place\n1,5,Bern\n2,7,Basel\n3,8,Chur\n"


@pytest.fixture
def study(small: Small) -> Path:
    """A project with a table `x`, in which the test works."""
    project = small()
    given(project, ROWS)
    assert call(project, "new-table", "x").code == 0
    return project


def again(project: Path, text: str) -> Result:
    """Compare the table with a file that has changed; nothing is written."""
    given(project, text)
    module, before = table(project, "x").read_text("utf-8"), status(project)
    result = call(project, "new-table", "x", "--again")
    assert table(project, "x").read_text("utf-8") == module
    assert status(project) == before
    return result


def proposed(result: Result) -> list[str]:
    """Return the lines that a result takes away and adds."""
    assert result.code == 1, result.output
    lines = result.output.splitlines()
    return [one for one in lines if one[:1] in "+-" and one[:3] not in ("+++", "---")]


def test_a_source_that_is_the_same_is_said_to_be(study: Path) -> None:
    result = again(study, ROWS)
    assert result.code == 0, result.output
    assert result.output.endswith("tables/x.py says what data/raw/x.csv is now.\n")


def test_a_contract_may_know_more_than_its_rows_show(study: Path) -> None:
    edit(table(study, "x"), "delay: int", "delay: float = pa.Field(ge=0)")
    assert again(study, ROWS).code == 0


def test_new_and_gone_columns_are_proposed(study: Path) -> None:
    result = again(study, "id,delay,Gate No\n1,5,7\n")
    assert "the column 'place' is no more" in result.output
    assert proposed(result) == [
        "-    place: str",
        '+    gate_no: int = pa.Field(alias="Gate No")',
    ]


def test_another_type_is_proposed_with_the_place_that_needs_it(study: Path) -> None:
    result = again(study, "id,delay,place\n1,5,Bern\n2,7.5,Basel\n3,8.5,Chur\n")
    assert "data/raw/x.csv, line 3 and 1 more" in result.output
    assert "7.5" not in result.output
    assert proposed(result) == ["-    delay: int", "+    delay: float"]


def test_newly_missing_values_are_proposed(study: Path) -> None:
    edit(table(study, "x"), "delay: int", "delay: int = pa.Field(ge=0)")
    result = again(study, "id,delay,place\n1,5,Bern\n2,,Basel\n3,8,Chur\n")
    assert "delay is missing in 1 of 3 rows" in result.output
    assert proposed(result) == [
        "-    delay: int = pa.Field(ge=0)",
        "+    delay: int = pa.Field(ge=0, nullable=True)",
    ]


def test_a_new_word_for_missing_is_proposed(study: Path) -> None:
    result = again(study, "id,delay,place\n1,5,Bern\n2,NA,Basel\n3,8,Chur\n")
    assert proposed(result) == [
        '+CSV_OPTIONS = {"nullstr": "NA"}',
        "-    delay: int",
        "+    delay: int = pa.Field(nullable=True)",
    ]


def test_a_rule_that_is_broken_is_said(study: Path) -> None:
    edit(table(study, "x"), "id: int", "id: int = pa.Field(unique=True)")
    result = again(study, "id,delay,place\n1,5,Bern\n1,7,Basel\n")
    assert result.code == 1
    assert "id is not unique in 1 of 2 rows" in result.output
    assert "Proposed" not in result.output


def test_what_is_proposed_can_be_applied_as_a_patch(study: Path) -> None:
    text = "id,delay,Übergang\n1,2026-01-01,7\n2,,8\n"
    output = again(study, text).output
    patch = "--- " + output.partition("\n--- ")[2]
    words = ["git", "apply", "--unidiff-zero", "-"]
    subprocess.run(words, cwd=study, input=patch, text=True, check=True)
    assert again(study, text).code == 0


def test_a_table_without_a_source_is_told_to_name_one(study: Path) -> None:
    (study / "data/raw/x.csv").unlink()
    result = call(study, "new-table", "x", "--again")
    assert "name a FILE to compare with" in result.output
    other = given(study, ROWS, "other.csv")
    assert call(study, "new-table", "x", str(other), "--again").code == 0


def test_an_unknown_table_is_not_compared(study: Path) -> None:
    result = call(study, "new-table", "nope", "--again")
    assert "There is no table 'nope'" in result.output


def test_a_table_of_a_database_is_compared(small: Small, server: Server) -> None:
    project = small(kind="library", package_name="acme_data")
    server.sql("create table moved (a int not null, b text)")
    url = server.url()
    assert call(project, "new-table", "moved", DATA_URL=url).code == 0
    same = call(project, "new-table", "moved", "--again", DATA_URL=url)
    assert same.code == 0, same.output
    server.sql(
        "alter table moved add c date; alter table moved drop b; "
        "alter table moved alter a type text"
    )
    result = call(project, "new-table", "moved", "--again", DATA_URL=url)
    assert [line for line in proposed(result) if "import" not in line] == [
        "+",
        "-    a: dt.Int32",
        "-    b: str = pa.Field(nullable=True)",
        "+    a: str",
        "+    c: datetime.date = pa.Field(nullable=True)",
    ]
    assert "+import datetime" in proposed(result)
