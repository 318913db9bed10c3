"""Run something at another commit of the project, with that commit's code and lock."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twobus.git import ask
from twobus.project import here

# What would lead that commit to this commit's environment and code.
FOREIGN = ("VIRTUAL_ENV", "UV_PROJECT", "UV_FROZEN", "UV_NO_SYNC", "POE_", "PYTHONPATH")


@contextmanager
def checkout(commit: str) -> Iterator[Path]:
    """Yield a folder that holds the project's files at a commit; it goes afterwards.

    Args:
        commit: The commit, as git understands it.

    Raises:
        LookupError: If there is no such commit.
    """
    root = here().root
    # What an interrupted run has left behind.
    ask("worktree", "prune", cwd=root)
    sha = ask(
        "rev-parse", "--verify", "--end-of-options", commit + "^{commit}", cwd=root
    )
    try:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
            # Resolved because pages name it as the system does.
            tree = Path(temporary).resolve() / root.name
            words = ["worktree", "add", "--detach", str(tree)]
            if not sha or ask(*words, sha, cwd=root) is None:
                raise LookupError("git has no such commit; is it fetched?")
            try:
                yield tree
            finally:
                ask("worktree", "remove", "--force", tree, cwd=root)
    finally:
        # git removes no folder in which a process that was stopped still writes.
        ask("worktree", "prune", cwd=root)


def uv_run(tree: Path, *words: str, **environment: str) -> tuple[int, str]:
    """Run a command in the environment of a folder made by `checkout`.

    Args:
        tree: That folder.
        words: What follows `uv run --locked`.
        environment: Variables that it gets as well.

    Returns:
        Its exit code, and what it printed.
    """
    own = {key: it for key, it in os.environ.items() if not key.startswith(FOREIGN)}
    try:
        process = subprocess.run(
            [os.environ.get("UV", "uv"), "run", "--locked", *words],
            cwd=tree,
            env=own | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        return 1, f"uv does not start: {error}"
    return process.returncode, process.stdout
