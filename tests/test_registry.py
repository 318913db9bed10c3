"""What the registry keeps is whole, is the team's own, and serves only when it may."""

import bz2
import gzip
import json
import lzma
import os
import pickle
import re
import shutil
import signal
import socket
import struct
import subprocess
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, NoReturn

import at_work
import httpx
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from inside import forget
from modelled import (
    MODELS,
    NAME,
    PATIENCE,
    edit,
    is_step,
    ran,
    refused,
    start,
    version_files,
)

from template import clone, commit, environment, poe, pythons
from twobus.models import ModelError, registry, serving, tasks, training
from twobus.models.artifacts import load
from twobus.models.declaration import find

MODULE = MODELS / f"{NAME}.py"
# By how much scores and predictions may differ on another Python, for which the
# packages of the lock were built once more.
TOLERANCE = 1e-6


@pytest.fixture
def quick(models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project; cards are not drawn, which takes longer than all else."""
    monkeypatch.setattr(training, "render", lambda *given: "<p>card</p>")
    return models


@pytest.mark.parametrize("moment", at_work.MOMENTS)
def test_training_that_is_killed_leaves_no_version(
    moment: str, models: Path, tmp_path: Path
) -> None:
    killed = ran(models, tmp_path, at_work.train_until, moment, NAME)
    assert killed.code == -signal.SIGKILL, killed.output
    assert registry.versions(NAME) == [1]
    assert registry.champion(NAME) == 1


def test_training_works_again_after_it_was_killed(quick: Path, tmp_path: Path) -> None:
    for wait in (0.2, 0.9):
        task = start(quick, tmp_path, at_work.train, NAME)
        task.wait_for("registering")
        time.sleep(wait)
        task.stop(signal.SIGKILL)
    known = registry.versions(NAME)
    # Whatever it had come to: what counts as a version can be used.
    for number in known:
        registry.fetch(NAME, number)
    tasks.train([NAME])
    assert registry.versions(NAME)[0] == known[0] + 1
    tasks.promote(NAME, known[0] + 1)


def test_a_full_disk_leaves_no_version_and_one_sentence(
    models: Path, tmp_path: Path
) -> None:
    result = ran(models, tmp_path, at_work.train_on_a_full_disk, NAME)
    assert result.code == 1
    *steps, said = result.output.splitlines()
    assert all(is_step(line) for line in steps), result.output
    assert said.startswith(f"{NAME} was not kept")
    assert "File too large" in said
    assert registry.versions(NAME) == [1]


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


def test_a_damaged_file_is_named_and_its_version_is_never_used(models: Path) -> None:
    said = []
    files = sorted(path for path in version_files().rglob("*") if path.is_file())
    for file in files:
        whole = file.read_bytes()
        flipped = whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:]
        for content in (None, b"", whole[: len(whole) // 2], flipped):
            file.unlink(missing_ok=True)
            if content is not None:
                file.write_bytes(content)
            said.append((file.name, refused(tasks.promote, NAME, 1)))
        file.write_bytes(whole)
    assert len(said) == 4 * 6
    for name, sentence in said:
        assert sentence.startswith(f"Version 1 of {NAME} cannot be used"), name
        assert name in sentence
    tasks.promote(NAME, 1)


def test_a_replaced_version_is_refused_although_it_is_whole(quick: Path) -> None:
    tasks.train([NAME])
    first, second = version_files(1), version_files(2)
    shutil.rmtree(first)
    shutil.copytree(second, first)
    assert "contents.json" in refused(tasks.promote, NAME, 1)


def test_a_pickle_that_was_put_beside_the_files_is_refused(
    models: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    (version_files() / "model" / "other.bin").write_bytes(pickle.dumps(Evil(trace)))
    assert "other.bin" in refused(tasks.promote, NAME, 1)
    assert not trace.exists()


def test_a_damaged_model_is_unavailable_and_the_others_serve(quick: Path) -> None:
    shutil.copy(quick / MODULE, quick / MODELS / "second.py")
    page = quick / "docs" / "models"
    shutil.copy(page / f"{NAME}.md", page / "second.md")
    commit(quick)
    tasks.train(["second"])
    tasks.promote("second", 1)
    (version_files() / "facts.json").write_text("{}", "utf-8")
    with TestClient(serving.make_app()) as client:
        broken, whole = client.get("/models").json()
        rows = {"rows": [whole["example"]]}
        assert client.post("/models/second/predict", json=rows).status_code == 200
        refusal = client.post(f"/models/{NAME}/predict", json=rows)
        for answer in (refusal, client.get("/ready")):
            assert answer.status_code == 503
            problem = answer.json()["detail"][0]["problem"]
            assert problem.startswith(f"Version 1 of {NAME} cannot be used")
            assert "facts.json" in problem
        assert client.get("/health").status_code == 200
        assert broken["version"] is None


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch '{self.trace}'",)


def pickles(trace: Path) -> dict[str, bytes]:
    """Return pickles in the ways in which they are written."""
    bad = Evil(trace)
    plain = pickle.dumps(bad, protocol=5)
    inner, outer, empty = BytesIO(), BytesIO(), BytesIO()
    with zipfile.ZipFile(empty, "w") as archive:
        archive.writestr("notes.txt", "nothing")
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("archive/data.pkl", plain)
        archive.writestr("archive/version", "3")
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.zip", inner.getvalue())
    return {
        **{f"protocol {it}": pickle.dumps(bad, protocol=it) for it in range(6)},
        "gzip": gzip.compress(plain),
        "bzip2": bz2.compress(plain),
        "xz": lzma.compress(plain),
        "lzma": lzma.compress(plain, format=lzma.FORMAT_ALONE),
        "zlib": zlib.compress(plain),
        "LZ4": b"\x04\x22\x4d\x18" + plain,
        "torch": inner.getvalue(),
        "zip in zip": outer.getvalue(),
        "zip after text": b"# a comment\n" + inner.getvalue(),
        "never ended": plain[:-1] + b"\xff",
        "zip after a pickle": plain + empty.getvalue(),
    }


class ReadError(Exception):
    """A model's own `load` was called."""


def reader(folder: Path) -> NoReturn:
    raise ReadError(str(len(list(folder.iterdir()))))


def test_a_pickle_is_refused_in_whatever_wrapping_and_never_run(
    models: Path, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    model = replace(find(NAME), save=lambda *given: None, load=reader)
    for which, content in pickles(trace).items():
        folder = tmp_path / which
        folder.mkdir()
        (folder / "model.bin").write_bytes(content)
        with pytest.raises(ModelError, match="is a pickle, or compressed"):
            load(NAME, model, folder)
    assert not trace.exists()


def test_what_only_looks_like_a_pickle_is_read(models: Path, tmp_path: Path) -> None:
    header = json.dumps({"w": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}})
    harmless = {
        **{
            f"safetensors {size}": struct.pack("<Q", size) + header.ljust(size).encode()
            for size in (*range(64, 380), 0x785E, 0x789C)
        },
        "numbers": b"0.25\n1.5\n2.\n",
        "table": b"city,count\nBern,3\nRoma,4\n",
        "index": b"id,name\n1,2\n",
        "words": b"chinstrap\ngentoo\nadelie\n",
        "JSON": b'[{"a": 1}]',
        "x": b"x = 1\n",
    }
    for which, content in harmless.items():
        (tmp_path / which).write_bytes(content)
    model = replace(find(NAME), save=lambda *given: None, load=reader)
    with pytest.raises(ReadError, match=f"^{len(harmless)}$"):
        load(NAME, model, tmp_path)


OWN_SAVE = """
import joblib


def save(fitted, folder):
    joblib.dump(fitted, folder / "model.joblib")


def load(folder):
    return joblib.load(folder / "model.joblib")


MODEL = Model(
    save=save,
    load=load,
"""


def test_a_model_that_saves_a_pickle_is_not_kept(quick: Path) -> None:
    edit(quick, MODULE, "MODEL = Model(\n", OWN_SAVE)
    said = refused(tasks.train, [NAME])
    assert "model.joblib" in said
    assert "`save` and a `load`" in said
    assert registry.versions(NAME) == [1]


def test_a_type_that_is_not_trusted_is_named(quick: Path) -> None:
    edit(quick, MODULE, '    trusted=["numpy.dtype"],\n', "")
    said = refused(tasks.train, [NAME])
    assert "numpy.dtype" in said
    assert f"`trusted` in models/{NAME}.py" in said
    assert "numpy.dtype" in refused(tasks.promote, NAME, 1)


def test_a_project_that_was_moved_says_so_everywhere(
    quick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "moved" / "registry"
    # As after `mv`: the same files at another place.
    shutil.copytree(quick / "registry", moved)
    monkeypatch.setattr(registry, "folder", lambda: moved)
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
    assert re.search(r"accuracy \(held out\) is \d\.\d+, not 1\.01", said)
    assert "says nothing below 'Intended use'" in said
    assert registry.champion(NAME) == 1


# What somebody gets wrong in a module, and words of what is said of it.
FEATURES = "return rows.assign("
MISTAKES = {
    "no Python": (
        "MODEL = Model(",
        "MODEL = Model((",
        "wrong.py, line 32: SyntaxError",
    ),
    "fails": ("import pandas as pd", "1 / 0", "wrong.py, line 7: ZeroDivisionError"),
    "no package": ("import pandas as pd", "import nowhere", "needs nowhere, which is"),
    "no model": ("MODEL = Model(", "OTHER = Model(", "declares no MODEL"),
    "returns nothing": (FEATURES, "rows.assign(", "must return a table"),
    "raises": (
        FEATURES,
        "raise OSError('no')\n    return rows.assign(",
        "wrong.py, line 29: OSError: no",
    ),
    "sorts": (FEATURES, "rows = rows[::-1]\n    return rows.assign(", "same order"),
    "drops": (
        FEATURES,
        "rows = rows[1:]\n    return rows.assign(",
        "that it was given",
    ),
    "learns": ("bill_shape=length /", "bill_shape=length.mean() /", "rows alone"),
    "no probabilities": (
        "LogisticRegression(C=10)",
        "__import__('sklearn.svm').svm.LinearSVC(max_iter=100_000)",
        "predict_proba",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_module_is_a_sentence_and_nothing_is_kept(
    mistake: str, quick: Path
) -> None:
    old, new, words = MISTAKES[mistake]
    shutil.copy(quick / MODULE, quick / MODELS / "wrong.py")
    edit(quick, MODELS / "wrong.py", old, new)
    assert words in refused(tasks.train, ["wrong"])
    assert registry.versions("wrong") == []


def test_a_training_that_is_stopped_says_so(models: Path, tmp_path: Path) -> None:
    task = start(models, tmp_path, at_work.train_slowly, NAME)
    task.wait_for("reading penguins")
    result = task.stop(signal.SIGINT)
    assert result.code == 130
    assert result.output.splitlines()[-1] == "Stopped."
    assert registry.versions(NAME) == [1]


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


@pytest.mark.parametrize("first", [True, False], ids=["the first", "later"])
def test_two_trainings_at_once_both_give_a_version(
    first: bool, models: Path, tmp_path: Path
) -> None:
    if first:
        shutil.rmtree(models / "registry")
    both = [start(models, tmp_path, at_work.train, NAME) for _ in range(2)]
    for task in both:
        result = task.wait()
        assert result.code == 0, result.output
    assert registry.versions(NAME) == ([2, 1] if first else [3, 2, 1])


def test_training_twice_gives_the_same_scores_and_predictions(quick: Path) -> None:
    tasks.train([NAME])
    first, second = version_files(1), version_files(2)
    for name in ("scores.json", "golden.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()
    # The batch, through the table, is the same as well.
    batches = []
    for number in (1, 2):
        file = quick / "data" / f"{number}.parquet"
        tasks.promote(NAME, number)
        tasks.predict(NAME, str(file))
        batches.append(pd.read_parquet(file))
        assert list(batches[-1].pop("version").unique()) == [number]
    pd.testing.assert_frame_equal(*batches, check_exact=True)


@pytest.mark.slow
def test_another_python_gives_the_same_scores_and_predictions(
    models_ready: Path, tmp_path: Path
) -> None:
    usual = next(models_ready.glob("registry/files/*/artifacts/version"))
    facts = json.loads((usual / "facts.json").read_text("utf-8"))
    minor = facts["python"].rpartition(".")[0]
    others = [path for version, path in pythons().items() if version != minor]
    if not others:
        pytest.skip(f"no Python but {minor} on this machine, and none can be fetched")
    other = clone(models_ready, tmp_path / "other")
    batches = [tmp_path / "one.parquet", tmp_path / "two.parquet"]
    steps = [
        (models_ready, ["predict", NAME, "--output", str(batches[0])], {}),
        *(
            (other, words, {"UV_PYTHON": others[0]})
            for words in (
                ["train", NAME],
                ["promote", NAME, "1"],
                ["predict", NAME, "--output", str(batches[1])],
            )
        ),
    ]
    for project, words, changes in steps:
        result = poe(project, *words, **changes)
        assert result.code == 0, result.output

    found = next(other.glob("registry/files/*/artifacts/version"))
    told = json.loads((found / "facts.json").read_text("utf-8"))
    assert told["python"].rpartition(".")[0] != minor
    for same in ("fingerprint", "lock", "training_rows", "held_out_rows"):
        assert told[same] == facts[same]
    before, after = (
        json.loads((it / "scores.json").read_text("utf-8")) for it in (usual, found)
    )
    for score, again in zip(before, after, strict=True):
        numbers = {key: it for key, it in score.items() if isinstance(it, float)}
        assert {key: again[key] for key in numbers} == pytest.approx(
            numbers, rel=TOLERANCE, abs=0, nan_ok=True
        )
        assert again | numbers == score
    one, two = (pd.read_parquet(file) for file in batches)
    assert len(one) > 300
    pd.testing.assert_frame_equal(one, two, rtol=TOLERANCE, atol=TOLERANCE)


def test_training_says_its_steps_and_its_scores_and_nothing_else(
    models: Path, tmp_path: Path
) -> None:
    # All that comes from a process, from whatever package.
    result = ran(models, tmp_path, tasks.train, [NAME])
    assert result.code == 0, result.output
    lines = result.output.splitlines()
    rest = [line for line in lines if line and not is_step(line)]
    table = [line for line in rest if line.startswith("|")]
    assert rest == [f"{NAME}, version 2", *table, f"uv run poe promote {NAME} 2"]


def test_nobody_else_is_told_of_a_training(models: Path, tmp_path: Path) -> None:
    result = ran(models, tmp_path, at_work.train_and_tell_of_connections, NAME, 2)
    assert result.code == 0, result.output
    assert "told" not in result.output


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


@pytest.mark.slow
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
    forget(quick)
    tasks.promote(NAME, 1)
    assert "folder of this computer" in capsys.readouterr().out
    # The project's own folder knows nothing of it.
    assert registry.versions(NAME) == [1]


def test_a_contract_that_has_changed_since_is_named_without_values(
    models: Path,
) -> None:
    table = MODELS.with_name("tables") / "penguins.py"
    edit(models, table, '"min_value": 1_000', '"min_value": 9_000')
    said = refused(tasks.promote, NAME, 1)
    assert "the contract of penguins no longer allows rows" in said
    assert "train again" in said
