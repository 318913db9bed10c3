"""Where predictions are logged, as the settings say, and which columns of a row."""

import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
from pyarrow import fs
from pydantic import Field, ValidationError

from twobus.models.columns import INPUT, KEY, identifiers, personal_inputs
from twobus.models.declaration import Model, ModelError
from twobus.models.sentences import bare
from twobus.project import here
from twobus.settings import Settings

# Signs that mean something in an address; all others may be part of a name.
SIGNS = ":/?&=@%+,;~!$*'()#[]"


class LogSettings(Settings):
    """Whether, where and how much is logged.

    Attributes:
        prediction_log: A folder, or an object store such as `s3://bucket/folder`;
            empty: nothing is logged.
        prediction_log_share: The share of requests that is logged, above 0 and up to 1.
        shadow: Whether challengers predict what is logged as well, for the log alone.
    """

    prediction_log: str = ""
    prediction_log_share: float = Field(default=1.0, gt=0, le=1)
    shadow: bool = False


@dataclass(frozen=True)
class Place:
    """Where a log is.

    Attributes:
        store: The file system or object store.
        folder: The folder in it.
        shown: What people call it, without a password.
    """

    store: fs.FileSystem
    folder: str
    shown: str

    def write(self, name: str, content: bytes) -> None:
        """Write a file that is there whole, or not at all.

        Raises:
            OSError: If it cannot be written.
        """
        file = f"{self.folder}/{name}"
        if not isinstance(self.store, fs.LocalFileSystem):
            # A store shows what was put once it has all of it.
            with self.store.open_output_stream(file) as stream:
                stream.write(content)
            return
        whole = Path(file)
        whole.parent.mkdir(parents=True, exist_ok=True)
        aside = whole.with_name(f".{whole.name}")
        try:
            aside.write_bytes(content)
            aside.replace(whole)
        except OSError:
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
            raise


def place() -> Place | None:
    """Return where the log is, as the settings say; None where none is kept.

    Raises:
        ModelError: If that is no place.
    """
    given = settings().prediction_log.strip()
    if not given:
        return None
    if "://" not in given:
        folder = here().root / given
        return Place(fs.LocalFileSystem(), folder.as_posix(), here().name(folder))
    try:
        store, folder = fs.FileSystem.from_uri(quote(given, safe=SIGNS))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ModelError(
            f"PREDICTION_LOG names {bare(given)}, which cannot be opened "
            f"({type(error).__name__}): write a folder, or s3://bucket/folder."
        ) from None
    return Place(store, folder.rstrip("/"), bare(given).partition("?")[0])


def settings() -> LogSettings:
    """Read the settings.

    Raises:
        ModelError: If one has no meaning.
    """
    try:
        return LogSettings()
    except ValidationError:
        raise ModelError(
            "PREDICTION_LOG_SHARE must be a number above 0 and up to 1: 0.1 logs one "
            "of ten requests. SHADOW is true or false."
        ) from None


def logged_columns(model: Model) -> dict[str, tuple[str, pa.DataType]]:
    """Return the columns of a row of a request that are logged, by their names there.

    Args:
        model: The declaration.

    Returns:
        The column and its type. None of it is personal, as today's contract says.
    """
    personal = personal_inputs(model)
    named = {f"{INPUT}{it}": it for it in model.inputs if it not in personal}
    named |= {f"{KEY}{it}": it for it in identifiers(model)}
    columns = model.columns
    return {name: (it, _type(columns[it].dtype.type)) for name, it in named.items()}


def _type(kind: Any) -> pa.DataType:
    """Return the type that holds whatever a request may have for a column."""
    if kind.is_string():
        return pa.string()
    if kind.is_boolean():
        return pa.bool_()
    if kind.is_timestamp():
        return pa.timestamp("us", "UTC")
    if kind.is_date():
        return pa.date32()
    return pa.int64() if kind.is_integer() else pa.float64()
