"""Which types of a Parquet file may stand for those of a contract, and lose nothing."""

from typing import Any

from ibis.backends.sql.datatypes import DuckDBType

from twobus.data.formats.forms import EXACT

UTC_NAMES = {"UTC", "Etc/UTC", "+00:00", "GMT", "Z"}


def widened(
    column: str, sql_type: str, dtype: Any, zone: str | None, *, empty: bool
) -> tuple[str, str]:
    """Return a column as another type, if that loses nothing.

    Args:
        column: The column, as SQL writes it.
        sql_type: Its type in the file, as DuckDB calls it.
        dtype: The type that the contract demands; None if it demands none.
        zone: The time zone that the file names for it, if any.
        empty: Whether the file has no type for it, since all its values are missing.

    Returns:
        The value, and a condition that must hold for each value that is there; empty if
        nothing must. Of a type that cannot be widened, the column as it is.
    """
    if dtype is None:
        return column, ""
    target = DuckDBType.to_string(dtype.copy(nullable=True))
    cast = f"CAST({column} AS {target})"
    if empty:
        return cast, ""
    found = DuckDBType.from_string(sql_type)
    if found.copy(nullable=True) == dtype.copy(nullable=True):
        return column, ""
    fits = f"TRY_CAST({column} AS {target}) IS NOT NULL"
    back = f"CAST(TRY_CAST({column} AS {target}) AS {sql_type}) = {column}"
    if found.is_integer():
        if dtype.is_integer() or dtype.is_decimal():
            return cast, fits
        if dtype.is_floating():
            return cast, "" if found.nbytes < dtype.nbytes else back
    if found.is_floating():
        if dtype.is_floating() and found.nbytes < dtype.nbytes:
            return cast, ""
        if dtype.is_integer():
            whole = f"{column} = trunc({column}) AND abs({column}) < {EXACT}"
            # pandas writes missing numbers of a column of whole ones as NaN.
            nothing = f"CASE WHEN isnan({column}) THEN NULL ELSE {cast} END"
            return nothing, f"isnan({column}) OR ({whole} AND {fits})"
    if found.is_decimal() and (dtype.is_decimal() or dtype.is_integer()):
        return cast, back
    if found.is_date() and dtype.is_timestamp() and not dtype.timezone:
        return cast, ""
    if found.is_timestamp() and zone and dtype.is_timestamp() and dtype.timezone:
        return cast, ""
    if found.is_timestamp() and zone in UTC_NAMES:
        column = f"({column} AT TIME ZONE 'UTC')"
        if dtype.is_timestamp():
            return column, ""
    elif zone:
        return column, ""
    if found.is_timestamp() and dtype.is_date():
        return f"CAST({column} AS DATE)", f"{column} = date_trunc('day', {column})"
    return column, ""
