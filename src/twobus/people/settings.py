"""What a project says in `[tool.twobus.people]`."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from twobus.project import ANSWERS, Project, StopError

TABLE = "[tool.twobus.people]"
# What tools write, and nobody needs to know.
WRITTEN = ("uv.lock", ANSWERS)


@dataclass(frozen=True)
class Settings:
    """What a project says of its people.

    Attributes:
        left: Who has left, by name, address or login.
        ignore: Patterns of paths that nobody needs to know; `*` also stands for `/`.
        limit: How many files one person alone may know before `poe check` fails.
    """

    left: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    limit: int | None = None

    def counts(self, path: str) -> bool:
        """Tell whether somebody should know a path."""
        return path not in WRITTEN and not any(
            fnmatchcase(path, pattern) for pattern in self.ignore
        )


def settings(project: Project) -> Settings:
    """Read what a project says.

    Raises:
        StopError: If it says something else.
    """
    said = project.settings.get("people", {})
    if not isinstance(said, dict):
        raise StopError(f"{TABLE} in pyproject.toml must be a table.")
    if unknown := sorted(said.keys() - {"left", "ignore", "limit"}):
        raise StopError(
            f"{TABLE} in pyproject.toml has {', '.join(unknown)}, which means nothing: "
            "it may have left, ignore and limit."
        )
    limit = said.get("limit")
    if limit is not None and (
        not isinstance(limit, int) or isinstance(limit, bool) or limit < 0
    ):
        raise StopError(
            f"limit in {TABLE} must be a whole number, such as 10: how many files one "
            "person alone may know."
        )
    return Settings(_words(said, "left"), _words(said, "ignore"), limit)


def _words(said: dict[str, Any], name: str) -> tuple[str, ...]:
    found = said.get(name, [])
    if not isinstance(found, list) or not all(isinstance(it, str) for it in found):
        raise StopError(f'{name} in {TABLE} must be a list of texts: {name} = ["…"].')
    return tuple(found)
