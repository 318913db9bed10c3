"""Backends whose connection refuses to write, whatever a query says."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from ibis.backends import BaseBackend

from twobus.data.backends import RemoteBackend
from twobus.data.errors import DATABASE, DataError
from twobus.data.shared import DuckDBBackend


class OpenedFile(DuckDBBackend):
    """A file of DuckDB, opened for reading only, that reaches no other file."""

    def do_connect(
        self, *words: Any, reaches_others: bool = False, **options: Any
    ) -> None:
        """Connect, as Ibis does; without `reaches_others`, to this file only."""
        super().do_connect(*words, **options)
        if not reaches_others:
            # A query could write to files that it attaches or copies to. No query can
            # set this back. As an option of connecting, it would refuse whoever has
            # opened the file in the same process.
            self.con.execute("SET enable_external_access = false")

    def to_parquet(self, *words: Any, **options: Any) -> Any:
        """Write rows to a Parquet file, as Ibis does; DuckDB itself may not."""
        return self._query(partial(BaseBackend.to_parquet, self), *words, **options)

    def to_csv(self, *words: Any, **options: Any) -> Any:
        """Write rows to a CSV file, as Ibis does; DuckDB itself may not."""
        return self._query(partial(BaseBackend.to_csv, self), *words, **options)

    def raw_sql(self, *words: Any, **options: Any) -> Any:
        """Run SQL, as Ibis does."""
        return self._query(super().raw_sql, *words, **options)

    def _query(self, query: Callable[..., Any], *words: Any, **options: Any) -> Any:
        # Whoever imports this may never read a table.
        import duckdb

        try:
            return super()._query(query, *words, **options)
        except duckdb.PermissionException:
            # Not while handling the error, which names files.
            pass
        raise DataError(
            f"{DATABASE} is a file that is only read, and reaches no other file: "
            "neither to write nor, in a view, to read. If views of it read files that "
            "you trust, end DATA_URL with ?enable_external_access=true; queries can "
            "then write to other files as well."
        )


class RemotePostgres(RemoteBackend):
    """PostgreSQL, each of whose statements is in a transaction that only reads.

    Rows of one's own can be joined nevertheless: Ibis keeps them in a temporary table.
    """

    def do_connect(self, *words: Any, **options: Any) -> None:
        """Connect, as Ibis does."""
        super().do_connect(*words, **options)
        self._only_read(True)

    def _register_in_memory_table(self, *words: Any, **options: Any) -> None:
        self._only_read(False)
        try:
            super()._register_in_memory_table(*words, **options)
        finally:
            self._only_read(True)

    def _only_read(self, only: bool) -> None:
        import psycopg

        self.con.read_only = only
        # Nothing stays prepared: a pool of connections may lose it, and plans get old.
        self.con.prepared_max = 0
        self.con.cursor_factory = _reading_cursor() if only else psycopg.Cursor


@cache
def _reading_cursor() -> Any:
    """Return psycopg's cursor, which is loaded only where it is installed."""
    import psycopg

    class ReadingCursor(psycopg.Cursor[Any]):
        """A cursor whose statements cannot leave a transaction that only reads."""

        def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
            """Run one statement, as psycopg does."""
            # In a block of ours, no statement can begin another kind of transaction,
            # nor can code of the server (DO, CALL) end this one. A server prepares one
            # statement only, so that none can follow an end of the block.
            with self.connection.transaction():
                return super().execute(query, params, **{**options, "prepare": True})

    return ReadingCursor
