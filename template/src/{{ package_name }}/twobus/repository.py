"""Make the project a git repository with commit hooks.

Managed by Twobus: change it by a pull request to the template.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn
from urllib.request import url2pathname

import yaml

from ..settings import ROOT

CODE_HOOKS = "ruff-check,ruff-format,save,merge-conflicts"
LOG_IN = (
    '!f() { test "$1" = get && printf '
    r"""'username=x-access-token\npassword=%s\n' "$TWOBUS_TOKEN"; }; f"""
)
HELP_IDENTITY = (
    "git does not know who you are, and a first commit needs that: run "
    'git config --global user.name "Your Name" and '
    'git config --global user.email "you@example.org", then this again.'
)


def setup() -> None:
    """Start the git history where there is none, and install the commit hooks.

    A second call changes nothing. The environment itself is uv's work: `uv run`
    has locked and installed it before this runs.

    Raises:
        SystemExit: With a sentence that says what to do, before anything is
            changed.
    """
    if shutil.which("git") is None:
        raise SystemExit("git is not installed, and a shared project needs it.")
    top = _git("rev-parse", "--show-toplevel")
    if top and Path(top).resolve() != ROOT:
        raise SystemExit(
            f"This folder lies inside another git repository, {top}: move it out "
            "of there, since each Twobus project is a repository of its own."
        )
    if _git("config", "core.hooksPath"):
        raise SystemExit(
            "git's setting core.hooksPath sends commit hooks elsewhere: run "
            "git config --unset-all core.hooksPath (add --global if it is set "
            "there), then this again."
        )
    first = _git("rev-parse", "--verify", "HEAD") is None
    if first:
        for role in ("AUTHOR", "COMMITTER"):
            identity = _git("-c", "user.useConfigOnly=true", "var", f"GIT_{role}_IDENT")
            if identity is None:
                raise SystemExit(HELP_IDENTITY)
    if top is None:
        _must("git", "init", "--quiet", "-b", "main")
    _must("pre-commit", "install")
    if first:
        # People may have added files, and the hooks look for secrets in them; what
        # comes from the template is clean.
        _must("git", "add", ".")
        _must("git", "commit", "--quiet", "-m", "Start from Twobus", skip=CODE_HOOKS)


def protect(action: str) -> None:
    """Run the template's `twobus protect`, at the release that the project records.

    Args:
        action: `plan`, `apply` or `check`.

    Raises:
        SystemExit: As that command ends.
    """
    source, recorded = _template()
    # A commit without a tag is recorded as v1.2.0-3-gabc1234.
    release = re.sub(r"^.*-g(?=[0-9a-f]+$)", "", recorded)
    _companion(f"{source}@{release}", "protect", action)


def update() -> None:
    """Run the `twobus update` of the template's newest release, with the same words.

    Raises:
        SystemExit: As that command ends.
    """
    source, _ = _template()
    _newest(source, "update", *sys.argv[1:], str(ROOT))


def propose() -> None:
    """Run the `twobus propose` of the template's newest release, as CI does weekly.

    Raises:
        SystemExit: As that command ends.
    """
    source, _ = _template()
    if source.startswith("file:") and not Path(url2pathname(source[5:])).exists():
        # People know, and a job that is red every week would teach them to look away.
        print(f"Nothing to propose: the template at {source} is not on this computer.")
        return
    _newest(_log_in(source), "propose", *sys.argv[1:], "--project", str(ROOT))


def _log_in(source: str) -> str:
    """Let git show TWOBUS_TOKEN to the host that runs this job, if it asks for one.

    So a template there may be private. The token is in no argument and no file.

    Returns:
        The template's address as it logs in: with a user's name, without which git
        would rather take what ~/.netrc has for a private library on that host.
    """
    server = os.environ.get("GITHUB_SERVER_URL") or os.environ.get("CI_SERVER_URL")
    if not server or not os.environ.get("TWOBUS_TOKEN"):
        return source
    named = server.replace("://", "://x-access-token@")
    settings = [
        (f"credential.{server}.helper", ""),
        (f"credential.{server}.helper", LOG_IN),
        (f"http.{named}.emptyAuth", "true"),
    ]
    count = int(os.environ.get("GIT_CONFIG_COUNT", "0"))
    os.environ["GIT_CONFIG_COUNT"] = str(count + len(settings))
    for number, (key, value) in enumerate(settings, count):
        os.environ[f"GIT_CONFIG_KEY_{number}"] = key
        os.environ[f"GIT_CONFIG_VALUE_{number}"] = value
    return source.replace(f"{server}/", f"{named}/")


def _newest(source: str, *words: str) -> NoReturn:
    tags = ["ls-remote", "--tags", "--refs", "--sort=-version:refname", source, "v*"]
    # A release is v1.2.0; before it there may have been a v1.2.0rc1.
    names = re.findall(r"refs/tags/(v[0-9.]+)$", _git(*tags) or "", re.MULTILINE)
    if not names:
        raise SystemExit(
            f"The template at {source} cannot be reached, or has no releases: "
            "git ls-remote --tags says more."
        )
    _companion(f"{source}@{names[0]}", *words)


def _template() -> tuple[str, str]:
    """Return where the template is, as a URL, and the release that was rendered."""
    answers = yaml.safe_load((ROOT / ".copier-answers.yml").read_text("utf-8"))
    return _address(str(answers["_src_path"])), str(answers["_commit"])


def _companion(package: str, *words: str) -> NoReturn:
    uv = [os.environ.get("UV", "uv"), "tool", "run", "--quiet"]
    command = [*uv, "--from", f"twobus @ git+{package}", "twobus", *words]
    raise SystemExit(subprocess.run(command, cwd=ROOT).returncode)


def _address(source: str) -> str:
    """Return a template's place as a URL, from any form that Copier takes."""
    source = source.removeprefix("git+")
    for short, host in (("gh:", "github.com"), ("gl:", "gitlab.com")):
        if source.startswith(short):
            return f"https://{host}/{source.removeprefix(short)}"
    if "://" in source:
        return source
    if remote := re.fullmatch(r"([\w.-]+@[\w.-]+):(.+)", source):
        return f"ssh://{remote[1]}/{remote[2]}"
    return (ROOT / source).resolve().as_uri()


def _must(*command: str, skip: str = "") -> None:
    environment = os.environ | {"SKIP": skip}
    if subprocess.run(command, cwd=ROOT, env=environment).returncode != 0:
        raise SystemExit(
            f"{command[0]} stopped, as it says above: mend it, then run this again."
        )


def _git(*words: str) -> str | None:
    """Return what a git command prints, or None where it fails."""
    process = subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, encoding="utf-8"
    )
    return process.stdout.strip() if process.returncode == 0 else None
