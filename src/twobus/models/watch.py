"""Hold what a model is asked and answers against what it has learned.

By plain statistics of counts, as `poe data --check` does. Whether a difference may be
chance is asked with the same care of every column on every day that is watched: of 100
months without a change, at most one is called changed. `poe simulate-watch` in Twobus's
own repository shows that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import hypot, isnan, nan
from types import SimpleNamespace
from typing import Any

import ibis
import pandas as pd
from scipy.special import stdtrit

from twobus.data.checks.compare import ALARMS, Change, compare
from twobus.data.checks.look import look
from twobus.data.checks.profile import Profile, Today
from twobus.models.columns import INPUT, KEY
from twobus.models.declaration import Model
from twobus.models.drift import predicted_columns
from twobus.models.intervals import CONFIDENCE, GROUPS, Interval, interval
from twobus.models.metrics import Measure
from twobus.models.scores import FEWEST_ROWS, HELD_OUT, Score, range_of
from twobus.models.series import MASE


@dataclass(frozen=True)
class Standard:
    """What a version is held against, by the names that a log has.

    Attributes:
        inputs: What the rows look like that it has learned from.
        outputs: What it predicted for those held out; None where nobody knows.
        columns: What the contract says of each column.
        key: The columns that tell whose row it is.
        drifts: From which stability index on a change is named, where limits say so.
    """

    inputs: Profile
    outputs: Profile | None
    columns: Mapping[str, Any]
    key: Sequence[str] = ()
    drifts: Mapping[str, float] = field(default_factory=dict)


def standard(
    model: Model,
    training: Profile,
    outputs: Profile | None,
    drifts: Mapping[str, float] | None = None,
) -> Standard:
    """Return what a version is held against.

    Args:
        model: Its declaration.
        training: What the rows look like that it has learned from.
        outputs: What it predicted for those held out; None where nobody knows.
        drifts: From which stability index on a change of an input is named.
    """
    kept = {it: training.columns[it] for it in model.inputs if it in training.columns}
    columns = {f"{INPUT}{it}": model.contract.columns[it] for it in kept}
    return Standard(
        replace(training, columns={f"{INPUT}{it}": kept[it] for it in kept}),
        outputs,
        columns | predicted_columns(model),
        [
            f"{INPUT if it in model.inputs else KEY}{it}"
            for it in (*model.key, *model.series)
        ],
        {f"{INPUT}{it}": most for it, most in (drifts or {}).items()},
    )


def changes(
    rows: ibis.Table, against: Standard, looks: int, now: datetime
) -> list[Change]:
    """Compare what was asked and answered with what a version has learned.

    Args:
        rows: Rows of a log, all of one version.
        against: What the version is held against.
        looks: How often something is looked at, in all the time that is watched: each
            is as good an occasion for chance.
        now: The present time, in UTC.

    Returns:
        A change for each input and each part of a prediction.
    """
    profiles = [it for it in (against.inputs, against.outputs) if it]
    known = {name for profile in profiles for name in profile.columns}
    names = [it for it in rows.columns if it in known]
    key = [it for it in against.key if it in rows.columns]
    table = rows.select([*dict.fromkeys([*names, *key])])
    contract = SimpleNamespace(columns={**against.columns})
    for name in {*table.columns} - {*contract.columns}:
        contract.columns[name] = SimpleNamespace(unique=False, checks=[])
    today = look(table, contract, now, earlier=profiles, key=key)
    if key:
        # Nobody knows whose rows those without a key are: each is somebody else's.
        nobodys = int(
            table.filter(ibis.or_(*(table[it].isnull() for it in key)))
            .count()
            .to_pyarrow()
            .as_py()
        )
        keys = today.profile.keys + nobodys - bool(nobodys)
        keys = min(keys, today.profile.rows)
        today = replace(today, profile=replace(today.profile, keys=keys))
    return compared(today, against, looks)


def compared(today: Today, against: Standard, looks: int) -> list[Change]:
    """Do the same with what such rows look like: see `changes`."""
    profiles = [it for it in (against.inputs, against.outputs) if it]
    alarms = ALARMS / looks / len(profiles)
    found = [compare(it, today, against.drifts, alarms=alarms) for it in profiles]
    return [change for each in found for change in each]


@dataclass(frozen=True)
class Judged:
    """What a metric says of predictions whose truth is known by now.

    Attributes:
        metric: The metric; more is better.
        count: Of how many rows.
        value: The metric.
        ends: Its 95 % interval.
        expected: What it was of the rows held out at training; NaN if unknown.
        fell: Whether it is lower than that, by more than chance.
        difference: How much better the challenger is on the same rows; NaN where there
            is none.
        difference_ends: The 95 % interval of that.
        differing: Of how many rows this is.
    """

    metric: str
    count: int
    value: float
    ends: Interval
    expected: float = nan
    fell: bool = False
    difference: float = nan
    difference_ends: Interval = field(default_factory=lambda: Interval(nan, nan))
    differing: int = 0


def scores(
    model: Model,
    fitted: Any,
    known: pd.DataFrame,
    before: Sequence[Score],
    looks: int,
    other: pd.DataFrame | None = None,
    other_fitted: Any = None,
) -> list[Judged]:
    """Judge predictions by what has become of their rows.

    Args:
        model: The declaration of the version that answered.
        fitted: Its estimator, which knows its classes.
        known: Predictions as `rows.predict` gives them, with `_truth`, and with `_key`,
            which says whose row it is. The index is of rows. Where rows have a weight,
            and it is known, `_weight` is that.
        before: What the version was worth at training.
        looks: How often something is looked at, in all the time that is watched.
        other: The predictions of the challenger for some of these rows, by index.
        other_fitted: Its estimator.
    """
    if len(known) < FEWEST_ROWS:
        return []
    truth = known["_truth"].rename(model.target)
    weights = known.get("_weight")
    predicted = _predictions(known)
    # Scaled errors need the rows before, which a log does not have.
    metrics = [it for it in model.metrics if it != MASE]
    # Equal chances of a false alarm for each look at each metric.
    alarm = ALARMS / looks / max(len(metrics), 1)
    trained = {it.metric: it for it in before if it.rows == HELD_OUT}
    if model.weight and weights is None:
        # Then these were scores of something else.
        trained = {}
    found = []
    for metric in metrics:
        measure = Measure(model, metric, fitted, truth, weights=weights)
        within = range_of(metric)
        value = measure(predicted)
        ends = interval(known, measure, predicted, within=within, weights=weights)
        was = trained.get(metric)
        fell = was is not None and _fell(was, value, ends, alarm)
        expected = was.value if was else nan
        one = Judged(metric, len(known), value, ends, expected, fell)
        if other is not None:
            both = predicted.index.intersection(other.index)
            if len(both) >= FEWEST_ROWS:
                theirs = Measure(model, metric, other_fitted, truth, weights=weights)
                one = _beside(one, known.loc[both], measure, theirs, other.loc[both])
        found.append(one)
    return found


def _predictions(known: pd.DataFrame) -> pd.DataFrame:
    return known[[it for it in known if it not in ("_truth", "_key", "_weight")]]


def _beside(
    one: Judged,
    known: pd.DataFrame,
    ours: Measure,
    theirs: Measure,
    other: pd.DataFrame,
) -> Judged:
    """Add how much better the challenger is on the same rows."""
    predicted = _predictions(known)
    places = pd.DataFrame(index=known.index)

    def better(rows: pd.DataFrame) -> float:
        return theirs(other.loc[rows.index]) - ours(predicted.loc[rows.index])

    return replace(
        one,
        difference=better(places),
        difference_ends=interval(known, better, places),
        differing=len(known),
    )


def _fell(was: Score, value: float, ends: Interval, alarm: float) -> bool:
    """Tell whether a score is lower than at training, by more than chance.

    Both are jackknife estimates, whose errors add up as those of independent rows.
    """
    wide = hypot(
        max(was.value - was.low, was.high - was.value),
        max(value - ends.low, ends.high - value),
    )
    if isnan(wide) or isnan(value):
        return False
    freedom = GROUPS - 1
    usual = float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
    needed = float(stdtrit(freedom, 1 - alarm))
    return bool(was.value - value > wide * needed / usual)
