"""A project on a branch, and reviews of it as the forges start them: fixtures."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from inside import call

from template import Result, git, lend, render
from template import commit as commit_all

PAGE = ".github/pull_request_template.md"
GITLAB_PAGE = ".gitlab/merge_request_templates/Default.md"


@pytest.fixture(scope="session")
def owned(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of two owners, without notebooks, so that a review takes no time."""
    folder = tmp_path_factory.mktemp("owned") / "owned"
    answers = {"notebooks": "none", "code_owners": "@ann @bob"}
    made = commit_all(render(release, folder, **answers))
    # A render for each large change would take seconds.
    reach_template(made, "")
    return made


def reach_template(project: Path, place: str) -> None:
    """Commit another place where the template is said to be, on main as well."""
    file = project / ".copier-answers.yml"
    text = re.sub(r"(?m)^_src_path: .*", f"_src_path: {place}", file.read_text("utf-8"))
    commit(project, {file.name: text})
    # Reviews take the place from before a change.
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=project)


@pytest.fixture
def branch(owned: Path) -> Iterator[Path]:
    """That project on a branch, as CI checks it out: the base is on `origin`."""
    with lend(owned):
        git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=owned)
        git("checkout", "--quiet", "-b", "work", cwd=owned)
        yield owned
        git("checkout", "--quiet", "--force", "main", cwd=owned)
        git("branch", "--quiet", "-D", "work", cwd=owned)


def answered(page: str) -> str:
    """Fill in a description, as its author does."""
    return page.replace("…", "Yes, and this is why.")


def commit(project: Path, contents: dict[str, str]) -> None:
    """Commit files, given by name, without the hooks."""
    for name, content in contents.items():
        file = project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, "utf-8")
        git("add", "--force", name, cwd=project)
    git("commit", "--quiet", "--no-verify", "--message", "Work", cwd=project)


def lines(count: int) -> str:
    """Return that many lines of code."""
    return "".join(f"x{number} = {number}\n" for number in range(count))


@dataclass
class Forge:
    """Events of a forge that labels were set, served on loopback."""

    url: str
    events: list[dict[str, Any]]
    tokens: list[str]
    methods: set[str]


@pytest.fixture
def forge() -> Iterator[Forge]:
    """A forge that knows who has set a label."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known.tokens.append(self.headers["Authorization"])
            # A page is full: there is another one.
            others = [{"event": "assigned", "actor": None}] * 99
            first = [*others, *known.events[:1]]
            found = known.events[1:] if "&page=2" in self.path else first
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def parse_request(self) -> bool:
            understood = super().parse_request()
            known.methods.add(self.command)
            return understood

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    known = Forge(f"http://127.0.0.1:{server.server_port}", [], [], set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield known
    server.shutdown()


def labelled(by: str, kind: str = "User") -> dict[str, Any]:
    """Return the event that somebody has set the label that waives the limit."""
    actor = {"login": by, "type": kind}
    return {"event": "labeled", "label": {"name": "large-change"}, "actor": actor}


Review = Callable[..., tuple[Result, str]]


@pytest.fixture
def review(branch: Path, tmp_path: Path, forge: Forge) -> Review:
    """Review as the job on GitHub does, on an event as GitHub sends it."""

    def run_job(**changes: Any) -> tuple[Result, str]:
        request = {
            "number": 7,
            "base": {"ref": "main"},
            "body": answered(git("show", f"origin/main:{PAGE}", cwd=branch)),
            "user": {"login": "ann", "type": "User"},
            "draft": False,
            "labels": [],
        } | changes
        event, summary = tmp_path / "event.json", tmp_path / "summary.md"
        event.write_text(json.dumps({"pull_request": request}), "utf-8")
        result = call(
            branch,
            "review",
            CI="true",
            GITHUB_EVENT_PATH=str(event),
            GITHUB_STEP_SUMMARY=str(summary),
            GITHUB_API_URL=forge.url,
            GITHUB_REPOSITORY="acme/study",
            GITHUB_TOKEN="t0ken",  # noqa: S106
        )
        return result, summary.read_text("utf-8") if summary.exists() else ""

    return run_job


GITLAB = {
    "CI_MERGE_REQUEST_IID": "7",
    "CI_MERGE_REQUEST_TITLE": "Work",
    "CI_MERGE_REQUEST_LABELS": "large-change,other",
    "GITLAB_CI": "true",
}


@pytest.fixture
def gitlab(branch: Path, rendered: Callable[..., Path]) -> Callable[..., Result]:
    """Review as the job on GitLab does, with the variables that it gives."""
    made = rendered({"forge": "gitlab", "notebooks": "none"})
    page = (made / GITLAB_PAGE).read_text("utf-8")

    def run_job(**changes: str) -> Result:
        variables = GITLAB | {
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": git(
                "rev-parse", "origin/main", cwd=branch
            ).strip(),
            "CI_MERGE_REQUEST_DESCRIPTION": answered(page),
        }
        return call(branch, "review", **(variables | changes))

    return run_job
