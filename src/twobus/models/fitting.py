"""Fit an estimator: the one way of training, folds, settings, and other commits."""

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import pandas as pd
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer, make_scorer
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import has_fit_parameter

from twobus.models.declaration import Model, ModelError
from twobus.models.rows import conform, features, weights
from twobus.models.split import FOLDS, folds

WEIGHTS = "sample_weight"


def seeded(model: Model, seed: int, training: pd.DataFrame | None = None) -> Any:
    """Return a model's estimator, new, with each of its random states set.

    Args:
        model: The declaration.
        seed: What every random choice follows from.
        training: The training part of `split`. What an estimator chooses by folds of
            its own, such as a threshold, it chooses by those of the house within it.

    Raises:
        ModelError: If it cannot learn by weights, or choose a threshold.
    """
    estimator = clone(model.estimator)
    names = [name for name in estimator.get_params() if name.endswith("random_state")]
    estimator.set_params(**dict.fromkeys(names, seed))
    parts = _parts(estimator)
    if any(isinstance(part, TunedThresholdClassifierCV) for part in parts[1:]):
        raise ModelError(
            "TunedThresholdClassifierCV must be outermost: put the pipeline into it."
        )
    for part in parts:
        own = isinstance(part, TunedThresholdClassifierCV | CalibratedClassifierCV)
        if own and training is not None and isinstance(part.cv, int | float | None):
            part.cv = _Folds(model, training, seed)
    with routed(model):
        if isinstance(estimator, TunedThresholdClassifierCV):
            estimator.scoring = _deciding(model, estimator.scoring)
        if model.weight:
            ask_for_weights(estimator)
    return estimator


def learn(model: Model, estimator: Any, rows: pd.DataFrame) -> Any:
    """Return what an estimator, as `seeded` gives it, learns from rows.

    Args:
        model: The declaration.
        estimator: The estimator, which stays as it is.
        rows: Rows of its table whose target is known.
    """
    given = features(model, conform(rows, model))
    with routed(model):
        fitted = clone(estimator).fit(
            given, rows[model.target], **weighted(model, rows)
        )
    if isinstance(fitted, TunedThresholdClassifierCV):
        fitted = _decided(model, fitted)
    if model.weight:
        # What asked for weights is of no use any more, and skops cannot write it.
        _forget(fitted, set())
    return fitted


@contextmanager
def converging(model: Model) -> Iterator[None]:
    """Take it for an error if an estimator stops before it has learned enough.

    A network that has no way to stop early runs for the epochs that it was given.
    """
    networks = [
        part
        for part in _parts(model.estimator)
        if isinstance(part, MLPClassifier | MLPRegressor)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        if all(it.n_iter_no_change >= it.max_iter for it in networks):
            warnings.filterwarnings("ignore", "Stochastic Optim", ConvergenceWarning)
        try:
            yield
        except ConvergenceWarning as error:
            raise ModelError(
                f"it has not converged ({' '.join(str(error).split())[:200]}): give it "
                "more steps, or a network that is to run for a fixed number of epochs "
                "`n_iter_no_change` as large as `max_iter`."
            ) from None


def own_folds(model: Model) -> list[str]:
    """Name what chooses by folds of its own, in which keys and times are not apart.

    Args:
        model: The declaration.

    Returns:
        The types of such parts of its estimator; none if it has neither key nor time.
    """
    if not (model.key or model.time):
        return []
    ours = (TunedThresholdClassifierCV, CalibratedClassifierCV)
    return [
        type(part).__name__
        for part in _parts(model.estimator)
        if not isinstance(part, ours)
        and isinstance(getattr(part, "cv", ""), int | None)
        and hasattr(part, "fit")
    ]


def threshold(fitted: Any) -> float | None:
    """Return from which probability on a fitted estimator decides for a class."""
    found = getattr(fitted, "threshold", None)
    return found if isinstance(found, float) else None


def weighted(model: Model, rows: pd.DataFrame) -> dict[str, Any]:
    """Return the weights of rows by the name that scikit-learn gives them, if any."""
    found = weights(model, rows)
    return {} if found is None else {WEIGHTS: found}


def routed(model: Model) -> AbstractContextManager[Any]:
    """Let weights reach what asks for them, in whatever they are wrapped."""
    found: AbstractContextManager[Any] = config_context(
        enable_metadata_routing=bool(model.weight)
    )
    return found


class _Folds:
    """The folds of the house, within whatever part of some rows is fitted on."""

    def __init__(self, model: Model, rows: pd.DataFrame, seed: int) -> None:
        self.model = model
        self.rows = rows
        self.seed = seed

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Any:
        if not hasattr(X, "index"):
            raise ModelError(
                "What chooses by folds gets no table here: put the pipeline into it, "
                "not it into the pipeline."
            )
        return folds(self.model, self.rows.loc[X.index], self.seed)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        return FOLDS

    def __deepcopy__(self, memo: Any) -> "_Folds":
        # Each clone of an estimator would have the rows once more.
        return self


class _Decisions:
    """The function of a scorer, which gets true for the positive class if there is one.

    Measures do the same with predictions.
    """

    def __init__(self, scorer: Any, positive: Any) -> None:
        self.scorer = scorer
        self.positive = positive
        # What a scorer is shown by.
        self.__name__ = scorer._score_func.__name__

    def __call__(
        self, truth: Any, said: Any, *, pos_label: Any, sample_weight: Any = None
    ) -> Any:
        # Thousands of times, and so without an index.
        truth, said = np.asarray(truth), np.asarray(said)
        if self.positive is not None:
            truth, said = truth == self.positive, said == self.positive
        given = dict(self.scorer._kwargs)
        if sample_weight is not None:
            given[WEIGHTS] = sample_weight
        return self.scorer._score_func(truth, said, **given)


def _deciding(model: Model, scoring: Any) -> Any:
    """Return what a threshold is chosen by, made of a metric of the model's.

    Raises:
        ModelError: If it does not judge decisions.
    """
    known = model.scorers.get(scoring) if isinstance(scoring, str) else None
    scorer: Any = known or get_scorer(scoring)
    if getattr(scorer, "_response_method", "") != "predict":
        raise ModelError(
            f"A threshold cannot be chosen by scoring={scoring!r}, which judges no "
            "decisions: take a metric such as f1, or one of `scorers`."
        )
    function = _Decisions(scorer, model.positive)
    better = scorer._sign > 0
    made = make_scorer(function, greater_is_better=better, pos_label=model.positive)
    return made.set_score_request(**{WEIGHTS: True}) if model.weight else made


def _decided(model: Model, tuned: Any) -> Any:
    """Return an estimator of the threshold that was chosen, and nothing else of it."""
    found = FixedThresholdClassifier(
        clone(tuned.estimator),
        threshold=float(tuned.best_threshold_),
        pos_label=model.positive,
        response_method=tuned.response_method,
    )
    # What it would learn is learned already.
    found.estimator_ = tuned.estimator_
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(tuned, name):
            setattr(found, name, getattr(tuned, name))
    return found


def _parts(estimator: Any) -> list[Any]:
    """Return an estimator, and those that are in it."""
    return [estimator, *(it for it in estimator.get_params().values())]


def ask_for_weights(estimator: Any) -> None:
    """Let each part that predicts ask for weights, and no other step.

    Raises:
        ModelError: If none takes them.
    """
    for part in _parts(estimator):
        if hasattr(part, "set_fit_request") and has_fit_parameter(part, WEIGHTS):
            part.set_fit_request(**{WEIGHTS: hasattr(part, "predict")})
    if not get_routing_for_object(estimator).consumes("fit", {WEIGHTS}):
        raise ModelError(
            f"{type(estimator).__name__} cannot learn by `weight`: take an estimator "
            f"whose `fit` has {WEIGHTS}, or leave `weight` out."
        )


def _forget(found: Any, seen: set[int]) -> None:
    """Take away, at whatever depth, that parts of an estimator ask for weights."""
    if id(found) in seen:
        return
    seen.add(id(found))
    inner: Any = ()
    if isinstance(found, dict):
        inner = found.values()
    elif isinstance(found, list | tuple):
        inner = found
    elif isinstance(found, np.ndarray):
        inner = found.ravel() if found.dtype == object else ()
    elif hasattr(found, "fit") or type(found).__module__.startswith("sklearn."):
        known = getattr(found, "__dict__", {})
        known.pop("_metadata_request", None)
        inner = known.values()
    for it in inner:
        _forget(it, seen)
