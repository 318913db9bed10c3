"""What is fitted: by weights, thresholds, quantiles and epochs as declared."""

from math import isnan
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.linear_model import (
    LassoCV,
    LinearRegression,
    LogisticRegression,
    QuantileRegressor,
    Ridge,
)
from sklearn.metrics import make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    TunedThresholdClassifierCV,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from twobus.models.declaration import Model, ModelError
from twobus.models.fitting import converging, learn, own_folds, seeded, threshold
from twobus.models.intervals import interval
from twobus.models.metrics import Measure, check
from twobus.models.quantiles import OF_QUANTILES, Quantiles
from twobus.models.rows import predict, weights
from twobus.models.scores import cross_validated
from twobus.models.split import folds


def declared(estimator: Any, **more: Any) -> Model:
    """Return a declaration of `y` by `a` and `b`, with a key."""
    given = {
        "inputs": ["a", "b"],
        "target": "y",
        "dtypes": {"a": "float64", "b": "float64"},
        "features": lambda rows: rows,
        "metrics": {"r2": 0.0},
        "scorers": {},
        "positive": None,
        "weight": None,
        "key": ["key"],
        "time": None,
        "gap": None,
        "season": None,
        "series": [],
        "lags": [],
        **more,
    }
    return cast("Model", SimpleNamespace(estimator=estimator, **given))


def table(count: int = 120) -> pd.DataFrame:
    """Return rows, three of each key; `w` is a whole number."""
    rng = np.random.default_rng(3)
    found = pd.DataFrame(rng.normal(size=(count, 2)), columns=["a", "b"])
    found["y"] = found["a"] - found["b"] + rng.normal(size=count)
    found["w"] = rng.integers(0, 4, count)
    found["_key"] = np.arange(count) // 3
    return found


def repeated(rows: pd.DataFrame) -> pd.DataFrame:
    """Return each row as often as it counts."""
    return rows.loc[rows.index.repeat(rows["w"])].reset_index(drop=True)


def classes(count: int = 120) -> pd.DataFrame:
    """Return the rows with two classes for a target."""
    return table(count).assign(y=lambda it: np.where(it["y"] > 0, "yes", "no"))


BY_WEIGHT = {
    "alone": Ridge(),
    "in a pipeline": make_pipeline(FunctionTransformer(), Ridge()),
    "around another": TransformedTargetRegressor(make_pipeline(LinearRegression())),
    "quantiles": Quantiles(make_pipeline(QuantileRegressor(alpha=0)), (0.2, 0.5, 0.8)),
}


@pytest.mark.parametrize("kind", BY_WEIGHT)
def test_a_row_that_counts_twice_is_learned_as_two_rows(kind: str) -> None:
    rows = table()
    model, plain = declared(BY_WEIGHT[kind], weight="w"), declared(BY_WEIGHT[kind])
    found = predict(model, learn(model, seeded(model, 0), rows), rows)
    other = learn(plain, seeded(plain, 0), repeated(rows))
    expected = predict(plain, other, rows)
    pd.testing.assert_frame_equal(found, expected, rtol=1e-3, atol=1e-3)
    unweighted = learn(plain, seeded(plain, 0), rows)
    assert abs(predict(plain, unweighted, rows) - expected).max(axis=None) > 0.01


def test_a_row_that_counts_twice_is_scored_as_two_rows_with_the_same_interval() -> None:
    rows = table().assign(w=lambda it: it["w"] + 1)
    many = repeated(rows)
    model = declared(Ridge(), weight="w")
    one = Measure(model, "r2", None, rows["y"], weights=rows["w"])
    two = Measure(model, "r2", None, many["y"])
    guess, guesses = (it[["a"]].rename(columns={"a": "y"}) for it in (rows, many))
    assert one(guess) == pytest.approx(two(guesses))
    found, expected = interval(rows, one, guess), interval(many, two, guesses)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_keys_that_count_little_make_all_or_nothing_less_certain() -> None:
    rows = pd.DataFrame({"x": [1.0] * 32, "_key": range(32)})
    ends = [
        interval(rows, lambda it: it["x"].mean(), rows, within=(0, 1), weights=given)
        for given in (None, pd.Series([2.0] * 32), pd.Series([30.0] + [0.1] * 31))
    ]
    assert ends[0].low == pytest.approx(ends[1].low)
    assert ends[2].low < 0.5 < ends[0].low


def test_there_is_no_interval_where_a_few_rows_count_for_most() -> None:
    rows = pd.DataFrame({"x": np.arange(100.0), "_key": np.arange(100)})
    given = pd.Series(np.where(rows["x"] < 5, 1_000.0, 1.0), index=rows.index)
    found = interval(rows, lambda it: it["x"].mean(), rows, weights=given)
    assert isnan(found.low)
    assert "a few rows count for most" in found.note


@pytest.mark.parametrize(
    ("estimator", "named"),
    [
        (make_pipeline(StandardScaler(), LassoCV()), ["LassoCV"]),
        (GridSearchCV(Ridge(), {"alpha": [1, 2]}), ["GridSearchCV"]),
        (LassoCV(cv=GroupKFold(3)), []),
        (CalibratedClassifierCV(), []),
        (Ridge(), []),
    ],
)
def test_what_chooses_by_folds_of_its_own_is_named(
    estimator: Any, named: list[str]
) -> None:
    assert own_folds(declared(estimator)) == named
    assert own_folds(declared(estimator, key=[])) == []


def test_folds_learn_and_score_by_weights() -> None:
    rows = table()
    model = declared(make_pipeline(StandardScaler(), Ridge()), weight="w")
    (score,) = cross_validated(model, seeded(model, 0), rows, 0)
    values = []
    for learned, judged in folds(model, rows, 0):
        fitted = learn(model, seeded(model, 0), rows.iloc[learned])
        others = rows.iloc[judged]
        measure = Measure(model, "r2", fitted, others["y"], weights=others["w"])
        values.append(measure(predict(model, fitted, others)))
    assert score.value == pytest.approx(np.mean(values))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([1.0, None, 1.0], "missing, negative or infinite in 1 of 3 rows"),
        ([1.0, -1.0, float("inf")], "missing, negative or infinite in 2 of 3 rows"),
        ([0.0, 0.0, 0.0], "0 in all 3 rows"),
    ],
)
def test_weights_that_cannot_be_are_counted(values: list[float], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        weights(declared(Ridge(), weight="w"), pd.DataFrame({"w": values}))


def test_an_estimator_that_takes_no_weights_is_refused() -> None:
    # What only prepares may take them: that is of no use.
    estimator = make_pipeline(StandardScaler(), KNeighborsRegressor())
    with pytest.raises(ModelError, match="Pipeline cannot learn by `weight`"):
        seeded(declared(estimator, weight="w"), 0)


def test_a_metric_that_takes_no_weights_is_refused_before_the_fit() -> None:
    model = declared(Ridge(), weight="w", metrics={"neg_max_error": 0.0})
    with pytest.raises(ModelError, match="neg_max_error cannot count rows by `weight`"):
        check(model, table()["y"])


def missed(truth: Any, said: Any, sample_weight: Any = None) -> float:
    """Return what errors cost: a miss twenty times as much as a false alarm."""
    costs = 20 * (truth & ~said) + (~truth & said)
    return float(np.average(costs, weights=sample_weight))


def tuned(**more: Any) -> Model:
    """Return a declaration whose threshold is chosen by what errors cost."""
    return declared(
        TunedThresholdClassifierCV(LogisticRegression(), scoring="missed"),
        **{
            "positive": "yes",
            "metrics": {"missed": -9.0},
            "scorers": {"missed": make_scorer(missed, greater_is_better=False)},
            **more,
        },
    )


@pytest.mark.slow
@pytest.mark.parametrize("more", [{}, {"weight": "w"}, {"positive": "no"}])
def test_a_threshold_follows_costs_and_labels_follow_it(more: dict[str, Any]) -> None:
    rows = classes()
    model = tuned(**more)
    fitted = learn(model, seeded(model, 0, rows), rows)
    chosen = threshold(fitted)
    assert chosen is not None
    assert chosen < 0.3
    found = predict(model, fitted, rows)
    positive = model.positive
    expected = found[f"probability_{positive}"] >= chosen
    assert ((found["y"] == positive) == expected).all()
    assert (found["probability_yes"] + found["probability_no"]).tolist() == (
        pytest.approx([1.0] * len(rows))
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", [TunedThresholdClassifierCV, CalibratedClassifierCV])
def test_what_an_estimator_chooses_by_folds_of_its_own_keeps_keys_apart(
    kind: Any,
) -> None:
    rows = classes()
    asked: list[tuple[set[int], int]] = []

    class Seen(LogisticRegression):
        def fit(self, X: pd.DataFrame, *given: Any) -> Any:
            asked.append(({*rows.loc[X.index, "_key"]}, len(X)))
            return super().fit(X, *given)

    model = declared(kind(Seen()), positive="yes")
    # Within a part of the rows as well, as in cross-validation.
    half = rows.iloc[:60]
    learn(model, seeded(model, 0, rows), half)
    inner = [(keys, count) for keys, count in asked if count < len(half)]
    assert len(inner) == 5
    # All rows of each key that is learned from, or none.
    assert all(count == 3 * len(keys) for keys, count in inner)


def test_in_time_a_threshold_is_chosen_by_what_comes_later() -> None:
    rows = classes().assign(day=range(120), _key=range(120))
    model = tuned(time="day", key=[])
    splitter = seeded(model, 0, rows).cv
    for learned, judged in splitter.split(rows.iloc[10:90]):
        assert learned.max() < judged.min()


def test_a_threshold_that_cannot_be_chosen_is_refused() -> None:
    inside = make_pipeline(StandardScaler(), TunedThresholdClassifierCV(Ridge()))
    with pytest.raises(ModelError, match="must be outermost"):
        seeded(declared(inside), 0)
    by_shares = TunedThresholdClassifierCV(LogisticRegression(), scoring="roc_auc")
    with pytest.raises(ModelError, match="'roc_auc', which judges no decisions"):
        seeded(declared(by_shares), 0)


def test_what_chooses_by_folds_and_gets_no_table_is_refused() -> None:
    rows = classes()
    inner = CalibratedClassifierCV(LogisticRegression())
    model = declared(make_pipeline(StandardScaler(), inner))
    with pytest.raises(ModelError, match="put the pipeline into it"):
        learn(model, seeded(model, 0, rows), rows)


def test_a_fixed_number_of_epochs_is_no_error_and_too_few_steps_are() -> None:
    rows = table()
    fixed = declared(
        MLPRegressor(hidden_layer_sizes=(4,), max_iter=5, n_iter_no_change=5)
    )
    with converging(fixed):
        learn(fixed, seeded(fixed, 0), rows)
    short = declared(MLPRegressor(hidden_layer_sizes=(4,), max_iter=20))
    with (
        pytest.raises(ModelError, match="`n_iter_no_change` as large as `max_iter`"),
        converging(short),
    ):
        learn(short, seeded(short, 0), rows)


def test_quantiles_of_a_row_are_in_order_and_the_middle_one_is_predicted() -> None:
    rows = table()
    trees = GradientBoostingRegressor(loss="quantile", n_estimators=20)
    model = declared(Quantiles(trees, (0.4, 0.5, 0.6), setting="alpha"))
    found = predict(model, learn(model, seeded(model, 0), rows), rows)
    assert [*found] == ["y", "quantile_0.4", "quantile_0.5", "quantile_0.6"]
    assert (found["y"] == found["quantile_0.5"]).all()
    assert (found.iloc[:, 1:].diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    # They did cross.
    each = learn(model, seeded(model, 0), rows).estimators_
    raw = np.column_stack([it.predict(rows[["a", "b"]]) for it in each])
    assert (np.diff(raw, axis=1) < 0).any()


@pytest.mark.parametrize(
    ("quantiles", "said"),
    [
        (Quantiles(HistGradientBoostingRegressor()), "give it loss='quantile'"),
        (Quantiles(LinearRegression()), "0 settings of the estimator are called"),
        (Quantiles(QuantileRegressor(), (0.1, 0.9)), "must be an odd number"),
        (Quantiles(QuantileRegressor(), (0.9, 0.5, 0.1)), "in order"),
    ],
)
def test_quantiles_that_cannot_be_learned_are_refused(
    quantiles: Quantiles, said: str
) -> None:
    rows = table()
    with pytest.raises(ValueError, match=said):
        quantiles.fit(rows[["a", "b"]], rows["y"])


def test_quantiles_are_judged_by_their_loss_and_by_what_is_within() -> None:
    truth = pd.Series([0.0, 10.0, 20.0])
    found = pd.DataFrame(
        {"y": 5.0, "quantile_0.1": 0.0, "quantile_0.5": 5.0, "quantile_0.9": 12.0},
        index=truth.index,
    )
    model = declared(Quantiles(DummyRegressor(strategy="quantile")))
    measured = {it: Measure(model, it, None, truth)(found) for it in OF_QUANTILES}
    assert measured["interval_coverage"] == pytest.approx(2 / 3)
    # By hand: of each quantile the mean over rows, then the mean of these.
    losses = [(0 + 1 + 2) / 3, (2.5 + 2.5 + 7.5) / 3, (1.2 + 0.2 + 7.2) / 3]
    assert measured["neg_mean_pinball_loss"] == pytest.approx(-np.mean(losses))
    many = pd.Series([1, 1, 2])
    counted = Measure(model, "interval_coverage", None, truth, weights=many)
    assert counted(found) == pytest.approx(0.5)


def test_metrics_of_quantiles_need_some() -> None:
    model = declared(Ridge(), metrics={"interval_coverage": 0.8})
    with pytest.raises(ModelError, match="interval_coverage needs quantiles"):
        check(model, table()["y"])
    measure = Measure(model, "interval_coverage", None, pd.Series([1.0]))
    assert isnan(measure(pd.DataFrame({"y": [1.0]})))
    assert "there are no quantiles" in measure.reason


@pytest.mark.parametrize("kind", [object, BaseEstimator])
def test_what_says_neither_classes_nor_numbers_is_refused(kind: Any) -> None:
    class Own(kind):
        def fit(self, X: Any, y: Any) -> "Own":
            return self

    whole = table()["y"].round().astype("int64")
    with pytest.raises(ModelError, match="inherit from ClassifierMixin or Regressor"):
        check(declared(Own()), whole)


def test_what_predicts_numbers_with_decimals_need_not_say_so() -> None:
    class Own(BaseEstimator):
        def fit(self, X: Any, y: Any) -> "Own":
            self.mean_ = y.mean()
            return self

        def predict(self, X: Any) -> Any:
            return np.full(len(X), self.mean_)

    rows, model = table(), declared(Own())
    check(model, rows["y"])
    (score,) = cross_validated(model, seeded(model, 0), rows, 0)
    assert score.value <= 0


def test_each_fold_is_predicted_once_for_all_metrics() -> None:
    asked = []

    class Counted(Ridge):
        def predict(self, X: Any) -> Any:
            asked.append(len(X))
            return super().predict(X)

    model = declared(Counted(), metrics={"r2": 0.0, "neg_mean_squared_error": -9.0})
    scores = cross_validated(model, seeded(model, 0), table(), 0)
    assert [it.metric for it in scores] == [*model.metrics]
    assert sum(asked) == 120
    assert len(asked) == 5


def test_a_value_that_folds_lack_has_its_reason() -> None:
    rows = classes().assign(y=["yes"] * 6 + ["no"] * 114)
    model = declared(LogisticRegression(), metrics={"roc_auc": 0.5}, positive="yes")
    (score,) = cross_validated(model, seeded(model, 0), rows, 0)
    assert isnan(score.value)
    assert score.note.startswith("not defined in 3 of 5 folds: ")
    assert len(score.note) > 40


def test_quantiles_within_a_pipeline_are_not_answered_without_being_described() -> None:
    rows = table()
    within = make_pipeline(StandardScaler(), Quantiles(QuantileRegressor(alpha=0)))
    model = declared(within)
    assert [*predict(model, learn(model, within, rows), rows)] == ["y"]
