"""Forges that remember requests and reviews, asked page by page and again."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from committed import ANN, BOB, Repository

from twobus import web
from twobus.git import git
from twobus.people.approvals import kept, refresh
from twobus.people.history import history


@dataclass
class Merged:
    """A merged request.

    Attributes:
        commit: By which it was merged.
        updated: When it changed last, as a number that grows.
        people: The logins of those who approved it.
    """

    commit: str
    updated: int
    people: list[str] = field(default_factory=list)


class Forge:
    """GitHub and GitLab at once, with their requests and what happens to these."""

    def __init__(self) -> None:
        """Begin with none."""
        self.merged: list[Merged] = []
        self.clock, self.asked = 0, 0

    def merge(self, commit: str, *people: str) -> Merged:
        """Merge a request that people have approved."""
        self.clock += 1
        self.merged.append(Merged(commit, self.clock, [*people]))
        return self.merged[-1]

    def approve(self, request: Merged, login: str) -> None:
        """Approve a request late."""
        self.clock += 1
        request.updated = self.clock
        request.people.append(login)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer, as the forge does that is asked."""
        self.asked += 1
        found = self.github if request.method == "POST" else self.gitlab
        return httpx.Response(200, json=found(request))

    def newest(self) -> list[tuple[int, Merged]]:
        """Return all requests with their numbers, the one that changed last first."""
        return sorted(enumerate(self.merged), key=lambda it: -it[1].updated)

    def github(self, request: httpx.Request) -> Any:
        """Answer as GitHub does, 50 at a time."""
        start = int(json.loads(request.content)["variables"]["after"] or 0)
        nodes = [
            {
                "updatedAt": f"{it.updated:09}",
                "author": {"login": "ann-x"},
                "mergeCommit": {"oid": it.commit},
                "commits": {"nodes": []},
                "reviews": {
                    "nodes": [
                        {"author": {"login": login, "__typename": "User"}}
                        for login in it.people
                    ]
                },
            }
            for _, it in self.newest()[start : start + 50]
        ]
        more = start + 50 < len(self.merged)
        page = {"hasNextPage": more, "endCursor": str(start + 50) if more else None}
        pulls = {"pageInfo": page, "nodes": nodes}
        return {"data": {"repository": {"pullRequests": pulls}}}

    def gitlab(self, request: httpx.Request) -> Any:
        """Answer as GitLab does: by page, and only what changed after a time."""
        *_, number, what = request.url.path.split("/")
        if what == "approvals":
            people = self.merged[int(number)].people
            return {"approved_by": [{"user": {"username": it}} for it in people]}
        if what == "commits":
            return []
        asked = request.url.params
        since = asked.get("updated_after", "")
        found = [it for it in self.newest() if f"{it[1].updated:09}" >= since]
        size = int(asked["per_page"])
        start = (int(asked["page"]) - 1) * size
        return [
            {
                "iid": place,
                "updated_at": f"{it.updated:09}",
                "author": {"username": "ann-x"},
                "squash_commit_sha": it.commit,
                "merge_commit_sha": None,
            }
            for place, it in found[start : start + size]
        ]


@pytest.fixture(params=["github", "gitlab"])
def forge(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Forge:
    """A forge that a token may read."""
    made = Forge()
    for name in ("GH_TOKEN", "GITHUB_TOKEN", "GITLAB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    name = "GH_TOKEN" if request.param == "github" else "GITLAB_TOKEN"
    monkeypatch.setenv(name, "t0ken")
    monkeypatch.setattr(web, "TRANSPORT", httpx.MockTransport(made))
    return made


@pytest.fixture
def repository(
    forge: Forge, tmp_path: Any, request: pytest.FixtureRequest
) -> Repository:
    """A project of ann and bob, whose login is known from his address."""
    made = Repository(tmp_path / "study")
    host = request.node.callspec.params["forge"]
    if host == "github":
        text = "repository_url: https://github.com/acme/study\n"
        (made.root / ".copier-answers.yml").write_text(text, "utf-8")
    made.commit(BOB.replace("bob@", "bob-x@"), {"b.py": "", ".gitlab-ci.yml": ""})
    git("remote", "add", "origin", f"git@{host}.com:acme/study.git", cwd=made.root)
    return made


def readers(repository: Repository) -> list[str]:
    """Return who read the last change, by name."""
    found = history(repository.root)
    return sorted(found.names[it] for it in found.changes[-1].readers)


def test_hundreds_of_requests_are_read_page_by_page(
    forge: Forge, repository: Repository
) -> None:
    for number in range(230):
        forge.merge(f"{number:040x}", "bob-x")
    assert refresh(repository.root).startswith("Reviews of 230 ")
    assert len(kept(repository.root / ".git").commits) == 230


def test_the_next_time_only_what_changed_is_asked_for(
    forge: Forge, repository: Repository
) -> None:
    for number in range(230):
        forge.merge(f"{number:040x}", "bob-x")
    refresh(repository.root)
    forge.asked = 0
    forge.merge("f" * 40, "eve")
    assert refresh(repository.root).startswith("Reviews of 1 ")
    # A page of the list, and of one request what GitLab tells by itself.
    assert forge.asked <= 3


def test_who_approves_late_is_a_reader_of_a_squashed_commit(
    forge: Forge, repository: Repository
) -> None:
    merged = forge.merge(repository.commit(ANN, {"a.py": ""}, day=1))
    refresh(repository.root)
    assert readers(repository) == []
    forge.approve(merged, "bob-x")
    assert refresh(repository.root).startswith("Reviews of 1 ")
    assert readers(repository) == ["Bob Example"]
