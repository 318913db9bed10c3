"""Ibis backends that can be shared by threads and survive a dropped connection.

They are subclasses of Ibis's own, made when a URL names a backend. An object that holds
a backend and passes calls on would not do: a table keeps the backend that made it, and
`table.execute()`, joins and `ibis.memtable` ask that one, past anything around it.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any

import ibis
from ibis.backends import BaseBackend

from twobus.data.errors import DATABASE, DataError, why_failed

# What Ibis itself says of an expression, in sentences that need no other words.
MISTAKES = (
    ibis.common.exceptions.IbisError,
    ibis.common.exceptions.TableNotFound,
)
# In seconds: between attempts to reach a database that dropped the connection.
WAITS = (0.5, 1, 2, 4)


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

    def read_csv(self, *words: Any, **options: Any) -> Any:
        """Return a CSV file as a table, as Ibis does."""
        with self._turn:
            return super().read_csv(*words, **options)

    def read_parquet(self, *words: Any, **options: Any) -> Any:
        """Return a Parquet file as a table, as Ibis does."""
        with self._turn:
            return super().read_parquet(*words, **options)

    def raw_sql(self, *words: Any, **options: Any) -> Any:
        """Run SQL, as Ibis does."""
        with self._turn:
            return super().raw_sql(*words, **options)

    def _query(self, query: Callable[..., Any], *words: Any, **options: Any) -> Any:
        with self._turn:
            return query(*words, **options)


class RemoteBackend(SharedBackend):
    """A backend that repeats a query when its connection was dropped.

    What it says of a query that fails holds no values of the data.
    """

    def to_pyarrow_batches(self, *words: Any, **options: Any) -> Any:
        """Return rows for Arrow bit by bit, as Ibis does."""
        reader = super().to_pyarrow_batches(*words, **options)
        return type(reader).from_batches(reader.schema, _until_failure(reader))

    def _query(self, query: Callable[..., Any], *words: Any, **options: Any) -> Any:
        with self._turn:
            for wait in (*WAITS, 0):
                try:
                    return query(*words, **options)
                except MISTAKES:
                    raise
                except Exception as error:
                    problem = why_failed(error)
                if self._is_connected():
                    break
                problem = "went away and has not come back"
                time.sleep(wait)
                with suppress(Exception):
                    self.reconnect()
        # Not while handling the error, which may hold values of the data.
        raise DataError(f"{DATABASE} {problem}.")

    def _is_connected(self) -> bool:
        with suppress(Exception):
            self.raw_sql("SELECT 1").close()
            return True
        return False


class RemotePostgres(RemoteBackend):
    """PostgreSQL, whose sessions only read.

    Rows of one's own can be joined nevertheless: Ibis keeps them in a temporary table.
    """

    def _register_in_memory_table(self, *words: Any, **options: Any) -> None:
        setting = "SET default_transaction_read_only"
        self.raw_sql(f"{setting} = off").close()
        try:
            super()._register_in_memory_table(*words, **options)
        finally:
            self.raw_sql(f"{setting} = on").close()


@cache
def backend(name: str, kind: type[SharedBackend] = SharedBackend) -> Any:
    """Return a backend of Ibis that is of another kind as well; it is not connected.

    Args:
        name: What Ibis calls the backend.
        kind: The kind.

    Raises:
        ImportError: If its driver is not installed.
        ValueError: If Ibis has no such backend.
    """
    try:
        # Ibis loads a backend, with its options, when it is first asked for by name.
        ibis_kind = type(getattr(ibis, name)._from_url.__self__)
    except AttributeError:
        raise ValueError(f"Ibis has no backend {name!r}.") from None
    return type(kind.__name__, (kind, ibis_kind), {})()


def _until_failure(batches: Iterable[Any]) -> Iterator[Any]:
    try:
        yield from batches
    except Exception as error:
        problem = why_failed(error)
    else:
        return
    raise DataError(f"{DATABASE} {problem}.")
