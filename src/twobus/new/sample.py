"""A sample that keeps a contract, of values that stand nowhere: all are invented."""

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

import ibis.expr.datatypes as dt

from twobus.new.columns import Column

# How many rows there are, and in which of them a value is missing.
ROWS, GAP = 20, 6
START = date(2026, 1, 1)
# How many letters of its column's name a text has.
LONGEST = 20


def sample(columns: Iterable[Column], options: Mapping[str, Any]) -> bytes:
    """Return invented rows as a CSV file.

    Args:
        columns: The columns.
        options: How the file is written, see `CSV_OPTIONS`.
    """
    known = [*columns]
    missing = options.get("nullstr", "")
    word = missing if isinstance(missing, str) else missing[0]
    text = io.StringIO()
    writer = csv.writer(text, delimiter=options.get("delim", ","), lineterminator="\n")
    writer.writerow(one.name for one in known)
    for row in range(ROWS):
        writer.writerow(
            word
            if one.dtype.nullable and len(known) > 1 and (row + at) % GAP == GAP - 1
            else _written(one, row, options)
            for at, one in enumerate(known)
        )
    above = "\n" * int(options.get("skip", 0))
    encoding = options.get("encoding", "utf-8")
    return f"{above}{text.getvalue()}".encode(encoding)


def _written(one: Column, row: int, options: Mapping[str, Any]) -> str:
    """Return the value of a row as its file has it."""
    value = _value(one, row)
    if isinstance(value, float):
        return repr(value).replace(".", options.get("decimal_separator", "."))
    if one.dtype.is_decimal():
        return str(value).replace(".", options.get("decimal_separator", "."))
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        if one.format:
            return value.strftime(one.format)
        written = value.isoformat(" ") if isinstance(value, datetime) else str(value)
        zoned = one.dtype.is_timestamp() and one.dtype.timezone
        return f"{written}+00" if zoned else written
    return str(value)


def _value(one: Column, row: int) -> Any:
    """Return an invented value: by the rules of the contract, else by its type."""
    if one.values:
        return one.values[row % len(one.values)]
    low, high = one.low, one.high
    match one.dtype:
        case dt.Boolean():
            return row % 2 == 0
        case dt.Integer():
            return row + 1 if low is None else low + row % (high - low + 1)
        case dt.Floating():
            if low is None:
                return row + 0.5
            within = low + (high - low) * row / ROWS
            return max(low, min(round(within, 2), high))
        case dt.Decimal():
            digits = (one.dtype.precision or 38) - (one.dtype.scale or 0)
            return "0.5" if not digits else f"{row % 9}{'.5' * bool(one.dtype.scale)}"
        case dt.Date():
            days = ROWS if low is None else (high - low).days + 1
            return (low or START) + timedelta(days=row % days)
        case dt.Time():
            return time(hour=row)
        case dt.Timestamp():
            return datetime.combine(START + timedelta(days=row), time(hour=row))
    return f"{row + 1:05}" if one.codes else f"{one.name[:LONGEST].strip()} {row + 1}"
