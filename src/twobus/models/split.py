"""Keep rows apart that a model must not learn from, and prove that they are."""

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype
from sklearn.base import is_classifier
from sklearn.model_selection import (
    GroupKFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    TimeSeriesSplit,
)

from twobus.models import series
from twobus.models.columns import span
from twobus.models.declaration import Model, ModelError
from twobus.models.keys import hashed
from twobus.models.rows import conform, features, known_target, weights

HELD_OUT = 0.2
FOLDS = 5
# Of more keys, how many rows each has is of no importance.
MANY_KEYS = 2_000
# Of so many rows most features have more values than a target has classes.
ENOUGH = 1_000
# So many rows are tried alone.
ALONE = 10


@dataclass(frozen=True)
class Split:
    """The rows of a table, in two parts.

    Attributes:
        training: What a model learns from.
        held_out: What it is judged by, once.
        gap: What lies between, and is known before most of what is judged.
    """

    training: pd.DataFrame
    held_out: pd.DataFrame
    gap: pd.DataFrame = field(default_factory=pd.DataFrame)


def split(model: Model, rows: pd.DataFrame) -> Split:
    """Hold rows out: the newest fifth where the model has a time, else by key.

    A key is held out or not by its hash, so that it stays on its side when the table
    grows. With a time, what is known of a late key from before is left out; a series
    is learned from until the gap, and judged after it.

    Args:
        model: Its `time`, `gap`, `key` and `series` say how.
        rows: The table. Rows whose target is missing are left out.

    Returns:
        Both parts, which have no key in common, in an order that depends on nothing
        but the rows. The columns `_key` and `_row` identify key and row; lags are
        added.

    Raises:
        ModelError: If a part would be empty, a weight cannot be one, a feature is the
            target, or the features of a row depend on others.
    """
    known = ordered(model, rows)
    weights(model, known)
    if model.time:
        # Whole periods stay together, such as the days of a month.
        start = known[model.time].quantile(1 - HELD_OUT, interpolation="lower")
        late = known[model.time] >= start
    else:
        late = known["_key"] / 2**64 >= 1 - HELD_OUT
    held_out = known[late]
    training = known[~late & ~known["_key"].isin(held_out["_key"])]
    gap = training.iloc[:0]
    if model.time and model.gap is not None:
        times = training[model.time]
        early = times <= start - span(times, model.gap)
        training, gap = training[early], training[~early]
    if training.empty or held_out.empty:
        raise ModelError(
            f"Too few rows to hold some out: {len(known)} have a known {model.target!r}"
            + (", and no key may be on both sides." if model.key else ".")
            + (f" The gap is {model.gap!r}." if model.gap is not None else "")
        )
    if series.MASE in model.metrics:
        training, held_out = (
            part.assign(**{series.SCALE: series.scales(model, training, part)})
            for part in (training, held_out)
        )
    inputs = conform(training, model)
    found = features(model, inputs)
    places = range(min(len(inputs), ALONE))
    alone = pd.concat([features(model, inputs.iloc[[place]]) for place in places])
    try:
        pd.testing.assert_frame_equal(alone, found.head(ALONE), check_dtype=False)
    except AssertionError:
        raise ModelError(
            "`features` gives a row other features alone than among others, and the "
            "API sends rows alone: what is learned from several rows belongs in the "
            "estimator."
        ) from None
    for name in found:
        # What a series was before is known, even where it always repeats itself.
        lag = name in series.names(model)
        if not lag and _tells_all(found[name], training[model.target]):
            raise ModelError(
                f"The feature {name!r} is the target {model.target!r} in other words: "
                "it will not be known when the model predicts."
            )
    return Split(training, held_out, gap)


def ordered(model: Model, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows whose target is known, with lags, in an order of their own.

    Args:
        model: The declaration.
        rows: The table.

    Returns:
        The rows, with the columns `_key` and `_row` that identify key and row.
    """
    known = known_target(model, series.lagged(model, rows))
    # Without a key, what the model sees of a row tells whose it is, so that another
    # column of the table moves no row.
    known = known.assign(_key=hashed(known, identity(model)), _row=_content(known))
    return known.sort_values([*([model.time] if model.time else []), "_key", "_row"])


def identity(model: Model) -> list[str]:
    """Return the columns that tell whose a row is."""
    if model.key or model.series:
        return [*model.key] or [*model.series, str(model.time)]
    # Rows of other times are others, however alike they are.
    return sorted({*model.inputs, model.target, *([model.time] if model.time else [])})


def folds(model: Model, training: pd.DataFrame, seed: int) -> list[tuple[Any, Any]]:
    """Split the training part for cross-validation, in the way of the hold-out.

    Args:
        model: Its `time` and `key` say how.
        training: The training part of `split`.
        seed: What decides which keys go together.

    Returns:
        Positions of rows to learn from and to judge by, for each fold.
    """
    if model.time:
        # The older half is always learned from; the newer one is judged in turn.
        size = max(1, len(training) // (2 * FOLDS))
        parts = TimeSeriesSplit(FOLDS, test_size=size).split(training)
        return [_without(model, training, *part) for part in parts]
    keys, target = training["_key"], training[model.target]
    options: dict[str, Any] = {"shuffle": True, "random_state": seed}
    if not is_classifier(model.estimator):
        return list(GroupKFold(FOLDS, **options).split(training, target, keys))
    if keys.nunique() <= MANY_KEYS:
        splitter = StratifiedGroupKFold(FOLDS, **options)
        return list(splitter.split(training, target, keys))
    return _by_rarest(target, keys, StratifiedKFold(FOLDS, **options))


def _by_rarest(
    target: pd.Series, keys: pd.Series, splitter: StratifiedKFold
) -> list[tuple[Any, Any]]:
    """Split keys by the rarest class that each has.

    StratifiedGroupKFold takes each key in turn, which takes minutes for 100,000. Of so
    many keys, folds are of much the same size however many rows one has.
    """
    rarity = target.map(target.value_counts().rank(method="first"))
    rarest = rarity.groupby(keys).min()
    fold = pd.Series(0, index=rarest.index)
    with warnings.catch_warnings():
        # Of a class with fewer keys than folds.
        warnings.simplefilter("ignore")
        for number, (_, judged) in enumerate(splitter.split(rarest, rarest)):
            fold.iloc[judged] = number
    found = keys.map(fold).to_numpy()
    return [
        (np.flatnonzero(found != number), np.flatnonzero(found == number))
        for number in range(FOLDS)
    ]


def _without(
    model: Model, training: pd.DataFrame, learned: Any, judged: Any
) -> tuple[Any, Any]:
    """Learn nothing from before of keys that are judged, as the hold-out does."""
    keys = training["_key"]
    late = keys.iloc[judged]
    left = learned[~keys.iloc[learned].isin(late).to_numpy()]
    times = training[model.time]
    start = times.iloc[judged].min()
    if model.gap is not None:
        until = start - span(times, model.gap)
        left = left[(times.iloc[left] <= until).to_numpy()]
    elif model.series:
        # Of one time, no series may tell of another.
        left = left[(times.iloc[left] < start).to_numpy()]
    if not len(left):
        raise ModelError(
            "Too few keys to cross-validate by time: all that are known before a fold "
            "are in it as well" + (", or in the gap." if model.gap is not None else ".")
        )
    return left, judged


def _content(rows: pd.DataFrame) -> pd.Series:
    """Return a whole number of 64 bits a row, from all that it holds."""
    return pd.util.hash_pandas_object(rows[sorted(rows)], index=False)


def _tells_all(feature: pd.Series, target: pd.Series) -> bool:
    """Whether one is the other, in other words or in another unit."""
    if is_numeric_dtype(feature) and is_numeric_dtype(target) and target.nunique() > 2:
        return bool(abs(feature.corr(target)) > 1 - 1e-9)
    if feature.head(ENOUGH).nunique() > target.nunique():
        return False
    pairs = pd.DataFrame({"feature": feature, "target": target}).drop_duplicates()
    once = pairs["feature"].is_unique and pairs["target"].is_unique
    return bool(once and 1 < len(pairs) < len(target))
