"""What a version may hold is allowed by its format; a pickle is refused in any form."""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import joblib
import numpy as np
import pandas as pd
import pytest

from twobus.models import Model, ModelError
from twobus.models.artifacts import load


class Evil:
    """Makes a folder when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.trace),)


def read(folder: Path, by: Callable[[Path], Any] = lambda folder: "read") -> Any:
    """Load the files of a folder by a model's own function."""
    return load("m", cast(Model, SimpleNamespace(load=by, trusted=[])), folder)


def zipped(**members: bytes) -> bytes:
    """Return a zip of files; two underscores stand for a dot."""
    place = io.BytesIO()
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return place.getvalue()


def array(values: Any) -> bytes:
    """Return an array as numpy writes it."""
    place = io.BytesIO()
    np.save(place, np.array(values), allow_pickle=True)
    return place.getvalue()


def in_text(trace: Path) -> bytes:
    """Return a pickle that is a text of a few lines."""
    return f"cos\nmkdir\n(S{str(trace)!r}\ntR.".encode()


def hidden(trace: Path) -> dict[str, bytes]:
    """Return files that would run something, by names that promise something else."""
    plain, text = pickle.dumps(Evil(trace)), in_text(trace)
    objects = array([Evil(trace)])
    numbers = array([1.0, 2.0])
    place = io.BytesIO()
    joblib.dump(Evil(trace), place)
    header = json.dumps({"w": {"data_offsets": [0, 8]}}).encode()
    tensors = struct.pack("<Q", len(header)) + header + bytes(8)
    return {
        **{f"p{it}.pkl": pickle.dumps(Evil(trace), protocol=it) for it in range(6)},
        **{f"p{it}.npy": pickle.dumps(Evil(trace), protocol=it) for it in range(6)},
        **{f"p{it}.json": pickle.dumps(Evil(trace), protocol=it) for it in range(6)},
        **{f"p{it}.ubj": pickle.dumps(Evil(trace), protocol=it) for it in range(6)},
        **{f"p{it}.txt": pickle.dumps(Evil(trace), protocol=it) for it in range(2, 6)},
        "no_ending": text,
        "capital.PKL": plain,
        "hexadecimal.bin": b"I0x1\n0" + text,
        "several.bin": pickle.dumps(1) + pickle.dumps("a") + plain,
        "several.json": b"N.N." + text,
        "after_stop.bin": b"N." + plain,
        "model.joblib": place.getvalue(),
        "renamed.safetensors": plain,
        "renamed.onnx": plain,
        "renamed.cbm": plain,
        "renamed.parquet": plain,
        "renamed.skops": plain,
        "gzip.npy": gzip.compress(plain),
        "gzip.json.gz": gzip.compress(plain),
        "bzip2.bz2": bz2.compress(plain),
        "xz.xz": lzma.compress(plain),
        "zlib.z": zlib.compress(plain),
        "objects.npy": objects,
        "objects_in.npz": zipped(a__npy=numbers, b__npy=objects),
        "fields.npy": array(np.array([(1, None)], dtype=[("a", int), ("b", object)])),
        "longer.npy": numbers + plain,
        "longer.safetensors": tensors + plain,
        "shorter.npy": numbers[:-1],
        "torch.pt": zipped(data__pkl=plain, version=b"3"),
        "torch.zip": zipped(data__pkl=plain, version=b"3"),
        "torch.npz": zipped(data__pkl=text),
        "torch.skops": zipped(schema__json=b"{}", data__pkl=plain),
        "nested.zip": zipped(a__zip=zipped(b__zip=zipped(c__npy=objects))),
        "before.zip": plain + zipped(),
        "before.npz": plain + zipped(a__npy=numbers),
    }


def test_what_is_not_a_known_format_is_refused_by_name_and_never_run(
    tmp_path: Path,
) -> None:
    trace, passed = tmp_path / "trace", []
    for number, (name, content) in enumerate(hidden(trace).items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / name).write_bytes(content)
        try:
            read(folder)
            passed.append(name)
        except ModelError as error:
            said = str(error)
            assert said.startswith(f"{name} of the model 'm' is refused ("), said
            assert "`save` and a `load`" in said, said
    assert not passed
    assert not trace.exists()


def rows(folder: Path) -> Any:
    with (folder / "model.txt").open("rb") as stream:
        return [pickle.load(stream) for _ in range(3)]  # noqa: S301


def quiet(folder: Path) -> Any:
    with suppress(Exception):
        return rows(folder)
    return "read"


def by_numpy(folder: Path) -> Any:
    return np.load(folder / "model.txt", allow_pickle=True)


READERS: dict[str, Callable[[Path], Any]] = {
    "pickle": rows,
    "errors ignored": quiet,
    "numpy": by_numpy,
    "joblib": lambda folder: joblib.load(folder / "model.txt"),
    "pandas": lambda folder: pd.read_pickle(folder / "model.txt"),  # noqa: S301
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("before", ["", "I0x1\n0", "I7\n0", "(((1"])
def test_a_pickle_that_is_called_a_text_is_refused_when_it_is_read(
    before: str, reader: str, tmp_path: Path
) -> None:
    folder, trace = tmp_path / "model", tmp_path / "trace"
    folder.mkdir()
    (folder / "model.txt").write_bytes(before.encode() + in_text(trace))
    with pytest.raises(ModelError, match=r"asks for os\.mkdir"):
        read(folder, READERS[reader])
    assert not trace.exists()


def test_a_pickle_after_harmless_ones_is_refused_when_it_is_read(
    tmp_path: Path,
) -> None:
    folder, trace = tmp_path / "model", tmp_path / "trace"
    folder.mkdir()
    (folder / "model.txt").write_bytes(b"N.I1\n." + in_text(trace))
    with pytest.raises(ModelError, match=r"asks for os\.mkdir"):
        read(folder, rows)
    assert not trace.exists()


def test_pickles_elsewhere_are_read_as_ever(tmp_path: Path) -> None:
    assert read(tmp_path) == "read"
    trace = tmp_path / "trace"
    pickle.loads(in_text(trace))  # noqa: S301
    assert trace.exists()


def test_files_of_known_formats_are_read(tmp_path: Path) -> None:
    header = json.dumps({"w": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}})
    fields = np.array([(1, "a")], dtype=[("a", "i8"), ("b", "U2")])
    numbers = array([[0.5, 1.0]])
    files = {
        **{
            f"{size}.safetensors": struct.pack("<Q", size)
            + header.ljust(size).encode()
            + bytes(8)
            for size in (64, 99, 0x785E, 0x789C)
        },
        "numbers.txt": b"0.25\n1.5\n2.\n",
        "table.csv": "city,count\nZürich,3\nRoma,4\n".encode(),
        "words.txt": b"chinstrap\ngentoo\nadelie\n",
        "labels.txt": b"N.A.\nFEMALE\nMALE\n",
        "number.json": b"3",
        "list.json": b'\n[{"a": 1}]',
        "numbers.npy": numbers,
        "whole.npy": array(3),
        "none.npy": array([]),
        "fields.npy": array(fields),
        "arrays.npz": zipped(a__npy=numbers, b__npy=numbers),
        "estimator.skops": zipped(schema__json=b"{}", a__npz=zipped(a__npy=numbers)),
        "trees.ubj": b"{L\x00\x00\x00\x00\x00\x00\x00\x01aT}",
        "network.onnx": b"\x08\x0a\x12\x01a\x3a\x02\x0a\x00\x42\x02\x10\x0f",
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "rows.parquet")
    assert read(tmp_path) == "read"
