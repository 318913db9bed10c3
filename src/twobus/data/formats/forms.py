"""How a value of each type is written, and how DuckDB makes it of text or refuses it.

DuckDB's own casts round, shorten and guess: `2.7` is a whole number to it, `0x10` is
16, and a date may lose its time of day. So a value is cast only if it is written as its
type is, and nothing of it is lost.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ibis.backends.sql.datatypes import DuckDBType

from twobus.data.errors import DataError

# What DuckDB's strptime and Python's strftime know alike, and verify.
SIGNS = re.compile(r"([^%]|%[dmYyHIMSfbBjpz%-])+")
# Stands for the column in what follows.
THIS = "{this}"
# Beyond this, numbers with a decimal point cannot tell all whole numbers apart.
EXACT = 2**53
# Below this, they tell a fraction of a millionth from nothing.
FINE = 2**31
DIGITS = r"\d+(?:_\d+)*"
DECIMALS = rf"[+-]?(?:{DIGITS}(?:\.(?:{DIGITS})?)?|\.{DIGITS})"
NUMBER = rf"{DECIMALS}(?:[eE][+-]?\d+)?"
NO_NUMBER = r"[+-]?(?:[iI][nN][fF](?:[iI][nN][iI][tT][yY])?|[nN][aA][nN])"
DAY = r"\d{4}-\d{1,2}-\d{1,2}|\d{4}/\d{1,2}/\d{1,2}"
MIDNIGHT = r"(?:[ T]0{1,2}:00(?::00(?:\.0*)?)?)?"
UTC = r"(?:Z| ?UTC|[+-]00(?::?00)?)"
OFFSET = r"(?:Z| ?UTC|[+-](?:0\d|1[0-5])(?::?[0-5]\d)?)"
# What people and programs write where they know nothing.
MISSING = {"NA", "N/A", "n/a", "NULL", "null", "None", "none", "NaN", "nan", "NaT"}
MISSING |= {"-", "--", ".", "?", "\\N", "<NA>"}
# What Excel shows where it cannot compute.
MISSING |= {"#N/A", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"}


@dataclass(frozen=True)
class Style:
    """How a table's texts are written where its module says so.

    Attributes:
        decimal: The sign before decimals.
        thousands: What separates thousands; empty if nothing does.
        dates: The form of dates, for DuckDB's `strptime`; empty for year-month-day.
        timestamps: The same for times.
    """

    decimal: str = "."
    thousands: str = ""
    dates: str = ""
    timestamps: str = ""


@dataclass(frozen=True)
class Form:
    """How a column of text becomes a column of a type; `THIS` stands for the column.

    Attributes:
        sql_type: What DuckDB calls the type.
        right: A condition that holds for each text that is such a value.
        value: The value, of a text that is right.
        words: What each text should be, in words.
        looks: The same without looking whether there is such a value, which the cast to
            it tells as well; empty if that makes no difference.
        usual: A cheaper condition that holds for texts in the plainest form, which a
            cast alone makes values; empty if there is none.
        native: What DuckDB's CSV reader may read the text as without losing anything;
            empty if it cannot be trusted with it.
        native_right: What then must hold for each value; empty if nothing must.
    """

    sql_type: str
    right: str
    value: str
    words: str
    looks: str = ""
    usual: str = ""
    native: str = ""
    native_right: str = ""


def form(dtype: Any, style: Style, metadata: Mapping[str, Any] | None = None) -> Form:
    """Return how the values of a type are written.

    Args:
        dtype: A type of Ibis; None for text.
        style: How the table's texts are written.
        metadata: What the contract's field says of itself; its `format` is that of a
            date or time.
    """
    if dtype is None or dtype.is_string():
        return Form("VARCHAR", "true", THIS, "text", native="VARCHAR")
    name = DuckDBType.to_string(dtype.copy(nullable=True))
    number = _number(style)
    if dtype.is_integer():
        return _integer(name, number, style)
    if dtype.is_floating():
        looks = _is_number(f" *{NUMBER} *", style)
        value = f"CAST({number} AS {name})"
        # A number that is too large would be infinite.
        finite = f"NOT isinf(TRY_CAST({number} AS {name}))"
        endless = _is_number(f" *{NO_NUMBER} *", style)
        right = f"(({looks} AND {finite}) OR {endless})"
        native = "" if style.thousands else "DOUBLE"
        finite = f"NOT isinf(CAST({THIS} AS {name}))"
        words = "a number"
        return Form(name, right, value, words, native=native, native_right=finite)
    if dtype.is_decimal():
        scale = 3 if dtype.scale is None else dtype.scale
        decimals = rf"(?:{DIGITS})?\.\d{{0,{scale}}}0*"
        looks = _is_number(f" *[+-]?(?:{DIGITS}|{decimals}) *", style)
        right = f"{looks} AND TRY_CAST({number} AS {name}) IS NOT NULL"
        value = f"CAST({number} AS {name})"
        words = (
            f"a number with at most {scale} decimals, {dtype.precision or 18} digits"
        )
        return Form(name, right, value, words, looks)
    if dtype.is_boolean():
        written = "(?i:true|false|t|f|yes|no|y|n|1|0)"
        return _by_cast(written, name, "true or false", native="BOOLEAN")
    return _time(dtype, name, style, metadata or {})


def _time(dtype: Any, name: str, style: Style, metadata: Mapping[str, Any]) -> Form:
    written = metadata.get("format", "")
    if dtype.is_time():
        if written := written or "":
            return _parsed(name, written)
        clock = r"(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6}0*)?)?"
        words = "a time of day, hours:minutes:seconds"
        return _by_cast(f" *{clock}", name, words)
    if dtype.is_date():
        if written := written or style.dates:
            return _parsed(name, written)
        found = _by_cast(f" *(?:{DAY}){MIDNIGHT}{UTC}?", name, "a date, year-month-day")
        return replace(found, usual=f"{THIS} LIKE '____-__-__'")
    if dtype.is_timestamp():
        if written := written or style.timestamps:
            return _parsed(name, written)
        digits = 6 if dtype.scale is None else dtype.scale
        clock = rf"[ T](?:[01]?\d|2[0-3]):\d{{2}}(?::\d{{2}}(?:\.\d{{0,{digits}}}0*)?)?"
        if dtype.timezone:
            words = "a time with its offset from UTC, year-month-day hours:minutes+00"
            return _moment(f" *(?:{DAY}){clock}{OFFSET}", name, words)
        words = "a time, year-month-day hours:minutes:seconds"
        return _moment(f" *(?:{DAY})(?:{clock}{UTC}?)?", name, words)
    right = f"TRY_CAST({THIS} AS {name}) IS NOT NULL"
    return Form(name, right, f"CAST({THIS} AS {name})", f"a value of {name.lower()}")


def _integer(name: str, number: str, style: Style) -> Form:
    whole, fraction = rf" *[+-]?{DIGITS}(?:\.0*)? *", f"TRY_CAST({number} AS DOUBLE)"
    power = rf" *{DECIMALS}[eE][+-]?\d+ *"
    right = (
        f"CASE WHEN {_is_number(whole, style)} "
        f"THEN TRY_CAST({number} AS {name}) IS NOT NULL "
        # Such as 1e3 or 1200.50e2.
        f"ELSE {_is_number(power, style)} AND {_exact(fraction, name)} END"
    )
    value = f"CAST({number} AS {name})"
    # A number with decimals is read first, which is refused where it is not whole;
    # DuckDB's own whole numbers would be rounded.
    native = "" if style.thousands else "DOUBLE"
    # A cast compared with what was cast is cheaper than a look at its fraction.
    cast = f"CAST({THIS} AS {name})"
    whole = f"{cast} = {THIS} AND {cast} BETWEEN {-FINE} AND {FINE}"
    words = "a whole number"
    return Form(name, right, value, words, native=native, native_right=whole)


def _exact(number: str, name: str) -> str:
    return (
        f"coalesce({number} = trunc({number}) AND abs({number}) < {EXACT} "
        f"AND TRY_CAST({number} AS {name}) IS NOT NULL, false)"
    )


def _number(style: Style) -> str:
    """Return a text with the signs that a number has in SQL."""
    text = THIS
    if style.thousands:
        text = f"replace({text}, {quoted(style.thousands)}, '')"
    if style.decimal != ".":
        # A point in such a text separates nothing.
        text = f"translate({text}, {quoted(style.decimal + '.')}, '.!')"
    return text


def _is_number(pattern: str, style: Style) -> str:
    right = _matches(pattern, _number(style))
    if style.thousands:
        # Else 1.2.3 would be 123.
        mark, point = re.escape(style.thousands), re.escape(style.decimal)
        grouped = rf" *[+-]?\d{{1,3}}(?:{mark}\d{{3}})+(?:{point}\d*)? *"
        plain = f"NOT contains({THIS}, {quoted(style.thousands)})"
        right = f"({plain} OR {_matches(grouped, THIS)}) AND {right}"
    return right


def _parsed(name: str, written: str) -> Form:
    """Return the form of dates and times that are written in one way of one's own."""
    if not SIGNS.fullmatch(written):
        raise DataError(
            f"the format {written!r} has a sign that is not known here: %d, %m, %Y, "
            "%H, %M, %S, %f, %y, %b, %B, %j, %p, %I and %z are"
        )
    if ("%z" in written) != ("TIME ZONE" in name or name == "TIMESTAMPTZ"):
        raise DataError(
            f"the format {written!r} must have %z if, and only if, its column is "
            'Annotated[dt.Timestamp, "UTC", None, True]'
        )
    parsed = f"try_strptime({THIS}, {quoted(written)})"
    value = f"CAST({parsed} AS {name})"
    # A date must not lose a time of day.
    whole = f"{parsed} = {value}" if name == "DATE" else f"{parsed} IS NOT NULL"
    return Form(name, f"coalesce({whole}, false)", value, f"written as {written}")


def _by_cast(pattern: str, name: str, words: str, native: str = "") -> Form:
    looks = _matches(pattern, THIS)
    right = f"{looks} AND TRY_CAST({THIS} AS {name}) IS NOT NULL"
    return Form(name, right, f"CAST({THIS} AS {name})", words, looks, native=native)


def _moment(pattern: str, name: str, words: str) -> Form:
    # DuckDB knows no offset without seconds before it.
    short = quoted(rf"^( *[^ T]+[ T]\d{{1,2}}:\d{{2}})({OFFSET})$")
    longer = f"regexp_replace({THIS}, {short}, '\\1:00\\2')"
    value = f"coalesce(TRY_CAST({THIS} AS {name}), TRY_CAST({longer} AS {name}))"
    looks = _matches(pattern, THIS)
    strict = f"coalesce(TRY_CAST({THIS} AS {name}), CAST({longer} AS {name}))"
    right = f"{looks} AND {value} IS NOT NULL"
    plain = f"{THIS} LIKE '____-__-__ __:__:__' AND NOT contains({THIS}, ' 24')"
    usual = "" if "offset" in words else plain
    return Form(name, right, strict, words, looks, usual)


def _matches(pattern: str, text: str) -> str:
    return f"regexp_full_match({text}, {quoted(pattern)})"


def quoted(text: str) -> str:
    """Return a text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def hint(form: Form, texts: set[str]) -> str:
    """Say what the module could tell, if some texts are not what they should be.

    Args:
        form: What they should be.
        texts: The texts; none of them is repeated but words for what is missing.

    Returns:
        What CSV_OPTIONS or the field could say; empty if nothing comes to mind.
    """
    if found := sorted(texts & MISSING):
        # As Python reads them: databases write \N for what is missing.
        words = json.dumps(["", *found])
        return f'CSV_OPTIONS = {{"nullstr": {words}}}'
    if form.words == "a whole number" or "a number" in form.words:
        comma = re.compile(r"[+-]?\d+(\.\d{3})*,\d+")
        grouped = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
        thousands = all(grouped.fullmatch(text) for text in texts)
        decimals = all(comma.fullmatch(text) for text in texts)
        # 1,234 may be either, but for a whole number.
        if thousands and (not decimals or "whole" in form.words):
            return 'CSV_OPTIONS = {"thousands": ","}'
        if decimals and not thousands and "whole" not in form.words:
            return 'CSV_OPTIONS = {"decimal_separator": ","}'
    if "offset" in form.words:
        return "datetime.datetime in the contract, if no offset is meant"
    if form.words.startswith("a time,") and all(
        re.search(rf":\d\d(\.\d+)?{OFFSET}$", text) for text in texts
    ):
        return 'Annotated[dt.Timestamp, "UTC", None, True] in the contract'
    day = re.compile(r"\d{1,2}[-./]\d{1,2}[-./]\d{4}.*")
    if form.words.startswith(("a date", "a time,")) and all(map(day.fullmatch, texts)):
        return 'pa.Field(metadata={"format": "%d/%m/%Y"}), as its dates are written'
    return ""
