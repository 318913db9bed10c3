"""Files of a version are whole, and are never pickles."""

import bz2
import gzip
import json
import lzma
import os
import pickle
import shutil
import struct
import zipfile
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import NoReturn

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
from twobus.models import ModelError, registry, serving, tasks
from twobus.models.artifacts import load
from twobus.models.declaration import find

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
    # A version that is here already was trained by code that did trust it.
    tasks.promote(NAME, 1)
