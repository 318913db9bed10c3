"""The application answers what it understands, and says what it does not."""

import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bodies import BODIES, CANARY, ROW, TEXT
from fastapi.testclient import TestClient
from inside import inside
from modelled import MODELS, NAME, refusal

from template import lend
from twobus.models import answers, registry, served, serving, tasks, training
from twobus.models.columns import contract
from twobus.models.declaration import find
from twobus.models.rows import RowError, predict
from twobus.models.schema import row_type, to_frame

pytestmark = pytest.mark.slow


@pytest.fixture
def own(shop: Path) -> Iterator[Path]:
    """The same; what a test does to it is taken back."""
    with lend(shop), inside(shop):
        yield shop


@pytest.fixture(scope="module")
def client(shop: Path) -> Iterator[TestClient]:
    """Its application in this process; many tests share it."""
    # What goes wrong is an answer, as from a server.
    with TestClient(serving.make_app(), raise_server_exceptions=False) as it:
        yield it
        assert it.get("/health").status_code == 200


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What a server's log has of this test."""
    text = StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(answers.Lines())
    logger = logging.getLogger(answers.__name__)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield text
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def post(client: TestClient, name: str, content: Any, **headers: str) -> Any:
    """Ask a model for predictions, by bytes or by what JSON is made of."""
    sent = content if isinstance(content, bytes) else json.dumps(content).encode()
    return client.post(
        f"/models/{name}/predict",
        content=sent,
        headers={"Content-Type": "application/json", **headers},
    )


@pytest.mark.parametrize("which", BODIES)
def test_a_bad_body_is_refused_with_its_place_and_without_its_values(
    which: str, client: TestClient, log: StringIO
) -> None:
    body, status, row, field = BODIES[which]
    response = post(client, NAME, body)
    assert response.status_code == status
    said = refusal(response)
    assert said["row"] == row
    if field:
        assert said["field"] == field
    assert json.loads(log.getvalue())["status"] == status
    for told in (response.text, log.getvalue()):
        assert len(response.content) < 20_000
        assert CANARY not in told
        assert "47114711" not in told
        assert "n" * 200 not in told


def test_there_are_fifty_bad_bodies() -> None:
    assert len(BODIES) >= 50


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain"])
def test_json_is_read_whatever_it_is_called(kind: str, client: TestClient) -> None:
    response = post(client, NAME, {"rows": [ROW]}, **{"Content-Type": kind})
    assert response.status_code == 200


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_other_encodings_of_unicode_never_fail(
    encoding: str, client: TestClient
) -> None:
    response = post(client, NAME, TEXT.encode(encoding))
    assert response.status_code in (200, 400, 422)


def test_fields_may_come_in_any_order_and_whole_numbers_as_floats(
    client: TestClient,
) -> None:
    usual = post(client, NAME, {"rows": [ROW]}).json()
    turned = dict(reversed([*(ROW | {"body_mass_g": 3450.0}).items()]))
    assert post(client, NAME, {"rows": [turned]}).json() == usual


def test_a_measure_that_is_missing_is_no_obstacle(client: TestClient) -> None:
    row = ROW | {"bill_length_mm": None, "body_mass_g": None}
    assert post(client, NAME, {"rows": [row]}).status_code == 200


class Never:
    """Cannot predict one mass, and says which."""

    def predict(self, X: pd.DataFrame) -> Any:
        if (X["body_mass_g"] == 3451).any():
            raise ValueError(CANARY)
        return X["body_mass_g"].to_numpy()


def test_a_row_that_cannot_be_predicted_is_found_without_its_values(
    shop: Path,
) -> None:
    table = pd.DataFrame([ROW] * 1000)
    table.loc[637, "body_mass_g"] = 3451
    with pytest.raises(RowError, match="Row 637 cannot be predicted") as raised:
        predict(find(NAME), Never(), table)
    assert CANARY not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__context__ is None


def test_an_unknown_model_is_not_found(client: TestClient) -> None:
    response = post(client, "walrus", {"rows": [ROW]})
    assert response.status_code == 404
    assert refusal(response)["problem"] == "There is no model 'walrus'."


def test_a_model_without_a_promoted_version_is_unavailable(client: TestClient) -> None:
    response = post(client, "unpromoted", {"rows": [ROW]})
    assert response.status_code == 503
    said = refusal(response)["problem"]
    assert said == "No version of unpromoted is promoted yet."
    assert client.get("/ready").status_code == 200


def test_a_wrong_method_is_refused(client: TestClient) -> None:
    response = client.put(f"/models/{NAME}/predict", json={})
    assert response.status_code == 405
    assert refusal(response)["problem"].startswith("This address takes POST, not PUT")


def test_the_models_say_which_version_answers(client: TestClient) -> None:
    known = {model["name"]: model for model in client.get("/models").json()}
    assert known.keys() == {NAME, "unpromoted"}
    assert known[NAME]["version"] == 1
    assert known[NAME]["facts"]["dirty"] is False
    assert known["unpromoted"]["version"] is None
    assert post(client, NAME, {"rows": [ROW]}).json()["version"] == 1


def test_the_description_shows_limits_choices_and_an_example(
    client: TestClient,
) -> None:
    schemas = client.get("/openapi.json").json()["components"]["schemas"]
    row = schemas[f"{NAME}_row"]
    mass = row["properties"]["body_mass_g"]["anyOf"][0]
    assert (mass["minimum"], mass["maximum"]) == (1000, 10_000)
    assert row["properties"]["species"]["enum"] == ["Adelie", "Chinstrap", "Gentoo"]
    assert row["example"].keys() == ROW.keys()


def test_a_new_promotion_is_served_after_a_restart(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "render", lambda *given: "<p>card</p>")
    with TestClient(serving.make_app()) as running:
        tasks.train([NAME])
        newest = registry.versions(NAME)[0]
        tasks.promote(NAME, newest)
        assert post(running, NAME, {"rows": [ROW]}).json()["version"] == 1
    with TestClient(serving.make_app()) as again:
        assert again.get("/models").json()[0]["version"] == newest
        assert post(again, NAME, {"rows": [ROW]}).json()["version"] == newest


def test_no_model_at_all_is_served_as_that(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "names", list)
    with TestClient(serving.make_app()) as running:
        assert running.get("/models").json() == []
        assert running.get("/ready").status_code == 503
        assert running.get("/health").status_code == 200


@pytest.mark.parametrize("text", ["MODEL = (", "import nowhere", "1 / 0", ""])
def test_a_module_that_is_wrong_stops_no_other_model(
    own: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (own / MODELS / "wrong.py").write_text(f"{text}\n", "utf-8")
    monkeypatch.setattr(served, "champion", lambda it: registry.champion(it) or 1)
    with TestClient(serving.make_app()) as running:
        assert post(running, NAME, {"rows": [ROW]}).status_code == 200
        problem = refusal(post(running, "wrong", {"rows": [ROW]}))["problem"]
        assert "models/wrong.py" in problem
        assert running.get("/ready").status_code == 503


def test_a_server_without_promoted_versions_says_what_to_do(
    shop: Path, log: StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "champion", lambda name: None)
    serving.make_app()
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert any("uv run poe train" in line["event"] for line in lines)


@pytest.mark.parametrize("body", [b"rows", b"[1]", b"\xff", b"[" * 100_000])
def test_what_is_no_request_is_told_how_one_looks(
    client: TestClient, body: bytes
) -> None:
    assert 'such as {"rows": [{' in refusal(post(client, NAME, body))["problem"]


@pytest.mark.parametrize(
    ("host", "allowed", "name", "status"),
    [
        ("127.0.0.1", "", "models.example.com", 403),
        ("127.0.0.1", "a.example, Models.example.com", "models.example.com", 200),
        ("127.0.0.1", "models.example.com", "localhost", 200),
        ("0.0.0.0", "", "models.example.com", 200),  # noqa: S104
        ("0.0.0.0", "models.example.com", "evil.example", 403),  # noqa: S104
    ],
)
def test_a_server_answers_to_localhost_and_to_the_names_it_is_given(
    host: str,
    allowed: str,
    name: str,
    status: int,
    shop: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", allowed)
    monkeypatch.setattr(served, "names", list)
    with TestClient(serving.make_app(serving.known_hosts(host))) as running:
        assert running.get("/health", headers={"Host": name}).status_code == status


def test_columns_called_like_methods_are_fields_like_others(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = contract("penguins").columns
    changed = {"copy": columns["year"], "schema": columns["species"]}
    model: Any = SimpleNamespace(
        columns=changed,
        table="penguins",
        target="sex",
        inputs=["copy", "schema"],
        key=[],
        series=[],
        time=None,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        row = row_type("wide", model, {})
        rows = [row.model_validate({"copy": 2008, "schema": "Adelie"})]
    told = to_frame(rows, model).to_dict("list")
    assert told == {"copy": [2008], "schema": ["Adelie"]}


def test_a_row_that_has_no_prediction_is_named(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = registry.fetch(NAME, 1)
    fitted = version.fitted

    class Choosy:
        classes_ = fitted.classes_
        predict = fitted.predict

        def predict_proba(self, X: pd.DataFrame) -> Any:
            shares = fitted.predict_proba(X)
            shares[(X["body_mass_g"] == 3451).to_numpy()] = np.nan
            return shares

    choosy = replace(version, fitted=Choosy())
    monkeypatch.setattr(served, "fetch", lambda name, number: choosy)
    rows = [ROW] * 637 + [ROW | {"body_mass_g": 3451}, ROW]
    with TestClient(serving.make_app()) as running:
        response = post(running, NAME, {"rows": rows})
        assert response.status_code == 422
        assert refusal(response)["row"] == 637
        assert post(running, NAME, {"rows": rows[:637]}).status_code == 200
