"""A metric is a number, or says why not; what cannot be one is said before the fit."""

from math import isnan
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import get_scorer, make_scorer, mean_pinball_loss

from twobus.models.declaration import Model, ModelError
from twobus.models.metrics import OF_ONE, Measure, check

TRUTH = pd.Series(["no", "yes", "yes", "no", "yes", "no"])
SHARES = np.array([0.1, 0.9, 0.4, 0.2, 0.7, 0.6])


def declared(
    *metrics: str, positive: Any = None, number: bool = False, **scorers: Any
) -> Model:
    """Return what a metric asks of a declaration."""
    estimator = LinearRegression() if number else LogisticRegression()
    found = SimpleNamespace(
        target="y",
        estimator=estimator,
        positive=positive,
        weight=None,
        metrics=dict.fromkeys(metrics, 0.0),
        scorers=scorers,
    )
    return cast("Model", found)


def predicted() -> pd.DataFrame:
    """Return predictions as `predict` gives them."""
    labels = np.where(SHARES > 0.5, "yes", "no")
    shares = {"probability_no": 1 - SHARES, "probability_yes": SHARES}
    return pd.DataFrame({"y": labels, **shares})


@pytest.mark.parametrize("metric", [*OF_ONE, "roc_auc", "neg_log_loss", "accuracy"])
def test_labels_that_are_texts_score_as_false_and_true_do(metric: str) -> None:
    fitted = SimpleNamespace(classes_=np.array(["no", "yes"]))
    value = Measure(declared(metric, positive="yes"), metric, fitted, TRUTH)(
        predicted()
    )
    known = LogisticRegression()
    known.classes_ = np.array([False, True])
    known.coef_, known.intercept_ = np.array([[1.0]]), np.array([0.0])
    # The same shares, by a model of whose sort scikit-learn makes its own.
    given = pd.DataFrame({"x": np.log(SHARES / (1 - SHARES))}).to_numpy()
    assert value == pytest.approx(get_scorer(metric)(known, given, TRUTH == "yes"))


def test_the_other_class_may_be_the_positive_one() -> None:
    fitted = SimpleNamespace(classes_=np.array(["no", "yes"]))
    found = [
        Measure(declared("recall", positive=it), "recall", fitted, TRUTH)(predicted())
        for it in ("yes", "no")
    ]
    assert found == pytest.approx([2 / 3, 2 / 3])


def test_what_is_not_defined_says_why() -> None:
    fitted = SimpleNamespace(classes_=np.array(["no", "yes"]))
    model = declared("roc_auc", positive="yes")
    measure = Measure(model, "roc_auc", fitted, TRUTH)
    assert isnan(measure(predicted().iloc[[1, 2]]))
    assert measure.reason.startswith("not defined here")
    assert not isnan(measure(predicted()))
    assert measure.reason == ""


@pytest.mark.parametrize(
    ("model", "truth", "said"),
    [
        (declared("acuracy"), TRUTH, "There is no metric 'acuracy'"),
        (declared("f1"), TRUTH, "say which by `positive='yes'`"),
        (
            declared("f1", positive="ja"),
            TRUTH,
            "'ja' is not in y, which has 'no', 'yes'",
        ),
        (declared("f1", positive=1), pd.Series([0, 1, 2]), "`positive` is for two"),
        (declared("recall"), pd.Series([0, 1, 2]), "take recall_macro"),
    ],
)
def test_metrics_that_cannot_be_are_refused_before_the_fit(
    model: Model, truth: pd.Series, said: str
) -> None:
    with pytest.raises(ModelError) as stopped:
        check(model, truth)
    assert said in str(stopped.value)


@pytest.mark.parametrize(
    ("model", "truth"),
    [
        (declared("f1"), pd.Series([0, 1, 1])),
        (declared("f1"), pd.Series([False, True])),
        (declared("f1_macro", "accuracy"), pd.Series(["a", "b", "c"])),
        (declared("r2", number=True), pd.Series([0.5, 1.5])),
        (declared("f1", positive="yes"), TRUTH),
    ],
)
def test_metrics_that_can_be_are_taken(model: Model, truth: pd.Series) -> None:
    check(model, truth)


def cost(truth: Any, decided: Any) -> float:
    """Return what errors cost: who is missed costs five times a false alarm."""
    missed, alarms = truth & ~decided, ~truth & decided
    return float(5 * missed.sum() + alarms.sum())


def test_a_scorer_of_ones_own_judges_by_its_direction() -> None:
    fitted = SimpleNamespace(classes_=np.array(["no", "yes"]))
    own = {"cost": make_scorer(cost, greater_is_better=False)}
    model = declared("cost", positive="yes", **own)
    check(model, TRUTH)
    assert Measure(model, "cost", fitted, TRUTH)(predicted()) == -6


def test_a_scorer_of_ones_own_may_ask_for_probabilities() -> None:
    fitted = SimpleNamespace(classes_=np.array(["no", "yes"]))
    scorer = make_scorer(
        lambda truth, share: share.max(), response_method="predict_proba"
    )
    model = declared("most", positive="yes", most=scorer)
    assert Measure(model, "most", fitted, TRUTH)(predicted()) == 0.9


def test_quantiles_are_judged_by_their_pinball_loss() -> None:
    scorer = make_scorer(mean_pinball_loss, alpha=0.9, greater_is_better=False)
    model = declared("pinball_90", number=True, pinball_90=scorer)
    truth = pd.Series([10.0, 0.0])
    value = Measure(model, "pinball_90", None, truth)(pd.DataFrame({"y": [0.0, 10.0]}))
    assert value == pytest.approx(-(9 + 1) / 2)


def test_a_scorer_that_fails_is_named() -> None:
    scorer = make_scorer(lambda truth, found: 1 / 0)
    model = declared("mine", number=True, mine=scorer)
    with pytest.raises(ModelError, match=r"The scorer 'mine' failed: .*ZeroDivision"):
        Measure(model, "mine", None, pd.Series([1.0]))(pd.DataFrame({"y": [1.0]}))


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (declared("f1", f1=make_scorer(cost)), "has a meaning already"),
        (declared("accuracy", cost=make_scorer(cost)), "judges nothing"),
        (declared("cost", cost=cost), "does not say whether more is better"),
    ],
)
def test_a_scorer_that_cannot_judge_is_refused_before_the_fit(
    model: Model, said: str
) -> None:
    with pytest.raises(ModelError, match=said):
        check(model, TRUTH)
