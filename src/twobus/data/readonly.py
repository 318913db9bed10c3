"""Backends whose connection refuses to write, whatever a query says."""

from collections.abc import Callable
from functools import partial
from typing import Any

from ibis.backends import BaseBackend

from twobus.data.backends import SharedBackend
from twobus.data.errors import DATABASE, DataError


class OpenedFile(SharedBackend):
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
