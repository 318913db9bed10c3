"""What predicts without a look at the inputs: a model must be better than that."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor

from twobus.models.declaration import Model
from twobus.models.rows import predict
from twobus.models.split import Split, span


def baselines(model: Model, parts: Split) -> Iterator[pd.DataFrame]:
    """Yield trivial predictions of the rows held out.

    How often each target occurs, or its mean; for numbers in time also the last value
    that is known, and that of a season before. A key is a series of its own.

    Args:
        model: Its `time`, `gap` and `season` say what is known.
        parts: The rows.
    """
    rows = parts.held_out
    dull = DummyClassifier() if is_classifier(model.estimator) else DummyRegressor()
    given = parts.training[list(model.inputs)]
    fitted = dull.fit(given, parts.training[model.target])
    yield predict(model, fitted, rows)
    if model.time and not is_classifier(model.estimator):
        yield _earlier(model, parts)
        if model.season is not None:
            yield _earlier(model, parts, model.season)


def _earlier(model: Model, parts: Split, season: Any = None) -> pd.DataFrame:
    """Predict what a series was last, or a season before."""
    time, target = str(model.time), model.target
    rows = pd.concat([parts.training, parts.held_out])
    rows = rows.assign(series=pd.factorize(rows["_key"])[0] if model.key else 0)
    rows = rows[rows[time].notna()]
    # Of rows of one time, the mean.
    known = rows.groupby(["series", time], as_index=False)[target].mean()
    asked = rows.loc[parts.held_out.index, ["series", time]]
    times = asked[time]
    if model.gap is not None:
        asked[time] = times - span(times, model.gap)
    if season is not None:
        asked[time] = (times - span(times, season)).clip(upper=asked[time])
    asked[time] = asked[time].astype(known[time].dtype)
    found = pd.merge_asof(
        asked.reset_index(names="row").sort_values(time),
        known.sort_values(time),
        on=time,
        by="series",
        allow_exact_matches=season is not None or model.gap is not None,
    )
    values = found.set_index("row")[target].loc[parts.held_out.index]
    return values.fillna(parts.training[target].mean()).to_frame()
