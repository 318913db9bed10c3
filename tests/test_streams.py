"""Rows of DuckDB that come bit by bit: all of them, whatever else is asked."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import zip_longest
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pytest

from twobus.data import shared
from twobus.data.backends import backend
from twobus.data.connection import KINDS, in_memory
from twobus.data.connection import database as opened


@pytest.fixture
def database(tmp_path: Path) -> str:
    """The address of a file with penguins, many more, and birds in another schema."""
    file = tmp_path / "ware house é.duckdb"
    with duckdb.connect(str(file)) as base:
        base.execute(
            "create table penguins as select 'Adelie' as species from range(7)"
        )
        base.execute("create table many as select * from penguins, range(5_000)")
        base.execute("create schema field")
        base.execute("create table field.birds as from penguins limit 5")
        base.execute("create table field.many as from penguins limit 3")
        base.execute(
            "create view chosen as from range(7) t(i) where i >= getvariable('n')"
        )
        base.execute(
            "create table late as select timestamptz '2026-01-01 23:00:00+00' as t"
        )
    return f"duckdb://{file}"


@pytest.mark.parametrize(
    "ask",
    [
        lambda table: table.count().to_pyarrow(),
        lambda table: table.head(1).to_pandas(),
        lambda table: table.get_backend().list_tables(),
        lambda table: table.get_backend().raw_sql("select 1"),
    ],
    ids=["to_pyarrow", "to_pandas", "list_tables", "raw_sql"],
)
def test_a_database_streams_all_rows_whatever_else_is_asked(
    database: str, ask: Callable[[ibis.Table], object]
) -> None:
    table = opened(database).table("many")
    count = 0
    for batch in table.to_pyarrow_batches(chunk_size=5_000):
        count += batch.num_rows
        ask(table)
    assert count == 7 * 5_000


def _twice(number: int) -> int:
    return 2 * number


twice: Any = ibis.udf.scalar.python(_twice)


def named(connection: Any) -> ibis.Table:
    connection.raw_sql("create temp table penguins as select 'mine' as species")
    return connection.table("Penguins")


def asked_by_sql(connection: Any) -> ibis.Table:
    named(connection)
    return connection.sql("select species from penguins")


def of_another_schema(connection: Any) -> ibis.Table:
    connection.raw_sql("use field")
    return connection.table("many")


def by_a_variable(connection: Any) -> ibis.Table:
    connection.raw_sql("set variable n = 3")
    return connection.table("chosen")


def by_a_setting(connection: Any) -> ibis.Table:
    connection.raw_sql("set integer_division = true")
    rows = connection.table("many").limit(1)
    return rows.select(half=ibis.literal(7) / ibis.literal(2).cast("int8"))


def by_a_function(connection: Any) -> ibis.Table:
    return connection.sql("select 1::bigint as i").mutate(two=lambda it: twice(it.i))


def in_a_zone(connection: Any) -> ibis.Table:
    # As if the computer were elsewhere; that is looked up once a process.
    connection.raw_sql("set TimeZone = 'Asia/Tokyo'")
    late = connection.table("late")
    return late.select(day=late.t.day(), hour=late.t.hour())


@pytest.mark.parametrize(
    "make",
    [
        named,
        asked_by_sql,
        of_another_schema,
        by_a_variable,
        by_a_setting,
        by_a_function,
        in_a_zone,
    ],
)
def test_a_stream_has_the_rows_of_other_queries(
    database: str, make: Callable[[Any], ibis.Table]
) -> None:
    connection = opened(database)
    asked = make(connection)
    streamed = asked.to_pyarrow_batches()
    connection.list_tables()
    assert streamed.read_all().to_pylist() == asked.to_pyarrow().to_pylist() != []


def test_two_streams_of_a_connection_go_on_beside_each_other(database: str) -> None:
    connection = opened(database)
    sizes = (50_000, 70_000)
    many = connection.table("many").cross_join(
        connection.table("birds", database="field")
    )
    both = [many.limit(it).to_pyarrow_batches(chunk_size=3_000) for it in sizes]
    counts = [0, 0]
    for first, second in zip_longest(*both, fillvalue=()):
        counts[0] += len(first)
        counts[1] += len(second)
    assert (*counts,) == sizes


@pytest.mark.parametrize(
    "ask",
    [
        lambda connection: connection.list_tables(),
        lambda connection: connection.get_schema("many"),
        lambda connection: connection.sql("select 1 as one"),
    ],
    ids=["list_tables", "get_schema", "sql"],
)
def test_a_stream_has_all_rows_while_other_threads_ask(
    database: str, ask: Callable[[Any], object]
) -> None:
    connection = opened(database)
    table, done = connection.table("many"), threading.Event()

    def keep_asking() -> None:
        while not done.is_set():
            ask(connection)

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(keep_asking)
        try:
            for _ in range(20):
                batches = table.to_pyarrow_batches(chunk_size=2_048)
                assert sum(len(it) for it in batches) == 7 * 5_000
        finally:
            done.set()
        asked.result()


def test_a_stream_has_rows_of_a_transaction_that_is_not_ended() -> None:
    connection = in_memory()
    connection.raw_sql("create table numbers as select range as i from range(10)")
    connection.raw_sql("begin")
    connection.raw_sql("insert into numbers select 1")
    batches = connection.table("numbers").to_pyarrow_batches()
    assert sum(len(it) for it in batches) == 11


def test_rows_of_a_file_come_bit_by_bit(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = opened(database)
    monkeypatch.setattr(type(connection), "to_pyarrow", None)
    # Also beside rows of one's own that another query has asked for.
    connection.execute(ibis.memtable({"i": [1]}))
    batches = connection.table("many").to_pyarrow_batches(chunk_size=2_048)
    assert sum(len(it) for it in batches) == 7 * 5_000


def test_where_nobody_can_tell_rows_are_read_at_once(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "TRANSACTION", "select no_such_function()")
    batches = opened(database).table("penguins").to_pyarrow_batches()
    assert sum(len(it) for it in batches) == 7


def test_a_duckdb_that_is_no_file_streams_all_rows(database: str) -> None:
    # As MotherDuck's are, by its address `duckdb://md:name`.
    connection = backend("duckdb", KINDS["duckdb"]).connect()
    connection.raw_sql("create table many as select * from range(50_000)")
    streamed = connection.table("many").to_pyarrow_batches(chunk_size=3_000)
    count = 0
    for batch in streamed:
        count += len(batch)
        connection.list_tables()
    assert count == 50_000


def test_rows_of_ones_own_stream_beside_those_of_a_database(database: str) -> None:
    mine = ibis.memtable({"species": ["Adelie"]})
    table = opened(database).table("penguins")
    batches = table.join(mine, "species").to_pyarrow_batches()
    assert sum(it.num_rows for it in batches) == 7
