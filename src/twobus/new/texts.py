"""Which type a column of texts has: the narrowest one that fits each of its values.

What fits is asked by the conditions of `twobus.data.formats.forms`, so that what is
found is what reading accepts. Where two readings fit, none is taken.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import product
from typing import Any

import ibis.expr.datatypes as dt

from twobus.data.formats.forms import MISSING, THIS, Style, form
from twobus.data.formats.parts import name as quoted_name
from twobus.data.formats.texts import literal
from twobus.new.columns import Column, number

# From how large a share of the values on it is a doubt that others are of no type.
MOST = 0.9
# How many columns one query looks at: DuckDB plans longer ones slowly.
AT_ONCE = 40
# How many rows tell which forms of dates are not worth a look at more.
FEW = 60
NO_LINE = f"NOT contains({THIS}, '_')"
KINDS: dict[str, tuple[dt.DataType, str]] = {
    "whole": (dt.int64, NO_LINE),
    "number": (dt.float64, NO_LINE),
    "bool": (dt.boolean, f"{THIS} NOT IN ('0', '1')"),
    "date": (dt.date, "true"),
    "moment": (dt.Timestamp("UTC"), "true"),
    "datetime": (dt.timestamp, "true"),
    "time": (dt.time, "true"),
}
# What both stand in a column that says yes or no; one of them alone may be anything.
PAIRS = (("yes", "no"), ("y", "n"), ("t", "f"))
SHAPES = {
    "codes": r"[+-]?0\d+",
    "numbered": r".*\d.*",
    "pointed": r".*[{point}eE].*",
    "long": r" *[+-]?\d{17,}.*",
    "cents": r"[+-]?\d+[{point}]\d\d",
    "compact": r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])",
}
# The styles of numbers, the plainer ones first.
STYLES = [
    Style(",", ""),
    Style(".", ","),
    Style(",", "."),
    *(Style(point, mark) for point, mark in product(".,", " '\u2019\u00a0\u202f")),
]
# Forms of dates, by the order of their parts: only another order is another date.
ORDERS = {
    "day first": [
        *(f"%d{it}%m{it}{year}" for it, year in product("/.-", ("%Y", "%y"))),
        *("%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%d%b%Y", "%d. %B %Y"),
    ],
    "month first": [
        *(f"%m{it}%d{it}{year}" for it, year in product("/.-", ("%Y", "%y"))),
        *("%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%B %d %Y"),
    ],
    "year first": ["%Y.%m.%d", "%y-%m-%d", "%y/%m/%d", "%Y-%b-%d", "%Y %b %d"],
}
CLOCKS = (" %H:%M", " %H:%M:%S", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
WORDS = {
    dt.int64: "whole numbers",
    dt.float64: "numbers",
    dt.boolean: "true or false",
    dt.date: "dates",
    dt.Timestamp("UTC"): "times with an offset",
    dt.timestamp: "times",
    dt.time: "times of day",
}


@dataclass(frozen=True)
class Texts:
    """Rows whose columns are texts.

    Attributes:
        ask: Runs a query and returns its rows.
        relation: The rows, in SQL.
        missing: Words that may stand for a missing value.
    """

    ask: Callable[[str], list[tuple[Any, ...]]]
    relation: str
    missing: frozenset[str] = frozenset(MISSING)

    def counts(self, asked: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
        """Count for which values conditions hold.

        Args:
            asked: For each column, its conditions by labels of one's own.

        Returns:
            For each column, the numbers by these labels; `all` counts the values.
        """
        found: dict[str, Any] = {}
        columns = [*asked]
        for start in range(0, len(columns), AT_ONCE):
            some = columns[start : start + AT_ONCE]
            queries = [
                f"count(*) FILTER ({self._present(one)} AND "
                f"coalesce({condition.replace(THIS, quoted_name(one))}, false))"
                for one in some
                for condition in ("true", *asked[one].values())
            ]
            (row,) = self.ask(f"SELECT {', '.join(queries)} FROM {self.relation}")
            numbers = iter(row)
            for one in some:
                found[one] = {label: next(numbers) for label in ("all", *asked[one])}
        return found

    def words(self, columns: list[str]) -> dict[str, dict[str, int]]:
        """Count the words that may stand for a missing value, by columns."""
        found: dict[str, dict[str, int]] = {}
        known = literal(sorted(self.missing))
        for start in range(0, len(columns) * bool(self.missing), AT_ONCE):
            some = columns[start : start + AT_ONCE]
            queries = (
                f"histogram({it}) FILTER ({it} IN {known})"
                for it in map(quoted_name, some)
            )
            (row,) = self.ask(f"SELECT {', '.join(queries)} FROM {self.relation}")
            found |= {one: it or {} for one, it in zip(some, row, strict=True)}
        return {one: found.get(one, {}) for one in columns}

    def few(self, column: str) -> list[str]:
        """Return some values of a column."""
        rows = self.ask(
            f"SELECT {quoted_name(column)} FROM {self.relation} "
            f"WHERE {self._present(column)} LIMIT {FEW}"
        )
        return [text for (text,) in rows]

    def booleans(self, column: str) -> set[str]:
        """Return the words of a column whose values are all true or false."""
        this = quoted_name(column)
        rows = self.ask(
            f"SELECT DISTINCT lower({this}) FROM {self.relation} "
            f"WHERE {self._present(column)}"
        )
        return {word for (word,) in rows}

    def _present(self, column: str) -> str:
        this = quoted_name(column)
        if not self.missing:
            return f"{this} IS NOT NULL"
        return f"{this} IS NOT NULL AND {this} NOT IN {literal(sorted(self.missing))}"


@dataclass(frozen=True)
class Guess:
    """What the columns of texts are.

    Attributes:
        columns: The columns.
        style: How their numbers are written.
        unsure: Columns of which more rows may tell more.
        nearly: Columns that stay texts, each as what nearly all of its values are.
    """

    columns: dict[str, Column]
    style: Style
    unsure: frozenset[str]
    nearly: dict[str, Column]


def guess(
    texts: Texts,
    columns: list[str],
    style: Style,
    *,
    styled: bool,
    pointed: Iterable[str] = (),
) -> Guess:
    """Tell of what type columns are.

    Args:
        texts: Rows, all or some.
        columns: The columns.
        style: How numbers are written, if that is known.
        styled: Whether numbers may be written in another style.
        pointed: Other columns, whose numbers have a point before decimals.
    """
    asked = {**_kinds(style), **_shapes(style)}
    counts = texts.counts(dict.fromkeys(columns, asked))
    found, nearly, open_ = {}, {}, []
    for column in columns:
        told = _plain(column, counts[column], texts)
        if told is None:
            open_.append(column)
        else:
            found[column] = told
    unsure: set[str] = set()
    if styled and style == Style():
        pointed = [*pointed, *(it for it in found if found[it].dtype == dt.float64)]
        numbered = [it for it in open_ if counts[it]["numbered"] == counts[it]["all"]]
        style, numbers, doubtful = _styled(texts, numbered, pointed)
        found |= numbers
        unsure |= {*doubtful}
        open_ = [column for column in open_ if column not in numbers]
        for column in doubtful:
            found[column] = doubtful[column]
    dates = _dates(texts, [it for it in open_ if it not in found])
    for column in open_:
        if column in found:
            continue
        told, near, sure = dates.get(column, (None, None, True))
        found[column] = told or Column(column, dt.string)
        unsure |= set() if sure else {column}
        if near := _nearly(column, counts[column]) or near:
            nearly[column] = near
    return Guess(found, style, frozenset(unsure | nearly.keys()), nearly)


def _kinds(style: Style) -> dict[str, str]:
    return {
        kind: f"{form(dtype, style).right} AND {more}"
        for kind, (dtype, more) in KINDS.items()
    }


def _shapes(style: Style) -> dict[str, str]:
    patterns = {it: SHAPES[it].replace("{point}", style.decimal) for it in SHAPES}
    return {
        shape: f"regexp_full_match({THIS}, {literal(pattern)})"
        for shape, pattern in patterns.items()
    }


def _plain(column: str, count: Mapping[str, int], texts: Texts) -> Column | None:
    """Return a column whose values are all written as one type is, if they are."""
    one, every = Column(column, dt.string), count["all"]
    if not every:
        return replace(one, empty=True)
    fits = {kind for kind in KINDS if count[kind] == every}
    if fits & {"whole", "number"}:
        return _number(one, count)
    if "bool" in fits:
        words = texts.booleans(column)
        if words <= {"true", "false"} or any({*pair} == words for pair in PAIRS):
            return replace(one, dtype=dt.boolean)
        return one
    for kind in ("date", "moment", "datetime", "time"):
        if kind in fits:
            return replace(one, dtype=KINDS[kind][0])
    return None


def _number(one: Column, count: Mapping[str, int]) -> Column:
    every = count["all"]
    if count["codes"]:
        several = number(count["codes"], "value")
        words = f"{several} with leading zeros, so that all stay text"
        return replace(one, codes=count["whole"] == every, doubts=(words,))
    if count["long"]:
        if count["whole"] == every:
            return replace(one, dtype=dt.int64)
        words = "more digits than a float holds: Annotated[dt.Decimal, 38, 0, True]?"
        return replace(one, doubts=(words,))
    if count["whole"] == every and not count["pointed"]:
        maybe = count["compact"] == every
        words = 'dates? Then datetime.date, and metadata={"format": "%Y%m%d"}'
        return replace(one, dtype=dt.int64, doubts=(words,) * maybe)
    words = "two decimals everywhere: money? Then Annotated[dt.Decimal, 18, 2, True]"
    doubts = (words,) * (count["cents"] == every)
    return replace(one, dtype=dt.float64, doubts=doubts)


def _styled(
    texts: Texts, columns: list[str], pointed: list[str]
) -> tuple[Style, dict[str, Column], dict[str, Column]]:
    """Find the one style in which most columns are numbers.

    Returns:
        The style; the columns that are numbers in it; those that may be two things.
    """
    none: tuple[Style, dict[str, Column], dict[str, Column]] = (Style(), {}, {})
    asked = {
        str(at): f"{form(dt.float64, style).right} AND {NO_LINE}"
        for at, style in enumerate(STYLES)
    }
    counts = texts.counts(dict.fromkeys(columns, asked))
    fits = {
        style: [it for it in columns if counts[it][str(at)] == counts[it]["all"]]
        for at, style in enumerate(STYLES)
    }
    most = max(map(len, fits.values()), default=0)
    best = [style for style in STYLES if len(fits[style]) == most]
    if not most:
        return none
    chosen = best[0]
    if any(one.decimal == chosen.thousands for one in best) or any(
        one.thousands == chosen.decimal for one in best
    ):
        words = "1,234 may be 1.234 or 1234: say decimal_separator or thousands"
        text = {
            it: Column(it, dt.string, doubts=(f"{words} in CSV_OPTIONS",))
            for it in fits[chosen]
        }
        return Style(), {}, text
    if chosen.decimal != "." and pointed:
        # Columns of both kinds cannot be read by one rule.
        return none
    again = {**_kinds(chosen), **_shapes(chosen)}
    numbers = {
        column: _number(Column(column, dt.string), count)
        for column, count in texts.counts(dict.fromkeys(fits[chosen], again)).items()
    }
    return chosen, numbers, {}


def _dates(
    texts: Texts, columns: list[str]
) -> dict[str, tuple[Column | None, Column | None, bool]]:
    """Find the form of dates and times that are not year-month-day.

    Returns:
        For a column: what it is, what it nearly is, and whether that is sure.
    """
    forms = [it for order in ORDERS.values() for it in order]
    forms += [f"{day}{clock}" for day in forms for clock in CLOCKS]
    worth = {}
    for column in columns:
        few = texts.few(column)
        if them := {it: _written(it) for it in forms if _is_worth(it, few)}:
            worth[column] = them
    found: dict[str, tuple[Column | None, Column | None, bool]] = {}
    for column, count in texts.counts(worth).items():
        fits = [it for it in worth[column] if count[it] == count["all"]]
        orders = {order for order in ORDERS if _of(order, fits)}
        if len(orders) > 1:
            one = _of(min(orders), fits)[0], _of(max(orders), fits)[0]
            words = f"dates, written as {one[0]} or as {one[1]}? Name it by metadata="
            words += '{"format": …}'
            found[column] = Column(column, dt.string, doubts=(words,)), None, False
        elif fits:
            found[column] = _dated(column, fits[0]), None, True
        else:
            near = [it for it in worth[column] if count[it] >= MOST * count["all"]]
            found[column] = None, _dated(column, near[0]) if near else None, True
    return found


def _is_worth(written: str, texts: list[str]) -> bool:
    """Tell whether most of some texts are dates of a form."""

    def fits(text: str) -> bool:
        try:
            return bool(datetime.strptime(text.strip(), written))
        except ValueError:
            return False

    return sum(map(fits, texts)) >= MOST * len(texts)


def _of(order: str, forms: Iterable[str]) -> list[str]:
    """Return the forms of an order of parts."""
    return [it for it in forms if any(it.startswith(day) for day in ORDERS[order])]


def _dated(column: str, written: str) -> Column:
    clock = "%H" in written or "%I" in written
    return Column(column, dt.timestamp if clock else dt.date, format=written)


def _written(form_: str) -> str:
    """Return the condition that a text is a date of a form, and of a whole year."""
    style = Style(dates=form_, timestamps=form_)
    parsed = f"try_strptime({THIS}, {literal(form_)})"
    kind = dt.timestamp if "%H" in form_ or "%I" in form_ else dt.date
    return f"{form(kind, style).right} AND year({parsed}) BETWEEN 1000 AND 9999"


def _nearly(column: str, count: Mapping[str, int]) -> Column | None:
    """Return what nearly all values of a column are, if anything."""
    least = MOST * count["all"]
    for kind, (dtype, _) in KINDS.items():
        if count[kind] >= least and kind != "bool" and not count["codes"]:
            return Column(column, dtype)
    return None
