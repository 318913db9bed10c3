"""Read tables, each checked against its contract."""

import inspect
import pkgutil
import re
import threading
import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import ibis

from twobus.data.address import seen, shown
from twobus.data.connection import database, in_memory
from twobus.data.errors import DataError
from twobus.data.files import parts, table_files
from twobus.data.limits import Limits
from twobus.project import here

if TYPE_CHECKING:
    from twobus.settings import Settings

# Settings and contracts are imported where they are needed: pydantic and pandera
# together take longer than Ibis, and whoever imports this may never read a table.


@dataclass(frozen=True)
class Entry:
    """What people should know of a table before they read it.

    Attributes:
        name: The table's name, for `read`.
        description: What a row is, and where it comes from.
        owner: Who answers questions about it; empty where nobody is named.
        updated: When its rows change, in words; empty where nobody has said.
        replaced: What to read instead, if the table is about to go.
        limits: When `poe data --check` fails for it, if anybody has said.
    """

    name: str
    description: str
    owner: str
    updated: str
    replaced: str
    limits: Limits | None = None


class Tables:
    """A package of tables: one module with a `Contract`, and one sample, for each."""

    def __init__(
        self, package: ModuleType, settings: "Callable[[], Settings] | None" = None
    ) -> None:
        """Connect a package; nothing is read yet.

        Args:
            package: The package that holds the tables' modules.
            settings: Reads what says where tables are; without it, the environment and
                `.env` do, and files in `data/raw` are the tables where these say
                nothing.
        """
        self.package = package
        self._settings = settings
        self._turn = threading.RLock()
        self._made: Any = None

    def read(self, name: str, *, check: bool | None = None) -> ibis.Table:
        """Read a table.

        Args:
            name: The table's name, that of its module in `tables`.
            check: Whether to check every row, which costs one query. Names and types of
                the columns are always checked. If not given, rows are checked where
                tables are files, and not in a database, where that may take long.

        Returns:
            The table, not yet executed: filter and join it in Ibis.

        Raises:
            DataError: If there is no such table, it cannot be read, or it breaks its
                contract. The message never holds values of the data.
        """
        demanded = self.contract(name)
        from twobus.data.contracts import schema_breaches

        if replaced := self._entry(name).replaced:
            words = f"The table {name!r} will go: {replaced}"
            warnings.warn(words, DeprecationWarning, stacklevel=2)

        if self._unasked():
            words = (
                "These are samples: no DATA_URL in the environment, .env or keyring."
            )
            warnings.warn(words, stacklevel=2)

        # Raised below, not while handling these errors: a traceback would show them,
        # and databases put values into their messages.
        try:
            table = self._find(name)
            broken = schema_breaches(table, demanded)
            if broken:
                problem = f"breaks its contract{self._place(name)}: {'; '.join(broken)}"
            elif self._folder() is not None if check is None else check:
                problem = self._broken(table, name)
            else:
                problem = ""
        except DataError:
            raise
        except Exception as error:
            problem = f"cannot be read ({type(error).__name__})"
        if problem:
            raise DataError(f"The table {name!r} {problem}.")
        return table

    def whole(self, name: str, told: Collection[str] | None = None) -> ibis.Table:
        """Read a table with the rows that break its contract, or cannot be read.

        Args:
            name: The table's name.
            told: Of which columns it is told what cannot be read; None: of all.

        Returns:
            The table, whose names and types are those of the contract. A value that
            cannot be read is missing, and the column `formats.parts.UNREADABLE` says
            which, with the value, or is empty; in a database all can be.

        Raises:
            DataError: If there is no such table, or it cannot be read.
        """
        table = self.read(name, check=False)
        if self._folder() is not None:
            table = self._files.whole(name, told)
        return table

    def connect(self) -> Any:
        """Connect to the database that `DATA_URL` names, once a process.

        Returns:
            An Ibis backend, told to refuse writing where it can be.

        Raises:
            DataError: If the database cannot be reached.
        """
        return database(self._url()) if self._folder() is None else self._files

    def catalogue(self) -> list[Entry]:
        """List the tables with what their modules say of them, in the order of names.

        Returns:
            One entry a table; `pandas.DataFrame(self.catalogue())` shows them well.
        """
        return [self._entry(name) for name in self.names()]

    def columns(self, location: str) -> dict[str, Any] | None:
        """Return the columns of a table in the database, before it has a contract.

        Args:
            location: What the database calls it.

        Returns:
            Each column's type, or None where tables are files.

        Raises:
            DataError: If there is no such table, or the database cannot be reached.
        """
        if self._folder():
            return None
        hint = "name it by --location, in upper and lower case as it is there"
        return dict(self._located(location, hint).schema().items())

    def names(self) -> list[str]:
        """List the tables that have a contract: the modules of `tables`."""
        modules = pkgutil.iter_modules(self.package.__path__)
        return [module.name for module in modules if not module.name.startswith("_")]

    def contract(self, name: str) -> Any:
        """Return what the rows of a table look like, as a pandera schema.

        Args:
            name: The table's name.

        Raises:
            DataError: If there is no such table, or it has no contract.
        """
        module = self._module(name)
        if not hasattr(module, "Contract"):
            raise DataError(
                f"The table {name!r} has no contract: tables/{name}.py lacks it."
            )
        from twobus.data.contracts import schema

        try:
            return schema(module.Contract)
        except Exception as error:
            # It is people's code, which holds no values of the data.
            problem = f"{type(error).__name__}: {error}"
        raise DataError(f"The contract in tables/{name}.py is none: {problem}")

    def provenance(self, table: str = "") -> list[str]:
        """Say what the tables are read from, for the foot of a report.

        Args:
            table: One of them; all where it is empty.

        Returns:
            One line a file, with the start of its SHA-256 hash, or one line for a
            database, without user and password.
        """
        if not (folder := self._folder()):
            return [shown(self._url())]
        names = [table] if table else self.names()
        found = (self._table_files(name, folder) for name in names)
        files = [file for each in found for file in each]
        return [seen(file) for file in files]

    def odd(self, name: str, most: int) -> dict[str, list[str]]:
        """Return values of the data that are not of their type, for a person's eyes.

        Args:
            name: The table's name.
            most: How many of each column of a file.

        Returns:
            Texts, by column; nothing where tables are in a database.
        """
        found: dict[str, list[str]] = {}
        connection = self._files.con.cursor()
        for part in self._files.parts(name):
            for column, texts in part.odd(connection, most).items():
                found.setdefault(column, []).extend(texts)
        return {column: texts[:most] for column, texts in found.items()}

    def on_samples(self) -> bool:
        """Tell whether tables are the samples beside their contracts."""
        return self._url() == "samples"

    @property
    def _files(self) -> Any:
        # Threads must not make two.
        with self._turn:
            if self._made is None:
                self._made = in_memory()
            return self._made

    def _now(self) -> "Settings":
        from twobus.settings import Settings

        return (self._settings or Settings)()

    def _url(self) -> str:
        return self._now().data_url.get_secret_value().strip()

    def _unasked(self) -> bool:
        """Tell whether samples are read because nobody has said what to read."""
        return (
            self._url() == "samples" and "data_url" not in self._now().model_fields_set
        )

    def _entry(self, name: str) -> Entry:
        module = self._module(name)
        return Entry(
            name=name,
            description=inspect.getdoc(module) or "",
            owner=getattr(module, "OWNER", ""),
            updated=getattr(module, "UPDATED", ""),
            replaced=getattr(module, "DEPRECATED", ""),
            limits=getattr(module, "LIMITS", None),
        )

    def _located(self, location: str, hint: str) -> ibis.Table:
        *database, table = _names(location)
        try:
            # Databases have three parts of a name at most.
            if len(database) < 3:
                return self.connect().table(table, database=tuple(database) or None)
        except ibis.common.exceptions.TableNotFound:
            pass
        if location.count(".") > 1:
            hint += '; a name that has a dot in it stands in quotes, sales."a.b"'
        raise DataError(f"The database has no table {location!r}: {hint}.")

    def _find(self, name: str) -> ibis.Table:
        module = self._module(name)
        if (folder := self._folder()) is None:
            hint = f"LOCATION in tables/{name}.py says what it is called there"
            from twobus.data.contracts import widened

            found = self._located(getattr(module, "LOCATION", name), hint)
            return widened(found, self.contract(name))
        files = self._table_files(name, folder)
        if not files:
            raw = folder == here().data / "raw"
            hint = "; `uv run poe data` may fetch it" if raw else ""
            expected = self._pattern(name, folder) or f"{name}.csv or {name}.parquet"
            raise DataError(
                f"The table {name!r} has no file: expected {expected} in "
                f"{folder.parent.name}/{folder.name}{hint}."
            )
        sheet = getattr(module, "SHEET", "")
        options = getattr(module, "CSV_OPTIONS", {})
        stats = tuple(
            (file, file.stat().st_mtime_ns, file.stat().st_size) for file in files
        )
        # As long as none of these changes, what was found out of the files holds.
        state = (stats, module.Contract, repr(options), sheet)
        contract = self.contract(name)
        base = folder / name if (folder / name).is_dir() else folder
        try:
            given: ibis.Table = self._files.give(
                name,
                state,
                lambda con: parts(files, base, contract, options, sheet, con),
            )
            return given
        except DataError as error:
            problem = str(error)
        raise DataError(f"The table {name!r} cannot be read: {problem}.")

    def _table_files(self, name: str, folder: Path) -> list[Path]:
        return table_files(folder, name, self._pattern(name, folder))

    def _pattern(self, name: str, folder: Path) -> str:
        """Return what the module calls its files; samples are called like the table."""
        raw = folder == here().data / "raw"
        return str(getattr(self._module(name), "FILE", "")) if raw else ""

    def _place(self, name: str) -> str:
        """Return where the rows of a table are, to follow its name."""
        if (folder := self._folder()) is None:
            return ""
        files = self._table_files(name, folder)
        more = f" and {len(files) - 1:,} more files" if len(files) > 1 else ""
        return f" in {here().name(files[0])}{more}"

    def _broken(self, table: ibis.Table, name: str) -> str:
        """Say which rules of its contract a table breaks, where, and what one can do.

        Returns:
            What follows the table's name; empty if it breaks none.
        """
        from twobus.data.contracts import first_breach, row_breaches

        files = self._folder() is not None
        if files and self._files.is_checked(name):
            return ""
        if not (breaches := row_breaches(table, self.contract(name))):
            if files:
                self._files.mark_checked(name)
            return ""
        phrases = [str(breach) for breach in breaches]
        if files:
            from twobus.data.formats.parts import ROW

            for at, breach in enumerate(breaches):
                for number, part in enumerate(self._files.parts(name)):
                    rows = self._files.part(name, number)
                    first = first_breach(rows, self.contract(name), breach.rule, ROW)
                    if first is not None:
                        where = f"{part.place}, {part.where(first)}"
                        phrases[at] += f", first in {where}"
                        break
        return (
            f"breaks its contract: {'; '.join(phrases)}. Correct the data or "
            f'tables/{name}.py; read("{name}", check=False) leaves these rules out'
        )

    def _folder(self) -> Path | None:
        """Return the folder whose files are the tables; None for a real database."""
        folders = {
            "samples": Path(self.package.__path__[0]),
            "duckdb://": here().data / "raw",
        }
        return folders.get(self._url())

    def _module(self, name: str) -> ModuleType:
        if name not in self.names():
            known = ", ".join(self.names()) or "none yet"
            raise DataError(f"There is no table {name!r}; known tables: {known}.")
        try:
            return import_module(f"{self.package.__name__}.{name}")
        except Exception as error:
            problem = f"{type(error).__name__}: {error}"
        raise DataError(f"tables/{name}.py cannot be imported: {problem}")


def _names(location: str) -> list[str]:
    """Return the parts of a name, which dots separate if not in quotation marks."""
    part = r'"(?:[^"]|"")+"(?=\.|$)|[^.]+'
    if not re.fullmatch(rf"(?:{part})(?:\.(?:{part}))*", location):
        return location.split(".")
    return [
        one[1:-1].replace('""', '"')
        if one.startswith('"') and one.endswith('"')
        else one
        for one in re.findall(part, location)
    ]
