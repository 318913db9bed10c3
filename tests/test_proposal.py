"""What a model may be follows from a contract; what does not follow is asked."""

from collections.abc import Sequence
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pandera.ibis as pa
import pytest

from twobus.models.columns import ModelError
from twobus.new.model import Chooser
from twobus.new.proposal import Proposal, propose

COUNT = 100
NUMBERS = np.arange(COUNT)
TEXTS = pd.Series(np.where(NUMBERS % 4 < 3, "lost", "won"))
DAYS = pd.Series(pd.date_range("2026-01-01", periods=COUNT))
KINDS = {"O": "string", "i": "int64", "f": "float64", "b": "bool", "M": "timestamp"}


def proposed(
    values: dict[str, Any], chooser: Any = None, unique: Sequence[str] = (), **said: str
) -> Proposal:
    """Propose a model of some columns."""
    rows = pd.DataFrame(values)
    columns = {
        name: pa.Column(
            ibis.dtype(KINDS.get(rows[name].dtype.kind, "string")),
            nullable=bool(rows[name].isna().any()),
            unique=name in unique,
        )
        for name in rows
    }
    stated = dict.fromkeys(["target", "key", "time", "positive"], "") | said
    choose = chooser or (lambda what, known, likely: pytest.fail(f"asked for {what}"))
    return propose("table", columns, rows, stated, choose)


def noise(seed: int = 0) -> Any:
    """Return numbers of which nobody can tell anything."""
    return np.random.default_rng(seed).standard_normal(COUNT)


def test_of_two_texts_the_rarer_is_positive_where_nobody_says() -> None:
    asked = {}

    def choose(what: str, known: Sequence[str], likely: str) -> str:
        asked[what] = ([*known], likely)
        return likely

    found = proposed({"a": noise(), "outcome": TEXTS}, choose)
    assert asked == {"positive": (["lost", "won"], "won")}
    assert (found.target, found.positive, found.share) == ("outcome", "won", 0.25)
    assert proposed({"a": noise(), "outcome": TEXTS}, positive="lost").share == 0.75


@pytest.mark.parametrize("labels", [("no", "yes"), ("0", "1"), ("False", "TRUE")])
def test_a_text_that_says_yes_is_positive(labels: tuple[str, str]) -> None:
    target = np.where(NUMBERS % 4 < 3, labels[1], labels[0])
    assert proposed({"a": noise(), "outcome": target}).positive == labels[1]


@pytest.mark.parametrize("target", [NUMBERS % 2, NUMBERS % 2 == 0])
def test_one_and_true_are_positive_anyway(target: Any) -> None:
    found = proposed({"a": noise(), "label": target})
    assert (len(found.classes), found.positive) == (2, None)


def test_columns_are_inputs_by_their_kind_or_left_out_by_name() -> None:
    found = proposed(
        {
            "amount": noise(),
            "channel": np.where(NUMBERS % 3, "web", "shop"),
            "comment": [f"the number {it} was very good" for it in NUMBERS],
            "person": [f"person-{it}" for it in NUMBERS],
            "customer_id": NUMBERS % 30,
            "called": DAYS,
            "paid": DAYS.where(TEXTS == "won"),
            "outcome_code": NUMBERS % 7,
            "reason": pd.Series("cheap", TEXTS.index).where(TEXTS == "won"),
            "outcome": TEXTS,
        },
        positive="won",
        time="none",
    )
    assert found.groups == {
        "NUMBERS": ["amount"],
        "CATEGORIES": ["channel"],
        "TEXTS": ["comment"],
    }
    assert found.key == ["customer_id"]
    assert found.left == {
        "person": "has another value in nearly each row",
        "customer_id": "tells whose row it is",
        "called": "is a time: add to `features` what it says",
        "paid": "tells outcome, as if known after it",
        "outcome_code": "is of outcome by its name, so known after it",
        "reason": "tells outcome, as if known after it",
    }


def test_values_of_one_row_each_are_no_leak() -> None:
    # As in a sample that `new-table` has invented.
    columns = {"age": NUMBERS[:20], "plan": [f"plan {it}" for it in NUMBERS[:20]]}
    found = proposed(columns | {"churned": NUMBERS[:20] % 2 == 0})
    assert found.groups == {"NUMBERS": ["age"], "CATEGORIES": ["plan"]}


def test_a_number_in_other_units_is_a_leak() -> None:
    target = noise()
    columns = {"a": noise(1), "cents": target * 100, "price": target}
    found = proposed(columns, target="price")
    assert found.groups == {"NUMBERS": ["a"]}
    assert found.left == {"cents": "tells price, as if known after it"}


def test_rows_of_one_customer_are_alike_and_of_one_order_are_one() -> None:
    rows = {
        "order_id": NUMBERS,
        "customer_id": NUMBERS % 30,
        "a": noise(),
        "label": noise(1) > 0,
    }
    assert proposed(rows, unique=["order_id"]).key == ["customer_id"]
    assert proposed(rows, unique=["order_id"], key="order_id").key == ["order_id"]
    assert proposed(rows, unique=["order_id"], key="none").key == []


def test_who_is_known_before_is_a_series_and_who_is_new_a_key() -> None:
    rows = {"day": DAYS, "a": noise(), "label": noise(1) > 0}
    found = proposed({"shop_id": NUMBERS % 5, **rows})
    assert (found.series, found.key, found.time) == (["shop_id"], [], "day")
    found = proposed({"person_id": NUMBERS // 2, **rows})
    assert (found.series, found.key) == ([], ["person_id"])


def test_a_number_in_time_is_forecast_a_step_ahead() -> None:
    days = pd.Series(np.repeat(DAYS[: COUNT // 2].to_numpy(), 2))
    shops = np.where(NUMBERS % 2, "a", "b")
    found = proposed({"shop": shops, "day": days, "sales": noise()}, target="sales")
    assert (found.series, found.step) == (["shop"], "1D")
    assert found.groups == {"CATEGORIES": ["shop"]}
    found = proposed({"hour": DAYS[0] + pd.to_timedelta(NUMBERS, "h"), "y": noise()})
    assert (found.series, found.step, found.groups) == ([], "1h", {})


def test_a_birthday_or_a_time_with_gaps_is_not_the_rows_time() -> None:
    rows = {"birth_date": DAYS, "ended": DAYS.where(NUMBERS % 9 > 0), "a": noise()}
    assert proposed({**rows, "label": noise(1) > 0}).time == ""


@pytest.mark.parametrize(
    ("values", "said", "sentence"),
    [
        ({"name": [f"n{it}" for it in NUMBERS]}, {}, "has nothing to predict"),
        ({"label": TEXTS}, {"positive": "won"}, "No column of 'table' could tell"),
        ({"a": noise(), "y": noise(1)}, {"positive": "1"}, "it has no --positive"),
        ({"a": noise(), "y": TEXTS}, {"positive": "draw"}, "which has lost, won"),
        ({"a": noise(), "y": noise(1)}, {"time": "a b"}, "is no column of times"),
        ({"a": noise(), "y": noise(1)}, {"key": "id"}, "no column 'id' for the key"),
    ],
)
def test_what_cannot_be_is_said(
    values: dict[str, Any], said: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ModelError, match=sentence):
        proposed(values, **said)


def test_a_terminal_is_asked_until_it_names_what_there_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    answers = iter(["c", "b"])
    monkeypatch.setattr("builtins.input", lambda words: next(answers))
    chooser = Chooser()
    assert chooser("target", ["a", "b"], "a") == "b"
    assert "There is no 'c'." in capsys.readouterr().out
    monkeypatch.setattr("builtins.input", lambda words: "")
    assert chooser("target", ["a", "b"], "a") == "a"
    assert chooser.guessed == {}


def test_a_terminal_that_ends_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(words: str) -> str:
        raise EOFError

    for stream in ("stdin", "stdout"):
        monkeypatch.setattr(f"sys.{stream}.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", ended)
    with pytest.raises(ModelError, match="no target was named"):
        Chooser()("target", ["a"], "a")


def test_without_a_terminal_what_is_likely_is_taken_and_kept_in_mind() -> None:
    chooser = Chooser()
    assert proposed({"a": noise(), "b": noise(1)}, chooser).target == "b"
    assert chooser.guessed == {"target": "b"}
