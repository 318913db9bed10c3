"""Is this penguin a male? Told by boosted trees."""

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from twobus.models import Model


class Trees(ClassifierMixin, BaseEstimator):
    """LightGBM's trees, which its own text format can hold.

    Attributes:
        rounds: How many trees there are.
        random_state: What every random choice follows from.
    """

    def __init__(self, rounds: int = 50, random_state: int = 0) -> None:
        """Take the settings, as scikit-learn wants it."""
        self.rounds = rounds
        self.random_state = random_state

    def fit(self, X: pd.DataFrame, y: pd.Series) -> "Trees":
        """Learn from features and the target of each row."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        settings = {
            "objective": "binary",
            "seed": self.random_state,
            "deterministic": True,
            "force_row_wise": True,
            "min_data_in_leaf": 5,
            "num_threads": 1,
            "verbose": -1,
        }
        self.booster_ = lightgbm.train(
            settings, lightgbm.Dataset(X, codes), num_boost_round=self.rounds
        )
        return self

    def predict_proba(self, X: pd.DataFrame) -> Any:
        """Return the probability of each class."""
        second = np.asarray(self.booster_.predict(X, num_threads=1))
        return np.column_stack([1 - second, second])

    def predict(self, X: pd.DataFrame) -> Any:
        """Return the more probable class."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def save(fitted: Trees, folder: Path) -> None:
    """Write the trees as LightGBM does, and the names of the classes."""
    fitted.booster_.save_model(folder / "trees.txt")
    (folder / "classes.txt").write_text("\n".join(fitted.classes_), "utf-8")


def load(folder: Path) -> Trees:
    """Read what `save` wrote."""
    fitted = Trees()
    fitted.booster_ = lightgbm.Booster(model_file=folder / "trees.txt")
    classes = (folder / "classes.txt").read_text("utf-8").split("\n")
    fitted.classes_ = np.array(classes, dtype=object)
    return fitted


MODEL = Model(
    table="penguins",
    target="sex",
    inputs=["species", "bill_length_mm", "bill_depth_mm", "body_mass_g"],
    estimator=Trees(),
    time="year",
    metrics={"accuracy": 0.7},
    rising=["body_mass_g"],
    save=save,
    load=load,
)
