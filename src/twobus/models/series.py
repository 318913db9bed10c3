"""What a series was before: inputs that are computed of a table, with no look ahead.

All that is known of a series at a time is its targets of until then. A prediction for
the time t is made at t - gap, so that each lag is at least that long.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pandas as pd
import pandera.ibis as pa

from twobus.models.columns import HIGHEST, LOWEST, ModelError, limits, span
from twobus.models.keys import hashed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from twobus.models.declaration import Model

WORD = re.compile(r"[0-9]+[A-Za-z]+|[0-9]+(\.[0-9]+)?")
# The mean absolute scaled error, and the column that says what it divides by.
MASE, SCALE = "neg_mase", "_scale"
# Years with each length of a month, in which spans are compared.
YEARS = pd.Series(pd.date_range("2023-01-01", "2026-12-31", tz="UTC"))


def names(model: Model) -> dict[str, tuple[Any, Any]]:
    """Return the input that each lag is, with its nearer end and its far one, or None.

    Raises:
        ModelError: If one of them is no lag.
    """
    if isinstance(model.lags, str):
        raise ModelError(f"Write `lags` as a list: lags=[{model.lags!r}].")
    found: dict[str, tuple[Any, Any]] = {}
    for lag in model.lags:
        ends = lag if isinstance(lag, tuple | list) else (lag, None)
        words = [str(end) for end in ends if end is not None]
        if len(ends) != 2 or not words or not all(map(WORD.fullmatch, words)):
            raise ModelError(
                f"{lag!r} is no lag: write '7D', or ('7D', '35D') for the mean of what "
                "was between, or numbers where `time` is one."
            )
        found[f"{model.target}_{'_to_'.join(words)}_before"] = (ends[0], ends[1])
    return found


def check(model: Model) -> None:
    """Refuse a declaration of a series that cannot be one.

    Raises:
        ModelError: With a sentence for the first mistake.
    """
    stated = {it: getattr(model, it) for it in ("gap", "season", "series", "lags")}
    if not model.time:
        if named := [it for it, value in stated.items() if value not in (None, (), [])]:
            raise ModelError(f"`{named[0]}` needs the column of times, `time`.")
        return
    if model.series and model.key:
        raise ModelError(
            "`series` go on in the hold-out and a `key` does not: name one of both."
        )
    columns = model.contract.columns
    kind = columns[model.time].dtype.type
    times = YEARS if kind.is_timestamp() or kind.is_date() else pd.Series([0.0])
    times = times.rename(model.time)
    for value in (model.gap, model.season):
        if value is not None:
            span(times, value)
    if not model.lags:
        return
    if model.gap is None:
        raise ModelError(
            "`lags` need `gap`, how far ahead the model predicts, such as gap='7D'."
        )
    if not columns[model.target].dtype.type.is_numeric():
        raise ModelError(f"`lags` are of numbers, and {model.target!r} is none.")
    latest = times - span(times, model.gap)
    for name, (near, far) in names(model).items():
        if name in columns:
            raise ModelError(
                f"The table {model.table!r} has a column {name!r}, which `lags` make."
            )
        newest = times - span(times, near)
        if (newest > latest).any() or (newest >= times).any():
            raise ModelError(
                f"The lag {near!r} is shorter than the gap {model.gap!r}: that value "
                "is not known yet when the model predicts."
            )
        if far is not None and (times - span(times, far) >= newest).any():
            raise ModelError(f"Write the lag ({near!r}, {far!r}) the other way round.")


def columns(model: Model) -> Mapping[str, Any]:
    """Return the columns of requests that lags are, as a contract has them."""
    target = model.contract.columns[model.target]
    checks = [it for it in target.checks if it.name in (*LOWEST, *HIGHEST)]
    return {
        name: pa.Column(
            ibis.dtype("float64"),
            checks=checks,
            nullable=True,
            title=name,
            description=_words(model.target, near, far),
        )
        for name, (near, far) in names(model).items()
    }


def _words(target: str, near: Any, far: Any) -> str:
    if far is None:
        return f"The newest {target} that is at least {near} old; null without one."
    return f"The mean of {target} from {near} to {far} before; null without any."


def lagged(
    model: Model, rows: pd.DataFrame, past: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Add the lags to rows of a model's table.

    The lag `"7D"` is the newest known target of the same series that is at least so
    old; `("7D", "35D")` is the mean of those from 7 days on that are less than 35 days
    old. Of several rows of one time it is their mean. Without any it is missing.

    Args:
        model: The declaration.
        rows: All rows of the table, in any order, also those without a target.
        past: What is known of all series, where these are other rows: see `known`.

    Returns:
        The same rows.
    """
    if not model.lags:
        return rows
    past = known(model, rows) if past is None else past
    whose, times = number(model, rows), rows[str(model.time)]
    least, most = limits(model.contract.columns[model.target])
    found = {}
    for name, (near, far) in names(model).items():
        last = at(past, whose, times - span(times, near))
        values = last["value"]
        if far is not None:
            before = at(past, whose, times - span(times, far))
            count = last["count"].sub(before["count"], fill_value=0)
            values = last["sum"].sub(before["sum"], fill_value=0) / count
        # A sum is rounded, and a request is held to the contract.
        found[name] = values.clip(least, most)
    return rows.assign(**found)


def reached(
    model: Model, rows: pd.DataFrame, past: pd.DataFrame | None = None
) -> pd.Series:
    """Tell which rows are no further ahead of what is known than the gap.

    The lags of all others are older than any that the model has learned from.

    Args:
        model: The declaration.
        rows: All rows of the table.
        past: As for `lagged`.
    """
    if not model.lags:
        return pd.Series(True, index=rows.index)
    times = rows[str(model.time)]
    past = known(model, rows) if past is None else past
    newest = past.groupby("series")["time"].max()
    last = newest.reindex(number(model, rows)).set_axis(rows.index)
    return ~(_sortable(times - span(times, model.gap)) > last)


def scales(model: Model, training: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """Return by how much each row's series misses itself, which MASE divides by.

    It is the mean absolute error, in the training part, of repeating the value before
    or, with a `season`, the one a season before: R. Hyndman and A. Koehler, 2006,
    International Journal of Forecasting 22, 679-688
    (doi:10.1016/j.ijforecast.2006.03.001).

    Args:
        model: The declaration.
        training: The training part.
        rows: The rows to divide the errors of.

    Returns:
        A number a row, in units of the target; missing where a series has no past, or
        never changed.
    """
    past = known(model, training)
    steps = past.groupby("series")["value"].diff()
    if model.season is not None:
        before = past["time"] - span(past["time"], model.season)
        steps = past["value"] - at(past, past["series"], before)["value"]
    mean = steps.abs().groupby(past["series"]).mean()
    found = mean.where(mean > 0).reindex(number(model, rows))
    return found.set_axis(rows.index)


def known(model: Model, rows: pd.DataFrame) -> pd.DataFrame:
    """Return what was known of each series, in the order of time.

    Args:
        model: The declaration.
        rows: Rows of its table.

    Returns:
        One row for each `series` and `time` with a target: the `value` of then, and the
        `sum` and the `count` of all values until then.
    """
    found = pd.DataFrame(
        {
            "series": number(model, rows),
            "time": _sortable(rows[str(model.time)]),
            "value": rows[model.target].astype("float64"),
        }
    )
    # Sorted by values too, since sums depend on the order of what is summed.
    found = found.dropna().sort_values([*found])
    found = found.groupby(["series", "time"], as_index=False)["value"].mean()
    each = found.groupby("series")["value"]
    found = found.assign(sum=each.cumsum(), count=each.cumcount() + 1.0)
    return found.sort_values("time", kind="stable", ignore_index=True)


def at(
    past: pd.DataFrame, series: pd.Series, times: pd.Series, *, before: bool = False
) -> pd.DataFrame:
    """Return what was last known of a series at a time, row by row.

    Args:
        past: See `known`.
        series: Whose row it is: see `number`.
        times: When it is asked.
        before: Whether what is of that very time is not known yet.

    Returns:
        The columns `time`, `value`, `sum` and `count`; missing where nothing was known.
    """
    asked = pd.DataFrame(
        {
            "row": np.arange(len(series)),
            "series": series.to_numpy(),
            "asked": _sortable(times).array,
        }
    )
    found = pd.merge_asof(
        asked.dropna().sort_values("asked", kind="stable"),
        past,
        left_on="asked",
        right_on="time",
        by="series",
        allow_exact_matches=not before,
    )
    found = found.set_index("row").reindex(asked["row"]).set_index(series.index)
    return found[["time", "value", "sum", "count"]]


def number(model: Model, rows: pd.DataFrame) -> pd.Series:
    """Return a number a row for its series; without any, all rows are one."""
    columns: Sequence[str] = model.series or model.key
    if not columns:
        return pd.Series(0, index=rows.index, dtype="int64")
    # By all 64 bits, but signed, as others sort and join them.
    return pd.Series(hashed(rows, columns).to_numpy().view("int64"), index=rows.index)


def _sortable(times: pd.Series) -> pd.Series:
    """Return times in one unit, or numbers."""
    if pd.api.types.is_datetime64_any_dtype(times):
        return pd.to_datetime(times, utc=True).dt.as_unit("us")
    return times.astype("float64")
