"""Who reviewed what, as a forge knows it: approvals and comments on merged requests.

Asked only where a token is given, and kept in git's own folder: the next time only
newer requests are asked for.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from twobus import git
from twobus.codeowners import forge_of

REMOTE = re.compile(
    r"(?:https?://|ssh://)?(?:[^@/]*@)?([^/:]+)(?::\d+)?[:/](.+?)(?:\.git)?/?$"
)
TOKENS = {"github": ("GH_TOKEN", "GITHUB_TOKEN"), "gitlab": ("GITLAB_TOKEN",)}
# A token is for the forge's own host, or the one that a variable names.
HOSTS = {
    "github": ("github.com", "GH_HOST"),
    "gitlab": ("gitlab.com", "GITLAB_HOST", "CI_SERVER_HOST"),
}
# So many requests are asked for at most, the newest.
MOST = 1000
GITHUB = """
query($owner: String!, $name: String!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequests(states: MERGED, first: 50, after: $after,
                 orderBy: {field: UPDATED_AT, direction: DESC}) {
      pageInfo { hasNextPage endCursor }
      nodes {
        updatedAt
        mergeCommit { oid }
        author { login }
        commits(first: 100) {
          nodes { commit { oid author { email user { login } } } }
        }
        reviews(first: 50) { nodes { author { login __typename } } }
      }
    }
  }
}
"""


@dataclass(frozen=True)
class Reviewed:
    """A merged request.

    Attributes:
        updated: When it changed last.
        commits: Its commits, and the one by which it was merged.
        people: The logins of those who reviewed it, without its author.
        logins: The logins of those who committed, by their addresses.
    """

    updated: str
    commits: list[str]
    people: list[str]
    logins: dict[str, str]


@dataclass(frozen=True)
class Kept:
    """What has been asked for so far.

    Attributes:
        since: When the newest request changed last.
        commits: Who reviewed which commit, by login.
        logins: Whose login belongs to an address.
    """

    since: str = ""
    commits: dict[str, list[str]] = field(default_factory=dict)
    logins: dict[str, str] = field(default_factory=dict)


def kept(folder: Path) -> Kept:
    """Return what has been asked for.

    Args:
        folder: Git's own folder.
    """
    with suppress(OSError, ValueError, TypeError, RecursionError):
        return Kept(**json.loads(_file(folder).read_text("utf-8")))
    return Kept()


def refresh(root: Path) -> str:
    """Ask the project's forge who reviewed what, where a token is given.

    Args:
        root: The project's folder.

    Returns:
        What has come of it, in a sentence; empty where there is no token.
    """
    forge = forge_of(root)
    token = next((os.environ[it] for it in TOKENS[forge] if os.environ.get(it)), "")
    remote = REMOTE.match(git.ask("remote", "get-url", "origin", cwd=root) or "")
    if not token or not remote:
        return ""
    host, own = remote[1].lower(), HOSTS[forge]
    if host not in {own[0], *(os.environ.get(it, "").lower() for it in own[1:])}:
        return f"{host} is not shown a token that may be for another: set {own[1]}."
    folder = Path(git.git("rev-parse", "--git-common-dir", cwd=root).strip())
    folder = (root / folder).resolve()
    file = _file(folder)
    known = kept(folder)
    ask = _github if forge == "github" else _gitlab
    # Takes as long to import as all that is done without a token.
    from twobus.web import OddError

    newest, count = known.since, 0
    commits, logins = dict(known.commits), dict(known.logins)
    try:
        for one in ask(remote[1], remote[2], token, known.since):
            if one.updated <= known.since or count == MOST:
                break
            count += 1
            newest = max(newest, one.updated)
            commits |= dict.fromkeys(one.commits, one.people)
            logins |= one.logins
    except OddError as error:
        # Kept is only what is complete: the next time begins where this one did.
        return f"The forge does not tell who reviewed what ({error}): trailers count."
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(asdict(Kept(newest, commits, logins))), "utf-8")
    return f"Reviews of {count} merged requests are new from {remote[1]}."


def _file(folder: Path) -> Path:
    return folder / "twobus" / "approvals.json"


def _github(host: str, path: str, token: str, since: str) -> Iterator[Reviewed]:
    from twobus.people import answered
    from twobus.web import ask

    api = "https://api.github.com" if host == "github.com" else f"https://{host}/api"
    owner, _, name = path.partition("/")
    after = None
    for _ in range(1 + MOST // 50):
        variables = {"owner": owner, "name": name, "after": after}
        answer = ask(
            "POST",
            f"{api}/graphql",
            answered.GitHub,
            {"Authorization": f"Bearer {token}"},
            json={"query": GITHUB, "variables": variables},
        )
        page = answer["data"]["repository"]["pullRequests"]
        for node in page["nodes"]:
            inside = [it["commit"] for it in node["commits"]["nodes"]]
            merged = [node["mergeCommit"]] if node["mergeCommit"] else []
            opened = (node["author"] or {}).get("login")
            authors = [it["author"] for it in node["reviews"]["nodes"] if it["author"]]
            people = [it["login"] for it in authors if it["__typename"] == "User"]
            wrote = [it["author"] for it in inside if (it["author"] or {}).get("user")]
            known = [(it["email"] or "", it["user"]["login"]) for it in wrote]
            yield Reviewed(
                node["updatedAt"],
                [it["oid"] for it in (*inside, *merged)],
                [it for it in dict.fromkeys(people) if it != opened],
                {email.lower(): login for email, login in known if email},
            )
        if not page["pageInfo"]["hasNextPage"]:
            return
        after = page["pageInfo"]["endCursor"]


def _gitlab(host: str, path: str, token: str, since: str) -> Iterator[Reviewed]:
    from twobus.people import answered
    from twobus.web import Items, ask

    base = f"https://{host}/api/v4/projects/{quote(path, safe='')}/merge_requests"

    def get(url: str, shape: Any, **words: Any) -> Any:
        return ask("GET", url, shape, {"PRIVATE-TOKEN": token}, params=words)

    words = {"state": "merged", "order_by": "updated_at", "sort": "desc"}
    words |= {"updated_after": since} if since else {}
    for page in range(1, 1 + MOST // 100):
        found = get(base, Items[answered.Merged], per_page=100, page=page, **words)
        for node in found:
            one = f"{base}/{node['iid']}"
            if node["updated_at"] <= since:
                return
            approved = get(f"{one}/approvals", answered.Approvals)["approved_by"]
            inside = get(f"{one}/commits", Items[answered.Commit], per_page=100)
            own = (node.get("squash_commit_sha"), node.get("merge_commit_sha"))
            opened = node["author"]["username"]
            people = [it["user"]["username"] for it in approved]
            # GitLab does not say whose a commit is: of one author it can be told.
            wrote = {it["author_email"].lower() for it in inside}
            yield Reviewed(
                node["updated_at"],
                [*(it["id"] for it in inside), *filter(None, own)],
                [it for it in people if it != opened],
                dict.fromkeys(wrote, opened) if len(wrote) == 1 else {},
            )
        if len(found) < 100:
            return
