"""What a metric says of predictions, by scorers of scikit-learn or the model's."""

import warnings
from collections.abc import Callable, Mapping
from inspect import signature
from math import isnan, nan
from typing import Any

import numpy as np
import pandas as pd
from sklearn import config_context
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    is_classifier,
    is_regressor,
)
from sklearn.metrics import get_scorer, get_scorer_names

from twobus.models.declaration import Model, ModelError, explain
from twobus.models.quantiles import OF_QUANTILES
from twobus.models.rows import SHARE, table_of, weights
from twobus.models.series import MASE, SCALE


class Measure:
    """Measures predictions, as `predict` gives them, against the truth.

    Attributes:
        reason: Why the last value is not a number; empty if it is one.
    """

    def __init__(
        self,
        model: Model,
        metric: str,
        fitted: Any,
        truth: pd.Series,
        scale: pd.Series | None = None,
        weights: pd.Series | None = None,
    ) -> None:
        """Begin with what was true.

        Args:
            model: The declaration.
            metric: The name of a metric.
            fitted: What has predicted; it knows its classes.
            truth: What was true; its index finds the rows of the predictions.
            scale: What scaled errors are divided by, by the same index.
            weights: How much a row counts, by the same index; else all count the same.
        """
        self.own = metric in model.scorers
        self.scorer = _named(model, metric)
        self.metric = metric
        self.positive = model.positive
        self.reason = ""
        self.told: Any = _Numbers(model.target)
        if is_classifier(model.estimator):
            self.told = _Classes(model.target)
            self.told.classes_ = np.asarray(fitted.classes_)
            if self.positive is not None:
                # scikit-learn's scorers of two classes mean the one that is true.
                truth = truth == self.positive
                self.told.classes_ = np.array([False, True])
        self.truth = truth
        self.scale = scale if metric == MASE else None
        self.weights = weights

    def __call__(self, predicted: pd.DataFrame) -> float:
        """Return the metric; NaN where it is not defined, and `reason` says why."""
        self.reason = ""
        if self.positive is not None:
            predicted = self._two(predicted)
        truth = self.truth.loc[predicted.index]
        if self.scale is not None:
            scale = self.scale.loc[predicted.index]
            if unknown := int(scale.isna().sum()):
                self.reason = (
                    f"not defined here: {unknown} rows are of series that have no past "
                    "in the training part, or never changed there"
                )
                return nan
            truth, predicted = truth / scale, predicted.div(scale, axis="index")
        with warnings.catch_warnings(), config_context(assume_finite=True):
            warnings.simplefilter("ignore")
            try:
                counted: dict[str, Any] = {}
                if self.weights is not None:
                    counted["sample_weight"] = self.weights.loc[predicted.index]
                value = float(self.scorer(self.told, predicted, truth, **counted))
            except Exception as error:
                if self.own:
                    told = f"The scorer {self.metric!r} failed: {explain(error)}"
                    raise ModelError(told) from None
                if not isinstance(error, ValueError | ZeroDivisionError):
                    raise
                # Such as for the rows of a single class, or whose weights are all 0.
                self.reason = f"not defined here: {' '.join(str(error).split())[:200]}"
                return nan
        if isnan(value):
            self.reason = "not defined here, such as for a single row or class"
        return value

    def _two(self, predicted: pd.DataFrame) -> pd.DataFrame:
        """Return predictions of two classes as false and true."""
        target = self.told.target
        found = {target: predicted[target] == self.positive}
        if (share := f"{SHARE}{self.positive}") in predicted:
            found |= {"no": 1 - predicted[share], "yes": predicted[share]}
        return pd.DataFrame(found, index=predicted.index)


def scorer(
    model: Model, metric: str, rows: pd.DataFrame, reasons: list[str] | None = None
) -> Callable[[Any, pd.DataFrame, pd.Series], float]:
    """Return what scikit-learn calls to score by one metric: see `scorers`."""
    judge = scorers(model, rows, {metric: [] if reasons is None else reasons})
    return lambda fitted, given, truth: judge(fitted, given, truth)[metric]


def scorers(
    model: Model, rows: pd.DataFrame, reasons: Mapping[str, list[str]]
) -> Callable[[Any, pd.DataFrame, pd.Series], dict[str, float]]:
    """Return what scikit-learn calls to score a fitted estimator by some features.

    Args:
        model: The declaration.
        rows: The rows that it is called for in parts; they know scale and weights.
        reasons: The names of metrics, of predictions that are made once. Each list
            gets why a value is not a number, each time, in this process.
    """
    known = {"scale": rows.get(SCALE), "weights": weights(model, rows)}

    def score(fitted: Any, given: pd.DataFrame, truth: pd.Series) -> dict[str, float]:
        here = {
            name: column.loc[truth.index].reset_index(drop=True)
            for name, column in known.items()
            if column is not None
        }
        # Rows may come more than once.
        truth = truth.reset_index(drop=True)
        predicted = table_of(model, fitted, given).reset_index(drop=True)
        values = {}
        for metric, whys in reasons.items():
            measure = Measure(model, metric, fitted, truth, **here)
            # A scorer of one's own may write into what it gets.
            values[metric] = measure(predicted.copy() if measure.own else predicted)
            whys += [measure.reason] * bool(measure.reason)
        return values

    return score


def _named(model: Model, metric: str) -> Any:
    """Return the scorer of a name: the model's own, ours, or scikit-learn's."""
    if metric == MASE:
        # Of errors that are scaled before.
        metric = "neg_mean_absolute_error"
    return model.scorers.get(metric) or OF_QUANTILES.get(metric) or get_scorer(metric)


def check(model: Model, truth: pd.Series) -> None:
    """Refuse metrics that cannot be computed, before hours of fitting.

    Args:
        model: The declaration.
        truth: The known targets.

    Raises:
        ModelError: If a name is no scorer's, or a metric is about one class
            of two and nobody has said which.
    """
    known = [*get_scorer_names(), *OF_QUANTILES, MASE]
    if MASE in model.metrics and (not model.time or is_classifier(model.estimator)):
        raise ModelError(
            f"{MASE} is about numbers in time: declare `time`, or leave it."
        )
    for metric, own in model.scorers.items():
        if metric in known:
            raise ModelError(
                f"{metric!r} in `scorers` has a meaning already: call yours otherwise."
            )
        if metric not in model.metrics:
            raise ModelError(
                f"{metric!r} in `scorers` judges nothing: give its least value in "
                "`metrics`."
            )
        if not hasattr(own, "_score_func"):
            raise ModelError(
                f"{metric!r} in `scorers` does not say whether more is better: write "
                "make_scorer(function, greater_is_better=...) of sklearn.metrics."
            )
    known += [*model.scorers]
    for metric in model.metrics:
        if metric not in known:
            raise ModelError(
                f"There is no metric {metric!r}; scikit-learn has {', '.join(known)}."
            )
        if metric in OF_QUANTILES and not hasattr(model.estimator, "predict_quantiles"):
            raise ModelError(
                f"{metric} needs quantiles: put the estimator, with all its pipeline, "
                "into twobus.models.quantiles.Quantiles."
            )
        if model.weight and not _counts(_named(model, metric)):
            raise ModelError(
                f"{metric} cannot count rows by `weight`: take another metric, or give "
                "the function of your scorer a `sample_weight`."
            )
    told = hasattr(model.estimator, "__sklearn_tags__") and (
        # Numbers with decimals are no classes.
        truth.dtype.kind == "f"
        or is_classifier(model.estimator)
        or is_regressor(model.estimator)
    )
    if not told:
        raise ModelError(
            f"{type(model.estimator).__name__} does not say whether it tells classes "
            "or numbers: inherit from ClassifierMixin or RegressorMixin of "
            "sklearn.base, before BaseEstimator."
        )
    classes = truth.unique().tolist()
    if model.positive is not None and model.positive not in classes:
        raise ModelError(
            f"The positive class {model.positive!r} is not in {model.target}, which "
            f"has {', '.join(map(repr, sorted(classes, key=str)))}."
        )
    if model.positive is not None and len(classes) > 2:
        raise ModelError(
            f"{model.target} has {len(classes)} classes, and `positive` is for two: "
            "leave it out, and take metrics such as f1_macro."
        )
    if is_classifier(model.estimator):
        _one_of_two(model, classes)
        _by_shares(model)


def _counts(scorer: Any) -> bool:
    """Whether a scorer takes weights."""
    return "sample_weight" in signature(scorer._score_func).parameters


# Metrics that are about the class that is true, and so need to know which it is.
OF_ONE = (
    "average_precision",
    "d2_brier_score",
    "f1",
    "jaccard",
    "neg_brier_score",
    "precision",
    "recall",
)


def _one_of_two(model: Model, classes: list[Any]) -> None:
    named = [metric for metric in model.metrics if metric in OF_ONE]
    if not named or model.positive is not None or {*classes} <= {0, 1}:
        return
    listed = ", ".join(map(repr, sorted(classes, key=str)))
    if len(classes) == 2:
        raise ModelError(
            f"{named[0]} is about one of the two classes {listed}: say which by "
            f"`positive={sorted(classes, key=str)[-1]!r}`."
        )
    if named[0] not in ("neg_brier_score", "d2_brier_score", "average_precision"):
        raise ModelError(
            f"{named[0]} is for two classes, and {model.target} has {len(classes)}: "
            f"take {named[0]}_macro or {named[0]}_weighted."
        )


def _by_shares(model: Model) -> None:
    """Refuse metrics of probabilities where an estimator has none."""
    if hasattr(model.estimator, "predict_proba"):
        return
    for metric in model.metrics:
        if getattr(_named(model, metric), "_response_method", "predict") != "predict":
            kind = type(model.estimator).__name__
            raise ModelError(
                f"{metric} needs probabilities, and {kind} has no predict_proba: take "
                "another metric, or put it into scikit-learn's CalibratedClassifierCV."
            )


class _Told(BaseEstimator):
    """Predictions already made: its `X` are these, so that scorers can judge them."""

    def __init__(self, target: str) -> None:
        self.target = target

    def predict(self, X: pd.DataFrame) -> Any:
        return X[self.target].to_numpy()


class _Classes(ClassifierMixin, _Told):
    def predict_proba(self, X: pd.DataFrame) -> Any:
        return X.drop(columns=self.target).to_numpy()


class _Numbers(RegressorMixin, _Told):
    pass
