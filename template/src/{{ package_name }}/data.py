"""Read the project's tables, each checked against its contract.

Managed by Twobus: change it by a pull request to the template.
"""

import hashlib
import os
import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import ibis
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaError, SchemaErrorReason, SchemaErrors

from . import tables
from .settings import DATA, ROOT, Settings


class DataError(Exception):
    """A table cannot be read, or is not what its contract says."""


def read(name: str, *, check: bool = True) -> ibis.Table:
    """Read one of the project's tables.

    Args:
        name: The table's name, that of its module in `tables`.
        check: Whether to check every row. Names and types of the columns are
            always checked; the rows cost a scan of the table.

    Returns:
        The table, not yet executed: filter and join it in Ibis.

    Raises:
        DataError: If there is no such table, it cannot be read, or it breaks its
            contract. The message never holds values of the data.
    """
    contract = _contract(name)
    depth = None if check else ValidationDepth.SCHEMA_ONLY
    # Raised below, not while handling these errors: a traceback would show them, and
    # pandera and databases put values into their messages.
    try:
        table = _find(name)
        with config_context(validation_depth=depth):
            contract.validate(table, lazy=True)
        repeated = _repeated(table, contract) if check else []
        if not repeated:
            return table
        problem = f"breaks its contract: {', '.join(repeated)} not unique"
    except DataError:
        raise
    except SchemaErrors as broken:
        reasons = dict.fromkeys(_explain(error) for error in broken.schema_errors)
        problem = f"breaks its contract: {'; '.join(reasons)}"
    except Exception as error:
        columns = [column for column in contract.columns if f'"{column}"' in str(error)]
        problem = f"cannot be read ({', '.join([type(error).__name__, *columns])})"
        if "not utf-8" in str(error):
            problem = "is not UTF-8: name its encoding in CSV_OPTIONS of its module"
    raise DataError(f"The table {name!r} {problem}.")


def connect() -> Any:
    """Connect to the database that `DATA_URL` names, once a process.

    Returns:
        An Ibis backend.

    Raises:
        DataError: If the database cannot be reached.
    """
    return _connect(Settings().data_url.get_secret_value())


def names() -> list[str]:
    """List the tables that have a contract: the modules of `tables`."""
    modules = pkgutil.iter_modules(tables.__path__)
    return [module.name for module in modules if not module.name.startswith("_")]


def provenance() -> list[str]:
    """Say what the tables are read from, for the foot of a report.

    Returns:
        One line a file, with the start of its SHA-256 hash, or one line for a
        database, without user and password.
    """
    if folder := _folder():
        files = [file for name in names() if (file := _file(folder, name))]
    elif file := _database_file(Settings().data_url.get_secret_value()):
        files = [file]
    else:
        url = urlsplit(Settings().data_url.get_secret_value())
        return [f"{url.scheme}://{url.hostname or ''}{url.path}, read live"]
    return [f"{os.path.relpath(file, ROOT)} {digest(file)}" for file in files]


def digest(file: Path) -> str:
    """Return the first twelve digits of a file's SHA-256 hash."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:12]


@cache
def _connect(url: str) -> Any:
    if url in ("samples", "duckdb://"):
        return ibis.duckdb.connect()
    try:
        if file := _database_file(url):
            # Reading only, so that others can have the file open at the same time.
            return ibis.duckdb.connect(file, read_only=True)
        return ibis.connect(url)
    except ImportError:
        problem = "needs a driver that is not installed: see .env.example"
    except Exception as error:
        # Drivers put the whole URL, password included, into their messages.
        problem = f"cannot be opened ({type(error).__name__})"
    raise DataError(f"DATA_URL names a database that {problem}.")


def _database_file(url: str) -> Path | None:
    """Return the file of a DuckDB database, relative paths starting at the project."""
    parts = urlsplit(url)
    if parts.scheme != "duckdb" or parts.netloc.startswith("md:"):
        return None
    return ROOT / (parts.netloc + parts.path)


def _find(name: str) -> ibis.Table:
    module = _module(name)
    if (folder := _folder()) is None:
        location = getattr(module, "LOCATION", name)
        *database, table = location.split(".")
        try:
            return connect().table(table, database=tuple(database) or None)
        except ibis.common.exceptions.TableNotFound:
            raise DataError(f"The database has no table {location!r}.") from None
    if (file := _file(folder, name)) is None:
        raise DataError(
            f"The table {name!r} has no file: expected {name}.csv or {name}.parquet in "
            f"{folder.relative_to(ROOT).as_posix()}; `uv run poe data` may fetch it."
        )
    if file.suffix == ".parquet":
        return connect().read_parquet(file, table_name=name)
    options = getattr(module, "CSV_OPTIONS", {})
    if not file.stat().st_size:
        raise DataError(f"The table {name!r} has an empty file, {file.name}.")
    table = connect().read_csv(file, table_name=name, **options)
    if len(table.columns) == 1 < len(_contract(name).columns):
        raise DataError(
            f"{file.name} does not split into columns: look for a row that has more "
            "or fewer fields than the header."
        )
    # DuckDB guesses types from the values: "1, 2" may well be a column of floats.
    found = table.schema()
    floats = {
        column: spec.dtype.type
        for column, spec in _contract(name).columns.items()
        if spec.dtype and spec.dtype.type.is_floating()
    }
    whole = [column for column, dtype in found.items() if dtype.is_integer()]
    return table.cast({column: floats[column] for column in whole if column in floats})


def _folder() -> Path | None:
    """Return the folder whose files are the tables; None for a real database."""
    folders = {"samples": Path(tables.__path__[0]), "duckdb://": DATA / "raw"}
    return folders.get(Settings().data_url.get_secret_value())


def _file(folder: Path, name: str) -> Path | None:
    files = (folder / f"{name}{suffix}" for suffix in (".parquet", ".csv"))
    return next((file for file in files if file.exists()), None)


def _module(name: str) -> ModuleType:
    if name not in names():
        known = ", ".join(names()) or "none yet"
        raise DataError(f"There is no table {name!r}; known tables: {known}.")
    return import_module(f"{tables.__name__}.{name}")


def _contract(name: str) -> Any:
    module = _module(name)
    if not hasattr(module, "Contract"):
        raise DataError(
            f"The table {name!r} has no contract: tables/{name}.py lacks it."
        )
    return module.Contract.to_schema()


def _repeated(table: ibis.Table, contract: Any) -> list[str]:
    """Name the columns with values twice, which pandera does not look for in Ibis."""
    unique = [name for name, column in contract.columns.items() if column.unique]
    if not unique:
        return []
    counts = {name: table[name].count() - table[name].nunique() for name in unique}
    (surplus,) = table.aggregate(**counts).to_pyarrow().to_pylist()
    return [name for name in unique if surplus[name]]


def _explain(error: SchemaError) -> str:
    match error.reason_code:
        case SchemaErrorReason.COLUMN_NOT_IN_DATAFRAME:
            return f"it lacks the column {error.failure_cases}"
        case SchemaErrorReason.COLUMN_NOT_IN_SCHEMA:
            return f"the column {error.failure_cases} is not part of it"
        case SchemaErrorReason.WRONG_DATATYPE:
            column = error.schema
            return f"{column.name} is {error.failure_cases}, not {column.dtype}"
        case SchemaErrorReason.CHECK_ERROR:
            return f"{error.schema.name} cannot be checked"
    check = getattr(error.check, "error", None) or error.check
    return f"{error.schema.name} fails {check}"
