"""A month in use is watched: a drift is found, and what is as before is no news."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import watching as simulated
from inside import call, forget
from modelled import MODELS, NAME, edit
from pyarrow.fs import LocalFileSystem
from test_prediction_log import bucket as bucket
from test_series import declared

from template import Result
from twobus.data import source
from twobus.data.checks.look import look
from twobus.data.connection import in_memory
from twobus.models import logged, registry, watching
from twobus.models.actuals import Actuals, joined, read
from twobus.models.declaration import ModelError, find
from twobus.models.findings import silent
from twobus.models.holdout import FILE
from twobus.models.keys import FORM, hashed
from twobus.models.log_place import Place, place
from twobus.models.logged import Period, missing_days, periods
from twobus.models.rows import predict
from twobus.models.scores import HELD_OUT, Score
from twobus.models.watch import Judged, scores

TODAY = datetime.now(UTC).date()
# `poe watch` begins with a whole week.
FIRST = TODAY - timedelta(27) - timedelta((TODAY - timedelta(27)).weekday())
DAYS = [FIRST + timedelta(number) for number in range((TODAY - FIRST).days)]
WEEKS = [FIRST + timedelta(7 * number) for number in range(4)]
ROWS = 40
Frame = Callable[[date, pd.DataFrame], pd.DataFrame]


def as_it_is(day: date, rows: pd.DataFrame) -> pd.DataFrame:
    return rows


def heavier(day: date, rows: pd.DataFrame) -> pd.DataFrame:
    """From the third week on, birds weigh more by a standard deviation."""
    return rows.assign(body_mass_g=rows["body_mass_g"] + 800 * (day >= WEEKS[2]))


@cache
def version(project: Path) -> registry.Version:
    return registry.fetch(NAME, 1)


def keep(
    project: Path,
    change: Frame = as_it_is,
    *,
    days: list[date] = DAYS,
    role: str = "champion",
    number: int = 1,
) -> None:
    """Write a log of birds like those that were learned from, day by day."""
    rows = source().read("penguins").to_pandas()
    rows = rows[(rows["year"] < 2009) & rows["sex"].notna()]
    serving = version(project)
    for day in days:
        random = np.random.default_rng(day.toordinal())
        some = rows.iloc[random.integers(0, len(rows), ROWS)].reset_index(drop=True)
        asked = change(day, some)
        told = predict(serving.model, serving.fitted, asked).add_prefix("predicted_")
        facts = pd.DataFrame(
            {
                "time": pd.Timestamp(day, tz="UTC"),
                "request": f"{day}",
                "row": range(ROWS),
                "model": NAME,
                "version": number,
                "role": role,
            }
        )
        inputs = asked[[*serving.model.inputs]].add_prefix("input_")
        truth = asked[["sex"]].add_prefix("truth_")
        table = pa.Table.from_pandas(pd.concat([facts, inputs, told, truth], axis=1))
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink)
        where = place()
        assert where
        name = f"{NAME}/day={day}/{role}-{number}.parquet"
        where.write(name, sink.getvalue().to_pybytes())


@pytest.fixture
def log(models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose model is logged."""
    monkeypatch.setenv("PREDICTION_LOG", "kept 50% é")
    return models


def watch(project: Path, *words: str) -> Result:
    folder = "kept 50% é"
    return call(project, "watch", *words, PREDICTION_LOG=folder)


def page(project: Path) -> str:
    return (project / f"reports/models/{NAME}-watch.html").read_text("utf-8")


@pytest.mark.slow
def test_a_month_like_the_training_is_no_news(log: Path) -> None:
    keep(log)
    # As a process leaves it that is killed.
    (file, *_) = log.rglob("champion-1.parquet")
    file.with_name(f".{file.name}").write_bytes(b"half")
    result = watch(log)
    assert result.code == 0, result.output
    assert f"{NAME}, version 1, as trained" in result.output
    assert str(WEEKS[3]) in result.output
    assert "no scores: no row has its own year" in result.output
    assert "as trained" in page(log)


@pytest.mark.slow
def test_a_drift_in_the_third_week_is_found_with_the_next_step(log: Path) -> None:
    keep(log, heavier)
    result = watch(log)
    assert result.code == 1
    (said,) = [it for it in result.output.splitlines() if "body_mass_g differs" in it]
    assert f"in the week of {WEEKS[2]} and in" in said
    assert "drift of" in said
    assert result.output.rstrip().endswith(f"uv run poe train {NAME}")
    assert f"week of {WEEKS[1]}" not in said
    assert "predicted probability of male differs from training" in result.output
    assert "body_mass_g" in page(log)


def test_days_are_looked_at_by_week_or_each() -> None:
    files = {day: [str(day)] for day in DAYS[:9]}
    weeks = periods(files, "week", FIRST)
    assert [(it.start, it.days, len(it.files)) for it in weeks] == [
        (WEEKS[0], 7, 7),
        (WEEKS[1], 2, 2),
    ]
    days = periods(files, "day", DAYS[3])
    assert [it.start for it in days] == DAYS[3:9]


OUTCOMES = '''"""What birds were."""

import pandera.ibis as pa


class Contract(pa.DataFrameModel):
    """A row of `outcomes`."""

    request: str
    row: int
    sex: str = pa.Field(nullable=True)

    class Config:
        """No other column."""

        strict = True
'''


def outcomes(project: Path, wrong_from: date = TODAY) -> None:
    """Let a table know what the birds were: from some day on, the opposite."""
    frames = []
    for file in sorted(project.rglob("champion-1.parquet")):
        rows = pq.read_table(file).to_pandas()
        truth = rows["truth_sex"]
        if rows["request"][0] >= str(wrong_from):
            truth = truth.map({"male": "female", "female": "male"})
        frames.append(rows[["request", "row"]].assign(sex=truth))
    tables = project / MODELS.with_name("tables")
    (tables / "outcomes.py").write_text(OUTCOMES, "utf-8")
    pd.concat(frames).to_csv(project / "data/raw/outcomes.csv", index=False)
    forget(project)


@pytest.mark.slow
def test_scores_follow_when_the_truth_is_known(log: Path) -> None:
    keep(log)
    outcomes(log)
    result = watch(log, "--actuals", "outcomes")
    assert result.code == 0, result.output
    count = ROWS * len(DAYS)
    assert f"the truth is known of {count:,} of {count:,} rows" in result.output
    assert "accuracy" in result.output


@pytest.mark.slow
def test_a_score_that_falls_is_found(log: Path) -> None:
    keep(log)
    outcomes(log, WEEKS[3])
    result = watch(log, "--actuals", "outcomes")
    assert result.code == 1
    assert f"{NAME}: accuracy fell to 0." in result.output


def by_species(
    monkeypatch: pytest.MonkeyPatch, learned: dict[int, dict[str, Any]]
) -> None:
    """Let species be the key, and versions have learned what is given by number."""
    fetch, kept = registry.fetch, watching._kept

    def fetched(name: str, number: int) -> registry.Version:
        found = fetch(name, number)
        return replace(found, model=replace(found.model, key=["species"]))

    monkeypatch.setattr(registry, "fetch", fetched)
    monkeypatch.setattr(
        watching, "_kept", lambda it: kept(it) | {FILE: json.dumps(learned[it.number])}
    )


def adelie() -> dict[str, Any]:
    """Return what a version keeps that has learned from penguins of one species."""
    key = int(hashed(pd.DataFrame({"species": ["Adelie"]}), ["species"])[0])
    return {"form": FORM, "by": ["species"], "learned": [f"{key:016x}"]}


@pytest.mark.slow
def test_scores_of_keys_that_were_learned_from_are_named_so(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(log)
    outcomes(log)
    by_species(monkeypatch, {1: adelie()})
    result = watch(log, "--actuals", "outcomes")
    assert result.code == 0, result.output
    said = r"([\d,]+) of ([\d,]+) rows that version 1 is judged by are of keys"
    ((learned, rows),) = re.findall(said, result.output)
    assert int(rows.replace(",", "")) == ROWS * len(DAYS)
    assert 0.3 < int(learned.replace(",", "")) / (ROWS * len(DAYS)) < 0.6


@pytest.mark.slow
def test_a_version_that_keeps_no_keys_says_train_again(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(log)
    outcomes(log)
    by_species(monkeypatch, {1: {}})
    result = watch(log, "--actuals", "outcomes")
    assert "version 1 does not say from which keys it has learned" in result.output


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["int", "bool"])
def test_a_truth_of_another_type_than_predictions_is_refused(
    log: Path, kind: str
) -> None:
    keep(log)
    outcomes(log)
    edit(log, MODELS.with_name("tables") / "outcomes.py", "sex: str", f"sex: {kind}")
    forget(log)
    result = watch(log, "--actuals", "outcomes")
    assert result.code == 1
    assert f"sex is {kind} in the table outcomes, and str in penguins" in result.output


@pytest.fixture
def shadowed(log: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of the champion, with another version beside it for ten days."""
    keep(log)
    keep(log, role="challenger", number=2, days=DAYS[-10:])
    fetch, champion, opened = registry.fetch, registry.champion, registry.opened
    monkeypatch.setattr(
        registry, "fetch", lambda name, number: replace(fetch(name, 1), number=number)
    )
    monkeypatch.setattr(registry, "opened", lambda name, number: opened(name, 1))
    monkeypatch.setattr(
        registry,
        "champion",
        lambda name, alias="champion": 2 if alias == "challenger" else champion(name),
    )
    outcomes(log)
    return log


@pytest.mark.slow
def test_a_challenger_is_beside_the_champion_on_the_same_rows(shadowed: Path) -> None:
    result = watch(shadowed, "--actuals", "outcomes")
    assert result.code == 0, result.output
    assert "accuracy, version 2 beside it" in result.output
    assert "+0.000" in result.output


@pytest.mark.slow
def test_a_challenger_that_has_learned_from_what_it_is_judged_by_is_named(
    shadowed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_species(monkeypatch, {1: adelie() | {"learned": []}, 2: adelie()})
    result = watch(shadowed, "--actuals", "outcomes")
    assert "rows that version 2 is judged by are of keys" in result.output
    assert "rows that version 1 is judged by" not in result.output


@pytest.mark.slow
def test_a_log_in_an_object_store_is_read(bucket: Any, models: Path) -> None:
    keep(models, heavier, days=DAYS[10:20])
    result = call(models, "watch", PREDICTION_LOG="s3://team/kept é")
    assert result.code == 1
    assert "body_mass_g differs from training" in result.output


@pytest.mark.slow
def test_a_version_without_a_profile_of_predictions_says_train_again(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(log)
    opened = registry.opened

    class Older:
        def __init__(self, *given: Any) -> None:
            self.found = opened(*given)

        def __enter__(self) -> Path:
            files = self.found.__enter__()
            (files / "outputs.json").unlink()
            return files

        def __exit__(self, *given: Any) -> None:
            self.found.__exit__(None, None, None)

    monkeypatch.setattr(registry, "opened", Older)
    result = watch(log)
    assert result.code == 0
    assert "no profile of its predictions: train again by uv run poe" in result.output


@pytest.mark.slow
def test_a_log_without_rows_is_found(log: Path) -> None:
    result = watch(log)
    assert result.code == 1
    assert f"kept 50% é has no rows of {NAME} in the last 28 days" in result.output
    assert "five minutes after it was asked" in result.output


@pytest.mark.slow
def test_without_a_log_there_is_nothing_to_watch(models: Path) -> None:
    result = call(models, "watch")
    assert result.code == 1
    assert "set PREDICTION_LOG" in result.output


@pytest.mark.slow
def test_a_file_that_is_no_parquet_is_a_sentence(log: Path) -> None:
    keep(log)
    (file, *_) = sorted(log.rglob("champion-1.parquet"))
    file.write_bytes(b"half")
    result = watch(log)
    assert result.code == 1
    assert "Traceback" not in result.output
    assert f"kept 50% é cannot be read for the week of {FIRST}" in result.output


def test_files_of_others_and_pages_that_are_broken_are_sentences(
    tmp_path: Path,
) -> None:
    where = Place(LocalFileSystem(), tmp_path.as_posix(), "log")
    period = Period(FIRST, "week", [(tmp_path / "a.parquet").as_posix()], 1)

    def count() -> int:
        with logged.rows(where, period) as rows:
            return int(rows.request.nunique().to_pyarrow().as_py())

    pd.DataFrame({"foo": [1]}).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(ModelError, match=r"log cannot be read for .* lack the columns"):
        count()
    facts = {"version": 1, "role": "champion", "row": 0}
    asked = pd.DataFrame({"request": [f"{it}" for it in range(20_000)]})
    asked.assign(**facts).to_parquet(tmp_path / "a.parquet")
    assert count() == 20_000
    whole = (tmp_path / "a.parquet").read_bytes()
    broken = whole[:200] + bytes(len(whole) - 4_200) + whole[-4_000:]
    (tmp_path / "a.parquet").write_bytes(broken)
    with pytest.raises(ModelError, match="log cannot be read for the week of"):
        count()


def test_days_without_a_row_are_named() -> None:
    days = [it for it in DAYS if it != DAYS[9]]
    assert missing_days(days, FIRST, TODAY) == [DAYS[9]]


@pytest.mark.parametrize(
    ("days", "found"),
    [
        (DAYS, False),
        (DAYS[:-1], False),
        (DAYS[:-2], True),
        (DAYS[:9] + DAYS[11:-2], False),
        (DAYS[:5], False),
    ],
    ids=["every day", "one day", "two days", "as before", "too few to tell"],
)
def test_a_silence_is_found_where_none_was_as_long(
    days: list[date], found: bool
) -> None:
    assert bool([*silent(days, FIRST, TODAY)]) is found


def model(**changes: Any) -> Any:
    known = {
        "table": "t",
        "target": "y",
        "inputs": ["x"],
        "key": ["id"],
        "series": [],
        "time": None,
    }
    return SimpleNamespace(**known | changes)


def test_truth_is_found_by_the_key_whatever_its_type() -> None:
    rows = pd.DataFrame(
        {
            "request": ["a", "a", "b"],
            "row": [0, 1, 0],
            "key_id": [1.0, np.nan, 3.0],
            "predicted_y": [10.0, 20.0, 30.0],
        }
    )
    known = pd.DataFrame({"id": [1, 2], "y": [11.0, 22.0]})
    truth = known["y"].set_axis(hashed(known, ["id"]))
    found = joined(rows, model(), Actuals("t", ["id"], truth, 0))
    assert found["_truth"].tolist() == [11.0]
    assert found["y"].tolist() == [10.0]


def test_scores_count_rows_as_training_did_or_are_not_compared_with_it() -> None:
    metrics = {"r2": 0.0, "neg_mean_absolute_error": -9.0}
    shop = declared(weight="price", inputs=["shop"], metrics=metrics)
    rows = pd.DataFrame(
        {
            "request": "a",
            "row": range(60),
            "predicted_sales": [*[10.0] * 30, *[20.0] * 30],
        }
    )
    known = rows[["request", "row"]]
    truth = pd.Series([*[11.0] * 30, *[25.0] * 30]).set_axis(
        hashed(known, ["request", "row"])
    )
    weights = pd.Series([*[0.0] * 30, *[2.0] * 30]).set_axis(truth.index)
    was = [Score("neg_mean_absolute_error", HELD_OUT, 60, -1.0, -1.1, -0.9)]

    def judged(counted: pd.Series | None) -> list[Judged]:
        actuals = Actuals("t", ["request", "row"], truth, 0, counted)
        found = joined(rows, shop, actuals)
        return scores(shop, None, found, was, 1, found.drop(columns="_truth"))

    weighed = {it.metric: it for it in judged(weights)}
    assert weighed["neg_mean_absolute_error"].value == -5
    assert weighed["neg_mean_absolute_error"].expected == -1
    plain = {it.metric: it for it in judged(None)}
    assert plain["neg_mean_absolute_error"].value == -3
    assert np.isnan(plain["neg_mean_absolute_error"].expected)
    assert not any(it.fell for it in plain.values())
    nothing = judged(weights * 0)
    assert all(np.isnan(it.value) for it in nothing)


@pytest.mark.slow
def test_a_key_of_several_rows_needs_their_time_too(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = pd.DataFrame(
        {
            "island": ["Dream", "Dream", "Biscoe", "Biscoe", "Biscoe"],
            "year": [2007, 2008, 2007, 2008, 2008],
            "sex": ["male", "female", None, "male", "female"],
        }
    )
    table = SimpleNamespace(
        select=lambda names: SimpleNamespace(to_pandas=lambda: rows)
    )
    monkeypatch.setattr(
        "twobus.models.actuals.source", lambda: SimpleNamespace(read=lambda name: table)
    )
    truth = read(replace(find(NAME), key=["island"]))
    assert truth.by == ["island", "year"]
    assert truth.ambiguous == 2
    assert truth.truth.tolist() == ["male", "female"]


@pytest.mark.slow
def test_a_key_that_is_personal_asks_for_requests(models: Path) -> None:
    table = MODELS.with_name("tables") / "penguins.py"
    mark = 'metadata={"personal": True}, '
    edit(models, table, "island: str = pa.Field(", f"island: str = pa.Field({mark}")
    with pytest.raises(ModelError, match="island is personal, so rows are not found"):
        read(replace(find(NAME), key=["island"]))


def test_counts_of_a_simulation_are_those_of_the_database() -> None:
    random = np.random.default_rng(1)
    for kind in simulated.KINDS:
        against = simulated.trained(kind, random)
        profiles = tuple(it for it in (against.inputs, against.outputs) if it)
        rows = simulated.logged(simulated.KINDS[kind](700, random))
        table = in_memory().create_table("rows", pa.Table.from_pandas(rows))
        listed = {
            name: [
                SimpleNamespace(
                    name="isin",
                    statistics={"allowed_values": [*column.dropna().unique()]},
                )
            ]
            * (column.dtype.kind != "f")
            for name, column in rows.items()
        }
        contract = SimpleNamespace(
            columns={
                name: SimpleNamespace(unique=False, checks=checks)
                for name, checks in listed.items()
            }
        )
        ours = simulated.seen(rows, profiles)
        theirs = look(table, contract, datetime.now(UTC), earlier=profiles)
        for name, column in theirs.profile.columns.items():
            mine = ours.profile.columns[name]
            assert mine.edges == pytest.approx(column.edges)
            same = replace(column, distinct=0, edges=mine.edges)
            assert mine == same, name
            if name in theirs.below:
                both = [sorted(it.below[name].values()) for it in (ours, theirs)]
                assert both[0] == both[1]


@pytest.mark.slow
def test_simulated_months_are_no_news() -> None:
    for size, months in ((100, 4), (5_000, 1)):
        for kind in simulated.KINDS:
            assert simulated.unchanged(kind, size, months, 1).cried == 0


@pytest.mark.parametrize("name", simulated.CHANGES)
def test_simulated_changes_are_found_in_their_week(name: str) -> None:
    found = simulated.changed(name, 100, 2, 1)
    assert (found.cried, found.found) == (0, 1)
