"""The registry keeps what is the team's own, and serves what it may."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import at_work
import httpx
import pytest
from fastapi.testclient import TestClient
from inside import forget
from modelled import (
    MODELS,
    NAME,
    PATIENCE,
    edit,
    ran,
    refused,
)

from template import commit, environment
from twobus.models import registry, sealed, serving, store, tasks
from twobus.models.declaration import names
from twobus.review.handover import handover

pytestmark = pytest.mark.slow

MODULE = MODELS / f"{NAME}.py"


@pytest.mark.whole
def test_a_registry_on_a_full_disk_says_so(models: Path, tmp_path: Path) -> None:
    small = models / "registry"
    shutil.rmtree(small)
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only who may mount can make a disk that is full so soon")
    try:
        result = ran(models, tmp_path, at_work.train, NAME)
        assert result.code == 1
        assert "No space left" in result.output or "full" in result.output
        assert "Traceback" not in result.output
        # By a process as well: an open file would keep the disk from going.
        again = ran(models, tmp_path, tasks.promote, NAME, 1)
        assert "known versions: none yet" in again.output
    finally:
        subprocess.run(["umount", str(small)], check=True)
        small.rmdir()


def test_a_project_that_was_moved_says_so_everywhere(
    quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "moved" / "registry"
    # As after `mv`: the same files at another place.
    shutil.copytree(quick / "registry", moved)
    monkeypatch.setattr(store, "folder", lambda: moved)
    calls: list[tuple[Callable[..., None], list[Any]]] = [
        (tasks.train, [[NAME]]),
        (tasks.promote, [NAME, 1]),
        (tasks.rollback, [NAME]),
        (tasks.card, []),
    ]
    for task, given in calls:
        said = refused(task, *given)
        assert "move the project back there" in said or "No version" in said
    with TestClient(serving.make_app()) as client:
        answer = client.get("/ready")
        assert answer.status_code == 503
        assert "move the project back" in answer.json()["detail"][0]["problem"]


def test_what_must_not_serve_is_refused_with_all_reasons(
    quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = quick / "docs" / "models" / f"{NAME}.md"
    edit(quick, MODULE, '"accuracy": 0.8', '"accuracy": 1.01')
    monkeypatch.setenv("DATA_URL", "samples")
    tasks.train([NAME])
    page.write_text("# penguin_sex\n\n## Intended use\n\n<!-- hint -->\n", "utf-8")
    said = refused(tasks.promote, NAME, 2)
    assert "changes that are not committed" in said
    assert "on the samples" in said
    assert re.search(r"accuracy \(held out\) is \d\.\d+; at least 1\.01 is", said)
    assert "says nothing below 'Intended use'" in said
    assert registry.champion(NAME) == 1


@pytest.mark.parametrize(
    ("task", "given", "words"),
    [
        ("promote", [NAME, 9], f"{NAME} has no version 9 in the registry "),
        ("promote", ["walrus", 1], "There is no model 'walrus'; known models:"),
        ("rollback", ["walrus"], "There is no model 'walrus'; known models:"),
        ("train", [["walrus"]], "There is no model 'walrus'; known models:"),
        ("promote", [NAME, -1], f"{NAME} has no version -1"),
        ("promote", [NAME, 0], f"{NAME} has no version 0"),
    ],
)
def test_what_does_not_exist_is_refused(
    task: str, given: list[Any], words: str, models: Path
) -> None:
    assert refused(getattr(tasks, task), *given).startswith(words)


def test_versions_can_be_rolled_back_one_by_one(quick: Path) -> None:
    for _ in range(2):
        tasks.train([NAME])
    tasks.promote(NAME, 2)
    tasks.promote(NAME, 3)
    for number in (2, 1):
        tasks.rollback(NAME)
        assert registry.champion(NAME) == number
    assert "was promoted before" in refused(tasks.rollback, NAME)
    tasks.promote(NAME, 3)
    assert registry.champion(NAME) == 3
    tasks.rollback(NAME)
    assert registry.champion(NAME) == 1


def test_promoting_twice_is_promoting_once(models: Path) -> None:
    for _ in range(2):
        tasks.promote(NAME, 1)
    assert registry.champion(NAME) == 1
    assert "was promoted before" in refused(tasks.rollback, NAME)


def test_a_promotion_that_is_killed_can_be_rolled_back(
    quick: Path, tmp_path: Path
) -> None:
    tasks.train([NAME])
    result = ran(quick, tmp_path, at_work.promote_until_killed, NAME, 2)
    assert result.code == -signal.SIGKILL, result.output
    assert registry.champion(NAME) in (1, 2)
    if registry.champion(NAME) == 2:
        tasks.rollback(NAME)
    assert registry.champion(NAME) == 1
    tasks.promote(NAME, 2)
    tasks.rollback(NAME)
    assert registry.champion(NAME) == 1


def test_mlflow_may_be_installed_below_any_folder(models: Path, tmp_path: Path) -> None:
    shutil.rmtree(models / "registry")
    place = tmp_path / "50% x é"
    place.mkdir()
    result = ran(models, tmp_path, at_work.train_by_mlflow_at, str(place), NAME)
    assert result.code == 0, result.output
    assert f"MLflow is at {place}" in result.output
    assert registry.versions(NAME) == [1]


def test_a_server_that_does_not_answer_is_named_in_a_sentence(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = time.monotonic()
    address = "http://boss:planted@secret@127.0.0.1:9"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    said = refused(tasks.promote, NAME, 1)
    assert "planted" not in said
    assert "secret" not in said
    assert "127.0.0.1" in said
    assert time.monotonic() - begun < 20


def test_an_address_that_is_none_is_named_in_a_sentence(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "ftp://mlflow.example")
    said = refused(tasks.promote, NAME, 1)
    assert "MLFLOW_TRACKING_URI" in said or "ftp" in said


@pytest.fixture
def tracking(tmp_path: Path) -> Iterator[str]:
    """The address of an MLflow server of a team's, where it can be installed."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = ["uv", "tool", "run", "--from", "mlflow>=3.17", "mlflow", "server"]
    store = f"sqlite:///{tmp_path / 'server.db'}"
    process = subprocess.Popen(
        [
            *words,
            *("--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
            *("--backend-store-uri", store, "--serve-artifacts"),
            *("--artifacts-destination", str(tmp_path / "artifacts")),
        ],
        cwd=tmp_path,
        env=environment(MLFLOW_DISABLE_TELEMETRY="true"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    end = time.monotonic() + PATIENCE
    while True:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                break
        if process.poll() is not None:
            pytest.skip("MLflow's server cannot be installed here")
        assert time.monotonic() < end
        time.sleep(0.3)
    yield url
    os.killpg(process.pid, signal.SIGTERM)
    process.wait()


def test_the_same_code_works_with_a_server_of_the_team(
    quick: Path,
    tracking: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as there:
        there.setenv("MLFLOW_TRACKING_URI", tracking)
        forget(quick)
        assert registry.champion(NAME) is None
        tasks.train([NAME])
        tasks.promote(NAME, 1)
        assert "folder of this computer" not in capsys.readouterr().out
        with TestClient(serving.make_app()) as client:
            (model,) = client.get("/models").json()
            assert model["version"] == 1
            rows = {"rows": [model["example"]]}
            answer = client.post(f"/models/{NAME}/predict", json=rows)
            assert answer.status_code == 200
        assert "known versions: 1." in refused(tasks.promote, NAME, 7)
        shown = store.client().search_runs([store.experiment()])[0]
        assert shown.data.params["estimator"] == "Pipeline"
        assert shown.data.params["seed"] == "0"
        assert shown.data.metrics["seconds: fitting"] > 0
        assert shown.data.tags["mlflow.user"]
        assert shown.data.tags["mlflow.source.git.commit"]
        (data,) = shown.inputs.dataset_inputs
        assert data.dataset.name == "penguins"
        assert "bill_length_mm" in data.dataset.schema
        assert shown.info.end_time > shown.info.start_time
    forget(quick)
    tasks.promote(NAME, 1)
    assert "folder of this computer" in capsys.readouterr().out
    # The project's own folder knows nothing of it.
    assert registry.versions(NAME) == [1]


@pytest.mark.whole
def test_150_models_are_trained_and_served_by_a_server_of_the_team(
    quick: Path, tracking: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = quick / "docs" / "models"
    for number in range(149):
        for file in (quick / MODULE, pages / f"{NAME}.md"):
            copied = file.with_name(f"penguin_{number}{file.suffix}")
            shutil.copyfile(file, copied)
    commit(quick)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracking)
    forget(quick)
    tasks.train()
    tasks.train([NAME])
    for name in names():
        tasks.promote(name, registry.versions(name)[0])
    assert registry.champion(NAME) == 2
    with TestClient(serving.make_app()) as client:
        assert client.get("/ready").status_code == 200
        told = client.get("/models").json()
        assert len(told) == 150
        assert all(it["version"] for it in told)
        for model in told:
            sent = {"rows": [model["example"]]}
            answer = client.post(f"/models/{model['name']}/predict", json=sent)
            assert answer.status_code == 200


def test_a_contract_that_has_changed_is_named_where_a_version_brings_no_code(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As before versions brought their code along.
    monkeypatch.setattr(sealed, "CODE", "none")
    table = MODELS.with_name("tables") / "penguins.py"
    edit(models, table, '"min_value": 1_000', '"min_value": 9_000')
    said = refused(tasks.promote, NAME, 1)
    assert "the contract of penguins no longer allows rows" in said
    assert "train again" in said


def test_a_handover_says_which_model_serves(
    models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(models, MODULE, "MODEL = Model(", "# Mine.\nMODEL = Model(")
    commit(models)
    handover("Test")
    assert f"[ ] model {NAME} (serves): " in capsys.readouterr().out


def test_a_handover_says_that_a_registry_cannot_be_asked(
    models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    store.client.cache_clear()
    handover("Test")
    assert "Which models serve is not known: " in capsys.readouterr().out
