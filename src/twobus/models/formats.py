"""The formats that a version may hold: each by its name, and by what is in the file.

A pickle runs code when it is read. There are endless ways to hide one, so nothing here
searches for any: a file is read as the format of its name, and refused if it is not.
A text may still be a pickle that somebody has called a text, and so no pickle is let
ask for anything while a version is read.
"""

import codecs
import json
import math
import re
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np

TEXTS = "csv ini json jsonl md pmml toml tsv txt xml yaml yml"
CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
# How JSON begins: as no pickle can.
JSON = re.compile(rb"\s*[\[{\"0-9tfn-]")
# Kinds of numpy's types that are numbers, times, texts and bytes, and never objects.
PLAIN = "?biufcmMSU"
# Numbers of the fields of a model in ONNX; the first one comes first.
ONNX = {1, 2, 3, 4, 5, 6, 7, 8, 14, 20, 25, 26}
_here = threading.local()


class FormatError(Exception):
    """A file is not of its format; the message is the reason."""


class PickleError(Exception):
    """A pickle was read, and asked for something."""


def check(file: Path) -> None:
    """Refuse a file that is not of a known format.

    Args:
        file: The file.

    Raises:
        FormatError: With the reason.
    """
    with file.open("rb") as stream:
        _check(file.name, stream, file.stat().st_size)


def known() -> str:
    """Name the formats, for sentences."""
    return f"text ({', '.join(TEXTS.split())}), {', '.join(sorted(FORMATS))}"


@contextmanager
def no_pickles() -> Iterator[None]:
    """Let no pickle that is read within the block, in this thread, ask for anything.

    Raises:
        PickleError: If one does; what it asks for was neither imported nor called.
    """
    _listen()
    outer = getattr(_here, "asked", None)
    _here.asked = []
    try:
        yield
    finally:
        asked, _here.asked = _here.asked, outer
        # Whoever reads it may have caught or renamed the error.
        if asked:
            raise PickleError(f"a pickle in it asks for {asked[0]}") from None


def _listen() -> None:
    # Python cannot take a hook away again, so there is one.
    if not vars(_listen):
        vars(_listen)["done"] = True
        sys.addaudithook(_hear)


def _hear(event: str, given: tuple[Any, ...]) -> None:
    if event == "pickle.find_class" and getattr(_here, "asked", None) is not None:
        _here.asked.append(".".join(map(str, given)))
        raise PickleError(f"a pickle asks for {_here.asked[-1]}")


def _check(name: str, stream: IO[bytes], size: int) -> None:
    suffix = PurePosixPath(name).suffix.lower()
    if suffix.removeprefix(".") in TEXTS.split():
        _text(stream, is_json=suffix == ".json")
    elif suffix in FORMATS:
        try:
            right = FORMATS[suffix](stream, size)
        except FormatError:
            raise
        except Exception:
            # Each reader has errors of its own for what it cannot read.
            right = False
        if not right:
            raise FormatError(f"it is no {suffix} that can be read to its end")
    else:
        raise FormatError(f"{suffix or 'a name without an ending'} is no known format")


def _text(stream: IO[bytes], is_json: bool) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while block := stream.read(2**20):
            decoder.decode(block)
            if is_json and not JSON.match(block):
                raise FormatError("it is no JSON")
            # What follows the first block is within it.
            is_json = False
            if CONTROL.search(block):
                raise FormatError("it is no text")
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise FormatError("it is no text in UTF-8") from None


def _array(stream: IO[bytes], size: int) -> bool:
    version = np.lib.format.read_magic(stream)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    shape, _, dtype = readers[version](stream)
    if not _plain(dtype):
        raise FormatError(f"its array is of {dtype}: numpy reads objects as pickles")
    return stream.tell() + math.prod(shape) * dtype.itemsize == size


def _plain(dtype: np.dtype[Any]) -> bool:
    if dtype.subdtype:
        return _plain(dtype.subdtype[0])
    if dtype.fields:
        return all(_plain(field[0]) for field in dtype.fields.values())
    return dtype.kind in PLAIN


def _archive(stream: IO[bytes], size: int) -> bool:
    return _members(stream, "")


def _skops(stream: IO[bytes], size: int) -> bool:
    # Its own reader takes these as bytes, whatever they are.
    return _members(stream, ".bin")


def _members(stream: IO[bytes], raw: str) -> bool:
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        # Else another reader could find other files in it.
        first = min(member.header_offset for member in members)
        if first or len({*names}) < len(names) or archive.comment:
            return False
        for member in members:
            if member.is_dir() or (raw and member.filename.endswith(raw)):
                continue
            with archive.open(member) as inner:
                try:
                    _check(member.filename, inner, member.file_size)
                except FormatError as error:
                    raise FormatError(f"in it, {member.filename}: {error}") from None
    return True


def _tensors(stream: IO[bytes], size: int) -> bool:
    length = int.from_bytes(stream.read(8), "little")
    header = json.loads(stream.read(length)) if length <= size else {}
    header.pop("__metadata__", None)
    ends = [tensor["data_offsets"][1] for tensor in header.values()]
    return bool(8 + length + max(ends, default=0) == size)


def _onnx(stream: IO[bytes], size: int) -> bool:
    """Read the fields of a model, without what is in them, to the very end."""
    found = []
    while stream.tell() < size:
        field, kind = divmod(_varint(stream), 8)
        found.append(field)
        if kind == 0:
            _varint(stream)
        elif kind == 2:
            stream.seek(_varint(stream), 1)
        else:
            return False
    return (
        found[:1] == [1] and 7 in found and {*found} <= ONNX and stream.tell() == size
    )


def _varint(stream: IO[bytes]) -> int:
    value = 0
    for shift in range(0, 70, 7):
        (byte,) = stream.read(1)
        value |= (byte & 127) << shift
        if byte < 128:
            return value
    raise FormatError("it has a number that never ends")


def _ubjson(stream: IO[bytes], size: int) -> bool:
    """Tell an object in XGBoost's binary JSON; no pickle begins with a brace."""
    start = stream.read(2)
    stream.seek(-1, 2)
    return start in (b"{L", b"{l", b"{i", b"{I", b"{U") and stream.read() == b"}"


def _catboost(stream: IO[bytes], size: int) -> bool:
    return stream.read(4) == b"CBM1" and int.from_bytes(stream.read(4), "little") < size


def _parquet(stream: IO[bytes], size: int) -> bool:
    from pyarrow import parquet

    return stream.read(4) == b"PAR1" and bool(parquet.read_schema(stream).names)


FORMATS: dict[str, Callable[[IO[bytes], int], bool]] = {
    ".cbm": _catboost,
    ".npy": _array,
    ".npz": _archive,
    ".onnx": _onnx,
    ".parquet": _parquet,
    ".safetensors": _tensors,
    ".skops": _skops,
    ".ubj": _ubjson,
    ".zip": _archive,
}
