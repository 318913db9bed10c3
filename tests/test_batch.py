"""Whole tables are predicted part by part, and bad rows are set aside by name."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pandera.ibis as pa
import pytest
from inside import forget
from modelled import MODELS, NAME, edit, refused
from sklearn.linear_model import LinearRegression
from test_series import declared

from twobus.models import batch, registry, table_rows, tasks
from twobus.models.columns import kept
from twobus.models.declaration import Model, ModelError, find
from twobus.models.rows import RowError, apart

pytestmark = pytest.mark.slow

HEADER = (
    "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year"
)
GOOD = "Adelie,Dream,39.1,18.7,181,3750,NA,2007"


def raw(project: Path, *rows: str) -> Path:
    """Write the project's table, and return the file of predictions."""
    (project / "data" / "raw").mkdir(parents=True, exist_ok=True)
    for old in (project / "data" / "raw").glob("penguins.*"):
        old.unlink()
    text = "\n".join([HEADER, *rows, ""])
    (project / "data" / "raw" / "penguins.csv").write_text(text, "utf-8")
    forget(project)
    return project / "data" / "processed" / f"{NAME}.parquet"


def aside(file: Path) -> list[dict[str, str]]:
    """Return the rows that were set aside."""
    with batch.beside(file).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("Walrus,Dream,39.1,18.7,181,3750,NA,2007", "species fails isin("),
        ("Adelie,Dream,39.1,18.7,181,99999,NA,2007", "body_mass_g fails in_range"),
        (
            "Adelie,Dream,long,18.7,181,3750,NA,2007",
            "bill_length_mm must be a number, and is long",
        ),
        ("NA,Dream,39.1,18.7,181,3750,NA,2007", "species is missing"),
        ("Adelie,Dream,inf,18.7,181,3750,NA,2007", "bill_length_mm is not finite"),
    ],
)
def test_a_bad_row_is_set_aside_with_its_reason_and_all_others_are_predicted(
    models: Path, bad: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = raw(models, *[GOOD] * 30, bad, *[GOOD] * 30)
    tasks.predict(NAME)
    assert len(pd.read_parquet(file)) == 60
    (row,) = aside(file)
    assert row["row"] == "31"
    assert reason in row["problem"]
    assert row["flipper_length_mm"] == "181"
    told = capsys.readouterr()
    assert "60 predictions in data/processed/" in told.out
    assert "1 rows are set aside in data/processed/" in told.err
    # A terminal or a log shows no values.
    assert "long" not in told.err


def test_all_reasons_of_a_row_are_told(models: Path) -> None:
    file = raw(models, *[GOOD] * 30, "Walrus,Dream,39.1,x,181,99,NA,2007")
    tasks.predict(NAME)
    (row,) = aside(file)
    assert "bill_depth_mm must be" in row["problem"]
    assert "species fails" in row["problem"]
    assert "body_mass_g fails" in row["problem"]


def test_columns_that_the_model_does_not_know_set_no_row_aside(models: Path) -> None:
    file = raw(models, *[GOOD] * 3, "Adelie,Dream,39.1,18.7,181,3750,other,1999")
    tasks.predict(NAME)
    assert len(pd.read_parquet(file)) == 4
    assert not batch.beside(file).exists()


def test_what_cannot_be_read_of_other_columns_sets_no_row_aside(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = MODELS.with_name("tables") / "penguins.py"
    edit(models, table, "    year: int", "    due: float\n    year: int")
    monkeypatch.setattr("test_batch.HEADER", HEADER.replace("year", "year,due"))
    file = raw(models, *[f"{GOOD},1"] * 30, f"{GOOD},soon", f"Walrus{GOOD[6:]},1")
    tasks.predict(NAME)
    assert len(pd.read_parquet(file)) == 31
    assert len(aside(file)) == 1


def test_too_many_bad_rows_leave_the_file_before_as_it_was(models: Path) -> None:
    file = raw(models, *[GOOD] * 30)
    tasks.predict(NAME)
    before = file.read_bytes()
    raw(models, *[GOOD] * 30, *["Walrus" + GOOD.removeprefix("Adelie")] * 2)
    said = refused(tasks.predict, NAME)
    assert "2 of 32 rows" in said
    assert "--most-aside 0.05" in said
    assert file.read_bytes() == before
    assert len(aside(file)) == 2
    tasks.predict(NAME, most_aside=0.1)
    assert len(pd.read_parquet(file)) == 30
    assert [it.name for it in file.parent.iterdir() if it.name.startswith(".")] == []


def test_rows_that_were_set_aside_before_are_gone_once_all_are_good(
    models: Path,
) -> None:
    file = raw(models, *[GOOD] * 30, "Walrus" + GOOD.removeprefix("Adelie"))
    tasks.predict(NAME)
    assert batch.beside(file).exists()
    raw(models, *[GOOD] * 30)
    tasks.predict(NAME)
    assert not batch.beside(file).exists()


def test_parts_give_what_the_whole_does(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [GOOD, "Gentoo,Biscoe,NA,NA,230,5750,NA,2009"] * 12
    file = raw(models, *rows, "x" + GOOD)
    tasks.predict(NAME)
    whole, bad = pd.read_parquet(file), aside(file)
    monkeypatch.setattr(batch, "PART", 5)
    tasks.predict(NAME)
    pd.testing.assert_frame_equal(pd.read_parquet(file), whole)
    assert aside(file) == bad


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "written (No space left on device)"),
        (KeyError("a value"), "failed (KeyError)"),
    ],
)
def test_what_stops_it_is_a_sentence_and_the_file_before_stays(
    models: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    file = raw(models, *[GOOD] * 3)
    tasks.predict(NAME)
    before = file.read_bytes()

    def stop(*given: Any) -> None:
        raise error

    monkeypatch.setattr(batch, "apart", stop)
    told = refused(tasks.predict, NAME)
    assert said in told
    assert "is as it was" in told
    assert "a value" not in told
    assert file.read_bytes() == before
    assert not [it for it in file.parent.iterdir() if it.name.startswith(".")]


def test_another_table_with_the_same_inputs_is_predicted(models: Path) -> None:
    tables = models / MODELS.with_name("tables")
    shutil.copy(tables / "penguins.py", tables / "season.py")
    raw(models, GOOD)
    text = f"{HEADER}\n{GOOD}\n{GOOD}\n"
    (models / "data" / "raw" / "season.csv").write_text(text, "utf-8")
    forget(models)
    tasks.predict(NAME, table="season")
    file = models / "data" / "processed" / f"{NAME}-season.parquet"
    assert len(pd.read_parquet(file)) == 2


def test_a_table_without_an_input_is_refused_by_name(models: Path) -> None:
    tables = models / MODELS.with_name("tables")
    text = (tables / "penguins.py").read_text("utf-8")
    line = next(it for it in text.splitlines(True) if "bill_depth_mm" in it)
    (tables / "season.py").write_text(text.replace(line, ""), "utf-8")
    raw(models, GOOD)
    (models / "data" / "raw" / "season.csv").write_text("species,island\n", "utf-8")
    text = HEADER.replace("bill_depth_mm,", "") + "\n" + GOOD.replace("18.7,", "")
    (models / "data" / "raw" / "season.csv").write_text(text, "utf-8")
    forget(models)
    said = refused(tasks.predict, NAME, table="season")
    assert "it lacks the column 'bill_depth_mm'" in said


def test_a_table_without_rows_leaves_the_file_before(models: Path) -> None:
    raw(models)
    assert "No row of" in refused(tasks.predict, NAME)


def test_a_file_whose_rows_cannot_be_told_apart_is_refused(models: Path) -> None:
    raw(models, *[GOOD] * 30, GOOD + ",more,and,more")
    assert "another number of fields" in refused(tasks.predict, NAME)


@pytest.mark.parametrize("bad", [{3}, {0, 1, 7}, set(range(8))])
def test_rows_that_the_estimator_refuses_cost_no_other(
    models: Path, bad: set[int]
) -> None:
    model = find(NAME)
    fitted = registry.fetch(NAME, 1).fitted
    rows = pd.DataFrame(
        [dict(zip(HEADER.split(","), GOOD.split(","), strict=True))] * 8
    )
    rows = rows.astype({it: float for it in rows if "mm" in it or "_g" in it})
    predict: Callable[..., Any] = fitted.predict

    class Picky:
        classes_ = fitted.classes_

        def predict(self, X: pd.DataFrame) -> Any:
            if bad & {*X.index}:
                raise ValueError("too extreme")
            return predict(X)

    found, refused_rows = apart(model, Picky(), rows)
    assert {*refused_rows} == bad
    assert [*found.index] == [it for it in range(8) if it not in bad]
    assert not bad or all(str(it) == "too extreme" for it in refused_rows.values())
    assert np.isin(found.to_numpy(), ["female", "male"]).all()


def test_features_that_write_into_their_rows_are_applied_once() -> None:
    class Picky:
        def predict(self, X: pd.DataFrame) -> Any:
            if (X["price"] < 0).any():
                raise ValueError("negative")
            return X["price"].to_numpy()

    def features(rows: pd.DataFrame) -> pd.DataFrame:
        rows["price"] *= 10
        return rows

    model = declared(features=features, lags=[])
    given = pd.DataFrame({"price": [1.0, 2, -3, 4, 5, 6, 7, 8]})
    found, refused_rows = apart(model, Picky(), given)
    assert {*refused_rows} == {2}
    assert [*found["sales"]] == [10, 20, 40, 50, 60, 70, 80]
    assert given["price"].min() == -3


def given(monkeypatch: pytest.MonkeyPatch, rows: pd.DataFrame) -> None:
    """Let these be the rows of every table."""
    table = ibis.memtable(rows)
    tables = SimpleNamespace(whole=lambda name, told=None: table)
    monkeypatch.setattr(table_rows, "source", lambda: tables)


@pytest.mark.parametrize("odd", [-9999.0, np.inf])
def test_what_the_contract_does_not_allow_is_not_known_of_a_series(
    monkeypatch: pytest.MonkeyPatch, odd: float
) -> None:
    days = pd.date_range("2025-01-01", periods=4)
    rows = pd.DataFrame({"shop": "a", "day": days, "sales": [1.0, odd, 3, None]})
    given(monkeypatch, rows)
    past = table_rows.past(declared())
    assert past is not None
    assert [*past["value"]] == [1, 3]
    assert [*past["sum"]] == [1, 4]


def test_a_row_without_a_time_has_no_past(monkeypatch: pytest.MonkeyPatch) -> None:
    days = pd.Series(pd.date_range("2025-01-01", periods=2)).dt.date
    rows = pd.DataFrame({"shop": "a", "day": days, "price": 1.0})
    given(monkeypatch, rows)
    assert "day is missing" in table_rows.asked_of(declared(), "sales")[1]
    given(monkeypatch, rows.drop(columns="day"))
    with pytest.raises(ModelError, match="lacks the column 'day'"):
        table_rows.asked_of(declared(), "sales")


def test_what_the_estimator_refuses_stops_it_once_it_is_too_much(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "FEW", 4)
    monkeypatch.setattr(batch, "PART", 20)
    asked, file = [], raw(models, *[GOOD] * 80)

    def nothing(model: Any, fitted: Any, rows: pd.DataFrame, most: int = 99) -> Any:
        asked.append(len(rows))
        if len(rows) > most:
            raise RowError(rows.index[0], ValueError())
        return pd.DataFrame(), dict.fromkeys(rows.index, ValueError("a value"))

    monkeypatch.setattr(batch, "apart", nothing)
    said = refused(tasks.predict, NAME, most_aside=0.1)
    assert "At least 12 of 80 rows" in said
    assert "the estimator refuses it in 12" in said
    assert asked == [20, 4, 4, 4]
    assert len(aside(file)) == 12


def test_few_refusals_in_each_part_stop_it_once_they_are_too_many(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "FEW", 4)
    monkeypatch.setattr(batch, "PART", 20)
    raw(models, *[GOOD] * 80)
    anew, asked = apart, []

    def two_less(model: Any, fitted: Any, rows: pd.DataFrame, most: int = 99) -> Any:
        asked.append(len(rows))
        predicted, _ = anew(model, fitted, rows.iloc[2:])
        return predicted, dict.fromkeys(rows.index[:2], ValueError("a value"))

    monkeypatch.setattr(batch, "apart", two_less)
    assert "At least 6 of 80 rows" in refused(tasks.predict, NAME, most_aside=0.05)
    assert asked == [20, 20, 20]


def test_columns_that_are_called_like_ours_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kinds = {"version": "int64", "predicted_y": "float64", '名 "a"': "float64"}
    columns = {it: pa.Column(ibis.dtype(kind)) for it, kind in kinds.items()}
    contract = pa.DataFrameSchema({**columns, "y": pa.Column(ibis.dtype("float64"))})
    with kept({"t": contract}):
        asks = [*kinds]
        learner = LinearRegression()
        model = Model(
            table="t",
            target="y",
            inputs=asks,
            estimator=learner,
            metrics={"r2": 0.0},
            key=["version"],
        )
    values = {it: [1.0, 2, 4] for it in asks}
    rows = pd.DataFrame(values).astype({"version": "int64"})
    fitted = learner.fit(rows, [1.0, 2, 4])
    given(monkeypatch, rows)
    version: Any = SimpleNamespace(model=model, fitted=fitted, number=7)
    asked, rules = table_rows.asked_of(model, "t")
    good = tmp_path / "good"
    batch._predict(version, asked, rules, good, tmp_path / "bad", 1)
    found = pd.read_parquet(good)
    assert [*found["version"]] == [7, 7, 7]
    assert [*found["input_version"]] == [1, 2, 4]
    assert [*found["input_predicted_y"]] == [1, 2, 4]
    assert [*found['名 "a"']] == [1, 2, 4]
