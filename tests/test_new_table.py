"""`poe new-table`: a contract and an invented sample for a table of a database."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from postgres import Server
from reading import count, run_tests, table
from warehouse import PRIVATE, Library

from template import status
from twobus.data import source
from twobus.new.table import new_table


@pytest.fixture
def rich(server: Server) -> Iterator[Server]:
    """The server with a table of every type, whose names are awkward."""
    server.sql(
        r'''
        create schema sales;
        create table sales.rich (
            id bigint primary key, small smallint not null, price numeric(10, 2),
            total numeric, share real, rate double precision, paid boolean,
            note varchar(20), day date, at timestamp, seen timestamptz, hour time,
            "2x" int, "class" text, "validate" int, "Straße ""x""" text,
            """; drop table customers; --" int, mail inet, tags int[]
        );
        insert into sales.rich (id, small, note) values (4242, 1, 'Ann Private')
        '''
    )
    yield server
    server.sql("drop schema sales cascade")


@pytest.fixture
def odd(server: Server) -> Iterator[Server]:
    """The server with tables whose names are odd."""
    server.sql(
        'create schema sales; create table sales."Weird.Name" (a int); '
        'create table sales."Up" (a int); create table sales."q""x" (a int)'
    )
    yield server
    server.sql("drop schema sales cascade")


def test_a_new_table_has_the_columns_of_the_database_and_none_of_its_values(
    library: Library,
    rich: Server,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    project = library(rich.url())
    new_table("rich", location="sales.rich")
    shown = capfd.readouterr().out
    left_out = [line for line in shown.splitlines() if "is left out" in line]
    assert [line.split()[0] for line in left_out] == ["mail", "tags"]
    sample = table(project, "rich").with_suffix(".csv").read_text("utf-8")
    assert "4242" not in sample
    assert PRIVATE not in sample + shown
    assert count("rich", check=True) == 1
    monkeypatch.setenv("DATA_URL", "samples")
    assert count("rich", check=True) == 20
    rich.sql("select * from customers")


def test_a_new_table_is_not_done_before_it_says_whose_it_is(
    library: Library, capfd: pytest.CaptureFixture[str]
) -> None:
    project = library("samples")
    new_table("orders")
    assert run_tests(project / "tests/test_data.py") == pytest.ExitCode.TESTS_FAILED
    shown = capfd.readouterr().out
    for words in ("what a row is", "who answers", "rows change", "poe tables"):
        assert words in shown
    lint = [sys.executable, "-m", "ruff", "check", "src"]
    assert subprocess.run(lint, cwd=project).returncode == 0


@pytest.mark.parametrize(
    ("name", "location", "said"),
    [
        ("customers", "", "tables/customers.py is there already"),
        ("class", "", "such as class_table"),
        ("../x", "", "Name it by a-z"),
        ("x", "sales.x", "Set DATA_URL to the database that has it"),
    ],
)
def test_a_new_table_that_cannot_be_is_refused_in_a_sentence(
    library: Library, name: str, location: str, said: str
) -> None:
    project = library("samples")
    before = status(project)
    with pytest.raises(SystemExit, match=said):
        new_table(name, location=location)
    assert status(project) == before


def test_a_new_table_needs_a_table(library: Library, server: Server) -> None:
    library(server.url())
    with pytest.raises(SystemExit, match="no table 'absent': name it by --"):
        new_table("absent")


@pytest.mark.parametrize(
    "location",
    ['sales."Weird.Name"', 'sales.q"x', 'sales."q""x"', "postgres.sales.Up"],
)
def test_a_table_of_a_database_may_be_called_anything(
    library: Library, odd: Server, location: str
) -> None:
    library(odd.url())
    new_table("x", location=location)
    assert source().contract("x").columns
    assert count("x") == 0


@pytest.mark.parametrize(
    "location", ["sales.Weird.Name", "sales.up", "nope.x", "a.b.c.d", "sales.", "."]
)
def test_a_place_that_a_database_lacks_is_refused_in_a_sentence(
    library: Library, odd: Server, location: str
) -> None:
    project = library(odd.url())
    before = status(project)
    with pytest.raises(SystemExit, match=r"no table '.*': name it by --"):
        new_table("x", location=location)
    assert status(project) == before
