"""A team's library: tables of files and of a database, read by the same words."""

import importlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ibis
import psycopg
import pytest
from postgres import PLANTED, POOR, Server
from reading import edit, refusal, table
from warehouse import CONTRACT, PRIVATE, Library

from twobus.data import connection, own_tables, source
from twobus.library import tables_page


@pytest.fixture
def samples(library: Library) -> Path:
    """The library, reading samples."""
    return library("samples")


@pytest.fixture
def warehouse(library: Library, server: Server) -> Path:
    """The library, reading from PostgreSQL."""
    return library(server.url())


@pytest.fixture(params=["samples", "warehouse"])
def anywhere(request: pytest.FixtureRequest) -> Path:
    """The library, reading from either in turn."""
    project: Path = request.getfixturevalue(request.param)
    return project


def customers(**options: Any) -> ibis.Table:
    """Read the table."""
    return source().read("customers", **options)


def refused(read: Callable[[], object]) -> str:
    """Return the sentence by which reading is refused, which shows no secret."""
    return refusal(read, PLANTED, PRIVATE)


@pytest.mark.slow
def test_a_table_is_read_by_its_name(anywhere: Path) -> None:
    assert customers().id.min().execute() == 1


def test_the_package_reads_for_those_who_import_it(anywhere: Path) -> None:
    acme_data = importlib.import_module("acme_data")
    assert acme_data.read("customers").name.count().execute() > 0
    assert "customers" in [entry.name for entry in acme_data.catalogue()]
    assert acme_data.connect() is own_tables().connect()


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the backend note its queries for rows, and return its notes."""
    backend, notes = own_tables().connect(), []
    for name in ("execute", "to_pyarrow"):
        query = getattr(backend, name)

        def noted(*words: Any, query: Any = query, **options: Any) -> Any:
            notes.append(query.__name__)
            return query(*words, **options)

        monkeypatch.setattr(backend, name, noted)
    return notes


def test_all_rules_of_a_contract_are_one_query(
    anywhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = counted(monkeypatch)
    customers(check=True)
    assert notes == ["to_pyarrow"]


def test_rows_of_a_database_are_not_scanned_unless_asked(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = counted(monkeypatch)
    customers()
    assert notes == []


def test_a_broken_rule_is_named_without_values(anywhere: Path) -> None:
    edit(table(anywhere, "customers"), '"max_value": 40', '"max_value": 2')
    said = refused(lambda: customers(check=True))
    assert "'customers' breaks its contract: name fails str_length(None, 2) in " in said


def test_a_missing_column_is_named(anywhere: Path) -> None:
    table(anywhere, "customers").write_text(CONTRACT + "    city: str\n", "utf-8")
    assert "it lacks the column 'city'" in refused(customers)


def imported(module: str) -> set[str]:
    """Return all that is in memory once a module is, in a process of its own."""
    script = Path(__file__).with_name("importing.py")
    words = [sys.executable, str(script), module]
    process = subprocess.run(words, check=True, stdout=subprocess.PIPE)
    return set(json.loads(process.stdout)[1])


@pytest.mark.parametrize("module", ["twobus.data", "acme_data"])
def test_an_import_is_hardly_more_than_that_of_ibis(samples: Path, module: str) -> None:
    more = imported(module) - imported("ibis")
    # Pydantic and pandera together take longer than Ibis; DuckDB is not asked yet.
    packages = {name.partition(".")[0] for name in more} - sys.stdlib_module_names
    assert packages == {"twobus", module.partition(".")[0]}


# A database that cannot be had, or not all of it.


def test_a_wrong_password_is_said_and_not_shown(
    library: Library, server: Server
) -> None:
    library(server.url(password=f"{PLANTED}-wrong"))
    assert refused(customers) == (
        "DATA_URL names a database that cannot be opened (user or password is wrong)."
    )


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("no-such-host.invalid", "its host is unknown"),
        ("127.0.0.1:1", "nobody listens"),
    ],
    ids=["host", "port"],
)
def test_a_database_that_is_not_there_is_said(
    library: Library, place: str, words: str
) -> None:
    library(f"postgresql://u:{PLANTED}@{place}/x")
    assert words in refused(customers)


def test_a_database_that_never_answers_is_left(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = connection.OPTIONS["postgres"]
    assert options["connect_timeout"] == 10
    monkeypatch.setitem(options, "connect_timeout", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        library(f"postgres://u:{PLANTED}@127.0.0.1:{silent.getsockname()[1]}/x")
        assert "it does not answer" in refused(customers)


def test_a_missing_permission_names_the_table(library: Library, server: Server) -> None:
    library(server.url(POOR))
    said = refused(lambda: customers().count().execute())
    assert "permission denied for table customers" in said


@pytest.mark.parametrize(
    "rows",
    [
        lambda query: query.execute(),
        lambda query: query.to_pyarrow(),
        lambda query: query.to_pyarrow_batches().read_all(),
        lambda query: query.to_pandas(),
    ],
    ids=["execute", "to_pyarrow", "to_pyarrow_batches", "to_pandas"],
)
def test_a_value_that_breaks_a_query_is_not_shown(
    warehouse: Path, rows: Callable[[ibis.Table], object]
) -> None:
    query = customers().name.cast("int64").name("x").as_table()
    assert "failed at a query" in refused(lambda: rows(query))


def test_a_missing_table_is_named(warehouse: Path) -> None:
    assert refused(lambda: source().read("penguins")) == (
        "The database has no table 'penguins': LOCATION in tables/penguins.py says "
        "what it is called there."
    )


def test_a_mistake_in_an_expression_is_ibis_own(warehouse: Path) -> None:
    with pytest.raises(ibis.common.exceptions.TableNotFound, match="absent"):
        own_tables().connect().table("absent")


def test_a_query_may_take_ten_minutes(warehouse: Path) -> None:
    answer = own_tables().connect().raw_sql("show statement_timeout")
    assert answer.fetchone() == ("10min",)


WRITE = "insert into customers values (2, 'Bob')"
OPEN = "set default_transaction_read_only = off"


@pytest.mark.parametrize(
    "statements",
    [
        [WRITE],
        [OPEN, WRITE],
        ["select set_config('default_transaction_read_only', 'off', false)", WRITE],
        ["set session characteristics as transaction read write", WRITE],
        ["reset all", WRITE],
        ["discard all", WRITE],
        ["begin read write", WRITE, "commit"],
        ["set transaction read write", WRITE],
        ["commit", "begin read write", WRITE, "commit"],
        [f"{OPEN}; {WRITE}"],
        [f"select 1; commit; begin read write; {WRITE}; commit"],
        [f"do $$ begin commit; set transaction read write; {WRITE}; commit; end $$"],
        [f"do $$ begin set transaction read write; {WRITE}; end $$"],
        [
            "with set as (select set_config('transaction_read_only', 'off', false)) "
            f"{WRITE}"
        ],
        ["create temp table mine (a int)"],
    ],
)
def test_nothing_is_written_to_a_database_whatever_a_query_says(
    warehouse: Path, statements: list[str]
) -> None:
    con = own_tables().connect()
    with pytest.raises(psycopg.Error):
        for statement in statements:
            con.raw_sql(statement)
    con.reconnect()
    assert customers().count().execute() == 1


def test_a_transaction_of_people_s_own_only_reads(warehouse: Path) -> None:
    con = own_tables().connect()
    with pytest.raises(psycopg.errors.ActiveSqlTransaction), con.con.transaction():
        con.con.execute("set transaction read write")


def test_signs_of_percent_in_a_query_stay(warehouse: Path) -> None:
    like = "select '100%' like '%\\%' escape '\\', '%s'"
    assert own_tables().connect().raw_sql(like).fetchone() == (True, "%s")
    assert customers().name.like("Ann%").execute().any()


@pytest.mark.parametrize(
    "name", ['"; drop table customers; --', "customers'--", "名前 😀", "../customers"]
)
def test_a_hostile_name_of_a_table_harms_nothing(
    warehouse: Path, server: Server, name: str
) -> None:
    assert "There is no table" in refused(lambda: source().read(name))
    module = table(warehouse, "customers")
    module.write_text(f"{CONTRACT}\nLOCATION = {name!r}\n", "utf-8")
    assert refused(customers).startswith("The database has no table")
    server.sql("select * from customers")


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def generate_series(first: int, last: int) -> int:
    """Give rows, of which a database has plenty."""
    raise NotImplementedError


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
def md5(text: str) -> str:
    """Give it something to do for each."""
    raise NotImplementedError


def slow() -> Any:
    """Ask for what takes PostgreSQL some seconds."""
    rows = customers().select(k=generate_series(1, 1_500_000))
    return rows.aggregate(last=md5(rows.k.cast(str)).max()).to_pyarrow().to_pylist()


@contextmanager
def killed(server: Server, after: float) -> Iterator[None]:
    """Kill the server a while after now, and start it again."""

    def kill() -> None:
        time.sleep(after)
        server.kill()
        server.start()

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        thread.join()


@pytest.mark.slow
def test_a_query_outlives_a_server_that_is_killed_and_started_again(
    warehouse: Path, server: Server
) -> None:
    start = time.monotonic()
    expected = slow()
    with killed(server, (time.monotonic() - start) / 2):
        found = slow()
    assert found == expected


def test_a_server_that_stays_away_is_said(
    warehouse: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twobus.data.backends.WAITS", (0.01, 0.01))
    shared = customers()
    server.kill()
    try:
        said = refused(shared.execute)
    finally:
        server.start()
    assert said == ("The database that DATA_URL names went away and has not come back.")
    # The same connection serves again once it is there.
    assert shared.count().execute() == 1


# What people do with tables.


def test_a_table_that_will_go_says_what_to_read_instead(samples: Path) -> None:
    with table(samples, "customers").open("a", encoding="utf-8") as module:
        module.write("\nDEPRECATED = 'read clients'\n")
    words = "The table 'customers' will go: read clients"
    with pytest.warns(DeprecationWarning, match=words):
        customers()
    tables_page.write()
    page = (samples / "docs/tables.md").read_text("utf-8")
    assert "- **Will go**: read clients" in page


@pytest.mark.slow
def test_threads_may_read_at_the_same_time(anywhere: Path) -> None:
    shared = customers().id.min()

    def work(number: int) -> tuple[int, int]:
        customers(check=True)
        return shared.execute(), customers().to_pyarrow().num_rows

    with ThreadPoolExecutor(8) as pool:
        assert len({*pool.map(work, range(40))}) == 1


def test_tables_may_be_joined(anywhere: Path) -> None:
    both = customers().join(customers().view(), "id")
    assert both.count().execute() == customers().count().execute()


def test_rows_come_bit_by_bit(anywhere: Path) -> None:
    batches = customers().id.as_table().to_pyarrow_batches(chunk_size=1)
    rows = [row for batch in batches for row in batch.to_pylist()]
    assert rows[0] == {"id": 1}


@pytest.mark.slow
def test_rows_of_ones_own_may_be_joined(anywhere: Path) -> None:
    mine = ibis.memtable({"id": [1], "segment": ["new"]})
    joined = customers().join(mine, "id")
    assert joined.segment.execute().to_list() == ["new"]
    assert joined.count().execute() == 1


def test_nothing_is_written_after_rows_of_ones_own(warehouse: Path) -> None:
    customers().join(ibis.memtable({"id": [1]}), "id").execute()
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        own_tables().connect().raw_sql("create table mine (a int)")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("id: int", "id: integer", "cannot be imported: NameError: name 'integer'"),
        ("id: int", "id: list", "is none: TypeError: Data type"),
        (
            "pandera.ibis",
            "pandera",
            "is none: TypeError: it must be a class of pandera.ibis",
        ),
    ],
)
def test_a_mistake_in_a_contract_names_its_file(
    samples: Path, old: str, new: str, said: str
) -> None:
    edit(table(samples, "customers"), old, new)
    message = refused(customers)
    assert "tables/customers.py" in message
    assert said in message
