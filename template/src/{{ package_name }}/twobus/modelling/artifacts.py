"""Write fitted estimators to files that are safe to read, and read them again.

Managed by Twobus: change it by a pull request to the template.
"""

import hashlib
import json
import pickletools
import zipfile
from pathlib import Path
from typing import IO, Any

import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from .declaration import Model, ModelError

FILE = "model.skops"
CONTENTS = "contents.json"
# What could hide a pickle: gzip, bzip2, xz, Zstandard and zlib.
COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd", b"\x78")


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
    start = stream.read(8)
    stream.seek(0)
    if start.startswith(COMPRESSED):
        return True
    if start.startswith(b"PK"):
        with zipfile.ZipFile(stream) as archive:
            return any(_is_inside(archive, name) for name in archive.namelist())
    try:
        return sum(1 for _ in pickletools.genops(stream)) > 1
    except Exception:
        # What cannot be read as a pickle is none.
        return False


def _is_inside(archive: zipfile.ZipFile, name: str) -> bool:
    with archive.open(name) as member:
        return _may_be_pickle(member)
