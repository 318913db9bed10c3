"""Pull requests of GitHub and merge requests of GitLab, as one kind of thing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from urllib.parse import quote

from pydantic import BaseModel

from twobus.companion.forge import Client, RefusedError
from twobus.project import StopError

DRAFT = "Draft: "


class _Repository(BaseModel):
    """What is asked of a repository; a project of GitLab may have no branch yet."""

    default_branch: str | None


class _Named(BaseModel):
    full_name: str | None = None


class _Side(BaseModel):
    ref: str
    sha: str
    repo: _Named | None


class _Pull(BaseModel):
    """A pull request of GitHub."""

    number: int
    title: str
    body: str | None
    draft: bool | None = None
    state: Literal["open", "closed"]
    merged_at: str | None = None
    base: _Side
    head: _Side
    html_url: str


class _Merge(BaseModel):
    """A merge request of GitLab."""

    iid: int
    title: str
    description: str | None
    state: Literal["opened", "closed", "locked", "merged"]
    target_branch: str
    sha: str | None
    web_url: str
    source_project_id: int | None
    target_project_id: int


@dataclass(frozen=True)
class Request:
    """A pull or merge request from a branch of the repository itself.

    Attributes:
        number: How the forge calls it.
        title: Its title, without the word that makes it a draft.
        body: Its description.
        draft: Whether it is a draft.
        state: `open`, `closed` or `merged`.
        base: The branch that it is to be merged into.
        sha: The commit at its end.
        url: Where people find it.
    """

    number: int
    title: str
    body: str
    draft: bool
    state: str
    base: str
    sha: str
    url: str


class Requests(Protocol):
    """The requests from one branch, on some forge."""

    def default(self) -> str:
        """Return the repository's default branch."""

    def all(self) -> list[Request]:
        """List the requests from the branch, closed ones too, the newest first."""

    def open(self, base: str, title: str, body: str, draft: bool) -> Request:
        """Open a request."""

    def change(
        self, request: Request, base: str, title: str, body: str, draft: bool
    ) -> Request:
        """Give a request another title and description."""

    def close(self, request: Request, body: str) -> None:
        """Close a request, with a last description."""


class GitHub:
    """The pull requests from one branch."""

    def __init__(self, client: Client, branch: str) -> None:
        """Prepare; nothing is asked yet."""
        self.client = client
        self.branch = branch
        self.repository = f"/repos/{client.path}"

    def default(self) -> str:
        """Return the repository's default branch."""
        return _default(self.client, self.repository)

    def all(self) -> list[Request]:
        """List the requests from the branch, closed ones too, the newest first."""
        owner = self.client.path.split("/")[0]
        found = self.client.pages(
            f"{self.repository}/pulls",
            _Pull,
            state="all",
            head=f"{owner}:{self.branch}",
        )
        # An owner may have forks of a repository beside it.
        own = self.client.path.lower()
        return [
            _pull(one)
            for one in found
            if ((one["head"]["repo"] or {}).get("full_name") or "").lower() == own
        ]

    def open(self, base: str, title: str, body: str, draft: bool) -> Request:
        """Open a request; as no draft where the plan has none."""
        wanted = {
            "title": title,
            "head": self.branch,
            "base": base,
            "body": body,
            "draft": draft,
        }
        try:
            address = f"{self.repository}/pulls"
            return _pull(self.client.send("POST", address, wanted, _Pull))
        except RefusedError as error:
            if draft and error.status == 422 and "draft" in error.message.lower():
                return self.open(base, title, body, draft=False)
            if "not permitted to create" in error.message:
                raise StopError(
                    f"{self.client.path} does not let GitHub Actions open pull "
                    "requests: allow it below Settings, Actions, General, Workflow "
                    "permissions, or set the secret TWOBUS_TOKEN. The branch "
                    f"{self.branch} is pushed."
                ) from None
            raise

    def change(
        self, request: Request, base: str, title: str, body: str, draft: bool
    ) -> Request:
        """Give a request another title and description; it stays a draft, or not."""
        wanted = {"title": title, "body": body, "base": base}
        return self._patch(request, wanted)

    def close(self, request: Request, body: str) -> None:
        """Close a request, with a last description."""
        self._patch(request, {"state": "closed", "body": body})

    def _patch(self, request: Request, wanted: dict[str, Any]) -> Request:
        address = f"{self.repository}/pulls/{request.number}"
        return _pull(self.client.send("PATCH", address, wanted, _Pull))


class GitLab:
    """The merge requests from one branch."""

    def __init__(self, client: Client, branch: str) -> None:
        """Prepare; nothing is asked yet."""
        self.client = client
        self.branch = branch
        self.project = f"/projects/{quote(client.path, safe='')}"

    def default(self) -> str:
        """Return the project's default branch."""
        return _default(self.client, self.project)

    def all(self) -> list[Request]:
        """List the requests from the branch, closed ones too, the newest first."""
        found = self.client.pages(
            f"{self.project}/merge_requests",
            _Merge,
            state="all",
            source_branch=self.branch,
        )
        return [
            _merge(one)
            for one in found
            if one["source_project_id"] == one["target_project_id"]
        ]

    def open(self, base: str, title: str, body: str, draft: bool) -> Request:
        """Open a request, whose branch goes when it is merged."""
        wanted = {
            "source_branch": self.branch,
            "target_branch": base,
            "title": _title(title, draft),
            "description": body,
            "remove_source_branch": True,
        }
        address = f"{self.project}/merge_requests"
        return _merge(self.client.send("POST", address, wanted, _Merge))

    def change(
        self, request: Request, base: str, title: str, body: str, draft: bool
    ) -> Request:
        """Give a request another title and description."""
        wanted = {
            "title": _title(title, draft),
            "description": body,
            "target_branch": base,
        }
        return self._put(request, wanted)

    def close(self, request: Request, body: str) -> None:
        """Close a request, with a last description."""
        self._put(request, {"state_event": "close", "description": body})

    def _put(self, request: Request, wanted: dict[str, Any]) -> Request:
        address = f"{self.project}/merge_requests/{request.number}"
        return _merge(self.client.send("PUT", address, wanted, _Merge))


FORGES: dict[str, Callable[[Client, str], Requests]] = {
    "github": GitHub,
    "gitlab": GitLab,
}


def _default(client: Client, address: str) -> str:
    branch = client.get(address, _Repository)["default_branch"]
    if not branch:
        raise StopError(f"{client.path} is empty: push to it first.")
    return str(branch)


def _pull(one: dict[str, Any]) -> Request:
    merged = one.get("merged_at") is not None
    return Request(
        number=one["number"],
        title=one["title"],
        body=one["body"] or "",
        draft=bool(one.get("draft")),
        state="merged" if merged else one["state"],
        base=one["base"]["ref"],
        sha=one["head"]["sha"],
        url=one["html_url"],
    )


def _merge(one: dict[str, Any]) -> Request:
    states = {"opened": "open", "locked": "open"}
    return Request(
        number=one["iid"],
        title=one["title"].removeprefix(DRAFT),
        body=one["description"] or "",
        draft=one["title"].startswith(DRAFT),
        state=states.get(one["state"], one["state"]),
        base=one["target_branch"],
        sha=one["sha"] or "",
        url=one["web_url"],
    )


def _title(title: str, draft: bool) -> str:
    return f"{DRAFT}{title}" if draft else title
