"""Copies of files that DuckDB cannot read itself: they go with this process."""

import atexit
import csv
import os
import shutil
from functools import cache
from pathlib import Path
from tempfile import mkdtemp, mkstemp
from typing import Any, TextIO


def as_records(stream: TextIO, delimiter: str = ",") -> Any:
    """Return a writer of records that nothing in a text can break."""
    return csv.writer(
        stream, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n"
    )


def fresh() -> Path:
    """Return the path of a new file, which goes with this process."""
    handle, file = mkstemp(".csv", dir=_scratch(os.getpid()))
    os.close(handle)
    return Path(file)


@cache
def _scratch(process: int) -> str:
    folder = mkdtemp(prefix="twobus-")
    atexit.register(_remove, folder, process)
    return folder


def _remove(folder: str, process: int) -> None:
    # A process that was forked from the one which made it must leave it.
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
