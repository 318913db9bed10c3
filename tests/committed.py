"""Repositories in which people commit on days of their own."""

from collections.abc import Mapping
from pathlib import Path

from template import run
from twobus.git import git
from twobus.people.history import history
from twobus.people.knowledge import DAY

ANN, BOB = "Ann Example <ann@acme.example>", "Bob Example <bob@acme.example>"
# When their first day is.
START = 1_600_000_000


class Repository:
    """A repository in which people commit on days of their own."""

    def __init__(self, root: Path) -> None:
        """Begin one in a new folder."""
        self.root = root
        root.mkdir()
        git("init", "--quiet", "--initial-branch", "main", cwd=root)

    def commit(
        self,
        person: str = ANN,
        files: Mapping[str, str] | None = None,
        message: str = "Work",
        day: int = 0,
    ) -> str:
        """Commit files, by name and content, as a person; None for what is moved."""
        for name, content in (files or {"a.py": f"{day} {message}"}).items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
        git("add", "--all", cwd=self.root)
        name, _, address = person.removesuffix(">").partition(" <")
        said = {
            f"GIT_{role}_{what}": value
            for role in ("AUTHOR", "COMMITTER")
            for what, value in [
                ("NAME", name),
                ("EMAIL", address),
                ("DATE", f"{START + day * DAY} +0000"),
            ]
        }
        words = ["git", "commit", "-q", "--no-verify", "-m", message]
        assert run(*words, cwd=self.root, **said).code == 0
        return git("rev-parse", "HEAD", cwd=self.root).strip()

    def names(self) -> list[tuple[list[str], list[str]]]:
        """Return who wrote and who read each change, by name."""
        found = history(self.root)
        return [
            (
                [*map(found.names.__getitem__, change.authors)],
                [*map(found.names.__getitem__, change.readers)],
            )
            for change in found.changes
        ]
