"""Rows of DuckDB that come bit by bit, and go on while something else is asked."""

from collections.abc import Iterator
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, Any

from twobus.data.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

CUT_OFF = (
    "The rows that come bit by bit were cut off, since something else was asked by the "
    "same thread meanwhile: read them once more."
)
# Rows put aside are in memory up to so many bytes, and then in a temporary file.
MOST_IN_MEMORY = 64_000_000


class Stream:
    """The rows of a query, in record batches.

    DuckDB ends the result of a connection at its next query, without a word: before
    that, whoever asks puts the rest aside. A connection of its own for each stream
    would not do: it has no temporary tables, settings or functions of the first, and
    reads another schema.
    """

    def __init__(
        self, batches: Iterator["pa.RecordBatch"], schema: "pa.Schema"
    ) -> None:
        """Begin.

        Args:
            batches: What DuckDB gives.
            schema: What each of them is turned into.
        """
        self._batches: Iterator[pa.RecordBatch] = (it.cast(schema) for it in batches)
        self._schema = schema
        self._failure: Exception | None = None
        self._busy = False

    def next(self) -> "pa.RecordBatch | None":
        """Return the next batch; None at the end.

        Raises:
            Exception: What DuckDB says of a value.
        """
        self._busy = True
        try:
            if (batch := next(self._batches, None)) is None and self._failure:
                raise self._failure
        finally:
            self._busy = False
        return batch

    def put_aside(self) -> None:
        """Take the rest of the rows from the connection."""
        import pyarrow as pa

        if self._busy:
            # Python drops what nobody holds any more whenever it likes, such as a table
            # that was kept by `cache()`, and so asks from within this query.
            self._failure = DataError(CUT_OFF)
            return
        file: Any = SpooledTemporaryFile(MOST_IN_MEMORY)  # noqa: SIM115
        with pa.ipc.new_stream(file, self._schema) as sink:
            try:
                for batch in self._batches:
                    sink.write_batch(batch)
            except Exception as error:
                # Of this query, and not of the one that is asked now.
                self._failure = error
        file.seek(0)
        self._batches = iter(pa.ipc.open_stream(file))
