"""Print what it costs to read a table: `python bench_reading.py TABLE`.

The figures are, in seconds, the first read, one of twenty more, and one that checks all
rows; and how many queries for rows the last one has asked.
"""

import json
import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

from twobus.data import own_tables


def seconds(action: Callable[[], object]) -> float:
    """Time an action."""
    start = perf_counter()
    action()
    return perf_counter() - start


tables, name = own_tables(), sys.argv[1]
backend = tables.connect()
first = seconds(lambda: tables.read(name))
plain = [seconds(lambda: tables.read(name)) for _ in range(20)]
asked: list[str] = []
query = backend.to_pyarrow


def noted(*words: Any, **options: Any) -> Any:
    """Ask for rows, and note that."""
    asked.append("rows")
    return query(*words, **options)


backend.to_pyarrow = noted
rows = seconds(lambda: tables.read(name, check=True))
print(json.dumps([first, median(plain), rows, len(asked)]))
