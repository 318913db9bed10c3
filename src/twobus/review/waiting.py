"""What the forge tells a job of its CI of reviews: who waits for whom, and logins."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from twobus.web import Items, Login, OddError, ask

# Older ones wait for somebody else, or for nobody.
DAYS = 7
LOGIN = re.compile(r"[A-Za-z0-9_-]+")


class _Reviewer(BaseModel):
    login: Login


class _User(BaseModel):
    username: Login


class _Pull(BaseModel):
    """A pull request of GitHub."""

    updated_at: str
    requested_reviewers: Items[_Reviewer]


class _Commit(BaseModel):
    """A commit of GitHub, whose author may have no account."""

    author: _Reviewer | None


class _Merge(BaseModel):
    """A merge request of GitLab."""

    updated_at: str
    reviewers: Items[_User]


def waiting() -> Counter[str]:
    """Count the open requests of a week that wait for each login.

    A token that may only read is enough. Outside of CI there is nobody to ask.

    Raises:
        LookupError: If the forge does not tell.
    """
    env = os.environ
    shape: Any
    since = datetime.now(UTC) - timedelta(days=DAYS)
    if env.get("GITHUB_EVENT_PATH") and env.get("GITHUB_REPOSITORY"):
        url = f"{env['GITHUB_API_URL']}/repos/{env['GITHUB_REPOSITORY']}/pulls"
        words = {"state": "open", "sort": "updated", "direction": "desc"}
        headers = {"Authorization": f"Bearer {env.get('GITHUB_TOKEN', '')}"}
        people, name, shape = "requested_reviewers", "login", Items[_Pull]
    elif env.get("CI_MERGE_REQUEST_IID") and env.get("CI_API_V4_URL"):
        url = f"{env['CI_API_V4_URL']}/projects/{env['CI_PROJECT_ID']}/merge_requests"
        words = {"state": "opened", "order_by": "updated_at", "sort": "desc"}
        # The job's own token may not ask that; public projects tell everybody.
        token = env.get("GITLAB_TOKEN", "")
        headers = {"PRIVATE-TOKEN": token} if token else {}
        people, name, shape = "reviewers", "username", Items[_Merge]
    else:
        return Counter()
    words["per_page"] = "100"
    try:
        return Counter(
            person[name].lower()
            for request in ask("GET", url, shape, headers, params=words)
            if datetime.fromisoformat(request["updated_at"]) >= since
            for person in request[people]
        )
    except (OddError, TypeError, ValueError) as error:
        raise LookupError(str(error)) from None


def login(addresses: Iterable[str]) -> str:
    """Return the login of who commits by one of some addresses; empty if none is known.

    GitHub alone tells that, by what it knows of the repository's commits.
    """
    env = os.environ
    if not env.get("GITHUB_REPOSITORY") or not env.get("GITHUB_API_URL"):
        return ""
    url = f"{env['GITHUB_API_URL']}/repos/{env['GITHUB_REPOSITORY']}/commits"
    headers = {"Authorization": f"Bearer {env.get('GITHUB_TOKEN', '')}"}
    for address in addresses:
        words = {"author": address, "per_page": "1"}
        try:
            found = ask("GET", url, Items[_Commit], headers, params=words)
        except OddError:
            continue
        name = str(found[0]["author"]["login"]) if found and found[0]["author"] else ""
        if LOGIN.fullmatch(name):
            return name
    return ""
