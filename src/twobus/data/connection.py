"""Connect to a database: reading only, with time-outs, and once a process."""

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from twobus.data.address import database_file, options, parsed, unused
from twobus.data.backends import FileBackend, RemoteBackend, RemoteDuckDB, backend
from twobus.data.errors import DataError, why_unreachable
from twobus.data.readonly import OpenedFile, RemotePostgres

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
# An option of DuckDB, and of an address: whether other files can be reached.
REACHES = "enable_external_access"
KINDS = {"postgres": RemotePostgres, "duckdb": RemoteDuckDB}


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
    file = database_file(url)
    given = options(parsed(url))
    if file is None:
        # A connection must not be shared with the process that this was forked from.
        return _connected(url, os.getpid())
    reaches_others = given.pop(REACHES, "false")
    for name in given:
        raise unused(
            name,
            f"which a file of DuckDB does not have: leave it out, or use {REACHES}",
        )
    if reaches_others not in ("true", "false"):
        raise unused(REACHES, "which must be true or false: write one of them")
    return _opened(file, reaches_others == "true")


@cache
def _opened(file: Path, reaches_others: bool) -> Any:
    try:
        # Reading only, so that others can have the file open at the same time.
        kind = backend("duckdb", OpenedFile)
        return kind.connect(file, read_only=True, reaches_others=reaches_others)
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
    parts = parsed(url)
    # Two names of one database; Ibis and its options have the shorter.
    name = parts.scheme.replace("postgresql", "postgres")
    if name == "sqlite":
        # Ibis would make and change a file.
        raise DataError(
            "DATA_URL names a database that cannot be opened: SQLite is not opened for "
            "reading only. Copy its tables to a file of DuckDB, and write "
            "duckdb://path/to/file.duckdb."
        )
    given, own = options(parts), OPTIONS.get(name, {})
    for option in given:
        if option in own:
            raise unused(option, "which is set already, to read safely: leave it out")
    try:
        kind = backend(name, KINDS.get(name, RemoteBackend))
        return kind._from_url(parts, **given, **own)
    except ImportError:
        problem = "needs a driver that is not installed: see .env.example"
    except Exception as error:
        # Drivers put the whole URL, password included, into their messages.
        problem = f"cannot be opened ({why_unreachable(error)})"
        # Drivers name an option that they do not have, in quotation marks.
        for option in given:
            if re.search(rf"""['"]{option}['"]""", str(error)):
                problem = f"does not have the option {option!r}: leave it out"
    raise DataError(f"DATA_URL names a database that {problem}.")
