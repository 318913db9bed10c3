"""Write fitted estimators to files that are safe to read, and read them again."""

import hashlib
import json
from pathlib import Path
from typing import Any

import skops.io
from skops.io.exceptions import UntrustedTypesFoundException

from twobus.models.declaration import Model, ModelError
from twobus.models.formats import FormatError, PickleError, check, known, no_pickles

FILE = "model.skops"
CONTENTS = "contents.json"
# What common estimators are made of, and holds settings and arrays alone. Not trees:
# whoever writes one can have a prediction read beyond its arrays, and crash.
STANDARD = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
    # Of this package, wherever it stands.
    f"{__package__}.quantiles.Quantiles",
)


def save(name: str, model: Model, fitted: Any, folder: Path) -> None:
    """Write a fitted estimator, and prove that it can be read again.

    Args:
        name: The model's name.
        model: Its declaration.
        fitted: The fitted estimator.
        folder: An empty folder.

    Raises:
        ModelError: If it is written in no known format, or could not be loaded.
    """
    if model.save:
        model.save(fitted, folder)
    else:
        skops.io.dump(fitted, folder / FILE)
    load(name, model, folder)


def load(name: str, model: Model, folder: Path) -> Any:
    """Read a fitted estimator.

    Raises:
        ModelError: If a file is not of a known format, a pickle is read, or there is
            a type that the model does not trust.
    """
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            check(file)
        except FormatError as error:
            raise _refused(name, file.relative_to(folder), error) from None
    try:
        with no_pickles():
            if model.load:
                return model.load(folder)
            return skops.io.load(folder / FILE, trusted=[*STANDARD, *model.trusted])
    except PickleError as error:
        raise _refused(name, "A file", error) from None
    except UntrustedTypesFoundException:
        found = skops.io.get_untrusted_types(file=folder / FILE)
        unknown = ", ".join(sorted({*found} - {*STANDARD, *model.trusted}))
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


def _refused(name: str, what: Path | str, reason: Exception) -> ModelError:
    return ModelError(
        f"{what} of the model {name!r} is refused ({reason}), since reading it could "
        "run any code: give the model a `save` and a `load` in its framework's own "
        f"format, one of {known()}."
    )


def _hash(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
