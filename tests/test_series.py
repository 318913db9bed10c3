"""Lags are of what is known when a prediction is made, and of nothing else."""

from typing import Any

import ibis
import numpy as np
import pandas as pd
import pandera.ibis as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from twobus.models.columns import kept
from twobus.models.declaration import Model, ModelError
from twobus.models.metrics import Measure, check, scorer
from twobus.models.schema import row_type
from twobus.models.scores import cross_validated, evaluate
from twobus.models.series import lagged, reached
from twobus.models.split import folds, split

TIMES = {"day": "date", "moment": "timestamp('UTC')", "number": "int64"}


def contract(time: str = "day") -> Any:
    """Return the contract of sales, by shops and in time."""
    sales = pa.Column(ibis.dtype("int64"), checks=pa.Check.ge(0), nullable=True)
    return pa.DataFrameSchema(
        {
            "shop": pa.Column(ibis.dtype("string")),
            time: pa.Column(ibis.dtype(TIMES[time])),
            "price": pa.Column(ibis.dtype("float64")),
            "sales": sales,
        }
    )


def declared(time: str | None = "day", **changes: Any) -> Model:
    """Declare a model of sales."""
    stated: dict[str, Any] = {
        "table": "sales",
        "target": "sales",
        "inputs": ["price"],
        "estimator": make_pipeline(SimpleImputer(keep_empty_features=True), Ridge()),
        "metrics": {"r2": 0.0},
        "series": ["shop"],
        "time": time,
        "gap": "2D",
        "lags": ["2D", ("2D", "5D")],
    }
    with kept({"sales": contract(time or "day")}):
        return Model(**stated | changes)


def test_one_name_may_stand_for_a_list_of_it() -> None:
    assert tuple(declared(series="shop", rising="price").series) == ("shop",)
    assert declared(series=[], key="shop", lags=[]).key == ("shop",)


def days(values: list[float | None], shop: str = "a", first: int = 1) -> pd.DataFrame:
    """Return a value a day."""
    times = pd.date_range(f"2024-01-{first:02}", periods=len(values), unit="s")
    return pd.DataFrame({"shop": shop, "day": times, "price": 1.0, "sales": values})


def lags(model: Model, rows: pd.DataFrame, name: str = "sales_2D_before") -> list[Any]:
    """Return what a lag is in each row."""
    found = lagged(model, rows)[name]
    return [None if pd.isna(value) else value for value in found]


def test_a_lag_is_the_value_of_then_of_each_series() -> None:
    rows = pd.concat([days([1, 2, 3, 4]), days([10, 20, 30, 40], "b")])
    rows = rows.sort_values("day", ignore_index=True)
    assert lags(declared(), rows) == [None, None, None, None, 1, 10, 2, 20]
    assert lags(declared(series=[]), rows) == [None] * 4 + [5.5, 5.5, 11, 11]


def test_a_window_is_the_mean_of_what_was_between() -> None:
    rows = days([1, 2, 3, 4, 8, 16, 32])
    # From two days before on, three days; the first ones have less of it, or nothing.
    wanted = [None, None, 1, 1.5, 2, 3, 5]
    assert lags(declared(), rows, "sales_2D_to_5D_before") == wanted


def test_where_a_day_is_missing_the_last_one_before_counts() -> None:
    rows = days([1, 2, None, 4, 5, 6]).drop(index=3)
    assert lags(declared(), rows) == [None, None, 1, 2, 2]
    assert lags(declared(), rows, "sales_2D_to_5D_before") == [None, None, 1, 1.5, 2]


def test_of_rows_of_one_time_it_is_the_mean_in_whatever_order_they_come() -> None:
    rows = pd.concat([days([1, 2]), days([4, 2]), days([7]), days([5, 6], first=3)])
    rows = rows.reset_index(drop=True)
    found = lagged(declared(), rows)
    assert found["sales_2D_before"].dropna().tolist() == [4.0, 2.0]
    other = lagged(declared(), rows.sample(frac=1, random_state=1)).sort_index()
    pd.testing.assert_frame_equal(other, found, check_exact=True)


def test_rows_of_the_future_have_lags_until_the_gap() -> None:
    rows = days([1, 2, 3, None, None, None])
    model = declared()
    assert lags(model, rows) == [None, None, 1, 2, 3, 3]
    assert reached(model, rows).tolist() == [True] * 5 + [False]
    # A series without any past is what the model has learned from, too.
    assert reached(model, days([None])).all()
    assert lags(model, days([None])) == [None]


def test_times_of_other_zones_are_the_same_moments() -> None:
    times = pd.date_range("2024-03-30", periods=4, freq="D", tz="Europe/Berlin")
    rows = days([1, 2, 3, 4]).rename(columns={"day": "moment"}).assign(moment=times)
    model = declared("moment", gap="24h", lags=["24h"])
    # The 31st has 23 hours: 24 before midnight after it is 23 o'clock of the 30th.
    wanted = [None, 1, 1, 3]
    assert lags(model, rows, "sales_24h_before") == wanted
    utc = rows.assign(moment=rows["moment"].dt.tz_convert("UTC"))
    assert lags(model, utc, "sales_24h_before") == wanted
    bare = utc.assign(moment=utc["moment"].dt.tz_localize(None).dt.as_unit("ns"))
    assert lags(model, bare, "sales_24h_before") == wanted


def test_days_have_no_hours() -> None:
    rows = days([1, 2, 3, 4]).assign(day=pd.date_range("2024-03-30", periods=4))
    assert lags(declared(gap="1D", lags=["1D"]), rows, "sales_1D_before") == [
        *[None, 1, 2, 3]
    ]


def test_numbers_may_be_times() -> None:
    rows = days([1, 2, 3, 4]).rename(columns={"day": "number"})
    rows["number"] = [1, 2, 3, 5]
    model = declared("number", gap=2, lags=[2, (2, 4)])
    assert lags(model, rows, "sales_2_before") == [None, None, 1, 3]
    assert lags(model, rows, "sales_2_to_4_before") == [None, None, 1, 2.5]


def test_what_a_request_sends_is_described_by_the_target() -> None:
    with kept({"sales": contract()}):
        row = row_type("sales", declared(), {}).model_json_schema()
    told = row["properties"]["sales_2D_before"]
    assert told["anyOf"] == [{"minimum": 0, "type": "number"}, {"type": "null"}]
    assert "at least 2D old" in told["description"]
    assert "sales_2D_to_5D_before" in row["required"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"lags": ["1D"]}, "The lag '1D' is shorter than the gap '2D'"),
        ({"lags": [("1D", "3D")]}, "The lag '1D' is shorter than the gap '2D'"),
        ({"lags": ["30D"], "gap": pd.DateOffset(months=1)}, "is shorter than the gap"),
        ({"lags": ["0D"], "gap": "0D"}, "is shorter than the gap"),
        ({"lags": [("5D", "2D")]}, "the other way round"),
        ({"lags": ["a week"]}, "'a week' is no lag: write '7D'"),
        ({"lags": [("2D", "5D", "7D")]}, "is no lag"),
        ({"lags": [7]}, "7 is no span of 'day'"),
        ({"lags": ["7X"]}, "'7X' is no span of 'day'"),
        ({"lags": "7D"}, r"as a list: lags=\['7D'\]"),
        ({"gap": None}, "`lags` need `gap`"),
        ({"gap": "soon", "lags": []}, "'soon' is no span of 'day'"),
        ({"time": None, "gap": None, "lags": []}, "`series` needs the column of times"),
        ({"key": ["shop"]}, "name one of both"),
        ({"series": ["town"]}, "series names 'town'"),
        ({"target": "shop", "series": []}, "`lags` are of numbers"),
    ],
)
def test_what_is_no_series_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        declared(**changes)


def test_a_lag_of_months_is_compared_with_every_month() -> None:
    assert declared(lags=["31D"], gap=pd.DateOffset(months=1)).inputs[-1] == (
        "sales_31D_before"
    )


def test_lags_may_be_named_among_the_inputs() -> None:
    names = ["price", "sales_2D_before"]
    assert [*declared(inputs=names, lags=["2D"]).inputs] == names


VALUES = st.one_of(st.none(), st.integers(0, 9))


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.integers(0, 12), VALUES, VALUES),
        min_size=1,
        max_size=25,
    ),
    st.integers(0, 12),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_what_is_not_known_in_time_changes_no_feature(
    drawn: list[Any], late: int, gap: int, more: int
) -> None:
    rows = pd.DataFrame(drawn, columns=["shop", "number", "sales", "otherwise"])
    near = gap + more
    model = declared("number", gap=gap, lags=[gap, near, (near, near + 3)])
    rows["price"] = 1.0
    rows[["sales", "otherwise"]] = rows[["sales", "otherwise"]].astype("float64")
    after = rows["number"] > late - gap
    changed = rows.assign(sales=rows["sales"].where(~after, rows["otherwise"]))
    asked = rows["number"] <= late
    names = [name for name in model.inputs if name != "price"]
    pd.testing.assert_frame_equal(
        lagged(model, changed).loc[asked, names],
        lagged(model, rows).loc[asked, names],
        check_exact=True,
    )


def test_a_series_is_learned_from_until_the_gap_and_judged_after_it() -> None:
    rows = pd.concat([days([*range(30)]), days([*range(5, 35)], "b")])
    rows = rows.assign(price=np.arange(60) % 7.0).reset_index(drop=True)
    parts = split(declared(), rows)
    assert {*parts.training["shop"]} == {*parts.held_out["shop"]} == {"a", "b"}
    start = parts.held_out["day"].min()
    assert parts.training["day"].max() == start - pd.Timedelta("2D")
    assert {*parts.gap["day"]} == {start - pd.Timedelta("1D")}
    for model in (declared(), declared(gap=None, lags=[])):
        for learned, judged in folds(model, parts.training, 0):
            times = parts.training["day"]
            assert times.iloc[learned].max() < times.iloc[judged].min()


def test_a_series_that_repeats_itself_may_be_learned() -> None:
    rows = days([*np.arange(70) % 7]).assign(price=np.arange(70) % 5)
    assert len(split(declared(lags=["7D"]), rows).training) > 40


def noise(seed: int) -> pd.DataFrame:
    """Return three series of which nobody can tell anything."""
    random = np.random.default_rng(seed)
    each = [days([*random.integers(0, 100, 150)], shop) for shop in "abc"]
    rows = pd.concat(each, ignore_index=True)
    return rows.assign(price=random.standard_normal(len(rows)))


@pytest.mark.slow
def test_nobody_can_tell_anything_of_white_noise() -> None:
    model = declared(lags=["2D", "3D", ("2D", "9D")], season="7D")
    beyond, folded = [], []
    for seed in range(12):
        parts = split(model, noise(seed))
        given = parts.training[[*model.inputs]]
        fitted = model.estimator.fit(given, parts.training["sales"])
        score = evaluate(model, fitted, parts)[0]
        beyond.append(score.value - score.baseline)
        folded.append(cross_validated(model, model.estimator, parts.training, 0)[0])
    # Some features that say nothing cost a little.
    assert -0.1 < np.mean(beyond) <= 0
    assert -0.1 < np.mean([it.value for it in folded]) <= 0


def test_a_lag_that_looks_ahead_would_be_seen_in_white_noise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("twobus.models.series.span", lambda times, value: times * 0)
    rows = noise(0).rename(columns={"day": "number"})
    rows["number"] = np.tile(np.arange(150), 3)
    model = declared("number", gap=2, lags=[])
    ahead = lagged(_with(model, lags=[2]), rows)
    assert ahead["sales_2_before"].corr(ahead["sales"]) > 0.99


def _with(model: Model, **changes: Any) -> Model:
    for name, value in changes.items():
        object.__setattr__(model, name, value)
    return model


def by_hand(truth: list[int], predicted: list[float], season: int = 1) -> float:
    """Return a MASE whose first seven values are the training part."""
    past = np.array(truth[:7])
    scale = np.abs(past[season:] - past[:-season]).mean()
    return float(np.abs(np.array(truth[7:]) - predicted).mean() / scale)


@pytest.mark.parametrize("season", [None, "2D"])
def test_errors_are_scaled_by_what_each_series_was(season: str | None) -> None:
    one, two = (
        [1, 5, 2, 7, 3, 6, 4, 9, 5, 8],
        [100, 120, 90, 150, 80, 130, 95, 170, 7, 9],
    )
    rows = pd.concat(
        [days([*map(float, one)]), days([*map(float, two)], "b")]
    ).reset_index(drop=True)
    rows["price"] = np.arange(20) % 3
    model = declared(gap=None, lags=[], season=season, metrics={"neg_mase": -1})
    parts = split(model, rows)
    late = parts.held_out.sort_values(["shop", "day"])
    guess = pd.DataFrame({"sales": [6.0, 7.0, 6.5, 10.0, 20.0, 15.0]}, index=late.index)
    measure = Measure(model, "neg_mase", None, late["sales"], late["_scale"])
    step = 2 if season else 1
    first, second = by_hand(one, [6, 7, 6.5], step), by_hand(two, [10, 20, 15], step)
    assert measure(guess) == pytest.approx(-(first + second) / 2)
    assert measure(guess.iloc[:3]) == pytest.approx(-first)


def test_of_a_series_that_never_changed_there_is_no_scaled_error() -> None:
    rows = pd.concat([noise(0), days([7] * 150, "d")], ignore_index=True)
    rows["price"] = np.random.default_rng(0).standard_normal(len(rows))
    model = declared(metrics={"neg_mase": -1}, slices={"shop": -1})
    parts = split(model, rows)
    fitted = model.estimator.fit(
        parts.training[[*model.inputs]], parts.training["sales"]
    )
    found = {it.rows: it for it in evaluate(model, fitted, parts)}
    assert np.isnan(found["held out"].value)
    assert not found["held out"].passed
    assert "31 rows are of series that have no past" in found["held out"].note
    assert -2 < found["shop=a"].value < -0.4
    (folded,) = cross_validated(model, model.estimator, parts.training, 0)
    assert folded.note.startswith("not defined in 5 of 5 folds: 12 rows are of series")


def test_scaled_errors_work_in_folds_and_where_settings_are_tried() -> None:
    model = declared(metrics={"neg_mase": -1})
    parts = split(model, noise(0))
    (folded,) = cross_validated(model, model.estimator, parts.training, 0)
    assert -1.5 < folded.low < folded.value < folded.high < -0.4
    grid = GridSearchCV(
        model.estimator,
        {"ridge__alpha": [0.1, 1]},
        scoring=scorer(model, "neg_mase", parts.training),
        cv=folds(model, parts.training, 0),
    )
    grid.fit(parts.training[[*model.inputs]], parts.training["sales"])
    assert grid.cv_results_["mean_test_score"][1] == pytest.approx(folded.value)


def test_scaled_errors_are_of_numbers_in_time() -> None:
    model = declared(time=None, gap=None, series=[], lags=[], metrics={"neg_mase": -1})
    with pytest.raises(ModelError, match="neg_mase is about numbers in time"):
        check(model, pd.Series([1, 2]))
