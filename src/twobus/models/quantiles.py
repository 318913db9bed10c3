"""A regression that answers with quantiles, and how good these are."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.metrics import mean_pinball_loss
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)

from twobus.models.rows import QUANTILE

# Settings that say what an estimator minimizes.
LOSSES = ("loss", "objective", "strategy")


class Quantiles(MetaEstimatorMixin, RegressorMixin, BaseEstimator):
    """Learns one estimator for each quantile, and predicts the middle one.

    Quantiles of a row that cross are put in order, which brings them no farther from
    the true ones: V. Chernozhukov, I. Fernandez-Val and A. Galichon, 2010, Econometrica
    78, 1093-1125 (doi:10.3982/ECTA7880).

    Attributes:
        estimator: What learns a quantile: one whose loss is that of quantiles, or a
            pipeline with it.
        quantiles: An odd number of shares between 0 and 1, in order.
        setting: What the estimator calls the quantile: `"alpha"` in LightGBM.
    """

    def __init__(
        self,
        estimator: Any,
        quantiles: tuple[float, ...] = (0.05, 0.5, 0.95),
        setting: str = "quantile",
    ) -> None:
        """Take the settings, as scikit-learn wants it."""
        self.estimator = estimator
        self.quantiles = quantiles
        self.setting = setting

    def fit(self, X: pd.DataFrame, y: pd.Series, **given: Any) -> "Quantiles":
        """Learn each quantile from features and the target of each row.

        Raises:
            ValueError: If the settings cannot be.
        """
        name = self._name()
        routed = process_routing(self, "fit", **given).estimator.fit
        self.estimators_ = [
            clone(self.estimator).set_params(**{name: share}).fit(X, y, **routed)
            for share in self.quantiles
        ]
        return self

    def predict(self, X: pd.DataFrame) -> Any:
        """Return the middle quantile of each row."""
        return self.predict_quantiles(X)[:, len(self.quantiles) // 2]

    def predict_quantiles(self, X: pd.DataFrame) -> Any:
        """Return the quantiles of each row: an array of rows and `quantiles`."""
        found = [np.asarray(it.predict(X), dtype=float) for it in self.estimators_]
        return np.sort(np.column_stack(found), axis=1)

    def get_metadata_routing(self) -> MetadataRouter:
        """Say that weights are for each estimator."""
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def _name(self) -> str:
        """Return the full name of the setting.

        Raises:
            ValueError: If there is none, or something else is minimized.
        """
        shares = [0.0, *self.quantiles, 1.0]
        if len(shares) % 2 == 0 or sorted({*shares}) != shares:
            raise ValueError(
                f"quantiles={self.quantiles} must be an odd number of shares between 0 "
                "and 1, in order: the middle one is the prediction."
            )
        known = self.estimator.get_params()
        found = [it for it in known if it.rpartition("__")[2] == self.setting]
        if len(found) != 1:
            raise ValueError(
                f"{len(found)} settings of the estimator are called {self.setting!r}: "
                "say by `setting` what it calls the quantile."
            )
        name = str(found[0])
        for loss in LOSSES:
            full = name.removesuffix(self.setting) + loss
            if known.get(full, "quantile") != "quantile":
                raise ValueError(
                    f"The estimator learns no quantile: give it {loss}='quantile'."
                )
        return name


def pinball(truth: Any, shares: Mapping[float, Any], sample_weight: Any = None) -> Any:
    """Return the mean loss of all quantiles; less is better.

    R. Koenker and G. Bassett, 1978, Econometrica 46, 33-50 (doi:10.2307/1913643).

    Args:
        truth: What was true, row by row.
        shares: What was predicted, by quantile.
        sample_weight: How much each row counts.
    """
    losses = [
        mean_pinball_loss(truth, found, alpha=share, sample_weight=sample_weight)
        for share, found in shares.items()
    ]
    return np.mean(losses)


def coverage(truth: Any, shares: Mapping[float, Any], sample_weight: Any = None) -> Any:
    """Return the share of rows that are within the outermost quantiles.

    Args:
        truth: What was true, row by row.
        shares: What was predicted, by quantile.
        sample_weight: How much each row counts.
    """
    low, high = shares[min(shares)], shares[max(shares)]
    within = (low <= truth) & (truth <= high)
    return np.average(within, weights=sample_weight)


class _OfQuantiles:
    """Judges quantiles, as a scorer of scikit-learn judges predictions."""

    def __init__(self, function: Callable[..., Any], sign: int) -> None:
        self._score_func = function
        self.sign = sign

    def __call__(
        self, told: Any, X: pd.DataFrame, truth: pd.Series, *, sample_weight: Any = None
    ) -> float:
        shares = {
            float(name.removeprefix(QUANTILE)): X[name]
            for name in X.columns
            if name.startswith(QUANTILE)
        }
        if not shares:
            raise ValueError("there are no quantiles")
        return self.sign * float(self._score_func(truth, shares, sample_weight))


# Of estimators that have `predict_quantiles`.
OF_QUANTILES = {
    "neg_mean_pinball_loss": _OfQuantiles(pinball, -1),
    "interval_coverage": _OfQuantiles(coverage, 1),
}
