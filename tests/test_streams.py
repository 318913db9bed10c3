"""Rows of DuckDB that come bit by bit: all of them, whatever else is asked."""

from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pyarrow as pa
import pytest

from twobus.data import streams
from twobus.data.backends import backend
from twobus.data.connection import KINDS
from twobus.data.connection import database as opened
from twobus.data.errors import DataError


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
    return connection.sql("select * from birds")


def by_a_variable(connection: Any) -> ibis.Table:
    connection.raw_sql("set variable least = 3")
    return connection.sql("select i from range(7) t(i) where i >= getvariable('least')")


def by_a_setting(connection: Any) -> ibis.Table:
    connection.raw_sql("set integer_division = true")
    return connection.sql("select 7 / 2 as half")


def by_a_function(connection: Any) -> ibis.Table:
    return connection.sql("select 1::bigint as i").mutate(two=lambda it: twice(it.i))


def in_a_zone(connection: Any) -> ibis.Table:
    # As if the computer were elsewhere; that is looked up once a process.
    connection.raw_sql("set TimeZone = 'Asia/Tokyo'")
    late = connection.sql("select timestamptz '2026-01-01 23:00:00+00' as t")
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
    # So that they are put aside.
    connection.list_tables()
    assert streamed.read_all().to_pylist() == asked.to_pyarrow().to_pylist() != []


def test_two_streams_of_a_connection_go_on_beside_each_other(database: str) -> None:
    connection = opened(database)
    sizes = (50_000, 70_000)
    many = connection.sql("select * from range(70_000)")
    both = [many.limit(it).to_pyarrow_batches(chunk_size=3_000) for it in sizes]
    counts = [0, 0]
    for first, second in zip_longest(*both, fillvalue=()):
        counts[0] += len(first)
        counts[1] += len(second)
    assert (*counts,) == sizes


def test_rows_that_are_put_aside_may_be_more_than_fit_in_memory(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_IN_MEMORY", 1_000)
    connection = opened(database)
    rows = connection.sql("select range as i from range(50_000)").order_by("i")
    streamed = rows.to_pyarrow_batches(chunk_size=3_000)
    begun = streamed.read_next_batch().num_rows
    connection.list_tables()
    rest = streamed.read_all()["i"].to_pylist()
    assert rest == [*range(begun, 50_000)]


def test_a_stream_that_fails_does_so_where_it_is_read(database: str) -> None:
    connection = opened(database)
    # The last row is no number.
    rows = connection.sql("select range as i from range(3_000_000)")
    last = rows.i == 2_999_999
    asked = rows.select(i=last.ifelse("x", "1").cast("int"))
    streamed = asked.to_pyarrow_batches(chunk_size=2_048)
    assert connection.list_tables()
    with pytest.raises(Exception, match="Could not convert string"):
        streamed.read_all()


def test_a_stream_that_is_asked_from_within_is_not_cut_off_without_a_word() -> None:
    schema = pa.schema({"i": pa.int64()})

    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pydict({"i": [1]}, schema)
        stream.put_aside()

    stream = streams.Stream(batches(), schema)
    assert stream.next()
    with pytest.raises(DataError, match="cut off"):
        stream.next()


def test_a_duckdb_that_is_no_file_streams_all_rows(database: str) -> None:
    # As MotherDuck's are, by its address `duckdb://md:name`.
    connection = backend("duckdb", KINDS["duckdb"]).connect()
    streamed = connection.sql("select * from range(50_000)").to_pyarrow_batches(
        chunk_size=3_000
    )
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
