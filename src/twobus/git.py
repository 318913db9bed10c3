"""Calling git, and other programs, in a project."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from twobus.project import StopError

# Where the main branch is found, unless somebody says.
BASES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")
# What belongs to the project, task or hook from which this is run.
FOREIGN = ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "POE_", "VIRTUAL_ENV")
# What answers no sooner than this, in seconds, is taken for dead.
PATIENCE = 120
SLOW = {"GIT_HTTP_LOW_SPEED_LIMIT": "1", "GIT_HTTP_LOW_SPEED_TIME": "30"}
SSH = "ssh -o ConnectTimeout=30 -o ServerAliveInterval=30"
LATE = ": is the address right, is a proxy needed?"
# What a repository of others may say of how it is read and written. All that is not
# listed may run a program, in this git or in a later one.
PLAIN = re.compile(
    r"core\.(autocrlf|eol|safecrlf|filemode|ignorecase|precomposeunicode|symlinks)"
    r"|core\.sparsecheckout(cone)?|index\.sparse"
    r"|(author|committer|user)\.(name|email)|user\.signingkey|commit\.gpgsign|gpg\.format"
)
# How git says that it does not look into a folder, and how it advises to change that.
REFUSED = re.compile(r"detected dubious ownership|unsafe repository \(")
TRUST = "git config --global --add safe.directory"
ADVICE = re.compile(rf"{TRUST} (\S.*)$", re.MULTILINE)


def git(
    *words: str | Path,
    cwd: Path | None = None,
    text: str | None = None,
    limit: float | None = None,
    strange: bool = False,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Return what a git command prints.

    Args:
        words: The command's words, after `git`.
        cwd: Where it runs.
        text: What it reads from its input.
        limit: After how many seconds it is stopped; for what asks other computers.
        strange: Whether that is a repository of others, see `clone`.
        environment: Variables that it gets as well.

    Raises:
        StopError: If it fails, with what git says.
    """
    process = _git(words, cwd, text, environment or {}, limit, strange)
    if process.returncode:
        said = process.stderr.strip() or process.stdout.strip()
        raise StopError(f"git {words[0]} failed: {said}")
    return process.stdout


def ask(
    *words: str | Path,
    cwd: Path,
    text: str | None = None,
    limit: float | None = None,
    strange: bool = False,
    environment: Mapping[str, str] | None = None,
) -> str | None:
    """Return what a git command prints, stripped, or None where it fails.

    Args:
        words: The command's words, after `git`.
        cwd: Where it runs.
        text: What it reads from its input.
        limit: After how many seconds it is stopped; for what asks other computers.
        strange: Whether that is a repository of others, see `clone`.
        environment: Variables that it gets as well.

    Raises:
        StopError: If git refuses the folder or is not installed, so that nobody takes
            that for an answer.
    """
    process = _git(words, cwd, text, environment or {}, limit, strange)
    return process.stdout.strip() if process.returncode == 0 else None


def run(
    command: list[str],
    cwd: Path | None,
    text: str | None = None,
    environment: Mapping[str, str] | None = None,
    limit: float | None = None,
    hint: str = ".",
) -> subprocess.CompletedProcess[str]:
    """Run a program without a terminal, and return what it did.

    Raises:
        StopError: If it is not installed, or was stopped at its limit of seconds.
    """
    own = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
    quiet = {"GIT_TERMINAL_PROMPT": "0"}
    try:
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**own, **quiet, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="surrogateescape",
        )
    except FileNotFoundError:
        raise StopError(f"{command[0]} is not installed.") from None
    try:
        output, errors = process.communicate(text or "", timeout=limit)
    except subprocess.TimeoutExpired:
        _end(process)
        raise StopError(
            f"{' '.join(command[:2])} has been stopped after {limit:.0f} seconds "
            f"without an answer{hint}"
        ) from None
    except BaseException:
        _end(process)
        raise
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def _end(process: subprocess.Popen[str]) -> None:
    """End a program, which ends what it has started, if it can."""
    process.terminate()
    try:
        process.wait(timeout=2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    # What it has started may hold these open: nobody waits for that.
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            stream.close()


def configured(*settings: tuple[str, str]) -> dict[str, str]:
    """Return variables that give git settings, after those that it has already."""
    start = int(os.environ.get("GIT_CONFIG_COUNT", "0"))
    variables = {"GIT_CONFIG_COUNT": str(start + len(settings))}
    for number, (key, value) in enumerate(settings, start):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables


def login(server: str, variable: str) -> list[tuple[str, str]]:
    """Return settings by which git shows a token to one server, and to no other.

    The token is in no address, argument or file. Addresses must name the user
    `x-access-token`: git would rather take what `~/.netrc` has for that host, which in
    CI is for a private library.

    Args:
        server: The server: `https://git.acme.example`.
        variable: The variable that holds the token.
    """
    answer = r"username=x-access-token\npassword=%s\n"
    helper = f"""!f() {{ test "$1" = get && printf '{answer}' "${variable}"; }}; f"""
    named = server.replace("://", "://x-access-token@")
    return [
        # Other helpers would be asked first, and told to keep the token.
        (f"credential.{server}.helper", ""),
        (f"credential.{server}.helper", helper),
        (f"http.{named}/.emptyAuth", "true"),
    ]


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


def main(folder: Path) -> str:
    """Return the main branch as this clone knows it; empty where it knows none."""
    known = (it for it in BASES if ask("rev-parse", "-q", "--verify", it, cwd=folder))
    return next(known, "")


def holds(folder: Path, branch: str, commit: str) -> bool:
    """Tell whether a branch has a commit in its history."""
    words = ("merge-base", "--is-ancestor", commit, branch)
    # Others may have written it down: it must not be read as an option.
    known = re.fullmatch("[0-9a-f]{7,64}", commit)
    return known is not None and ask(*words, cwd=folder) is not None


def refuse_inside(folder: Path) -> None:
    """Refuse a project that lies inside another git repository.

    Raises:
        StopError: If it does; or if another user owns the folder, see `ask`.
    """
    if ask("rev-parse", "--show-prefix", cwd=folder, strange=True):
        above = ask("rev-parse", "--show-toplevel", cwd=folder, strange=True)
        raise StopError(
            f"This folder lies inside another git repository, {above}: move it out "
            "of there, since each Twobus project is a repository of its own."
        )


def top(folder: Path) -> Path:
    """Return a folder that is the top of a git repository with a commit.

    Raises:
        StopError: If it is not.
    """
    if not folder.is_dir():
        raise StopError("There is no such folder.")
    found = ask("rev-parse", "--show-toplevel", cwd=folder, strange=True)
    if found is None:
        raise StopError("This is no git repository: run git init and commit first.")
    refuse_inside(folder)
    if ask("rev-parse", "--verify", "HEAD", cwd=folder, strange=True) is None:
        raise StopError(
            "There is no commit yet: commit first (uv run poe setup does, in a project "
            "that Twobus made)."
        )
    return folder.resolve()


def clone(here: Path, folder: Path) -> Path:
    """Clone a repository of others, without what could run in it; no file is there yet.

    Settings, hooks and filters of a repository run programs as soon as git looks at
    its files. git's advice is to work in a clone, which has none of them. This one
    borrows the objects, and is told only what says how to read them (`PLAIN`).
    """
    quiet = ["core.fsmonitor=false", "submodule.recurse=false"]
    quiet.append(f"core.hooksPath={os.devnull}")
    listed = git("config", "--list", "--show-scope", "-z", cwd=here, strange=True)
    said = iter(listed.split("\0"))
    for scope, setting in zip(said, said, strict=False):
        key, equals, value = setting.partition("\n")
        if equals and scope in {"local", "worktree"} and PLAIN.fullmatch(key):
            quiet.append(f"{key}={value}")
    words = [word for setting in quiet for word in ("--config", setting)]
    words += ["--quiet", "--shared", "--no-checkout", "--no-tags", "--"]
    folder.parent.mkdir(parents=True, exist_ok=True)
    git("clone", *words, here, folder, cwd=folder.parent, strange=True)
    return folder


def compared(cloned: Path, here: Path) -> dict[str, str]:
    """Return variables by which git compares a repository's own files with a clone.

    What its index knows of them comes along, so that git need not read them all.
    """
    place = cloned / ".git"
    asked = ["rev-parse", "--git-path", "index", "--git-path", "info/exclude"]
    said = git(*asked, cwd=here, strange=True).splitlines()
    index, exclude = (here / path for path in said)
    parts = {one: place / one.name for one in index.parent.glob("sharedindex.*")}
    parts |= {index: place / "theirs", exclude: place / "info" / "exclude"}
    for source, target in parts.items():
        if source.is_file():
            # When it was written tells which files may have changed since.
            target.parent.mkdir(exist_ok=True)
            shutil.copy2(source, target)
    return {
        "GIT_DIR": str(place),
        "GIT_WORK_TREE": str(here),
        "GIT_INDEX_FILE": str(place / "theirs"),
    }


def put_back(cloned: Path, here: Path, branch: str, seen: str, known: str) -> bool:
    """Put the commit of a clone into its repository, as a branch.

    Args:
        cloned: The clone.
        here: The repository.
        branch: The branch to make or to move.
        seen: Where the branch was before, empty if there was none.
        known: A commit that both have, on which the new one builds.

    Returns:
        Whether the branch was where it was before; else nothing has moved.
    """
    result = git("rev-parse", "HEAD", cwd=cloned).strip()
    objects = git("rev-parse", "--git-path", "objects", cwd=here, strange=True)
    bundle = str(cloned / ".git" / "result")
    git("bundle", "create", "--quiet", bundle, f"{known}..HEAD", cwd=cloned)
    store = {
        "GIT_OBJECT_DIRECTORY": str(here / objects.removesuffix("\n")),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(cloned / ".git" / "objects"),
    }
    git("bundle", "unbundle", bundle, cwd=cloned, environment=store)
    move = ["update-ref", f"refs/heads/{branch}", result, seen or "0" * len(result)]
    # Hooks stand in settings as well, by names that people choose.
    listed = git("config", "--list", "--name-only", "-z", cwd=here, strange=True)
    hooks = {key.rpartition(".")[0] for key in names(listed) if key.startswith("hook.")}
    off = _quiet(*[(f"{hook}.enabled", "false") for hook in sorted(hooks)])
    return ask(*move, cwd=here, strange=True, environment=off) is not None


def _quiet(*settings: tuple[str, str]) -> dict[str, str]:
    """Return variables with which git runs nothing that a repository names.

    What reads no files and asks nobody may run with them where nobody has looked.
    """
    hooks = [("core.hooksPath", os.devnull), ("core.fsmonitor", "false")]
    alone = {"GIT_NO_LAZY_FETCH": "1", "GIT_ALLOW_PROTOCOL": "file"}
    return {**alone, **configured(*hooks, *settings)}


def _git(
    words: tuple[str | Path, ...],
    cwd: Path | None,
    text: str | None,
    environment: Mapping[str, str],
    limit: float | None = None,
    strange: bool = False,
) -> subprocess.CompletedProcess[str]:
    hint = "."
    if strange:
        environment, limit = {**_quiet(), **environment}, PATIENCE
    elif limit is not None:
        environment, hint = {**SLOW, **_ssh(cwd), **environment}, LATE
    # Its words are read here, so that they must be English.
    english = {"LC_ALL": "C.UTF-8", "LANGUAGE": "C"}
    command = ["git", *map(str, words)]
    process = run(command, cwd, text, {**english, **environment}, limit, hint)
    if process.returncode and REFUSED.search(process.stderr):
        # git may mean a folder above, or where a template is.
        advice = ADVICE.search(process.stderr)
        folder = advice[1] if advice else f'"{(cwd or Path.cwd()).resolve()}"'
        raise StopError(
            f"git does not work in {folder}, because another user owns it. If you "
            f"trust it, run: {TRUST} {folder}"
        )
    return process


def _ssh(cwd: Path | None) -> dict[str, str]:
    """Let ssh give up as well, unless people have chosen how it is called."""
    own = any(name in os.environ for name in ("GIT_SSH", "GIT_SSH_COMMAND"))
    asked = run(["git", "config", "core.sshCommand"], cwd)
    return {} if own or asked.returncode == 0 else {"GIT_SSH_COMMAND": SSH}
