"""Make the project a git repository with commit hooks."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from twobus.git import ask
from twobus.project import StopError, here
from twobus.tasks import task

CODE_HOOKS = "ruff-check,ruff-format,save,merge-conflicts"
HELP_IDENTITY = (
    "git does not know who you are, and a first commit needs that: run "
    'git config --global user.name "Your Name" and '
    'git config --global user.email "you@example.org", then this again.'
)


@task
def setup() -> None:
    """Start the git history where there is none, and install the commit hooks.

    A second call changes nothing. The environment itself is uv's work: `uv run`
    has locked and installed it before this runs.

    Raises:
        SystemExit: With a sentence that says what to do, before anything is
            changed.
    """
    root = here().root
    if shutil.which("git") is None:
        raise StopError("git is not installed, and a shared project needs it.")
    top = ask("rev-parse", "--show-toplevel", cwd=root)
    if top and Path(top).resolve() != root:
        raise StopError(
            f"This folder lies inside another git repository, {top}: move it out "
            "of there, since each Twobus project is a repository of its own."
        )
    if ask("config", "core.hooksPath", cwd=root):
        raise StopError(
            "git's setting core.hooksPath sends commit hooks elsewhere: run "
            "git config --unset-all core.hooksPath (add --global if it is set "
            "there), then this again."
        )
    first = ask("rev-parse", "--verify", "HEAD", cwd=root) is None
    if first:
        for role in ("AUTHOR", "COMMITTER"):
            words = ["-c", "user.useConfigOnly=true", "var", f"GIT_{role}_IDENT"]
            if ask(*words, cwd=root) is None:
                raise StopError(HELP_IDENTITY)
    if top is None:
        _must("git", "init", "--quiet", "-b", "main")
    _install_hooks(root)
    if first:
        # People may have added files, and the hooks look for secrets in them; what
        # comes from the template is clean.
        _must("git", "add", ".")
        _must("git", "commit", "--quiet", "-m", "Start from Twobus", skip=CODE_HOOKS)
    branch = ask("symbolic-ref", "--short", "HEAD", cwd=root)
    if first and branch not in ("main", None):
        print(
            f"The branch here is {branch}, and CI runs on main: git branch -m main "
            "gives it that name."
        )
    sources = here().pyproject.get("tool", {}).get("uv", {}).get("sources", {})
    if str(sources.get("twobus", {}).get("git", "")).startswith("file:"):
        print(
            "Nobody else can install this project, since its template is a folder of "
            "this computer: put that where colleagues reach it, then run uv run poe "
            "update --template ADDRESS."
        )


@task
def hooks() -> None:
    """Run the commit hooks over all files; those on code are tasks of their own.

    Raises:
        SystemExit: If one of them finds something, or they cannot be run.
    """
    _see_cache()
    environment = os.environ | {"SKIP": "ruff-check,ruff-format"}
    words = [sys.executable, "-m", "pre_commit", "run", "--all-files"]
    code = subprocess.run(words, cwd=here().root, env=environment).returncode
    if code:
        raise SystemExit(code)


def _install_hooks(root: Path) -> None:
    """Install the commit hook so that each worktree calls its own environment.

    pre-commit writes the path of the environment that installed it, which is gone with
    the worktree that it belonged to. git runs hooks at the top of the worktree.
    """
    _see_cache()
    _must(sys.executable, "-m", "pre_commit", "install")
    path = ask("rev-parse", "--git-path", "hooks/pre-commit", cwd=root) or ""
    python = Path(sys.executable)
    if not python.is_relative_to(root):
        return
    hook = root / path
    text = hook.read_text("utf-8")
    line = f"INSTALL_PYTHON={python.relative_to(root).as_posix()}"
    hook.write_text(
        re.sub("^INSTALL_PYTHON=.*$", line, text, count=1, flags=re.MULTILINE),
        "utf-8",
        newline="\n",
    )


def _see_cache() -> None:
    """See that pre-commit can write to its cache, for which it has a traceback only.

    Raises:
        StopError: If it cannot.
    """
    own = os.environ.get("PRE_COMMIT_HOME")
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    cache = Path(own) if own else base / "pre-commit"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        writable = os.access(cache, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise StopError(
            f"The commit hooks need a cache, and {cache} cannot be written to: set "
            "PRE_COMMIT_HOME to a folder that can, then run this again."
        )


def _must(*command: str, skip: str = "") -> None:
    environment = os.environ | {"SKIP": skip}
    if subprocess.run(command, cwd=here().root, env=environment).returncode != 0:
        name = "pre-commit" if "pre_commit" in command else command[0]
        raise StopError(
            f"{name} stopped, as it says above: correct that, then run this again."
        )
