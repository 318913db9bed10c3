"""Write fitted estimators to files that are safe to read, and read them again."""

import hashlib
import json
import pickletools
import re
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from twobus.models.declaration import Model, ModelError

FILE = "model.skops"
CONTENTS = "contents.json"
# What could hide a pickle: gzip, bzip2, xz, LZMA, LZ4 and Zstandard.
COMPRESSED = re.compile(
    rb"\x1f\x8b\x08|BZh|\xfd7zXZ|\x5d.{4}\xff{8}|\x04\x22\x4d\x18|\x28\xb5\x2f\xfd",
    re.DOTALL,
)
# A pickle names what it wants from a module, and then calls it.
NAMES = ("GLOBAL", "INST", "STACK_GLOBAL", "EXT1", "EXT2", "EXT4")
CALLS = ("REDUCE", "OBJ", "INST", "NEWOBJ", "NEWOBJ_EX", "BUILD")
DOTTED = re.compile(r"[^\W\d][\w.]* [^\W\d][\w.]*")


def save(name: str, model: Model, fitted: Any, folder: Path) -> None:
    """Write a fitted estimator, and prove that it can be read again.

    Args:
        name: The model's name.
        model: Its declaration.
        fitted: The fitted estimator.
        folder: An empty folder.

    Raises:
        ModelError: If it is written as a pickle, or could not be loaded.
    """
    if model.save:
        model.save(fitted, folder)
    else:
        skops.io.dump(fitted, folder / FILE)
    load(name, model, folder)


def load(name: str, model: Model, folder: Path) -> Any:
    """Read a fitted estimator.

    Raises:
        ModelError: If there is a pickle, or a type that the model does not trust.
    """
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        with file.open("rb") as stream:
            pickled = _may_be_pickle(stream)
        if pickled:
            raise ModelError(
                f"{file.name} of the model {name!r} is a pickle, or compressed so that "
                "it could be one, and a pickle can run any code when it is read: give "
                "the model a `save` and a `load` in its framework's own format."
            )
    if model.load:
        return model.load(folder)
    try:
        return skops.io.load(folder / FILE, trusted=list(model.trusted))
    except UntrustedTypesFoundException:
        found = skops.io.get_untrusted_types(file=folder / FILE)
        unknown = ", ".join(sorted({*found} - {*model.trusted}))
        raise ModelError(
            f"The model {name!r} holds types that it does not trust: {unknown}. "
            f"Read what they do, then add them to `trusted` in models/{name}.py."
        ) from None


def seal(folder: Path) -> str:
    """List the files of a folder with their hashes, in a file beside them.

    Returns:
        The hash of that list, which vouches for all files.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    listed = {file.relative_to(folder).as_posix(): _hash(file) for file in files}
    contents = folder / CONTENTS
    contents.write_text(json.dumps(listed, indent=2), "utf-8")
    return _hash(contents)


def verify(folder: Path, sealed: str) -> None:
    """Compare files with what `seal` has said of them.

    Raises:
        ModelError: If one is missing or is not the same, with its name.
    """
    contents = folder / CONTENTS
    if not contents.is_file() or _hash(contents) != sealed:
        raise ModelError(f"{CONTENTS} is missing or is not the one that was written")
    for name, written in json.loads(contents.read_text("utf-8")).items():
        file = folder / name
        if not file.is_file() or _hash(file) != written:
            raise ModelError(f"{name} is missing or is not the one that was written")


def _hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _may_be_pickle(stream: IO[bytes]) -> bool:
    start = stream.read(4096)
    if COMPRESSED.match(start) or _inflates(start):
        return True
    if zipfile.is_zipfile(stream):
        with zipfile.ZipFile(stream) as archive:
            if any(_may_be_pickle(archive.open(name)) for name in archive.namelist()):
                return True
    # Also what is a zip, by its end, may begin as a pickle.
    stream.seek(0)
    named = False
    # What cannot be read as a pickle would not be unpickled any further, either.
    with suppress(Exception):
        for code, said, _ in pickletools.genops(stream):
            if code.name in NAMES:
                # Two lines of a text may look like this, but seldom are names.
                named |= not isinstance(said, str) or bool(DOTTED.fullmatch(said))
            if named and code.name in CALLS:
                return True
    return False


def _inflates(start: bytes) -> bool:
    """Whether this is zlib, which has no sure mark at its start."""
    with suppress(zlib.error):
        return bool(zlib.decompressobj().decompress(start, 1))
    return False
