"""The address that `DATA_URL` gives: the one place where it is read and shown.

Nothing but the type, host and path of a database is ever shown, and these only where it
is certain that they are no part of a password.
"""

import os
import re
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import ParseResult, parse_qsl, urlparse

from twobus.data.errors import DataError
from twobus.data.files import digest
from twobus.project import here

MALFORMED = (
    "DATA_URL names a database that cannot be opened: it is no address, and nothing of "
    "it is shown. Write duckdb://path/to/file.duckdb or "
    "postgres://user:password@host/name, and in a password @ as %40, # as %23, / as "
    "%2F, ? as %3F and % as %25."
)
# What may be shown of a path.
PLAIN = re.compile(r"[\w./ $-]*")


def parsed(url: str) -> ParseResult:
    """Return the parts of an address.

    Raises:
        DataError: If it is none, or a part of its password may stand in another place.
    """
    try:
        parts = urlparse(url)
        if _is_sound(url, parts):
            return parts
    except ValueError:
        # Its words may hold parts of the address, and a traceback would show them.
        pass
    raise DataError(MALFORMED)


def options(parts: ParseResult) -> dict[str, str]:
    """Return the options that follow `?` in an address.

    Raises:
        DataError: If one is not written as `name=value`, or stands there twice.
    """
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        pairs = [("", "")] if parts.query else []
    found = dict(pairs)
    if len(found) < len(pairs) or not all(name.isidentifier() for name in found):
        raise DataError(
            "DATA_URL has options that cannot be read: write each once, as "
            "?name=value&other=value."
        )
    return found


def unused(name: str, why: str) -> DataError:
    """Say that an option of the address would have no effect, and is refused."""
    return DataError(f"DATA_URL has the option {name!r}, {why}.")


def database_file(url: str) -> Path | None:
    """Return the file of a DuckDB database, relative paths starting at the project.

    Raises:
        DataError: If the address is none.
    """
    parts = parsed(url)
    if parts.scheme != "duckdb" or parts.netloc.startswith("md:"):
        return None
    return here().root / (parts.netloc + parts.path)


def shown(url: str) -> str:
    """Say what database an address names, for everybody to see."""
    try:
        parts, file = parsed(url), database_file(url)
    except DataError:
        return "a database whose address is not shown, since it cannot be read"
    if not file:
        return f"{parts.scheme}://{parts.hostname or ''}{parts.path}, read live"
    return seen(file) if file.is_file() else "a file of DuckDB that is not there"


def seen(file: Path) -> str:
    """Return the place of a file, as it is seen from the project, and its hash."""
    return f"{os.path.relpath(file, here().root)} {digest(file)}"


def _is_sound(url: str, parts: ParseResult) -> bool:
    """Tell whether each part of an address is what it seems to be.

    A password may have any letter. Where it has one that ends the host (`/`, `?`), what
    follows has the `@` that was to end the password; where it has a `#`, the address
    has one.
    """
    known = {"postgresql", *(one.name for one in entry_points(group="ibis.backends"))}
    if "#" in url or not url.isprintable() or parts.scheme not in known:
        return False
    if not url.startswith(f"{parts.scheme}://"):
        return False
    if parts.scheme == "duckdb" and not parts.netloc.startswith("md:"):
        # All of it is a path.
        return True
    rest = parts.path + parts.params + parts.query
    if "@" in rest or not PLAIN.fullmatch(parts.path):
        return False
    # Asking for a port that is none is an error. MotherDuck's names look like one.
    return parts.netloc.startswith("md:") or parts.port is None or bool(parts.hostname)
