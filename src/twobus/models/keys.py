"""Who a row is about, by a form of its key that types and other columns cannot change.

A table read today as integers may come as floats tomorrow, when one key is empty, or as
texts from another source: the rows held out must stay the same. `FORM` is written with
each version; another form would draw the hold-out anew.
"""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from hashlib import blake2b
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

FORM = 1
MISSING = "\x00"
BETWEEN = "\x1f"


def hashed(rows: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """Return a whole number of 64 bits for each row, from what some columns hold.

    Args:
        rows: The rows.
        names: The columns, in an order that counts.
    """
    columns = [_texts(rows[name]) for name in names]
    joined = columns[0]
    if len(columns) > 1:
        joined = [*map(BETWEEN.join, zip(*columns, strict=True))]
    # Each key is hashed once, however many rows it has.
    codes, known = pd.factorize(np.asarray(joined, dtype=object))
    # In one go: a call of ours for each takes longer than its hash.
    begin = f"{FORM}{BETWEEN}".encode()
    digests = b"".join(
        blake2b(begin + text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for text in known
    )
    numbers = np.frombuffer(digests, dtype=">u8").astype("uint64")
    return pd.Series(numbers[codes], index=rows.index)


def _texts(column: pd.Series) -> Any:
    """Return the canonical texts of a column, each value looked at once."""
    codes, known = pd.factorize(column, use_na_sentinel=False)
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iu":
        # As below, without a look at each.
        return np.asarray(known).astype(str).astype(object)[codes]
    return np.array([canonical(it) for it in known], dtype=object)[codes]


def canonical(value: Any) -> str:
    """Return a value as a text that is the same whatever type it came in.

    Whole numbers are the same as floats without a rest, and as texts of their digits;
    dates are the same as their midnights; times are in UTC.
    """
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return MISSING
    if isinstance(value, np.datetime64):
        value = pd.Timestamp(value)
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
        whole = moment.time() == time()
        return moment.date().isoformat() if whole else moment.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Integral | np.bool_):
        return str(int(value))
    if isinstance(value, Decimal):
        text = format(value.normalize(), "f")
        return "0" if text == "-0" else text
    if isinstance(value, Real):
        number = float(value)
        return str(int(number)) if number.is_integer() else repr(number)
    return str(value)
