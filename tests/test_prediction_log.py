"""What a server was asked and has answered is kept, and never costs an answer."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import pyarrow.parquet as pq
import pytest
from bodies import CANARY, ROW
from fastapi.testclient import TestClient
from modelled import MODELS, NAME, edit, refused
from moto.server import ThreadedMotoServer
from test_serving import log as log

from twobus.models import prediction_log, serving, shadow
from twobus.models.columns import identifiers, kept_apart
from twobus.models.declaration import find
from twobus.models.registry import fetch

pytestmark = pytest.mark.slow

PENGUINS = MODELS.with_name("tables") / "penguins.py"
FACTS = ["time", "request", "row", "model", "version", "role"]


@pytest.fixture
def place(models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for the log, with a name that is hard."""
    folder = models / "kept 50% é"
    monkeypatch.setenv("PREDICTION_LOG", str(folder))
    return folder


@contextmanager
def asking() -> Iterator[TestClient]:
    """Ask the application; what it logs is written by the end."""
    app = serving.make_app()
    with TestClient(app) as client:
        yield client
        app.state.observer.close()


def ask(client: TestClient, *rows: dict[str, Any], **headers: str) -> Any:
    response = client.post(
        f"/models/{NAME}/predict",
        json={"rows": [*rows]},
        headers={"X-Request-Id": "mine", **headers},
    )
    assert response.status_code == 200, response.text
    return response.json()


def logged(folder: Path) -> pd.DataFrame:
    """Return all rows of a log."""
    files = sorted(folder.rglob("*.parquet"))
    frames = [pq.ParquetFile(file).read().to_pandas() for file in files]
    return pd.concat(frames, ignore_index=True)


def test_a_row_has_what_was_asked_and_what_was_answered(place: Path) -> None:
    with asking() as client:
        answer = ask(client, ROW, ROW | {"bill_length_mm": None, "year": 2009})
    (file,) = place.rglob("*.parquet")
    rows = logged(place)
    day = f"{rows['time'][0]:%Y-%m-%d}"
    assert file.relative_to(place).parts[:-1] == (NAME, f"day={day}")
    assert [*rows] == [
        *FACTS,
        *(f"input_{it}" for it in find(NAME).inputs),
        "key_year",
        *["predicted_sex", "predicted_probability_female"],
        "predicted_probability_male",
    ]
    assert rows["request"].tolist() == ["mine", "mine"]
    assert rows["row"].tolist() == [0, 1]
    assert {*rows["role"]} == {"champion"}
    assert {*rows["version"]} == {1}
    assert rows["key_year"].tolist()[1] == 2009
    assert rows["input_bill_length_mm"].isna().tolist() == [False, True]
    assert rows["input_body_mass_g"].tolist() == [3450, 3450]
    said = [it["sex"] for it in answer["predictions"]]
    assert rows["predicted_sex"].tolist() == said


def test_rows_have_their_places_where_others_are_wrong(place: Path) -> None:
    with asking() as client:
        response = client.post(
            f"/models/{NAME}/predict?partial=true",
            json={"rows": [ROW | {"species": CANARY}, ROW, ROW | {"sex": 1}, ROW]},
        )
    assert response.status_code == 200
    assert logged(place)["row"].tolist() == [1, 3]


def test_nothing_is_logged_unless_asked_for(models: Path) -> None:
    with asking() as client:
        ask(client, ROW)
    assert not [*models.rglob("day=*")]


def test_what_is_only_logged_changes_no_prediction(models: Path) -> None:
    with asking() as client:
        assert ask(client, ROW) == ask(client, ROW | {"year": 2008})
        described = client.get("/openapi.json").json()["components"]["schemas"]
    row = described[f"{NAME}_row"]
    assert "year" not in row["required"]
    assert "only logged" in row["properties"]["year"]["description"]


def test_whose_row_it_is_keeps_the_contract(models: Path) -> None:
    with asking() as client:
        response = client.post(
            f"/models/{NAME}/predict", json={"rows": [ROW | {"year": CANARY}]}
        )
    assert response.status_code == 422
    assert response.json()["detail"][0]["field"] == "year"


def test_a_share_of_requests_is_logged(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREDICTION_LOG_SHARE", "0.5")
    with asking() as client:
        for number in range(60):
            ask(client, ROW, ROW, **{"X-Request-Id": f"r{number}"})
    rows = logged(place)
    # All rows of a request, or none.
    assert {*rows.groupby("request").size()} == {2}
    assert 10 <= rows["request"].nunique() <= 50


@pytest.mark.parametrize("share", ["0", "1.5", "-1", "some", "nan"])
def test_a_share_that_is_none_is_refused(
    share: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREDICTION_LOG_SHARE", share)
    assert "PREDICTION_LOG_SHARE must be a number" in refused(serving.serve, 0)


def test_a_place_that_is_none_is_refused_without_its_password(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREDICTION_LOG", "ftp://me:s3cret@host/folder")
    said = refused(serving.serve, 0)
    assert "PREDICTION_LOG names ftp://host/folder" in said
    assert "s3cret" not in said


def personal(project: Path, column: str, old: str) -> None:
    """Let the contract call a column personal."""
    mark = 'metadata={"personal": True}, '
    edit(project, PENGUINS, old, old.replace("Field(", f"Field({mark}"))


def test_what_is_personal_is_never_logged(place: Path) -> None:
    project = place.parent
    personal(project, "body_mass_g", "body_mass_g: int = pa.Field(")
    personal(project, "year", "year: int = pa.Field(")
    with asking() as client:
        ask(client, ROW)
        refusal = client.post(
            f"/models/{NAME}/predict", json={"rows": [ROW | {"year": 2008}]}
        )
    assert refusal.status_code == 422
    rows = logged(place)
    assert "input_flipper_length_mm" in rows
    assert not [it for it in rows if "body_mass" in it or "year" in it]
    for file in place.rglob("*.parquet"):
        assert b"body_mass" not in file.read_bytes()


def test_predictions_of_what_is_personal_are_personal(place: Path) -> None:
    personal(place.parent, "sex", "sex: str = pa.Field(")
    with asking() as client:
        ask(client, ROW)
    assert not [it for it in logged(place) if it.startswith("predicted")]


def test_a_column_that_the_contract_no_longer_has_may_be_personal(
    models: Path,
) -> None:
    assert kept_apart("penguins", ["year", "gone"]) == {"gone"}
    assert kept_apart("no table", ["year"]) == {"year"}


def test_the_key_is_carried_where_it_is_no_input(models: Path) -> None:
    model = replace(find(NAME), key=["island", "species"])
    assert identifiers(model) == ["island", "year"]


def test_a_dead_store_costs_no_answer_and_is_said(place: Path, log: StringIO) -> None:
    # A file stands where the folder must be made.
    place.write_text("in the way")
    with asking() as client:
        ask(client, ROW)
    said = [json.loads(line) for line in log.getvalue().splitlines()]
    (problem,) = [it for it in said if it["event"] == "predictions cannot be logged"]
    assert problem["waiting"] == 1
    (lost,) = [it for it in said if it["event"] == "predictions are lost"]
    assert (lost["rows"], lost["why"]) == (1, "the server has ended")


def test_what_could_not_be_written_is_written_later_and_once(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_log, "SECONDS", 0.05)
    place.write_text("in the way")
    with asking() as client:
        ask(client, ROW)
        client.get("/health")
        place.unlink()
    assert len(logged(place)) == 1


def test_what_waits_is_limited_in_memory(
    place: Path, monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    monkeypatch.setattr(prediction_log, "MOST_UNWRITTEN", 3_000)
    with asking() as client:
        for _ in range(60):
            ask(client, ROW)
        log_ = client.app.state.observer.log  # type: ignore[attr-defined]
    assert 1 <= log_.written < 60
    assert log_.written + log_.lost == 60
    assert len(logged(place)) == log_.written
    assert "too much waits to be written" in log.getvalue()


def test_files_have_few_rows_each(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_log, "ROWS", 100)
    with asking() as client:
        for _ in range(3):
            ask(client, *([ROW] * 100))
    assert len([*place.rglob("*.parquet")]) in (2, 3)
    assert len(logged(place)) == 300


def test_what_is_logged_never_fails_a_request(
    place: Path, monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    def fails(*given: object) -> None:
        raise RuntimeError(CANARY)

    monkeypatch.setattr(prediction_log, "logged_columns", fails)
    with asking() as client:
        ask(client, ROW)
    assert "of penguin_sex (RuntimeError)" in log.getvalue()
    assert CANARY not in log.getvalue()


@pytest.fixture
def shadowed(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, where a second version is the challenger."""
    monkeypatch.setenv("SHADOW", "true")
    monkeypatch.setattr(shadow, "champion", lambda name, alias: 2)
    monkeypatch.setattr(
        shadow, "fetch", lambda name, number: replace(fetch(name, 1), number=number)
    )
    return place


def roles(place: Path) -> list[tuple[str, int, str, int]]:
    rows = logged(place).sort_values(["role", "request", "row"])
    return [
        *zip(rows["role"], rows["version"], rows["request"], rows["row"], strict=True)
    ]


def wait_for(client: TestClient, what: Callable[[shadow.Shadow], bool]) -> None:
    """Wait until the challenger has done what it can."""
    end = time.monotonic() + 60
    while not what(client.app.state.observer.shadow):  # type: ignore[attr-defined]
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_challenger_predicts_the_same_rows_for_the_log_alone(
    shadowed: Path, log: StringIO
) -> None:
    with asking() as client:
        answer = ask(client, ROW, ROW)
        wait_for(client, lambda it: it.predicted == 2)
    assert answer["version"] == 1
    assert roles(shadowed) == [
        ("challenger", 2, "mine", 0),
        ("challenger", 2, "mine", 1),
        ("champion", 1, "mine", 0),
        ("champion", 1, "mine", 1),
    ]
    assert "a challenger predicts beside" in log.getvalue()


def test_a_challenger_that_fails_changes_no_answer(
    shadowed: Path, monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    def fails(*given: object) -> None:
        raise SystemExit(CANARY)

    monkeypatch.setattr(shadow, "predict", fails)
    with asking() as client:
        ask(client, ROW)
        wait_for(client, lambda it: it.lost == 1)
    assert [it[0] for it in roles(shadowed)] == ["champion"]
    assert "a challenger does not predict all" in log.getvalue()
    assert CANARY not in log.getvalue()


def test_a_challenger_that_is_too_slow_is_left_behind(
    shadowed: Path, monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    monkeypatch.setattr(shadow, "MOST_NOTED", 500)
    with asking() as client:
        for _ in range(20):
            ask(client, ROW)
    assert [it[0] for it in roles(shadowed)].count("champion") == 20
    assert "too many requests wait for it" in log.getvalue()
    assert "challengers have not predicted all" in log.getvalue()


def test_a_challenger_need_not_be_good_but_reviewed(
    shadowed: Path, monkeypatch: pytest.MonkeyPatch, log: StringIO
) -> None:
    changed = {"dirty": True}

    def unreviewed(name: str, number: int) -> Any:
        found = fetch(name, 1)
        return replace(found, number=number, facts={**found.facts, **changed})

    monkeypatch.setattr(shadow, "fetch", unreviewed)
    with asking() as client:
        ask(client, ROW)
    assert {it[0] for it in roles(shadowed)} == {"champion"}
    assert "no challenger predicts" in log.getvalue()
    assert "not committed" in log.getvalue()


@pytest.fixture
def bucket(models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 server on loopback with the bucket `team`, which the environment names."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "word")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="team")
    monkeypatch.setenv("PREDICTION_LOG", "s3://team/kept é")
    yield s3
    running.stop()


def test_an_object_store_keeps_the_log(bucket: Any) -> None:
    with asking() as client:
        ask(client, ROW)
    (kept,) = bucket.list_objects_v2(Bucket="team")["Contents"]
    assert kept["Key"].startswith(f"kept é/{NAME}/day=2")
