"""Files of a version are whole, and are never pickles."""

import os
import pickle
import shutil
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from modelled import (
    MODELS,
    NAME,
    edit,
    refused,
    version_files,
)

from template import commit
from twobus.models import registry, serving, tasks

pytestmark = pytest.mark.slow

MODULE = MODELS / f"{NAME}.py"


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
    # Those of the model, and its code.
    assert len(said) == 4 * len(files) >= 4 * 9
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


def test_a_type_that_is_not_trusted_is_named(
    quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twobus.models.artifacts.STANDARD", ())
    trust = '    trusted=["numpy.dtype"],\n'
    rising = '    rising=["body_mass_g"],\n'
    edit(quick, MODULE, rising, rising + trust)
    commit(quick)
    tasks.train([NAME])
    edit(quick, MODULE, trust, "")
    said = refused(tasks.train, [NAME])
    assert "numpy.dtype" in said
    assert f"`trusted` in models/{NAME}.py" in said
    # A version that is here already was trained by code that did trust it.
    tasks.promote(NAME, 2)
