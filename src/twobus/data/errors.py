"""What is said when tables cannot be read: never a value, a password or a URL."""

from twobus.project import StopError

DATABASE = "The database that DATA_URL names"
# Words in what drivers say, and what these mean.
CAUSES = {
    "password": "user or password is wrong",
    "refused": "nobody listens at its host and port",
    "translate host": "its host is unknown",
    "resolve": "its host is unknown",
    "timeout": "it does not answer",
    "does not exist": "it has no such user or database",
}


class DataError(StopError):
    """A table cannot be read, or is not what its contract says."""


def why_unreachable(error: Exception) -> str:
    """Say why no connection was made, in words that hold no part of the URL."""
    if isinstance(error, ValueError):
        return "it is no address of a database that is only read"
    message = str(error).lower()
    found = (cause for words, cause in CAUSES.items() if words in message)
    return next(found, type(error).__name__)


def why_failed(error: Exception) -> str:
    """Say how a query failed: in the database's words only if these hold no values.

    Returns:
        What follows the words `DATABASE`, without a full stop.
    """
    if isinstance(error, DataError):
        return str(error).removeprefix(f"{DATABASE} ").removesuffix(".")
    name = type(error).__name__
    # Class 42 of SQL's states: unknown names, missing rights, wrong syntax.
    if str(getattr(error, "sqlstate", "")).startswith("42"):
        return f"refused a query ({name}: {str(error).splitlines()[0]})"
    return f"failed at a query ({name})"
