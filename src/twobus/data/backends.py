"""Ibis backends that can be shared by threads and survive a dropped connection.

They are subclasses of Ibis's own, made when a URL names a backend. An object that holds
a backend and passes calls on would not do: a table keeps the backend that made it, and
`table.execute()`, joins and `ibis.memtable` ask that one, past anything around it.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import ibis

from twobus.data.errors import DATABASE, DataError, why_failed
from twobus.data.shared import DuckDBBackend, SharedBackend

if TYPE_CHECKING:
    from twobus.data.formats.parts import Part

# What Ibis itself says of an expression, in sentences that need no other words.
MISTAKES = (
    ibis.common.exceptions.IbisError,
    ibis.common.exceptions.TableNotFound,
)
# So many columns that are not what they must be are described.
MOST_FAULTS = 5
# In seconds: between attempts to reach a database that dropped the connection.
WAITS = (0.5, 1, 2, 4)


class FileBackend(DuckDBBackend):
    """A DuckDB whose tables are files, read by their contracts.

    A value that is not what its contract says stops a query; then each value of the
    table's files is looked at, and what is wrong is said.
    """

    def __init__(self, *words: Any, **options: Any) -> None:
        """Know no table yet."""
        super().__init__(*words, **options)
        self._parts: dict[str, list[Part]] = {}
        self._states: dict[str, Any] = {}
        # Tables of which each value was read, and those that kept their contract.
        self._proven: set[str] = set()
        self._checked: set[str] = set()

    def give(
        self, name: str, state: Any, find: "Callable[[Any], list[Part]]"
    ) -> ibis.Table:
        """Return files as one table; nothing is read but what stands above the rows.

        Args:
            name: The table's name.
            state: What the parts follow from: the files with their times and sizes, and
                more. While it stays the same, what was found out of the files holds.
            find: Finds the parts, by a connection of DuckDB.
        """
        with self._turn:
            if self._states.get(name) != state:
                self._parts[name] = find(self.con)
                self._proven.discard(name)
                self._checked.discard(name)
                self._states[name] = state
                self._view(name)
            return self.table(name)

    def is_checked(self, name: str) -> bool:
        """Tell whether a table has kept its contract since it was given."""
        return name in self._checked

    def mark_checked(self, name: str) -> None:
        """Remember that a table keeps its contract; each value of it was read."""
        self._proven.add(name)
        self._checked.add(name)

    def prove(self, name: str) -> None:
        """Read each value of a table once, in the way that it can be read.

        Raises:
            DataError: If one is not what the contract says.
        """
        import duckdb

        from twobus.data.formats.parts import name as quoted

        columns = ", ".join(f"count({quoted(one)})" for one in self.table(name).columns)
        while name not in self._proven:
            try:
                self.con.execute(f"SELECT {columns} FROM {quoted(name)}").fetchall()
                self._proven.add(name)
                continue
            except duckdb.Error as error:
                problem = type(error).__name__
            # Not while handling the error, which may hold values of the data.
            if not self._read_plainer(name):
                raise DataError(f"The table {name!r} cannot be read ({problem}).")

    def whole(self, name: str, told: Collection[str] | None = None) -> ibis.Table:
        """Return a table with what of each row cannot be read, as a last column.

        Args:
            name: The table's name.
            told: Of which columns it is told; None: of all.

        Raises:
            DataError: If its files cannot be read at all.
        """
        import duckdb

        from twobus.data.formats.parts import UNREADABLE
        from twobus.data.formats.parts import name as quoted

        with self._turn:
            self._see_unchanged(name)
            try:
                self.prove(name)
                return self.table(name).mutate(**{UNREADABLE: ibis.literal("")})
            except DataError as error:
                unread = str(error)
            view = " ".join([f"{name}{UNREADABLE}", *(told or ())])
            rows = " UNION ALL BY NAME ".join(
                it.whole(told) for it in self._parts[name]
            )
            try:
                self.raw_sql(f"CREATE OR REPLACE VIEW {quoted(view)} AS {rows}")
                count = f"SELECT count({UNREADABLE}) FROM {quoted(view)}"
                self.con.execute(count).fetchall()
                return self.table(view)
            except duckdb.Error:
                pass
        # Such as rows with another number of fields: no value can be told from others.
        raise DataError(unread)

    def part(self, name: str, number: int) -> ibis.Table:
        """Return one file of a table, with the number of each row as a last column."""
        from twobus.data.formats.parts import ROW
        from twobus.data.formats.parts import name as quoted

        with self._turn:
            rows = self._parts[name][number].select()
            view = f"{name}{ROW}"
            self.raw_sql(
                f"CREATE OR REPLACE TEMP VIEW {quoted(view)} AS "
                f"SELECT *, row_number() OVER () - 1 AS {ROW} FROM ({rows})"
            )
            return self.table(view)

    def parts(self, name: str) -> "list[Part]":
        """Return the files of a table; none if it was not given."""
        return self._parts.get(name, [])

    def to_pyarrow_batches(self, expr: ibis.Expr, /, **options: Any) -> Any:
        """Return rows for Arrow bit by bit, as Ibis does."""
        with self._turn:
            # A stream cannot be begun again in another way.
            for name in self._asked([expr]):
                self._see_unchanged(name)
                self.prove(name)
            return super().to_pyarrow_batches(expr, **options)

    def to_json(self, *words: Any, **options: Any) -> Any:
        """Write rows to a JSON file, as Ibis does."""
        return self._query(super().to_json, *words, **options)

    def _ours(self) -> set[tuple[str]]:
        from twobus.data.formats.parts import ROW

        return {(f"{name}{ROW}",) for name in self._parts}

    def insert(self, *words: Any, **options: Any) -> Any:
        """Add rows to a table, as Ibis does."""
        return self._query(super().insert, *words, **options)

    def create_view(self, *words: Any, **options: Any) -> Any:
        """Keep a query as a view, as Ibis does; its files are read once before."""
        with self._turn:
            for name in self._asked([*words, *options.values()]):
                self._see_unchanged(name)
                self.prove(name)
            return super().create_view(*words, **options)

    def _query(self, query: Callable[..., Any], *words: Any, **options: Any) -> Any:
        # Whoever imports this may never read a table.
        import duckdb

        with self._turn:
            asked = self._asked([*words, *options.values()])
            for name in asked:
                self._see_unchanged(name)
            try:
                return query(*words, **options)
            except (duckdb.DataError, duckdb.InvalidInputException) as error:
                problem = type(error).__name__
            # Not while handling the error, which may hold values of the data.
            if unproven := [name for name in asked if name not in self._proven]:
                for name in unproven:
                    self.prove(name)
                return self._query(query, *words, **options)
        raise DataError(
            f"The query failed ({problem}): it asks for something that a value does "
            "not allow, such as a number of a text. The files keep their contracts."
        )

    def _see_unchanged(self, name: str) -> None:
        """See that a table's files are those that it was made of.

        Raises:
            DataError: If they are not.
        """
        for file, *before in self._states[name][0]:
            now = file.stat() if file.exists() else None
            if not now or before != [now.st_mtime_ns, now.st_size]:
                raise DataError(
                    f"The table {name!r} has another file since it was read, or none: "
                    f'read("{name}") once more.'
                )

    def _asked(self, words: Iterable[Any]) -> list[str]:
        """Return the tables that an expression among the words of a call reads."""
        kind = ibis.expr.operations.DatabaseTable
        expressions = [word for word in words if isinstance(word, ibis.Expr)]
        found = {one.name for word in expressions for one in word.op().find(kind)}
        return [name for name in self._parts if name in found]

    def _read_plainer(self, name: str) -> bool:
        """Prepare to read a table in a way that takes more; False if there is none.

        Raises:
            DataError: If its files are not what the contract says.
        """
        plainer = [self._plainer(part, name) for part in self._parts[name]]
        if not any(plainer):
            return False
        pairs = zip(plainer, self._parts[name], strict=True)
        self._parts[name] = [one or before for one, before in pairs]
        self._view(name)
        return True

    def _plainer(self, part: "Part", name: str) -> "Part | None":
        import duckdb

        try:
            faults = part.faults(self.con)
        except duckdb.Error:
            problem = part.structure()
        else:
            problem = "; ".join(fault.said(part) for fault in faults[:MOST_FAULTS])
            if more := len(faults[MOST_FAULTS:]):
                problem += f"; and {more} more columns are not what they must be"
        if not problem:
            try:
                return part.plainer()
            except DataError as error:
                problem = str(error)
        raise DataError(f"The table {name!r} cannot be read: {problem}.")

    def _view(self, name: str) -> None:
        from twobus.data.formats.parts import name as quoted

        rows = " UNION ALL BY NAME ".join(part.select() for part in self._parts[name])
        self.raw_sql(f"CREATE OR REPLACE VIEW {quoted(name)} AS {rows}")


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


class RemoteDuckDB(RemoteBackend, DuckDBBackend):
    """A DuckDB that is no file here, such as one of MotherDuck."""


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
