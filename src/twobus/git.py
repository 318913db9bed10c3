"""Calling git, and other programs, in a project."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from twobus.project import StopError

# What belongs to the project, task or hook from which this is run.
FOREIGN = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "POE_", "VIRTUAL_ENV")
# How git says that it does not look into a folder, by one of its words.
REFUSED = "detected dubious ownership"


def git(
    *words: str | Path,
    cwd: Path | None = None,
    text: str | None = None,
    **environment: str,
) -> str:
    """Return what a git command prints.

    Args:
        words: The command's words, after `git`.
        cwd: Where it runs.
        text: What it reads from its input.
        environment: Variables that it gets as well.

    Raises:
        StopError: If it fails, with what git says.
    """
    process = _git(words, cwd, text, environment)
    if process.returncode:
        said = process.stderr.strip() or process.stdout.strip()
        raise StopError(f"git {words[0]} failed: {said}")
    return process.stdout


def ask(*words: str | Path, cwd: Path, text: str | None = None) -> str | None:
    """Return what a git command prints, stripped, or None where it fails.

    Raises:
        StopError: If git refuses the folder or is not installed, so that nobody takes
            that for an answer.
    """
    process = _git(words, cwd, text, {})
    return process.stdout.strip() if process.returncode == 0 else None


def run(
    command: list[str],
    cwd: Path | None,
    text: str | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program without a terminal, and return what it did.

    Raises:
        StopError: If it is not installed.
    """
    own = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
    quiet = {"GIT_TERMINAL_PROMPT": "0"}
    try:
        return subprocess.run(
            command,
            cwd=cwd,
            env={**own, **quiet, **(environment or {})},
            input=text or "",
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
        )
    except FileNotFoundError:
        raise StopError(f"{command[0]} is not installed.") from None


def configured(*settings: tuple[str, str]) -> dict[str, str]:
    """Return variables that give git settings, after those that it has already."""
    start = int(os.environ.get("GIT_CONFIG_COUNT", "0"))
    variables = {"GIT_CONFIG_COUNT": str(start + len(settings))}
    for number, (key, value) in enumerate(settings, start):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables


def names(output: str) -> list[str]:
    """Split what git prints with `-z`."""
    return [name for name in output.split("\0") if name]


def head(folder: Path) -> tuple[str, bool]:
    """Return the commit that a project is at, and whether it has other changes.

    Returns:
        The whole hash, empty where there is no commit yet; whether a file differs from
        it, or is not in git.
    """
    commit = ask("rev-parse", "--verify", "HEAD", cwd=folder) or ""
    return commit, not commit or bool(ask("status", "--porcelain", cwd=folder))


def top(folder: Path) -> Path:
    """Return a folder that is the top of a git repository with a commit.

    Raises:
        StopError: If it is not.
    """
    if not folder.is_dir():
        raise StopError("There is no such folder.")
    found = ask("rev-parse", "--show-toplevel", cwd=folder)
    if found is None:
        raise StopError("This is no git repository: run git init and commit first.")
    if Path(found).resolve() != folder.resolve():
        raise StopError(f"The project's git repository begins at {found}: name that.")
    if ask("rev-parse", "--verify", "HEAD", cwd=folder) is None:
        raise StopError(
            "There is no commit yet: commit first (uv run poe setup does, in a project "
            "that Twobus made)."
        )
    return folder.resolve()


def _git(
    words: tuple[str | Path, ...],
    cwd: Path | None,
    text: str | None,
    environment: Mapping[str, str],
) -> subprocess.CompletedProcess[str]:
    # Its words are read here, so that they must be English.
    english = {"LC_ALL": "C.UTF-8", "LANGUAGE": "C"}
    process = run(["git", *map(str, words)], cwd, text, {**english, **environment})
    if process.returncode and REFUSED in process.stderr:
        folder = (cwd or Path.cwd()).resolve()
        raise StopError(
            f"git does not work in {folder}, because another user owns it. If you "
            f'trust it, run: git config --global --add safe.directory "{folder}"'
        )
    return process
