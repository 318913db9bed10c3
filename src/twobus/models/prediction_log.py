"""Keep what a server was asked and has answered: Parquet files by model and day.

A request never waits for it: its rows are noted, and a thread writes them later. What
cannot be written costs no answer; it is counted, said in the server's log, and limited
in memory.
"""

import io
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol
from uuid import uuid4

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from twobus.models.answers import log
from twobus.models.columns import PREDICTED, kept_apart
from twobus.models.declaration import Model
from twobus.models.log_place import Place, logged_columns, place, settings
from twobus.models.sentences import bare

CHAMPION, CHALLENGER = "champion", "challenger"
# A file is written when it has so many rows, or its first one is so many seconds old.
ROWS, SECONDS = 10_000, 300.0
# Bytes of requests that wait to be read, and of rows that wait to be written.
MOST_NOTED, MOST_UNWRITTEN = 8 * 2**20, 64 * 2**20


class Asked(Protocol):
    """A request."""

    @property
    def number(self) -> str:
        """Its id."""

    @property
    def rows(self) -> Sequence[BaseModel]:
        """What was sent, row by row."""

    @property
    def size(self) -> int:
        """How many bytes that were."""

    @property
    def places(self) -> Sequence[int]:
        """Where they are among all rows of the request; empty: these are all."""


@dataclass(frozen=True)
class Seen:
    """Requests that were answered, or tried by another version.

    Attributes:
        name: The model's name.
        number: The version.
        model: The version's declaration.
        role: `champion` or `challenger`.
        asked: The requests.
        positions: Which rows of `predicted` these are, one after another.
        predicted: What was predicted, as `rows.predict` gives it.
        time: When, in UTC.
    """

    name: str
    number: int
    model: Model
    role: str
    asked: Sequence[Asked]
    positions: Sequence[int]
    predicted: pd.DataFrame
    time: datetime

    @property
    def size(self) -> int:
        """How many bytes were sent."""
        return sum(it.size for it in self.asked)


@dataclass
class _Part:
    """Rows that become a file."""

    file: str
    due: float
    batches: list[pa.RecordBatch] = field(default_factory=list)
    rows: int = 0
    bytes: int = 0


class PredictionLog:
    """The log of one process of a server.

    Attributes:
        written: How many rows were written.
        lost: How many were not, and will not be.
    """

    def __init__(self, where: Place, share: float = 1.0) -> None:
        """Begin a log; nothing is written yet.

        Args:
            where: Where it is.
            share: The share of requests that is logged.
        """
        self.where, self.share = where, share
        self.written = self.lost = 0
        self._noted: deque[Seen] = deque()
        self._size = 0
        self._lost_before = 0
        self._parts: dict[tuple[Any, ...], _Part] = {}
        self._columns: dict[tuple[str, int], dict[str, tuple[str, pa.DataType]]] = {}
        self._turn = threading.Condition()
        self._ending = False
        # It must not keep alive a server that is to end.
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def keep(self, seen: Seen) -> None:
        """Note a request, to be written later; it never waits, and never fails."""
        with self._turn:
            if self._ending or self._size + seen.size > MOST_NOTED:
                self.lost += len(seen.positions)
                return
            self._noted.append(seen)
            self._size += seen.size
            self._turn.notify()

    def close(self, patience: float = 10.0) -> None:
        """Write what is left, and end.

        Args:
            patience: For how many seconds at most.
        """
        with self._turn:
            self._ending = True
            self._turn.notify()
        self._thread.join(patience)
        left = sum(it.rows for it in [*self._parts.values()])
        self._say_lost(left, "the server has ended")

    def _work(self) -> None:
        while True:
            with self._turn:
                if not self._noted and not self._ending:
                    self._turn.wait(self._until_due())
                noted, ending = [*self._noted], self._ending
                self._noted.clear()
                self._size = 0
            for seen in noted:
                self._add(seen)
            self._write(every=ending)
            self._say_lost(0, "too much waits to be written")
            if ending:
                return

    def _until_due(self) -> float | None:
        dues = [it.due for it in self._parts.values()]
        return max(0.0, min(dues) - time.monotonic()) if dues else None

    def _add(self, seen: Seen) -> None:
        """Turn rows into columns, which are small."""
        try:
            batch = self._batch(seen)
        except Exception as error:  # Whatever it is, it costs no answer.
            self._say_lost(
                len(seen.positions), f"of {seen.name} ({type(error).__name__})"
            )
            return
        if sum(it.bytes for it in self._parts.values()) + batch.nbytes > MOST_UNWRITTEN:
            self.lost += batch.num_rows
            return
        day = f"{seen.name}/day={seen.time:%Y-%m-%d}"
        key = (day, seen.number, batch.schema.to_string())
        if key not in self._parts:
            file = f"{day}/{seen.time:%H%M%S}-{uuid4().hex}.parquet"
            self._parts[key] = _Part(file, time.monotonic() + SECONDS)
        part = self._parts[key]
        part.batches.append(batch)
        part.rows += batch.num_rows
        part.bytes += batch.nbytes
        if part.rows >= ROWS:
            part.due = min(part.due, time.monotonic())

    def _batch(self, seen: Seen) -> pa.RecordBatch:
        known = self._columns.get((seen.name, seen.number))
        if known is None:
            known = self._columns[seen.name, seen.number] = logged_columns(seen.model)
        rows = [row for asked in seen.asked for row in asked.rows]
        numbers = [
            place
            for asked in seen.asked
            for place in asked.places or range(len(asked.rows))
        ]
        requests = [asked.number for asked in seen.asked for _ in asked.rows]
        moment = pa.scalar(seen.time, pa.timestamp("us", "UTC"))
        columns: dict[str, Any] = {
            "time": pa.repeat(moment, len(rows)),
            "request": pa.array(requests, pa.string()),
            "row": pa.array(numbers, pa.int32()),
            "model": pa.repeat(seen.name, len(rows)),
            "version": pa.repeat(pa.scalar(seen.number, pa.int32()), len(rows)),
            "role": pa.repeat(seen.role, len(rows)),
        }
        for name, (column, kind) in known.items():
            values = [getattr(row, column, None) for row in rows]
            columns[name] = pa.array(values, kind)
        target = seen.model.target
        if not kept_apart(seen.model.table, [target]):
            for name, values in seen.predicted.iloc[[*seen.positions]].items():
                columns[f"{PREDICTED}{name}"] = pa.array(values, from_pandas=True)
        return pa.RecordBatch.from_pydict(columns)

    def _write(self, *, every: bool) -> None:
        """Write the files whose time has come, or all."""
        now = time.monotonic()
        for key, part in [*self._parts.items()]:
            if not every and part.due > now:
                continue
            try:
                self.where.write(part.file, _parquet(part.batches))
            except Exception as error:
                # Under the same name once more, so that no row is there twice.
                part.due = now + SECONDS
                log(
                    "predictions cannot be logged",
                    place=self.where.shown,
                    problem=f"{type(error).__name__}: {_plain(error)}",
                    waiting=part.rows,
                )
                continue
            self.written += part.rows
            del self._parts[key]

    def _say_lost(self, rows: int, why: str) -> None:
        """Say in the server's log how many rows it lacks, with those counted before."""
        with self._turn:
            self.lost += rows
            more, self._lost_before = self.lost - self._lost_before, self.lost
        if more:
            facts: Mapping[str, Any] = {"rows": more, "why": why, "in_all": self.lost}
            log("predictions are lost", **facts)


def _parquet(batches: Sequence[pa.RecordBatch]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_batches(batches), file, compression="zstd")
    return file.getvalue()


def _plain(error: Exception) -> str:
    """Return what a disk or a store says, without a password."""
    return bare(" ".join(str(error).split()))[:200]


def begun() -> PredictionLog | None:
    """Begin the log that the settings ask for; None where they ask for none.

    Raises:
        ModelError: If they have no meaning.
    """
    where = place()
    if where is None:
        return None
    share = settings().prediction_log_share
    log("predictions are logged", place=where.shown, share=share)
    return PredictionLog(where, share)
