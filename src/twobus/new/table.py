"""Write a table's contract, and a sample of invented rows."""

import csv
import io
import json
import re
from keyword import iskeyword

import ibis.expr.datatypes as dt
import pandera.ibis as pa

from twobus.data import own_tables
from twobus.new.files import NewFileError, check_name, fill, tidy, write
from twobus.project import here
from twobus.tasks import task

# What a table has that was found nowhere.
INVENTED = {"id": dt.int64(nullable=False), "day": dt.date, "amount": dt.float64}


@task
def new_table(name: str, location: str = "") -> None:
    """Write a table's module and its sample: both or none.

    The columns are those of the database that `DATA_URL` names; values are never read
    from it. Without a database, columns are invented as well.

    Args:
        name: What people will read it by.
        location: What the database calls it, with its schema; else as `name`.

    Raises:
        SystemExit: With a sentence, if that cannot be done.
    """
    folder = here().code / "tables"
    check_name(name, "table", "daily_sales")
    found = own_tables().columns(location or name)
    if location and found is None:
        raise NewFileError(
            "Set DATA_URL to the database that has it: without one there is "
            f"nothing called {location!r}."
        )
    types = INVENTED if found is None else found
    known = {column: it for column, it in types.items() if _annotation(it)}
    place = f"LOCATION = {_quoted(location)}\n" if location else ""
    fields = "\n".join(_fields(known))
    module = fill("table.py", {"name": name, "location": place, "columns": fields})
    files = {
        folder / f"{name}.py": tidy(module),
        folder / f"{name}.csv": _sample(known),
    }
    write(files)
    for column, dtype in types.items():
        if column not in known:
            print(f"Left out, since contracts have no such type: {column}, {dtype}.")
    if found is None:
        print("DATA_URL names no database, so that its columns are invented.")
    print("Say in its module what a row is, whose, and when it changes; then:")
    print("  uv run poe tables\n  uv run poe check")


def _fields(columns: dict[str, dt.DataType]) -> list[str]:
    """Return a line for each column, under a name that Python and people can use."""
    lines: list[str] = []
    taken: set[str] = set()
    for column, dtype in columns.items():
        name = re.sub(r"\W+", "_", column).strip("_").lower()
        name = name if name.isidentifier() else f"column_{name}"
        while name in taken or not _free(name):
            name += "_"
        taken.add(name)
        options = ["nullable=True"] * dtype.nullable
        if name != column:
            options.append(f"alias={_quoted(column)}")
        field = f" = pa.Field({', '.join(options)})" if options else ""
        lines.append(f"    {name}: {_annotation(dtype)}{field}")
    return lines


def _free(name: str) -> bool:
    return not (iskeyword(name) or hasattr(pa.DataFrameModel, name))


def _annotation(dtype: dt.DataType) -> str:
    """Return what a contract calls a type; nothing where it has no word for it."""
    match dtype:
        case dt.Int64():
            return "int"
        case dt.Float64():
            return "float"
        case dt.Integer() | dt.Floating():
            return f"dt.{type(dtype).__name__}"
        case dt.Decimal():
            digits = (
                f"{dtype.precision or 38}, {dtype.scale or 9 * (not dtype.precision)}"
            )
            return f"Annotated[dt.Decimal, {digits}, True]"
        case dt.String():
            return "str"
        case dt.Boolean():
            return "bool"
        case dt.Date():
            return "datetime.date"
        case dt.Time():
            return "datetime.time"
        case dt.Timestamp(timezone=None):
            return "datetime.datetime"
        case dt.Timestamp():
            return f"Annotated[dt.Timestamp, {_quoted(dtype.timezone)}, None, True]"
    return ""


def _sample(columns: dict[str, dt.DataType]) -> str:
    """Return three invented rows; what may be missing is so in the last one."""
    rows = [
        [_value(column, dtype, number) for column, dtype in columns.items()]
        for number in (1, 2, 3)
    ]
    optional = [dtype.nullable and len(columns) > 1 for dtype in columns.values()]
    rows[-1] = [
        "" if gap else cell for cell, gap in zip(rows[-1], optional, strict=True)
    ]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([columns, *rows])
    return text.getvalue()


def _value(column: str, dtype: dt.DataType, number: int) -> str:
    day = f"2026-01-0{number}"
    match dtype:
        case dt.Floating() | dt.Decimal():
            return f"{number}.0"
        case dt.Boolean():
            return str(number > 1).lower()
        case dt.Date():
            return day
        case dt.Time():
            return f"0{number}:00:00"
        case dt.Timestamp():
            return f"{day} 00:00:00{'+00' if dtype.timezone else ''}"
        case dt.Integer():
            return str(number)
    return f"{column} {number}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
