"""Connect to a database: reading only, with time-outs, and once a process."""

import os
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlparse

from twobus.data.backends import FileBackend, RemoteBackend, RemotePostgres, backend
from twobus.data.errors import DataError, why_unreachable
from twobus.project import here

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
KINDS = {"postgres": RemotePostgres}


def in_memory() -> Any:
    """Return a new DuckDB in memory, for tables that are files."""
    return backend("duckdb", FileBackend).connect()


def database(url: str) -> Any:
    """Connect to a database, once a process.

    Args:
        url: The database in Ibis's form, `postgres://user:password@host/name`.

    Returns:
        An Ibis backend.

    Raises:
        DataError: If the database cannot be reached.
    """
    try:
        file = database_file(url)
    except ValueError:
        problem = "cannot be opened: it is no address"
    else:
        # A connection must not be shared with the process that this was forked from.
        return _opened(file) if file else _connected(url, os.getpid())
    raise DataError(f"DATA_URL names a database that {problem}.")


def database_file(url: str) -> Path | None:
    """Return the file of a DuckDB database, relative paths starting at the project.

    Raises:
        ValueError: If the address is none.
    """
    parts = urlparse(url)
    if parts.scheme != "duckdb" or parts.netloc.startswith("md:"):
        return None
    return here().root / (parts.netloc + parts.path)


@cache
def _opened(file: Path) -> Any:
    try:
        # Reading only, so that others can have the file open at the same time.
        return backend("duckdb").connect(file, read_only=True)
    except Exception as error:
        problem = f"cannot be opened ({type(error).__name__})"
        if not file.is_file():
            problem = "is a file that is not there"
        elif "lock" in str(error).lower():
            owner = re.search(r"PID (\d+)", str(error))
            who = f" (process {owner[1]})" if owner else ""
            problem = (
                f"another program{who} has open for writing: close it there, or let "
                "that open it with read_only=True"
            )
        elif type(error).__name__ == "IOException":
            problem = "is a file of no DuckDB database, or of a newer DuckDB"
    raise DataError(f"DATA_URL names a database that {problem}.")


@cache
def _connected(url: str, process: int) -> Any:
    parts = urlparse(url)
    # Two names of one database; Ibis and its options have the shorter.
    name = parts.scheme.replace("postgresql", "postgres")
    options = {**dict(parse_qsl(parts.query)), **OPTIONS.get(name, {})}
    try:
        if name in WRITING:
            raise ValueError("Ibis would make and change a file.")
        kind = backend(name, KINDS.get(name, RemoteBackend))
        return kind._from_url(parts, **options)
    except ImportError:
        problem = "needs a driver that is not installed: see .env.example"
    except Exception as error:
        # Drivers put the whole URL, password included, into their messages.
        problem = f"cannot be opened ({why_unreachable(error)})"
    raise DataError(f"DATA_URL names a database that {problem}.")
