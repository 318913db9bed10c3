"""A pull or merge request, and the commit from which its change began."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from twobus import git
from twobus.project import StopError, here
from twobus.review.before import ask
from twobus.web import PAGE, Items, Login, OddError
from twobus.web import ask as fetch

NOBODY = {"login": "", "type": "User"}  # whose account is gone
MOST_PAGES = 20
GITLAB_TEXT = 2700  # characters of a description, at most
WAIVER = "large-change"
DEEPEN = "run `git fetch --unshallow`"


@dataclass(frozen=True)
class Request:
    """A pull or merge request, as far as its forge tells.

    Attributes:
        base: The commit or branch that it is to be merged into.
        description: Its text; None where there is no request yet.
        whole: Whether the forge gave the whole text.
        author: Who opened it; empty where the forge does not say.
        by_bot: Whether that is a program.
        draft: Whether its author still works on it.
        labels: Its labels.
        lasting: Whether a result stays when a draft is made ready.
    """

    base: str
    description: str | None = None
    whole: bool = True
    author: str = ""
    by_bot: bool = False
    draft: bool = False
    labels: tuple[str, ...] = ()
    lasting: bool = False


def read_request(base: str) -> Request:
    """Read what the forge says of the request; locally, there is none."""
    env = os.environ
    if found := _event():
        return Request(
            base=f"origin/{found['base']['ref']}",
            description=found["body"] or "",
            author=(found["user"] or NOBODY)["login"],
            by_bot=(found["user"] or NOBODY)["type"] == "Bot",
            draft=found["draft"],
            labels=tuple(label["name"] for label in found["labels"] or []),
        )
    if "CI_MERGE_REQUEST_IID" in env:
        title = env.get("CI_MERGE_REQUEST_TITLE", "")
        text = env.get("CI_MERGE_REQUEST_DESCRIPTION", "")
        # Older releases say nothing of it, or give no text at all.
        guess = "false" if 0 < len(text) < GITLAB_TEXT else "true"
        cut = env.get("CI_MERGE_REQUEST_DESCRIPTION_IS_TRUNCATED", guess)
        return Request(
            # The first is there where GitLab runs on the result of the merge.
            base=env.get("CI_MERGE_REQUEST_TARGET_BRANCH_SHA")
            or env.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", ""),
            description=text,
            whole=cut == "false",
            draft=title.lower().startswith(("draft:", "[draft]", "(draft)")),
            labels=tuple(env.get("CI_MERGE_REQUEST_LABELS", "").split(",")),
            lasting=True,
        )
    return Request(base or git.main(here().root))


def _event() -> dict[str, Any]:
    """Return the pull request of the event on GitHub that runs this, if there is one.

    Raises:
        StopError: If the event cannot be read.
    """
    path = os.environ.get("GITHUB_EVENT_PATH")
    if not path:
        return {}
    try:
        event = json.loads(Path(path).read_text("utf-8"))
        return dict(event.get("pull_request") or {})
    except (OSError, ValueError, AttributeError, TypeError):
        raise StopError(
            f"The event that GITHUB_EVENT_PATH names, {path}, cannot be read: on your "
            "own computer, unset that variable."
        ) from None


class _Actor(BaseModel):
    login: Login
    type: str


class _Label(BaseModel):
    name: str


class _Event(BaseModel):
    """What happened to a request."""

    event: str
    actor: _Actor | None = None
    label: _Label | None = None


def who_waived() -> str:
    """Return who set the label that waives the limit, as the forge knows.

    Raises:
        LookupError: If the forge does not say.
    """
    env = os.environ
    if not (request := _event()):
        raise LookupError(f"who set the label {WAIVER} cannot be seen here")
    url = f"{env['GITHUB_API_URL']}/repos/{env['GITHUB_REPOSITORY']}/issues"
    url = f"{url}/{request['number']}/events"
    headers = {"Authorization": f"Bearer {env.get('GITHUB_TOKEN', '')}"}
    entries: list[Any] = []
    try:
        # Counted rather than followed: a link could lead anywhere, with the token.
        for number in range(1, MOST_PAGES + 1):
            words = {"per_page": PAGE, "page": number}
            page = fetch("GET", url, Items[_Event], headers, params=words)
            entries += page
            if len(page) < PAGE:
                break
    except OddError as error:
        raise LookupError(f"the forge does not tell ({error})") from None
    marks = [
        (entry["event"], entry.get("actor") or NOBODY)
        for entry in entries
        if entry["event"] in ("labeled", "unlabeled")
        and (entry.get("label") or {}).get("name") == WAIVER
    ]
    if not marks or marks[-1][0] == "unlabeled" or marks[-1][1]["type"] != "User":
        raise LookupError(f"the forge names nobody who set the label {WAIVER}")
    return str(marks[-1][1]["login"])


def start_of(base: str) -> str:
    """Return the commit from which a change began.

    A history of its own, as a project begins, counts from after its first commit.

    Raises:
        StopError: If that commit is not here.
    """
    known = ["rev-parse", "--verify", "--quiet", "--end-of-options"]
    if not ask(*known, "HEAD^{commit}"):
        raise StopError(
            "There is no commit here yet, so that no change can be looked at: run "
            "`uv run poe setup`, or commit."
        )
    if not base:
        raise StopError(
            "Nothing says what to compare with: there is no branch main or master, "
            "here or on origin. Name a branch or commit by `poe review --base NAME`."
        )
    commit = ask(*known, base + "^{commit}")
    if not commit:
        raise StopError(
            f"There is no commit or branch {base!r} here to compare with: name one "
            "that is there by `poe review --base NAME`; after a shallow clone, "
            f"{DEEPEN} first."
        )
    if found := ask("merge-base", commit, "HEAD"):
        return found.split()[0]
    if ask("rev-parse", "--is-shallow-repository") == "true":
        raise StopError(
            f"Where this change began is not in this clone, which is shallow: {DEEPEN}."
        )
    return ask("rev-list", "--max-parents=0", "HEAD").split()[0]
