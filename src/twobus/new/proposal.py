"""What a model of a table may be: told from its contract and its rows."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from twobus.models.columns import ModelError, closed_list

# How the columns are called that tell whose row it is, and those that are predicted.
ID = re.compile(r"(^|_|\b)(id|uuid|guid|key)$", re.IGNORECASE)
TARGET = re.compile(r"(^|_)(target|label|outcome|class|churn(ed)?|y)$", re.IGNORECASE)
# Times that are somebody's, not the row's.
OTHERS = re.compile(r"birth|born|dob|expir|valid|until|due", re.IGNORECASE)
YES = ("yes", "true", "1", "y", "t", "positive")
NONE = "none"
# A text with no more values is one of several; one of so many words is free text.
FEW, WORDS = 20, 4
# A column that tells so much of the target is not known before it.
TELLS = 0.995
HELD_OUT = 0.2
Choose = Callable[[str, Sequence[str], str], str]


@dataclass
class Proposal:
    """What a model may be.

    Attributes:
        target: The column to predict.
        classes: Its values, of those there are several; empty for a number.
        positive: Of two classes that are texts, the one that metrics are about.
        share: How often that one occurs, or the rarest.
        key: The columns that tell whose row it is.
        series: The same where each goes on in the hold-out.
        time: The column of times.
        step: From one time of a series to the next; empty where it is none.
        groups: The inputs, by what becomes of them.
        gaps: The inputs of free text that may be missing.
        left: Columns that are no inputs, and why.
        unread: Why its rows could not be read, and its sample told instead.
    """

    target: str
    classes: list[Any] = field(default_factory=list)
    positive: Any = None
    share: float = 0.5
    key: list[str] = field(default_factory=list)
    series: list[str] = field(default_factory=list)
    time: str = ""
    step: str = ""
    groups: dict[str, list[str]] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)
    left: dict[str, str] = field(default_factory=dict)
    unread: str = ""


def propose(
    table: str,
    columns: Mapping[str, Any],
    rows: pd.DataFrame,
    stated: Mapping[str, str],
    choose: Choose,
) -> Proposal:
    """Propose a model.

    Args:
        table: The table's name.
        columns: The columns of its contract.
        rows: Some of its rows; without any, the contract alone says what a column is.
        stated: What somebody has said already: `target`, `key`, `time`, `positive`.
        choose: Chooses one of several columns or values, by what it is for, which
            there are, and which one is likely.

    Raises:
        ModelError: If there is nothing to predict, or nothing to predict it from.
    """
    groups = {name: _group(name, it, rows[name]) for name, it in columns.items()}
    target = _target(table, groups, rows, stated["target"], choose)
    found = Proposal(target)
    if groups[target] == "CATEGORIES":
        _of_classes(found, columns[target], rows[target], stated["positive"], choose)
    elif stated["positive"]:
        raise ModelError(f"{target!r} is a number: it has no --positive.")
    _in_time(found, groups, columns, rows, stated["time"], choose)
    _whose(found, groups, rows, stated["key"], choose)
    _inputs(found, groups, columns, rows)
    if not found.groups and not found.step:
        said = ", ".join(f"{name} {why}" for name, why in found.left.items())
        raise ModelError(f"No column of {table!r} could tell {target!r}: {said}.")
    return found


def _group(name: str, column: Any, values: pd.Series) -> str:
    """Return what a column is."""
    kind = column.dtype.type
    listed = closed_list(column)
    if kind.is_timestamp() or kind.is_date():
        return "TIMES"
    if column.unique or (ID.search(name) and not listed and not kind.is_boolean()):
        return "KEYS"
    known = values.dropna()
    distinct = known.nunique()
    if listed or kind.is_boolean():
        return "CATEGORIES"
    if kind.is_numeric():
        two = kind.is_integer() and {*known.unique()} == {0, 1}
        return "CATEGORIES" if two else "NUMBERS"
    if not kind.is_string():
        return "OTHERS"
    words = known.str.split().str.len().mean() if len(known) else 0
    if words >= WORDS and distinct > len(known) / 2:
        return "TEXTS"
    return "CATEGORIES" if distinct <= max(FEW, len(known) / 4) else "NAMES"


def _target(
    table: str,
    groups: Mapping[str, str],
    rows: pd.DataFrame,
    stated: str,
    choose: Choose,
) -> str:
    known = [it for it, group in groups.items() if group in ("NUMBERS", "CATEGORIES")]
    if not stated and not rows.empty:
        known = [it for it in known if rows[it].nunique() > 1]
    if stated and stated not in groups:
        raise ModelError(
            f"The table {table!r} has no column {stated!r}, only {', '.join(groups)}."
        )
    if stated and stated not in known:
        raise ModelError(
            f"{stated!r} is neither a number nor one of several values: name another "
            f"column of {table!r} by --target."
        )
    if stated or len(known) == 1:
        return stated or known[0]
    if not known:
        raise ModelError(
            f"The table {table!r} has nothing to predict: no column is a number or one "
            "of several values."
        )
    named = [it for it in known if TARGET.search(it)]
    return named[0] if len(named) == 1 else choose("target", known, known[-1])


def _of_classes(
    found: Proposal, column: Any, values: pd.Series, stated: str, choose: Choose
) -> None:
    """Say which classes there are, and which one metrics are about."""
    counts = values.dropna().value_counts()
    found.classes = closed_list(column) or sorted(counts.index.tolist(), key=str)
    if column.dtype.type.is_boolean():
        found.classes = [False, True]
    named = {str(it): it for it in found.classes}
    if stated and (stated not in named or len(named) != 2):
        raise ModelError(
            f"{stated!r} is none of two values of {found.target!r}, which has "
            f"{', '.join(named) or 'none'}."
        )
    if len(named) != 2:
        return
    rarer = min(named, key=lambda it: (counts.get(named[it], 0), it in YES))
    likely = next((it for it in named if it.lower() in YES), "") or rarer
    plain = {*found.classes} <= {0, 1}
    if not stated and not plain and likely.lower() not in YES:
        stated = choose("positive", [*named], likely)
    one = named[stated or likely]
    found.share = float(counts.get(one, 0) / max(counts.sum(), 1))
    # True and 1 are what metrics are about anyway.
    found.positive = None if plain and int(one) == 1 else one


def _in_time(
    found: Proposal,
    groups: Mapping[str, str],
    columns: Mapping[str, Any],
    rows: pd.DataFrame,
    stated: str,
    choose: Choose,
) -> None:
    """Say which column is the time of a row."""
    if stated == NONE:
        return
    known = [it for it, group in groups.items() if group == "TIMES"]
    if stated:
        if stated not in groups or groups[stated] not in ("TIMES", "NUMBERS"):
            raise ModelError(
                f"{stated!r} is no column of times: {', '.join(known) or 'none'}."
            )
        found.time = stated
        return
    known = [
        name
        for name in known
        if not columns[name].nullable
        and not OTHERS.search(name)
        and (rows.empty or rows[name].nunique() > 2)
    ]
    if known:
        several = [*known, NONE]
        found.time = known[0] if len(known) == 1 else choose("time", several, known[0])
    found.time = "" if found.time == NONE else found.time


def _whose(
    found: Proposal,
    groups: dict[str, str],
    rows: pd.DataFrame,
    stated: str,
    choose: Choose,
) -> None:
    """Say which columns tell whose row it is, and whether these are series."""
    number = not found.classes
    keys = [it for it, group in groups.items() if group == "KEYS"]
    if stated and stated != NONE:
        found.key = [it.strip() for it in stated.split(",")]
        if unknown := [it for it in found.key if it not in groups]:
            raise ModelError(f"There is no column {unknown[0]!r} for the key.")
    elif not stated:
        # Rows of one customer are alike, rows of one order are one.
        several = [it for it in keys if rows[it].duplicated().any()]
        likely = several or keys
        if not likely and found.time and number:
            likely = _series(found, groups, rows)
        if len(likely) > 1:
            found.key = [choose("key", [*keys, NONE], likely[0])]
        else:
            found.key = likely
        found.key = [] if found.key == [NONE] else found.key
    if not found.time or rows.empty:
        return
    start = rows[found.time].quantile(1 - HELD_OUT, interpolation="lower")
    late = rows[found.time] >= start
    if found.key:
        who = rows[found.key].apply(tuple, axis="columns")
        if who[late].isin(who[~late]).mean() >= 0.5:
            found.key, found.series = [], found.key
    one = not found.key and not rows.duplicated([*found.series, found.time]).any()
    times = rows[found.time].dropna().drop_duplicates().sort_values()
    if number and one and len(times) > 2 and groups[found.time] == "TIMES":
        found.step = _span(times.diff().median())


def _series(
    found: Proposal, groups: Mapping[str, str], rows: pd.DataFrame
) -> list[str]:
    """Return the column of which each value has one row a time, if there is one."""
    if rows.empty or not rows[found.time].duplicated().any():
        return []
    return [
        name
        for name, group in groups.items()
        if group == "CATEGORIES"
        and name != found.target
        and not rows.duplicated([name, found.time]).any()
    ][:1]


def _span(step: pd.Timedelta) -> str:
    minutes = max(1, round(step.total_seconds() / 60))
    if minutes >= 24 * 60:
        return f"{round(minutes / 24 / 60)}D"
    return f"{round(minutes / 60)}h" if minutes >= 60 else f"{minutes}min"


def _inputs(
    found: Proposal,
    groups: Mapping[str, str],
    columns: Mapping[str, Any],
    rows: pd.DataFrame,
) -> None:
    """Sort the other columns: inputs, and those that are left out."""
    why = {
        "KEYS": "tells whose row it is",
        "NAMES": "has another value in nearly each row",
        "TIMES": "is a time: add to `features` what it says",
        "OTHERS": "has no type to learn from",
    }
    for name, group in groups.items():
        series = name in found.series and rows[name].nunique() <= FEW
        if name == found.target:
            continue
        if series:
            found.groups.setdefault("CATEGORIES", []).append(name)
        elif name in (*found.key, *found.series):
            found.left[name] = why["KEYS"]
        elif name == found.time:
            found.left[name] = why["TIMES"]
        elif group in ("KEYS", "OTHERS"):
            found.left[name] = why[group]
        elif name.lower().startswith(f"{found.target.lower()}_"):
            found.left[name] = f"is of {found.target} by its name, so known after it"
        elif _leaks(rows[name], rows[found.target], bool(found.classes)):
            found.left[name] = f"tells {found.target}, as if known after it"
        elif group in why:
            found.left[name] = why[group]
        else:
            found.groups.setdefault(group, []).append(name)
            if group == "TEXTS" and columns[name].nullable:
                found.gaps.append(name)


def _leaks(values: pd.Series, target: pd.Series, classes: bool) -> bool:
    """Whether a column tells the target nearly always."""
    known = target.notna()
    values, target = values[known], target[known]
    if len(target) < FEW:
        return False
    if not classes:
        if not pd.api.types.is_numeric_dtype(values.infer_objects()):
            return False
        alike = values.astype("float64").corr(target.astype("float64"))
        return bool(abs(alike) > TELLS)
    usual = target.value_counts(normalize=True).max()
    for it in (values, values.isna()):
        told = target.groupby(it, dropna=False).agg(lambda of: of.value_counts().max())
        # A value of one row alone tells everything, and so nothing.
        few = it.nunique(dropna=False) <= min(FEW, len(target) / FEW)
        if few and told.sum() / len(target) > TELLS > 1.05 * usual:
            return True
    return False
