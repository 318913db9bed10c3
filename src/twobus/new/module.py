"""The module of a table: its contract, under names that Python can use."""

import json
import re
import subprocess
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping
from keyword import iskeyword
from typing import Any

import ibis.expr.datatypes as dt
import pandera.ibis as pa

from twobus.new.columns import Column, Found
from twobus.new.files import fill, tidy
from twobus.project import here

# What the module itself calls by these names, or what lint refuses.
RESERVED = {"annotated", "bool", "datetime", "dt", "float", "int", "l", "pa", "str"}
# How many letters of a column's name its field has, and a line of a longer text.
LONGEST, WIDE = 48, 30
# How wide a comment may be in a class.
COMMENT = 82


def module(name: str, found: Found, constants: Mapping[str, Any]) -> str:
    """Return a table's module, formatted.

    Args:
        name: The table's name.
        found: What was found out about it.
        constants: What the module says of where and how its rows are kept.
    """
    said = {**constants, **({"CSV_OPTIONS": found.options} if found.options else {})}
    for plain in (False, True):
        lines = [f"{it} = {_literal(said[it], plain)}" for it in said]
        doubts = [line for doubt in found.doubts for line in comment(doubt, 0)]
        fields = fields_of(found.columns, plain=plain).values()
        words = {
            "name": name,
            "constants": "\n".join([*doubts, *lines]),
            "columns": "\n".join(line for field in fields for line in field),
        }
        code = tidy(fill("table.py", words))
        # Lint takes some letters for others that look alike.
        if plain or code.isascii() or not _alike(code):
            break
    return code


def options_line(options: Mapping[str, Any]) -> str:
    """Return the line that says how CSV files are written."""
    return f"CSV_OPTIONS = {_literal(options, False)}"


def fields_of(
    columns: Iterable[Column],
    taken: Iterable[str] = (),
    *,
    plain: bool = False,
    doubts: bool = True,
) -> dict[str, list[str]]:
    """Return the lines of a contract for each column, by the column's name.

    Args:
        columns: The columns.
        taken: Names that other fields have.
        plain: Whether letters beyond ASCII are escaped.
        doubts: Whether doubts come along as comments.
    """
    lines: dict[str, list[str]] = {}
    known = {*taken}
    for one in columns:
        name = identifier(one.name, known)
        known.add(name)
        above = [line for doubt in one.doubts for line in comment(doubt, 4)] * doubts
        lines[one.name] = [*above, f"    {field(name, one, plain=plain)}"]
    return lines


def identifier(column: str, taken: Iterable[str]) -> str:
    """Return the name that a column has in Python.

    Args:
        column: What the source calls it.
        taken: Names that others have.
    """
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", column).lower())
    name = re.sub(r"_+", "_", re.sub(r"\W+", "_", text)).strip("_")[:LONGEST]
    name = unicodedata.normalize("NFKC", name).strip("_")
    if not name.isidentifier():
        name = f"column_{name}".rstrip("_")
    if not name.isidentifier():
        # Letters that stand nowhere in a name, not even behind others.
        name = re.sub(r"[^0-9a-z]+", "_", name).strip("_")
    known, at, first = {*taken}, 2, name
    while name in known or not _free(name):
        # A name of Python gets a line behind it; a second one of a name, a number.
        name = f"{first}_" if not _free(first) and at == 2 else f"{first}_{at}"
        at += 1
    return name


def _free(name: str) -> bool:
    return not (iskeyword(name) or name in RESERVED or hasattr(pa.DataFrameModel, name))


def field(name: str, one: Column, *, plain: bool = False) -> str:
    """Return the line of a column.

    Args:
        name: Its name in Python.
        one: The column.
        plain: Whether letters beyond ASCII are escaped.
    """
    options = []
    if one.values:
        options.append(f"isin={_literal([*one.values], plain)}")
    if one.low is not None:
        options += [f"ge={_literal(one.low, plain)}", f"le={_literal(one.high, plain)}"]
    if one.dtype.nullable:
        options.append("nullable=True")
    if one.format:
        options.append(f'metadata={{"format": {_literal(one.format, plain)}}}')
    if name != one.name:
        options.append(f"alias={_literal(one.name, plain)}")
    given = f" = pa.Field({', '.join(options)})" if options else ""
    return f"{name}: {annotation(one.dtype)}{given}"


def annotation(dtype: dt.DataType) -> str:
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
            zone = json.dumps(dtype.timezone)
            return f"Annotated[dt.Timestamp, {zone}, None, True]"
    return ""


def comment(words: str, indent: int) -> list[str]:
    """Return a sentence as lines of a comment."""
    start, words = f"{' ' * indent}# ", words[:1].upper() + words[1:]
    return textwrap.wrap(words, COMMENT, initial_indent=start, subsequent_indent=start)


def _literal(value: Any, plain: bool) -> str:
    """Return a value as Python writes it; long texts in several parts."""
    if isinstance(value, str):
        write = ascii if plain else repr
        pieces = [value[at : at + WIDE] for at in range(0, len(value), WIDE)] or [""]
        written = " ".join(map(write, pieces))
        return f"({written})" if len(pieces) > 1 else written
    if isinstance(value, Mapping):
        pairs = (f"{k!r}: {_literal(it, plain)}" for k, it in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(_literal(it, plain) for it in value)}]"
    return repr(value)


def _alike(code: str) -> bool:
    """Tell whether lint takes a letter for another one."""
    words = ["--select=RUF001,RUF003", "-q", "--stdin-filename=new.py", "-"]
    checked = subprocess.run(
        [sys.executable, "-m", "ruff", "check", *words],
        cwd=here().root,
        input=code,
        capture_output=True,
        encoding="utf-8",
    )
    return checked.returncode != 0
