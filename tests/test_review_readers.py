"""Who should read a change, as `poe review` says it."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from committed import ANN, BOB, START, Repository
from conftest import Made

from template import choices, run
from twobus import web
from twobus.git import git
from twobus.people.knowledge import DAY, MASS
from twobus.project import Project
from twobus.review.readers import readers
from twobus.review.request import Request

EVE = "Eve Example <eve@acme.example>"
TODAY = int((datetime.now(UTC).timestamp() - START) / DAY)

GITHUB = {
    "GITHUB_EVENT_PATH": "event.json",
    "GITHUB_REPOSITORY": "acme/study",
    "GITHUB_API_URL": "https://api.forge.example",
    "GITHUB_TOKEN": "t0ken",
}
GITLAB = {
    "CI_MERGE_REQUEST_IID": "7",
    "CI_API_V4_URL": "https://forge.example/api/v4",
    "CI_PROJECT_ID": "3",
}


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A project on a branch: ann alone knows a.py, bob and eve know b.py."""
    made = Repository(tmp_path / "study")
    for name in (*GITHUB, *GITLAB, "GITHUB_OUTPUT"):
        # Those of the CI that runs this.
        monkeypatch.delenv(name, raising=False)
    for name in ("twobus.review.readers.here", "twobus.review.before.here"):
        monkeypatch.setattr(name, lambda: Project(made.root))
    made.commit(ANN, {"a.py": "1"}, day=TODAY - 40)
    made.commit(BOB, {"b.py": "1"}, day=TODAY - 20)
    made.commit(EVE, {"b.py": "2"}, day=TODAY - 20)
    git("checkout", "-q", "-b", "work", cwd=made.root)
    return made


def said(repository: Repository, author: str = "") -> str:
    """Return what the row says, if there is one."""
    rows = [*readers("main", Request("main", author=author))]
    return rows[0].detail if rows else ""


def test_a_file_that_one_person_knows_is_read_by_another(
    repository: Repository,
) -> None:
    repository.commit(ANN, {"a.py": "2"}, day=TODAY)
    detail = said(repository)
    assert detail.startswith(("Bob Example: ", "Eve Example: "))
    assert "Ann Example alone knows a.py; " in detail
    # b.py is beside it.
    assert detail.endswith(" Example knows 1 of 2 files beside it")


def test_a_new_file_where_nobody_is_near_is_read_by_who_may_stay(
    repository: Repository,
) -> None:
    repository.commit(ANN, {"far/new.py": "2"}, day=TODAY)
    assert said(repository).endswith(" Example is likely to stay, and would learn it")
    assert "nobody but its author knows far/new.py yet; " in said(repository)


def test_who_did_not_write_it_but_knows_it_reads(repository: Repository) -> None:
    repository.commit(BOB, {"b.py": "3"}, day=TODAY)
    assert said(repository) == (
        "Eve Example: two or more know each of its files, and Eve Example knows 1 of 1 "
        "files of this change"
    )


def test_who_opened_the_request_is_an_author_too(repository: Repository) -> None:
    repository.commit(BOB, {"b.py": "3"}, day=TODAY)
    assert not said(repository, author="eve").startswith("Eve")


def test_an_owner_is_named_first_and_a_learner_beside(repository: Repository) -> None:
    git("checkout", "-q", "main", cwd=repository.root)
    files = {f"c{number}.py": "1" for number in range(9)}
    repository.commit(ANN, {"CODEOWNERS": "* @ann\n", **files}, day=TODAY - 10)
    git("checkout", "-q", "-B", "work", cwd=repository.root)
    repository.commit(BOB, dict.fromkeys(files, "2"), day=TODAY)
    assert said(repository).startswith("Ann Example, and Eve Example to learn it: ")


def test_who_has_left_is_not_asked(repository: Repository) -> None:
    toml = '[tool.twobus.people]\nleft = ["eve"]\n'
    repository.commit(ANN, {"pyproject.toml": toml, "a.py": "2"}, day=TODAY)
    assert said(repository).startswith("Bob Example: ")


def test_nobody_learns_too_many_files(repository: Repository) -> None:
    many = {f"{number}.py": "" for number in range(MASS + 1)}
    repository.commit(ANN, many, day=TODAY)
    assert (
        said(repository) == "51 files are too many for anybody to learn each: split it"
    )


def test_one_person_alone_is_told_so(tmp_path: Path, repository: Repository) -> None:
    toml = '[tool.twobus.people]\nleft = ["eve", "bob"]\n'
    repository.commit(ANN, {"pyproject.toml": toml}, day=TODAY)
    assert said(repository).startswith("nobody else has worked here")


def test_what_cannot_be_known_is_said(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(ANN, {"pyproject.toml": "[tool.twobus]\npeople = 3"}, day=TODAY)
    assert said(repository).startswith("nobody can say who should: ")


def test_a_change_of_nothing_that_counts_needs_nobody(repository: Repository) -> None:
    repository.commit(ANN, {"uv.lock": ""}, day=TODAY)
    assert said(repository) == ""


def ask_forge(
    monkeypatch: pytest.MonkeyPatch, found: Any, **environment: str
) -> list[str]:
    """Let a forge answer, and return the addresses that it was asked for."""
    asked: list[str] = []

    def get(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url.copy_with(query=None)))
        if isinstance(found, Exception):
            raise found
        return httpx.Response(200, json=found)

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(web, "TRANSPORT", httpx.MockTransport(get))
    return asked


def open_request(kind: str, name: str, *people: str, days: int = 0) -> dict[str, Any]:
    """Return an open request that waits for people, changed some days ago."""
    updated = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    return {"updated_at": updated, kind: [{name: person} for person in people]}


@pytest.mark.parametrize(
    ("environment", "kind", "name", "url"),
    [
        (GITHUB, "requested_reviewers", "login", "example/repos/acme/study/pulls"),
        (GITLAB, "reviewers", "username", "api/v4/projects/3/merge_requests"),
    ],
)
def test_who_has_no_review_waiting_reads(
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    kind: str,
    name: str,
    url: str,
) -> None:
    repository.commit(ANN, {"b.py": "3"}, day=TODAY)
    for busy, free in (("Bob", "Eve"), ("Eve", "Bob")):
        found = [
            open_request(kind, name, busy, "other"),
            open_request(kind, name, free, free, days=8),
        ]
        asked = ask_forge(monkeypatch, found, **environment)
        assert said(repository).startswith(free)
        assert asked[0].endswith(url)


@pytest.mark.parametrize("found", [httpx.ConnectError(""), [{}], {}, [None], 3])
def test_a_forge_that_does_not_tell_is_said_to(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, found: Any
) -> None:
    repository.commit(ANN, {"b.py": "3"}, day=TODAY)
    ask_forge(monkeypatch, found, **GITHUB)
    assert "the forge does not tell" in said(repository)


@pytest.mark.parametrize(
    ("commits", "logins"),
    [
        ([{"author": {"login": "bob-1"}}], "bob-1"),
        ([{"author": None}], ""),
        ([{"author": {"login": "x\nreaders=eve"}}], ""),
        ([], ""),
    ],
)
def test_the_logins_of_readers_are_handed_to_who_may_ask_them(
    repository: Repository,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    commits: list[Any],
    logins: str,
) -> None:
    repository.commit(ANN, {"b.py": "3"}, day=TODAY)
    output = tmp_path / "output"
    asked = ask_forge(monkeypatch, commits, **GITHUB, GITHUB_OUTPUT=str(output))
    said(repository)
    assert output.read_text("utf-8") == f"readers={logins}\n"
    assert asked[-1] == "https://api.forge.example/repos/acme/study/commits"


def test_outside_of_ci_nothing_is_handed_on(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)
    repository.commit(ANN, {"b.py": "3"}, day=TODAY)
    asked = ask_forge(monkeypatch, [])
    assert said(repository)
    assert asked == []


def ci(made: Path) -> dict[str, Any]:
    """Return the jobs of CI."""
    text = (made / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    return dict(yaml.safe_load(text)["jobs"])


@pytest.mark.parametrize("level", choices("review_level"))
def test_the_strict_level_asks_and_the_others_propose(
    level: str, rendered: Made
) -> None:
    jobs = ci(rendered({"review_level": level}))
    assert ("ask" in jobs) == ("outputs" in jobs["review"]) == (level == "strict")
    assert jobs["review"]["permissions"]["pull-requests"] == "read"


def test_who_asks_runs_nothing_of_the_change_and_goes_on_after_a_refusal(
    tmp_path: Path, rendered: Made
) -> None:
    job = ci(rendered({"review_level": "strict"}))["ask"]
    (step,) = job["steps"]
    assert step.keys() == {"run", "env"}
    log, gh = tmp_path / "log", tmp_path / "gh"
    gh.write_text(f'#!/bin/sh\necho "$@" >> {log}\ntest "$5" != reviewers[]=bob\n')
    gh.chmod(0o755)
    result = run(
        *["bash", "-e", "-c", step["run"]],
        cwd=tmp_path,
        PATH=f"{tmp_path}:{os.environ['PATH']}",
        GITHUB_REPOSITORY="acme/study",
        NUMBER="7",
        READERS="bob eve",
    )
    assert result.code == 0
    assert "::notice::bob was not asked" in result.output
    asks = "api --silent repos/acme/study/pulls/7/requested_reviewers -f reviewers[]="
    assert log.read_text() == f"{asks}bob\n{asks}eve\n"
