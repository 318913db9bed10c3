"""Backends of Ibis whose one connection threads share, and DuckDB's streams of rows."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import ibis
from ibis.backends import BaseBackend

# Of DuckDB: what tells of a transaction; what no other connection has; and what may be
# otherwise there.
TRANSACTION = "SELECT txid_current()"
TEMPORARY = (
    "SELECT table_name FROM duckdb_tables() WHERE temporary "
    # Rows of this process, as Ibis calls them: only what holds them asks for them.
    "UNION ALL SELECT view_name FROM duckdb_views() WHERE temporary AND NOT internal "
    "AND view_name NOT LIKE 'ibis_%memtable_%' "
    "UNION ALL SELECT name FROM duckdb_variables() "
    "UNION ALL SELECT function_name FROM duckdb_functions() "
    "WHERE database_name = 'temp' AND NOT internal"
)
SESSION = "SELECT name, value FROM duckdb_settings() ORDER BY name"


class SharedBackend(BaseBackend):
    """A backend whose threads wait for each other, since they share one connection."""

    def __init__(self, *words: Any, **options: Any) -> None:
        """Keep what Ibis connects with."""
        super().__init__(*words, **options)
        self._turn = threading.RLock()

    def table(self, *words: Any, **options: Any) -> Any:
        """Return a table, as Ibis does."""
        return self._query(super().table, *words, **options)

    def execute(self, *words: Any, **options: Any) -> Any:
        """Return rows for pandas, as Ibis does."""
        return self._query(super().execute, *words, **options)

    def to_pyarrow(self, *words: Any, **options: Any) -> Any:
        """Return rows for Arrow, as Ibis does."""
        return self._query(super().to_pyarrow, *words, **options)

    def to_polars(self, *words: Any, **options: Any) -> Any:
        """Return rows for Polars, as Ibis does."""
        return self._query(super().to_polars, *words, **options)

    def to_parquet(self, *words: Any, **options: Any) -> Any:
        """Write rows to a Parquet file, as Ibis does."""
        return self._query(super().to_parquet, *words, **options)

    def to_csv(self, *words: Any, **options: Any) -> Any:
        """Write rows to a CSV file, as Ibis does."""
        return self._query(super().to_csv, *words, **options)

    def create_table(self, *words: Any, **options: Any) -> Any:
        """Keep rows in a table, as Ibis does."""
        return self._query(super().create_table, *words, **options)

    def raw_sql(self, *words: Any, **options: Any) -> Any:
        """Run SQL, as Ibis does."""
        with self._turn:
            return super().raw_sql(*words, **options)

    def sql(self, *words: Any, **options: Any) -> Any:
        """Return a query in SQL as a table, as Ibis does."""
        with self._turn:
            return super().sql(*words, **options)

    def list_tables(self, *words: Any, **options: Any) -> Any:
        """Return the names of tables, as Ibis does."""
        with self._turn:
            return super().list_tables(*words, **options)

    def get_schema(self, *words: Any, **options: Any) -> Any:
        """Return the types of a table, as Ibis does."""
        with self._turn:
            return super().get_schema(*words, **options)

    def _query(self, query: Callable[..., Any], *words: Any, **options: Any) -> Any:
        with self._turn:
            return query(*words, **options)


class DuckDBBackend(SharedBackend):
    """A DuckDB whose streams of rows go on while something else is asked.

    The next query of a connection ends its streams, without a word. So a stream has a
    connection of its own, wherever that one reads the same rows.
    """

    def to_pyarrow_batches(
        self,
        expr: ibis.Expr,
        /,
        *,
        params: Mapping[Any, Any] | None = None,
        limit: int | str | None = None,
        chunk_size: int = 1_000_000,
        **_: Any,
    ) -> Any:
        """Return rows for Arrow bit by bit, as Ibis does.

        What only this connection knows is read at once: SQL of one's own, rows and
        functions of this process, and all while it has temporary tables, variables,
        settings or a transaction that others have not.
        """
        table = expr.as_table()
        with self._turn:
            # A view of rows of this process fails there, and not here; and a connection
            # that was dropped is made anew below.
            with suppress(Exception):
                if stream := self._beside(table):
                    stream.execute(self.compile(table, params=params, limit=limit))
                    return self._batches(stream, table, chunk_size)
            rows = self.to_pyarrow(table, params=params, limit=limit)
        return rows.to_reader(chunk_size)

    def _batches(self, stream: Any, table: ibis.Table, chunk_size: int) -> Any:
        import pyarrow as pa

        # DuckDB 1.5 has another name for it.
        reader = getattr(stream, "to_arrow_reader", None) or stream.fetch_record_batch
        batches, schema = reader(chunk_size), table.schema().to_pyarrow()
        return pa.RecordBatchReader.from_batches(
            schema, (batch.cast(schema) for batch in batches)
        )

    def _beside(self, table: ibis.Table) -> Any:
        """Return another connection that reads the same rows; None if none does."""
        operations = ibis.expr.operations
        own = (
            operations.SQLQueryResult,
            operations.SQLStringView,
            operations.InMemoryTable,
            operations.ScalarUDF,
            operations.AggUDF,
        )
        if [*table.op().find(own)]:
            return None
        # Of one transaction if it is begun; otherwise each query has its own.
        one, other = (self.con.sql(TRANSACTION).fetchall() for _ in range(2))
        if one == other or set(self.con.sql(TEMPORARY).fetchall()) - self._ours():
            return None
        stream, session = self.con.cursor(), self.con.sql(SESSION).fetchall()
        known = {*stream.sql(SESSION).fetchall()}
        for name, value in (it for it in session if it not in known):
            # Such as the zone, without which hours and days are the computer's.
            with suppress(Exception):
                stream.execute(f"SET {name} = {value!r}")
        return stream if stream.sql(SESSION).fetchall() == session else None

    def _ours(self) -> set[tuple[str]]:
        """Return temporary tables of our own, which no query of others asks for."""
        return set()
