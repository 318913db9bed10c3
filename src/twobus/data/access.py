"""Where the project's tables come from: its own package, or its team's library."""

from collections.abc import Callable, Collection
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import ibis

from twobus.data.errors import DataError
from twobus.project import Project, here

if TYPE_CHECKING:
    from twobus.data.tables import Tables

Result = TypeVar("Result")


class Source(Protocol):
    """What reads tables, as `twobus.data.Tables` does."""

    def read(self, name: str, *, check: bool | None = None) -> ibis.Table:
        """Read a table."""

    def whole(self, name: str, told: Collection[str] | None = None) -> ibis.Table:
        """Read a table with the rows that break its contract, or cannot be read."""

    def contract(self, name: str) -> Any:
        """Return what the rows of a table look like, as a pandera schema."""

    def names(self) -> list[str]:
        """List the tables that have a contract."""

    def provenance(self, table: str = "") -> list[str]:
        """Say what the tables, or one of them, are read from."""

    def on_samples(self) -> bool:
        """Tell whether tables are the samples beside their contracts."""

    def catalogue(self) -> list[Any]:
        """List what the tables' modules say of them, as entries like `Entry`."""


def source() -> Source:
    """Return the tables of the project that people work in.

    Raises:
        DataError: If the module that reads them cannot be imported.
    """
    return _source(here())


def own_tables() -> "Tables":
    """Return the tables of the project's own package.

    Raises:
        DataError: If its `data.py` does not connect them.
    """
    module = _import(f"{here().package}.data", here())
    if tables := getattr(module, "TABLES", None):
        return cast("Tables", tables)
    raise DataError(f"src/{here().package}/data.py has no TABLES.")


@cache
def _source(project: Project) -> Source:
    return _Module(_import(project.source, project))


def _import(name: str, project: Project) -> ModuleType:
    try:
        return import_module(name)
    except SyntaxError as error:
        # During a merge, the file may hold conflict markers.
        problem = f"SyntaxError in {_place(error, project)}: {error.msg}"
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    raise DataError(f"{name} cannot be imported: {problem}")


def _place(error: SyntaxError, project: Project) -> str:
    """Return the file and the line of a mistake, as people write them."""
    file = Path(error.filename or "")
    if file.is_relative_to(project.root):
        file = file.relative_to(project.root)
    return f"{file.as_posix()}, line {error.lineno}"


class _Module:
    """A module that reads tables, of whatever release: a library has its own.

    Its functions are an interface between releases: `DataError`, `catalogue`,
    `contract`, `names`, `provenance`, `read`. So its errors may be of another class
    than ours.
    """

    def __init__(self, module: ModuleType) -> None:
        self.module = module

    def read(self, name: str, *, check: bool | None = None) -> ibis.Table:
        table: ibis.Table = self._call(lambda it: it.read(name, check=check))
        return table

    def whole(self, name: str, told: Collection[str] | None = None) -> ibis.Table:
        tables: Any = getattr(self.module, "TABLES", None)
        if hasattr(tables, "whole"):
            found: ibis.Table = self._call(lambda _: tables.whole(name, told))
            return found
        # Of libraries of releases before 0.11, what cannot be read stops the query.
        return self.read(name, check=False)

    def contract(self, name: str) -> Any:
        return self._call(lambda it: it.contract(name))

    def names(self) -> list[str]:
        return [*self._call(lambda it: it.names())]

    def provenance(self, table: str = "") -> list[str]:
        if tables := getattr(self.module, "TABLES", None):
            return [*self._call(lambda _: tables.provenance(table))]
        # Libraries of releases before 0.6 name all.
        return [*self._call(lambda it: it.provenance())]

    def on_samples(self) -> bool:
        if tables := getattr(self.module, "TABLES", None):
            return bool(self._call(lambda _: tables.on_samples()))
        # Libraries of releases before 0.6 have a module of settings.
        settings = import_module(f"{self.module.__package__}.settings").Settings()
        return bool(settings.data_url.get_secret_value() == "samples")

    def catalogue(self) -> list[Any]:
        # Entries of early releases say less.
        if not hasattr(self.module, "catalogue"):
            name = self.module.__name__
            early = "is of an older release of Twobus, which lists no tables: update it"
            raise DataError(f"{name} {early}.")
        return [*self._call(lambda it: it.catalogue())]

    def _call(self, ask: Callable[[Any], Result]) -> Result:
        theirs: type[Exception] = getattr(self.module, "DataError", DataError)
        try:
            return ask(self.module)
        except theirs as error:
            problem = str(error)
        raise DataError(problem)
