"""Reviews that a forge knows of, beside what commits say."""

import json
from typing import Any

import httpx
import pytest
from committed import ANN, BOB, Repository

from twobus import web
from twobus.git import git
from twobus.people.approvals import REMOTE, kept, refresh
from twobus.people.history import history


class Forge:
    """A forge of one merged request, on both forges' interfaces."""

    def __init__(self, commit: str, day: int = 1) -> None:
        self.commit, self.day, self.asked = commit, day, list[str]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer, as the forge does that is asked."""
        self.asked.append(str(request.url))
        found = self.github if request.method == "POST" else self.gitlab
        return httpx.Response(200, json=found(request))

    def github(self, request: httpx.Request) -> Any:
        """Answer as GitHub does."""
        assert request.headers["Authorization"] == "Bearer t0ken"
        author = {"email": "Ann@acme.example", "user": {"login": "ann-x"}}
        people = [("ann-x", "User"), ("bob-x", "User"), ("ci", "Bot"), ("eve", "User")]
        node = {
            "updatedAt": f"2026-01-0{self.day}T00:00:00Z",
            "author": {"login": "ann-x"},
            "mergeCommit": {"oid": self.commit},
            "commits": {"nodes": [{"commit": {"oid": "0" * 40, "author": author}}]},
            "reviews": {
                "nodes": [
                    {"author": {"login": login, "__typename": kind}}
                    for login, kind in people
                ]
                + [{"author": None}]
            },
        }
        page = {"hasNextPage": False, "endCursor": None}
        found = {"pullRequests": {"pageInfo": page, "nodes": [node]}}
        return {"data": {"repository": found}}

    def gitlab(self, request: httpx.Request) -> Any:
        """Answer as GitLab does."""
        assert request.headers["PRIVATE-TOKEN"] == "t0ken"
        url = request.url.path
        if url.endswith("/approvals"):
            names = ("ann-x", "bob-x", "project_1_bot", "eve")
            return {"approved_by": [{"user": {"username": it}} for it in names]}
        if url.endswith("/commits"):
            return [{"id": "0" * 40, "author_email": "ann@acme.example"}]
        node = {
            "iid": 7,
            "updated_at": f"2026-01-0{self.day}T00:00:00Z",
            "author": {"username": "ann-x"},
            "squash_commit_sha": self.commit,
            "merge_commit_sha": None,
        }
        return [node]


@pytest.fixture(params=["github", "gitlab"])
def forge(
    request: pytest.FixtureRequest, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> tuple[Repository, Forge]:
    """A project of two people on a forge; bob's login is known from his address."""
    repository = Repository(tmp_path / "study")
    repository.commit(BOB.replace("bob@", "bob-x@"), {"b.py": ""})
    commit = repository.commit(ANN, {"a.py": "", ".gitlab-ci.yml": ""}, day=1)
    if request.param == "github":
        text = "repository_url: https://github.com/acme/study\n"
        (repository.root / ".copier-answers.yml").write_text(text, "utf-8")
    address = f"git@{request.param}.com:acme/study.git"
    git("remote", "add", "origin", address, cwd=repository.root)
    made = Forge(commit)
    for name in ("GH_TOKEN", "GITHUB_TOKEN", "GITLAB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    name = "GH_TOKEN" if request.param == "github" else "GITLAB_TOKEN"
    monkeypatch.setenv(name, "t0ken")
    monkeypatch.setattr(web, "TRANSPORT", httpx.MockTransport(made))
    return repository, made


def readers(repository: Repository) -> list[str]:
    """Return who read the last change, by name."""
    found = history(repository.root)
    return sorted(found.names[it] for it in found.changes[-1].readers)


def test_who_approved_is_a_reader_of_the_merged_commit(
    forge: tuple[Repository, Forge],
) -> None:
    repository, _ = forge
    assert readers(repository) == []
    said = refresh(repository.root)
    assert said.startswith("Reviews of 1 merged requests are new from git")
    # Not its author, under whatever login, and no program.
    assert readers(repository) == ["@eve", "Bob Example"]
    assert "ann-x" in history(repository.root).logins["<ann@acme.example>"]


def test_a_request_is_asked_for_once(forge: tuple[Repository, Forge]) -> None:
    repository, made = forge
    refresh(repository.root)
    assert refresh(repository.root).startswith("Reviews of 0 ")
    made.day = 2
    assert refresh(repository.root).startswith("Reviews of 1 ")


def test_without_a_token_nobody_is_asked(
    forge: tuple[Repository, Forge], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, made = forge
    monkeypatch.delenv("GH_TOKEN", raising=False)
    monkeypatch.delenv("GITLAB_TOKEN", raising=False)
    assert refresh(repository.root) == ""
    assert made.asked == []


def test_a_token_is_shown_to_no_other_host(
    forge: tuple[Repository, Forge], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, made = forge
    address = "https://evil.example/acme/study.git"
    git("remote", "set-url", "origin", address, cwd=repository.root)
    assert "evil.example is not shown a token" in refresh(repository.root)
    assert made.asked == []
    for name in ("GH_HOST", "GITLAB_HOST"):
        monkeypatch.setenv(name, "evil.example")
    assert refresh(repository.root).startswith("Reviews of 1 ")
    assert made.asked[0].startswith("https://evil.example/api/")


def test_what_a_forge_refuses_is_said_and_nothing_kept_is_lost(
    forge: tuple[Repository, Forge], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, _ = forge
    refresh(repository.root)
    before = kept(repository.root / ".git")
    for text in ("", '{"data": null}', '{"errors": []}', "[3]"):
        answer = httpx.MockTransport(
            lambda _, text=text: httpx.Response(200, text=text)
        )
        monkeypatch.setattr(web, "TRANSPORT", answer)
        said = refresh(repository.root)
        assert said.startswith("The forge does not tell who reviewed what (")
    assert kept(repository.root / ".git") == before


def test_what_is_kept_and_broken_counts_for_nothing(
    forge: tuple[Repository, Forge],
) -> None:
    repository, _ = forge
    refresh(repository.root)
    file = repository.root / ".git" / "twobus" / "approvals.json"
    for text in ("", "[]", json.dumps({"other": 1})):
        file.write_text(text, "utf-8")
        assert readers(repository) == []


@pytest.mark.parametrize(
    ("address", "host", "path"),
    [
        ("git@github.com:acme/study.git", "github.com", "acme/study"),
        ("https://github.com/acme/study", "github.com", "acme/study"),
        ("https://x:y@git.acme.example/a/b/c.git/", "git.acme.example", "a/b/c"),
        ("ssh://git@git.acme.example:2222/a/b.git", "git.acme.example", "a/b"),
    ],
)
def test_an_address_names_host_and_project(address: str, host: str, path: str) -> None:
    found = REMOTE.match(address)
    assert found
    assert found.groups() == (host, path)
