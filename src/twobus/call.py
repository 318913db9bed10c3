"""Call the companion, which is not installed with a project.

`protect` runs at the release that the project records, `update` and `propose` at the
template's newest. What delivers an update in CI runs as the project's lock names it.
"""

import os
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import NoReturn
from urllib.request import url2pathname

from twobus.git import PATIENCE, configured, git, login
from twobus.project import ANSWERS, StopError, answers, here
from twobus.tasks import task


@task
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


@task
def update() -> None:
    """Run the `twobus update` of the template's newest release, with the same words.

    Raises:
        SystemExit: As that command ends.
    """
    words = [part for word in sys.argv[1:] for part in word.split("=", 1)]
    # Where the template is now, if it has moved.
    moved = dict(pairwise(words)).get("--template")
    source = _address(moved) if moved else _template()[0]
    _newest(source, "update", *sys.argv[1:], str(here().root))


@task
def propose() -> None:
    """Run the `twobus propose` of the template's newest release.

    CI does it weekly in two jobs: `--prepare FOLDER`, by the newest release and without
    a token, and `--deliver FOLDER`, with the token and what the project's lock names.

    Raises:
        SystemExit: As that command ends.
    """
    source, _ = _template()
    words = [part for word in sys.argv[1:] for part in word.split("=", 1)]
    given = dict(pairwise(words))
    if "--prepare" in given and os.environ.get("TWOBUS_TOKEN"):
        raise StopError(
            "TWOBUS_TOKEN is there, and this runs code of a release that nobody has "
            "read yet. On GitLab: set the variable's environment scope to twobus "
            "(Settings, CI/CD, Variables), so that only the second job gets it."
        )
    if source.startswith("file:") and not Path(url2pathname(source[5:])).exists():
        # People know, and a job that is red every week would teach them to look away.
        print(f"Nothing to propose: the template at {source} is not on this computer.")
        return
    if handed := given.get("--deliver"):
        root, module = str(here().root), "twobus.companion.deliver"
        _run([sys.executable, "-m", module, str(Path(handed).resolve()), root])
    _newest(_log_in(source), "propose", *sys.argv[1:], "--project", str(here().root))


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
    os.environ |= configured(*login(server, "TWOBUS_TOKEN"))
    named = server.replace("://", "://x-access-token@")
    return source.replace(f"{server}/", f"{named}/")


def _newest(source: str, *words: str) -> NoReturn:
    tags = ["ls-remote", "--tags", "--refs", "--sort=-version:refname", source, "v*"]
    moved = "If it has moved: uv run poe update --template URL, which records that."
    try:
        listed = git(*tags, cwd=here().root, limit=PATIENCE)
    except StopError as error:
        raise StopError(
            f"The template at {source} cannot be reached. {moved}\n{error}"
        ) from None
    # A release is v1.2.0; before it there may have been a v1.2.0rc1.
    names = re.findall(r"refs/tags/(v[0-9.]+)$", listed, re.MULTILINE)
    if not names:
        raise StopError(
            f"The template at {source} has no releases: tags such as v1.2.0. {moved}"
        )
    _companion(f"{source}@{names[0]}", *words)


def _template() -> tuple[str, str]:
    """Return where the template is, as a URL, and the release that was rendered."""
    recorded = answers(here().root)
    try:
        return _address(str(recorded["_src_path"])), str(recorded["_commit"])
    except KeyError as error:
        raise StopError(
            f"{ANSWERS} has no {error.args[0]}, which Copier writes: take that file "
            "from git again."
        ) from None


def _companion(package: str, *words: str) -> NoReturn:
    uv = [os.environ.get("UV", "uv"), "tool", "run", "--quiet"]
    _run([*uv, "--from", f"twobus @ git+{package}", "twobus", *words])


def _run(command: list[str]) -> NoReturn:
    try:
        done = subprocess.run(command, cwd=here().root)
    except FileNotFoundError:
        raise StopError(
            f"{command[0]} is not installed, which gets the companion."
        ) from None
    raise SystemExit(done.returncode)


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
    return (here().root / source).resolve().as_uri()
