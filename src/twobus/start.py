"""Make the project a git repository with commit hooks."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from twobus.codeowners import forge_of
from twobus.git import ask, refuse_inside
from twobus.project import StopError, here
from twobus.tasks import task

CODE_HOOKS = "ruff-check,ruff-format,save,merge-conflicts"
HELP_IDENTITY = (
    "git does not know who you are, and a first commit needs that: run "
    'git config --global user.name "Your Name" and '
    'git config --global user.email "you@example.org", then this again.'
)
# What comes in a commit hook of pre-commit before all that it does.
SETTINGS = re.compile(r"^INSTALL_PYTHON=.*$", re.MULTILINE)
SETTINGS_END = "# end templated\n"
HOOK_START = Path(__file__).with_name("hook_start.sh")


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
    began, first = _see_git(root)
    _see_cache()
    if not began:
        _must("git", "init", "--quiet", "-b", "main")
    _install_hooks(root)
    if first:
        # People may have added files, and the hooks look for secrets in them; what
        # comes from the template is clean.
        _must("git", "add", ".")
        _must("git", "commit", "--quiet", "-m", "Start from Twobus", skip=CODE_HOOKS)
    _name_branch(root)
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
    root = here().root
    # Where git does not answer, pre-commit asks whether it is installed.
    if shutil.which("git") is None or ask("rev-parse", "--git-dir", cwd=root) is None:
        raise StopError("The hooks need a git repository: run uv run poe setup first.")
    _see_cache()
    environment = os.environ | {"SKIP": "ruff-check,ruff-format"}
    words = [sys.executable, "-m", "pre_commit", "run", "--all-files"]
    code = subprocess.run(words, cwd=root, env=environment).returncode
    if code:
        raise SystemExit(code)


def _see_git(root: Path) -> tuple[bool, bool]:
    """See that git can do what a setup needs.

    Returns:
        Whether the project is a repository already; whether it has no commit yet.

    Raises:
        StopError: If it cannot.
    """
    if shutil.which("git") is None:
        raise StopError("git is not installed, and a shared project needs it.")
    refuse_inside(root)
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
    return ask("rev-parse", "--git-dir", cwd=root) is not None, first


def _install_hooks(root: Path) -> None:
    """Install the commit hook so that each worktree calls its own environment.

    pre-commit writes the path of the environment that installed it, which is gone with
    the worktree that it belonged to. git runs hooks at the top of the worktree.
    """
    _must(sys.executable, "-m", "pre_commit", "install")
    path = ask("rev-parse", "--git-path", "hooks/pre-commit", cwd=root) or ""
    hook = root / path
    python = shlex.quote(_python(root))
    text = SETTINGS.sub(lambda _: f"INSTALL_PYTHON={python}", hook.read_text("utf-8"))
    start = SETTINGS_END + HOOK_START.read_text("utf-8")
    hook.write_text(text.replace(SETTINGS_END, start, 1), "utf-8", newline="\n")


def _python(root: Path) -> str:
    """Return this Python as each worktree has one: from its top on, where it can be."""
    python, prefix = Path(sys.executable), Path(sys.prefix)
    # The environment itself may be a link, and its Python is one.
    environment = prefix.parent.resolve() / prefix.name
    if python.is_relative_to(prefix) and environment.is_relative_to(root):
        return (environment.relative_to(root) / python.relative_to(prefix)).as_posix()
    return python.as_posix()


def _name_branch(root: Path) -> None:
    """Say what to do where there is no branch on which CI of GitHub runs."""
    if forge_of(root) != "github":
        return
    names = ("main", "origin/main")
    if any(ask("rev-parse", "--verify", "--quiet", it, cwd=root) for it in names):
        return
    if branch := ask("symbolic-ref", "--short", "HEAD", cwd=root):
        print(
            f"The branch here is {branch}, and CI runs on main: git branch -m "
            f"{branch} main gives it that name. On the forge, main must be the "
            "default branch as well."
        )


def _see_cache() -> None:
    """See that pre-commit can write to its cache, for which it has a traceback only.

    Raises:
        StopError: If it cannot.
    """
    cache = Path(os.environ.get("PRE_COMMIT_HOME") or _caches() / "pre-commit")
    writable = False
    with suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
        writable = os.access(cache, os.W_OK)
    if not writable:
        raise StopError(
            f"The commit hooks need a cache, and {cache} cannot be written to: set "
            "PRE_COMMIT_HOME to a folder that can, then run this again."
        )


def _caches() -> Path:
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return Path(folder)
    try:
        return Path.home() / ".cache"
    except RuntimeError:
        raise StopError(
            "This user has no home folder, and the commit hooks need a cache: set "
            "PRE_COMMIT_HOME to a folder that can be written to, then run this again."
        ) from None


def _must(*command: str, skip: str = "") -> None:
    environment = os.environ | {"SKIP": skip}
    if subprocess.run(command, cwd=here().root, env=environment).returncode != 0:
        name = "pre-commit" if "pre_commit" in command else command[0]
        raise StopError(
            f"{name} stopped, as it says above: correct that, then run this again."
        )
