"""Why a notebook has no good page."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """What ended a notebook.

    Attributes:
        reason: The error, in a line.
        details: Where it was raised, and all that was said.
    """

    reason: str
    details: str


def in_a_line(error: str, words: str) -> str:
    """Return an error in one line."""
    return f"{error}: {' '.join(words.split())}"


def unexpected(error: Exception) -> str:
    """Return an error that no notebook should raise in one line."""
    return in_a_line(type(error).__name__, str(error))


def not_shown(problems: tuple[str, ...]) -> Failure | None:
    """Return what a page cannot show as a failure, if there is anything."""
    if not problems:
        return None
    more = f", and {len(problems) - 1} more" if problems[1:] else ""
    return Failure(f"{problems[0]}{more}", "\n".join(problems))
