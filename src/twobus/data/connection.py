"""Connect to a database: reading only, with time-outs, and again when it went away."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cache, wraps
from typing import Any
from urllib.parse import urlsplit

import ibis

from twobus.project import StopError

# What Ibis itself says of an expression, in sentences that need no other words.
MISTAKES = (
    ibis.common.exceptions.IbisError,
    ibis.common.exceptions.TableNotFound,
)
DATABASE = "The database that DATA_URL names"
# What a backend does at once, when it is told to.
QUERIES = ("table", "execute", "to_pyarrow", "read_csv", "read_parquet", "raw_sql")
# In seconds: between attempts to reach a database that dropped the connection.
WAITS = (0.5, 1, 2, 4)
# What each backend is told so that it answers or gives up, and writes nothing.
OPTIONS: dict[str, dict[str, Any]] = {
    "postgres": {
        "connect_timeout": 10,
        "options": "-c default_transaction_read_only=on -c statement_timeout=10min",
    },
    "mysql": {
        "connect_timeout": 10,
        "init_command": "SET SESSION TRANSACTION READ ONLY",
    },
}
# What Ibis opens as a file, and makes where there is none.
WRITING = {"", "sqlite"}


class DataError(StopError):
    """A table cannot be read, or is not what its contract says."""


def database(url: str) -> Any:
    """Connect to a database, once a process.

    Args:
        url: The database in Ibis's form, `postgres://user:password@host/name`.

    Returns:
        An Ibis backend that repeats a query when its connection was dropped.

    Raises:
        DataError: If the database cannot be reached.
    """
    # A connection must not be shared with the process that this one was forked from.
    return _connect(url, os.getpid())


@cache
def _connect(url: str, process: int) -> Any:
    # Two names of one database; its driver and its options have the shorter.
    scheme = urlsplit(url).scheme.replace("postgresql", "postgres")
    try:
        if scheme in WRITING:
            raise ValueError("Ibis would make and change a file.")
        backend = ibis.connect(url, **OPTIONS.get(scheme, {}))
    except ImportError:
        problem = "needs a driver that is not installed: see .env.example"
    except Exception as error:
        # Drivers put the whole URL, password included, into their messages.
        problem = f"cannot be opened ({_reason(error)})"
    else:
        backend.to_pyarrow_batches = _quiet(backend.to_pyarrow_batches)
        for name in ("table", "execute", "to_pyarrow"):
            setattr(backend, name, _repeating(backend, getattr(backend, name)))
        if scheme == "postgres":
            keep = backend._register_in_memory_table
            backend._register_in_memory_table = _allowed(backend, keep)
        return one_at_a_time(backend)
    raise DataError(f"DATA_URL names a database that {problem}.")


def one_at_a_time(backend: Any) -> Any:
    """Let threads wait for each other, since they share one connection.

    Args:
        backend: An Ibis backend.

    Returns:
        The same one.
    """
    lock = threading.RLock()
    for name in QUERIES:
        if query := getattr(backend, name, None):
            setattr(backend, name, _locked(lock, query))
    return backend


def _locked(lock: Any, query: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(query)
    def wait(*args: Any, **options: Any) -> Any:
        with lock:
            return query(*args, **options)

    return wait


def _allowed(backend: Any, keep: Callable[..., Any]) -> Callable[..., Any]:
    """Let rows of one's own be joined, which Ibis keeps in a temporary table."""

    @wraps(keep)
    def write(*args: Any, **options: Any) -> Any:
        setting = "SET default_transaction_read_only"
        backend.raw_sql(f"{setting} = off").close()
        try:
            return keep(*args, **options)
        finally:
            backend.raw_sql(f"{setting} = on").close()

    return write


def _reason(error: Exception) -> str:
    """Return why no connection was made, in words that hold no part of the URL."""
    said = str(error).lower()
    known = {
        "password": "user or password is wrong",
        "refused": "nobody listens at its host and port",
        "translate host": "its host is unknown",
        "resolve": "its host is unknown",
        "timeout": "it does not answer",
        "does not exist": "it has no such user or database",
    }
    if isinstance(error, ValueError):
        return "it is no address of a database that is only read"
    found = (words for sign, words in known.items() if sign in said)
    return next(found, type(error).__name__)


def _repeating(backend: Any, query: Callable[..., Any]) -> Callable[..., Any]:
    """Let a query of a backend survive that the connection is dropped."""

    @wraps(query)
    def repeat(*args: Any, **options: Any) -> Any:
        for wait in (*WAITS, 0):
            try:
                return query(*args, **options)
            except MISTAKES:
                raise
            except Exception as error:
                problem = _told(error)
            if _answers(backend):
                break
            problem = "went away and has not come back"
            time.sleep(wait)
            with suppress(Exception):
                backend.reconnect()
        # Not while handling the error, which may hold values of the data.
        raise DataError(f"{DATABASE} {problem}.")

    return repeat


def _quiet(query: Callable[..., Any]) -> Callable[..., Any]:
    """Let a query that gives its rows bit by bit fail without showing any."""

    @wraps(query)
    def stream(*args: Any, **options: Any) -> Any:
        reader = query(*args, **options)
        return type(reader).from_batches(reader.schema, _until_it_fails(reader))

    return stream


def _until_it_fails(batches: Iterable[Any]) -> Iterator[Any]:
    try:
        yield from batches
    except Exception as error:
        problem = _told(error)
    else:
        return
    raise DataError(f"{DATABASE} {problem}.")


def _answers(backend: Any) -> bool:
    with suppress(Exception):
        backend.raw_sql("SELECT 1").close()
        return True
    return False


def _told(error: Exception) -> str:
    """Say why a query failed: the message too where it holds names and no values."""
    if isinstance(error, DataError):
        return str(error).removeprefix(f"{DATABASE} ").removesuffix(".")
    name = type(error).__name__
    # Class 42 of SQL's states: unknown names, missing rights, wrong syntax.
    if str(getattr(error, "sqlstate", "")).startswith("42"):
        return f"refused a query ({name}: {str(error).splitlines()[0]})"
    return f"failed at a query ({name})"
