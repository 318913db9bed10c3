"""A card tells of any model, and what it cannot draw costs no fitted model."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from modelled import NAME
from sklearn.base import BaseEstimator
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from twobus.data import source
from twobus.models import card, registry, tasks, training
from twobus.models.declaration import Model
from twobus.models.rows import predict
from twobus.models.split import split

pytestmark = pytest.mark.slow

LENGTHS = ["bill_length_mm", "bill_depth_mm"]
Features = Any


class Plain(BaseEstimator):
    """An estimator that can do what must be, and no more."""

    def fit(self, X: pd.DataFrame, y: pd.Series) -> "Plain":
        self.mean_ = y.mean()
        return self

    def predict(self, X: pd.DataFrame) -> Any:
        return np.full(len(X), self.mean_)


def texts(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a text of its own for each row."""
    words = rows["bill_length_mm"].map("bird of {} mm".format)
    return pd.DataFrame({"text": words}, index=rows.index)


def many(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a category of many values."""
    known = [f"bird of {tenth / 10} mm" for tenth in range(300, 620)]
    return texts(rows).astype(pd.CategoricalDtype([*known, "bird of nan mm"]))


def whole(rows: pd.DataFrame) -> pd.DataFrame:
    """Return whole numbers of 32 bits, and true or false."""
    known = rows.fillna(0)
    flags = known["bill_depth_mm"] > 15
    return pd.DataFrame({"a": known["bill_length_mm"].astype("int32"), "b": flags})


def dollars(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what Matplotlib could read as formulas."""
    kinds = np.where(rows["bill_depth_mm"] > 15, "$x_{$", "$y^$")
    return pd.DataFrame({"$a$": rows["bill_length_mm"].fillna(0), "b": kinds})


LEARNS_TEXT = make_pipeline(
    make_column_transformer((CountVectorizer(), "text")), LogisticRegression()
)
FORMULAS = make_pipeline(
    make_column_transformer((SimpleImputer(), ["$a$"])), LogisticRegression()
)
SHAPES: dict[str, tuple[str, Features, Any]] = {
    "text": ("species", texts, LEARNS_TEXT),
    "categories": ("species", many, LEARNS_TEXT),
    "whole numbers": ("body_mass_g", whole, RandomForestRegressor(5)),
    "formulas": ("sex", dollars, FORMULAS),
    "nothing else": ("body_mass_g", whole, Plain()),
}


def made(name: str) -> str:
    """Return the card of a model of some shape."""
    target, features, estimator = SHAPES[name]
    number = target == "body_mass_g"
    model = Model(
        table="penguins",
        target=target,
        inputs=LENGTHS,
        features=features,
        estimator=estimator,
        metrics={"r2" if number else "accuracy": -1.0},
    )
    parts = split(model, source().read("penguins").to_pandas())
    given = features(parts.training[LENGTHS])
    fitted = estimator.fit(given, parts.training[target])
    facts = registry.fetch(NAME, 1).facts
    predicted = predict(model, fitted, parts.held_out)
    return card.render(NAME, model, fitted, parts, [], facts, predicted)


@pytest.mark.parametrize("name", SHAPES)
def test_each_shape_has_a_card_with_figures(name: str, quick: Path) -> None:
    text = made(name)
    left = re.findall("<p>Not drawn: (.*?)</p>", text)
    assert text.count("<img") >= 1
    if name == "nothing else":
        # What it does to a single feature needs to know what kind of model it is.
        assert all("Plain" in it or "estimator" in it for it in left), left
    else:
        assert left == []


def test_free_text_is_not_drawn(quick: Path) -> None:
    assert "What text does" not in made("text")


def test_a_card_that_fails_costs_no_version(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*given: object) -> str:
        raise ValueError("on <purpose>")

    monkeypatch.setattr(training, "render", broken)
    tasks.train([NAME])
    assert registry.versions(NAME) == [2, 1]
    assert "keeping no card" in capsys.readouterr().err
    assert "on &lt;purpose&gt;" in registry.fetch(NAME, 2).card


def test_a_card_names_who_knows_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card, "known_to", lambda project, path: ("Ann *A*", "Bob"))
    line = r"Known to Ann \*A\*, Bob, who wrote or reviewed it."
    assert card._known_to("churn") == [line]
    monkeypatch.setattr(card, "known_to", lambda project, path: ())
    assert card._known_to("churn") == []
