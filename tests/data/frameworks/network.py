"""How heavy is this penguin? Told by a small neural network."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.numpy import load_file, save_file
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.neural_network import MLPRegressor
from twobus.models import Model

LENGTHS = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm"]


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the lengths in metres, a typical one where one is missing."""
    return rows[LENGTHS].fillna(100.0) / 1000


class Network(RegressorMixin, BaseEstimator):
    """Two layers, whose weights are all that there is to keep.

    Attributes:
        random_state: What every random choice follows from.
    """

    def __init__(self, random_state: int = 0) -> None:
        """Take the settings, as scikit-learn wants it."""
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: pd.Series) -> "Network":
        """Learn from features and the target of each row."""
        self.scale_ = np.array([X.mean(), X.std() + 1e-9])
        self.range_ = np.array([y.mean(), y.std() + 1e-9])
        inner = MLPRegressor(
            hidden_layer_sizes=(8,), solver="lbfgs", max_iter=5000, alpha=1, tol=0.01
        )
        inner.set_params(random_state=self.random_state)
        inner.fit(self._scaled(X), (y - self.range_[0]) / self.range_[1])
        self.weights_ = [*zip(inner.coefs_, inner.intercepts_, strict=True)]
        return self

    def predict(self, X: pd.DataFrame) -> Any:
        """Return a mass a row."""
        values = self._scaled(X)
        *hidden, (weight, bias) = self.weights_
        for inner_weight, inner_bias in hidden:
            values = np.maximum(values @ inner_weight + inner_bias, 0)
        return (values @ weight + bias).ravel() * self.range_[1] + self.range_[0]

    def _scaled(self, X: pd.DataFrame) -> Any:
        return (X.to_numpy() - self.scale_[0]) / self.scale_[1]


def save(fitted: Network, folder: Path) -> None:
    """Write the weights as safetensors, and how many layers they are."""
    tensors = {"scale": fitted.scale_, "range": fitted.range_}
    for number, (weight, bias) in enumerate(fitted.weights_):
        tensors[f"weight{number}"] = np.ascontiguousarray(weight)
        tensors[f"bias{number}"] = bias
    save_file(tensors, folder / "network.safetensors")
    (folder / "layers.json").write_text(json.dumps(len(fitted.weights_)), "utf-8")


def load(folder: Path) -> Network:
    """Read what `save` wrote."""
    fitted, tensors = Network(), load_file(folder / "network.safetensors")
    layers = json.loads((folder / "layers.json").read_text("utf-8"))
    fitted.weights_ = [
        (tensors[f"weight{it}"], tensors[f"bias{it}"]) for it in range(layers)
    ]
    fitted.scale_, fitted.range_ = tensors["scale"], tensors["range"]
    return fitted


MODEL = Model(
    table="penguins",
    target="body_mass_g",
    inputs=LENGTHS,
    features=features,
    estimator=Network(),
    metrics={"r2": 0.5},
    slices={"species": -1.0},
    rising=["flipper_length_mm"],
    save=save,
    load=load,
)
