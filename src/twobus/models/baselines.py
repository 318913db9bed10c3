"""What predicts without a look at the inputs: a model must be better than that."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor

from twobus.models import series
from twobus.models.columns import span
from twobus.models.declaration import Model
from twobus.models.fitting import ask_for_weights, routed, weighted
from twobus.models.quantiles import Quantiles
from twobus.models.rows import predict
from twobus.models.split import Split


def baselines(model: Model, parts: Split) -> Iterator[pd.DataFrame]:
    """Yield trivial predictions of the rows held out.

    How often each target occurs, or its mean; for numbers in time also the last value
    that is known, and that of a season before, of each series; a key is one, too.

    Args:
        model: Its `time`, `gap` and `season` say what is known.
        parts: The rows.
    """
    rows = parts.held_out
    dull: Any = DummyRegressor()
    if is_classifier(model.estimator):
        dull = DummyClassifier()
    elif hasattr(model.estimator, "predict_quantiles"):
        told: Any = model.estimator
        dull = Quantiles(DummyRegressor(strategy="quantile"), told.quantiles)
    given = parts.training[list(model.inputs)]
    counted = weighted(model, parts.training)
    with routed(model):
        if counted:
            ask_for_weights(dull)
        fitted = dull.fit(given, parts.training[model.target], **counted)
    yield predict(model, fitted, rows)
    if model.time and not is_classifier(model.estimator):
        yield _earlier(model, parts)
        if model.season is not None:
            yield _earlier(model, parts, model.season)


def _earlier(model: Model, parts: Split, season: Any = None) -> pd.DataFrame:
    """Predict what a series was last, or a season before, as known at the time."""
    asked = parts.held_out
    rows = pd.concat([parts.training, parts.gap, asked])
    times = until = asked[str(model.time)]
    if model.gap is not None:
        until = times - span(times, model.gap)
    if season is not None:
        until = (times - span(times, season)).clip(upper=until)
    found = series.at(
        series.known(model, rows),
        series.number(model, asked),
        until,
        before=season is None and model.gap is None,
    )
    values = found["value"].rename(model.target)
    return values.fillna(parts.training[model.target].mean()).to_frame()
