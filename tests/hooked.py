"""Commits as people make them, and secrets that must not be in one."""

import os
import random
import re
import string
import zlib
from pathlib import Path

from template import ROOT, Result, git, run


def without_venv() -> str:
    """Return PATH as in a shell that has not activated any environment."""
    entries = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(e for e in entries if Path(e) != ROOT / ".venv/bin")


def commit(project: Path, name: str, content: str, **changes: str) -> Result:
    """Commit a file as a person does, in a shell without an environment."""
    file = project / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(content, "utf-8")
    git("add", "--force", name, cwd=project)
    changes = {"PATH": without_venv()} | changes
    return run("git", "commit", "-m", "Work", cwd=project, **changes)


def failed_hooks(result: Result) -> list[str]:
    """List the hooks that have stopped a commit."""
    return re.findall(r"^(.+?)\.+Failed$", result.output, re.MULTILINE)


def github_token() -> str:
    """Make a token of the right form, so that none stands in this file."""
    letters = string.digits + string.ascii_uppercase + string.ascii_lowercase
    body = "".join(random.Random(2).choices(letters, k=30))
    rest, checksum = zlib.crc32(body.encode()), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        checksum = letters[digit] + checksum
    return f"ghp_{body}{checksum}"


def database_url(scheme: str = "postgres") -> str:
    """Make an address with a password, so that none stands in this file."""
    word = "".join(random.Random(2).choices(string.ascii_letters, k=12))
    return f"{scheme}://analyst:{word}@db.acme.dev:5432/sales"
