"""Read a log of predictions: which days there are, and the rows of some of them."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from pathlib import Path

import duckdb
import ibis
from pyarrow import fs

from twobus.data.connection import in_memory
from twobus.data.errors import DataError
from twobus.models.declaration import ModelError
from twobus.models.log_place import Place
from twobus.models.sentences import sentences

BY = {"day": 1, "week": 7}
# Without these it is no log.
NEEDED = ("request", "row", "version", "role")


@dataclass(frozen=True)
class Period:
    """Some days that are looked at together.

    Attributes:
        start: The first one: of a week, its Monday.
        by: `day` or `week`.
        files: The log's files of these days.
        days: How many days have any.
    """

    start: date
    by: str
    files: Sequence[str]
    days: int

    def __str__(self) -> str:
        """Return what people call it."""
        return f"the week of {self.start}" if self.by == "week" else f"{self.start}"


def files_by_day(place: Place, name: str) -> dict[date, list[str]]:
    """Return the files that a log has of a model, by day, the oldest first.

    Args:
        place: Where the log is.
        name: The model's name.

    Raises:
        ModelError: If it cannot be read.
    """
    folder = fs.FileSelector(f"{place.folder}/{name}", True, recursive=True)
    found: dict[date, list[str]] = {}
    with sentences(f"The log of predictions {place.shown} cannot be read"):
        for info in place.store.get_file_info(folder):
            told = re.search(r"/day=(\d{4}-\d\d-\d\d)/[^./][^/]*\.parquet$", info.path)
            if told and info.type == fs.FileType.File:
                found.setdefault(date.fromisoformat(told[1]), []).append(info.path)
    return {day: sorted(found[day]) for day in sorted(found)}


def periods(days: dict[date, list[str]], by: str, since: date) -> list[Period]:
    """Return the periods that have files.

    Args:
        days: Files by day, the oldest first.
        by: `day` or `week`.
        since: The first day that counts.
    """

    def start(day: date) -> date:
        return day - timedelta(day.weekday()) if by == "week" else day

    groups = groupby((it for it in days if it >= since), start)
    listed = ((first, [*group]) for first, group in groups)
    return [
        Period(first, by, [file for day in group for file in days[day]], len(group))
        for first, group in listed
    ]


@contextmanager
def rows(place: Place, period: Period) -> Iterator[ibis.Table]:
    """Yield the rows of a period, not yet executed; memory need not hold them.

    Args:
        place: Where the log is.
        period: Which days.

    Raises:
        ModelError: If they cannot be read.
    """
    told = f"The log of predictions {place.shown} cannot be read for {period}"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        with sentences(told):
            files = [*period.files]
            if not isinstance(place.store, fs.LocalFileSystem):
                # Each is asked for once, however many queries there are.
                files = [
                    (Path(folder) / f"{number}.parquet").as_posix()
                    for number in range(len(period.files))
                ]
                local = fs.LocalFileSystem()
                for there, here in zip(period.files, files, strict=True):
                    fs.copy_files(
                        there,
                        here,
                        source_filesystem=place.store,
                        destination_filesystem=local,
                    )
            connection = in_memory()
            table: ibis.Table = connection.read_parquet(
                files, table_name="log", union_by_name=True, hive_partitioning=False
            )
            if lacking := [it for it in NEEDED if it not in table.columns]:
                raise ModelError(f"its files lack the columns {', '.join(lacking)}")
        try:
            yield table
        except (DataError, duckdb.Error):
            # Such as a page in the middle, which nobody has read before.
            raise ModelError(f"{told}: one of its files is broken.") from None
        finally:
            connection.disconnect()


def missing_days(days: Sequence[date], since: date, today: date) -> list[date]:
    """Return the days without a row, from the first with one until yesterday.

    Args:
        days: Those that have files, the oldest first.
        since: The first day that counts.
        today: The present day, which is not over.
    """
    counted = [day for day in days if day >= since]
    if not counted:
        return []
    whole = (today - counted[0]).days
    every = (counted[0] + timedelta(number) for number in range(whole))
    return [day for day in every if day not in {*counted}]
