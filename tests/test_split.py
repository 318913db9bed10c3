"""What is held out stays held out, whatever becomes of types and other columns."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from twobus.models import holdout
from twobus.models import split as splitting
from twobus.models.columns import span
from twobus.models.declaration import Model, ModelError
from twobus.models.keys import FORM, MISSING, canonical, hashed
from twobus.models.split import Split, folds


@dataclass
class Declared:
    """What a split asks of a declaration."""

    key: list[str]
    time: str | None = None
    inputs: tuple[str, ...] = ("a", "b")
    target: str = "y"
    estimator: Any = field(default_factory=LinearRegression)
    gap: Any = None
    metrics: tuple[str, ...] = ()
    weight: str | None = None
    season: Any = None
    series: tuple[str, ...] = ()
    lags: tuple[str, ...] = ()


def declared(*key: str, time: str | None = None) -> Model:
    """Return a declaration."""
    return cast("Model", Declared([*key], time))


SAME: dict[str, list[Any]] = {
    "whole numbers": [1, 1.0, np.int8(1), np.float32(1), Decimal("1.00"), "1", True],
    "negative ones": [-3, -3.0, Decimal(-3), "-3"],
    "zero": [0, 0.0, -0.0, Decimal("-0.0"), False],
    "decimals": [0.1, Decimal("0.10"), np.float64(0.1)],
    "dates": [date(2024, 1, 31), pd.Timestamp("2024-01-31"), "2024-01-31"],
    "times": [
        pd.Timestamp("2024-01-31T12:00", tz="Europe/Berlin"),
        pd.Timestamp("2024-01-31T11:00"),
        np.datetime64("2024-01-31T11:00"),
    ],
    "nothing": [None, float("nan"), pd.NA, pd.NaT, np.datetime64("NaT")],
    "texts": ["caf\u00e9", "cafe\u0301"],
}


@pytest.mark.parametrize("name", SAME)
def test_a_key_is_the_same_in_each_type(name: str) -> None:
    assert len({canonical(value) for value in SAME[name]}) == 1


def test_keys_that_differ_stay_apart() -> None:
    values = [1, 10, 1.5, "01", "1 ", "", None, "nan", date(2024, 1, 1), "A", "a"]
    assert len({canonical(value) for value in values}) == len(values)
    assert canonical(None) == MISSING


def test_hashes_are_those_of_the_first_release() -> None:
    found = hashed(pd.DataFrame({"a": [1, 2], "b": ["x", None]}), ["a", "b"])
    # Another number would draw all hold-outs anew.
    assert found.tolist() == [16603097053487715639, 342385166240976464]


def table(count: int = 200) -> pd.DataFrame:
    """Return rows with several of each key."""
    numbers = np.arange(count)
    return pd.DataFrame(
        {
            "customer": numbers // 4,
            "month": numbers % 10,
            "a": numbers * 0.5,
            "b": numbers % 7,
            "y": numbers * 1.5,
        }
    )


def held_out(rows: pd.DataFrame, model: Model) -> set[float]:
    """Return the targets of the rows that are held out."""
    late = hashed(rows, splitting.identity(model)) / 2**64 >= 1 - splitting.HELD_OUT
    return {*rows.loc[late, "y"]}


def test_one_empty_key_that_makes_floats_of_integers_moves_no_row() -> None:
    rows, model = table(), declared("customer")
    spoilt = rows.astype({"customer": "float64"})
    spoilt.loc[len(spoilt)] = [float("nan"), 0, 0, 0, -1]
    assert held_out(spoilt, model) - {-1.0} == held_out(rows, model)
    texts = rows.astype({"customer": "str"})
    assert held_out(texts, model) == held_out(rows, model)


def test_another_column_of_the_table_moves_no_row() -> None:
    rows, model = table(), declared()
    assert held_out(rows.assign(new=1), model) == held_out(rows, model)


def test_no_key_is_on_both_sides_of_a_fold_in_time() -> None:
    rows = table().sort_values("month", ignore_index=True)
    rows["_key"] = hashed(rows, ["customer"])
    # A customer is known for some months only, so that something is left.
    rows = rows[(rows["customer"] % 10 - rows["month"]).abs() < 5]
    for learned, judged in folds(declared("customer", time="month"), rows, 0):
        assert len(learned) and len(judged)
        assert not {*rows["_key"].iloc[learned]} & {*rows["_key"].iloc[judged]}
        assert rows["month"].iloc[learned].max() <= rows["month"].iloc[judged].min()


def test_folds_of_many_keys_keep_keys_together_and_share_rare_classes() -> None:
    random = np.random.default_rng(0)
    keys = random.integers(0, 6_000, 20_000)
    rows = pd.DataFrame({"_key": keys.astype("uint64"), "y": keys % 500 == 0})
    model = cast("Model", Declared([], estimator=LogisticRegression()))
    parts = folds(model, rows, 0)
    for learned, judged in parts:
        assert not {*rows["_key"].iloc[learned]} & {*rows["_key"].iloc[judged]}
        assert len(judged) == pytest.approx(len(rows) / 5, rel=0.05)
        rare = rows[rows["y"]]["_key"].nunique()
        found = rows.iloc[judged].query("y")["_key"].nunique()
        assert found == pytest.approx(rare / 5, abs=1)
    together = np.concatenate([judged for _, judged in parts])
    assert sorted(together) == [*range(len(rows))]


def test_a_gap_before_what_is_judged_is_not_learned_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(splitting, "known_target", lambda model, rows: rows)
    monkeypatch.setattr(splitting, "conform", lambda rows, model: rows[["b"]])
    monkeypatch.setattr(splitting, "features", lambda model, rows: rows)
    rows = table().sort_values("month", ignore_index=True)
    model = Declared([], "month", gap=2)
    parts = splitting.split(cast("Model", model), rows)
    assert parts.training["month"].max() == parts.held_out["month"].min() - 2
    for learned, judged in folds(cast("Model", model), parts.training, 0):
        months = parts.training["month"]
        assert months.iloc[learned].max() <= months.iloc[judged].min() - 2


@pytest.mark.parametrize("gap", ["7D", "a week"])
def test_a_gap_that_is_none_for_its_times_is_named(gap: str) -> None:
    with pytest.raises(ModelError, match="is no span of 'month'"):
        span(table()["month"], gap)


def test_folds_that_would_learn_from_nobody_are_refused() -> None:
    rows = table(40).assign(customer=1).sort_values("month", ignore_index=True)
    rows["_key"] = hashed(rows, ["customer"])
    with pytest.raises(ModelError, match="Too few keys to cross-validate by time"):
        folds(declared("customer", time="month"), rows, 0)


def parts_of(model: Model, rows: pd.DataFrame) -> Split:
    """Split rows as a model does."""
    rows = rows.assign(_key=hashed(rows, splitting.identity(model)))
    late = rows["_key"] / 2**64 >= 1 - splitting.HELD_OUT
    return Split(rows[~late], rows[late])


def test_a_key_that_was_judged_by_and_is_learned_from_is_named() -> None:
    model = declared("customer")
    parts = parts_of(model, table())
    before = holdout.described(model, parts, parts.training)
    assert holdout.advice(model, parts_of(model, table(300)), before) == []
    swapped = Split(parts.held_out, parts.training)
    (said,) = holdout.advice(model, swapped, before)
    assert said.startswith(f"{len(before['keys'])} keys that the version before")


@pytest.mark.parametrize("before", [{}, {"form": 0, "by": ["customer"], "keys": []}])
def test_a_hold_out_that_is_drawn_anew_is_named(before: dict[str, Any]) -> None:
    model = declared("customer")
    (said,) = holdout.advice(model, parts_of(model, table()), before)
    assert "drawn in another way" in said


def test_a_model_without_a_key_is_told_to_declare_one() -> None:
    model = declared()
    (said,) = holdout.advice(model, parts_of(model, table()), None)
    assert said.startswith("no key is declared")


def test_rows_without_a_key_are_counted() -> None:
    rows, model = table().astype({"customer": "float64"}), declared("customer")
    rows.loc[:2, "customer"] = np.nan
    (said,) = holdout.advice(model, parts_of(model, rows), None)
    assert said == "3 rows have no customer: they are one"


@pytest.mark.parametrize("most", [100_000, 20])
def test_rows_of_keys_that_were_learned_from_are_counted(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holdout, "MOST", most)
    model = declared("customer")
    parts = parts_of(model, table(300))
    kept = holdout.described(model, parts, parts.training)
    both = pd.concat([parts.training, parts.held_out])["_key"]
    found = holdout.learned_from(model, kept, both).estimate
    assert found == pytest.approx(len(parts.training), rel=0 if most > 300 else 0.3)
    held_out = parts.held_out["_key"]
    assert holdout.learned_from(model, kept, held_out).estimate == 0
    assert holdout.learned_from(model, {}, both).estimate == 0


def test_a_few_rows_of_each_of_many_days_tell_how_many_are_of_keys_learned_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(holdout, "MOST", 1_000)
    # Of 100,000 keys, 1 % are kept: most days have none of these.
    hashes = np.random.default_rng(1).integers(0, 2**64, 100_000, dtype="uint64")
    keys = pd.Series(hashes)
    kept = {
        "form": FORM,
        "by": ["customer"],
        "learned": [f"{it:016x}" for it in keys.nlargest(1_000)],
    }
    days = [keys.sample(20, random_state=day) for day in range(60)]
    model = declared("customer")
    each = [holdout.learned_from(model, kept, day) for day in days]
    assert sum(each, holdout.Learned()).estimate == 60 * 20
