"""CI releases a library whose version has changed, once."""

import json
import os
import re
import shutil
import threading
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml
from conftest import Made, Small

from template import Result, commit, git, lend, run
from twobus.check import PARTS
from twobus.library.api import release
from twobus.tasks import tasks


class Forge(ThreadingHTTPServer):
    """An index of packages, and the API of a forge."""

    def __init__(self) -> None:
        """Listen at a free port."""
        super().__init__(("127.0.0.1", 0), Receiver)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.received: list[tuple[str, str, bytes]] = []


class Receiver(BaseHTTPRequestHandler):
    """Takes whatever is sent."""

    def do_POST(self) -> None:
        """Note what was sent, and by whom."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        who = self.headers.get("Authorization") or self.headers["JOB-TOKEN"]
        assert isinstance(self.server, Forge)
        self.server.received.append((self.path, who, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def begun(library_ready: Path) -> Iterator[Path]:
    """A library as the template gives it, put back as it was after the test."""
    with lend(library_ready) as project:
        yield project


@pytest.fixture
def forge() -> Iterator[Forge]:
    """A forge on this machine."""
    with Forge() as server:
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


def note_version(project: Path, version: str) -> None:
    """Say in the changelog what is new."""
    page = project / "CHANGELOG.md"
    section = f"\n## {version}\n\nNews: é & 100 %.\n\n## "
    text = page.read_text("utf-8").replace("\n## ", section, 1)
    page.write_text(text, "utf-8")


def new_version(project: Path) -> str:
    """Commit version 1.1.0 as people do; return the commit."""
    assert run("uv", "version", "1.1.0", cwd=project).code == 0
    note_version(project, "1.1.0")
    return git("rev-parse", "HEAD", cwd=commit(project)).strip()


def run_steps(job: dict[str, Any], folder: Path, **values: str) -> Result:
    """Run the lines of a job of a workflow as GitHub would, up to one that fails."""

    def fill(variables: dict[str, str]) -> dict[str, str]:
        return {
            name: re.sub(
                r"\$\{\{ (.+?) \}\}", lambda found: values[found[1]], str(text)
            )
            for name, text in variables.items()
        }

    output, lines = (
        Path(values["output"]),
        ["bash", "--noprofile", "--norc", "-e", "-c"],
    )
    result = Result(0, "")
    for step in job["steps"]:
        wanted = step.get("if", "")
        files = re.findall(r"hashFiles\('(.*)'\)", wanted)
        skipped = any(not (folder / name).exists() for name in files)
        if (
            "run" not in step
            or skipped
            or (wanted.startswith("vars.") and not values[wanted])
        ):
            continue
        env = fill({**job.get("env", {}), **step.get("env", {})})
        more = {"GITHUB_OUTPUT": str(output), "GITHUB_SHA": values.get("sha", "")}
        path = f"{output.parent}:{os.environ['PATH']}"
        done = run(*lines, step["run"], cwd=folder, **env, **more, PATH=path)
        result = Result(done.code, result.output + done.output)
        if result.code:
            break
    return result


def workflow(project: Path) -> dict[str, Any]:
    """Read the workflow that releases."""
    file = project / ".github/workflows/release.yml"
    return dict(yaml.safe_load(file.read_text("utf-8")))


@pytest.mark.slow
def test_github_releases_a_new_version(
    begun: Path, forge: Forge, tmp_path: Path
) -> None:
    sha = new_version(begun)
    output, elsewhere, log = (tmp_path / name for name in ("out", "x", "log"))
    jobs = workflow(begun)["jobs"]
    built = run_steps(jobs["build"], begun, output=str(output), **{"secrets.NETRC": ""})
    assert built.code == 0, built.output
    assert "All checks passed." in built.output
    assert output.read_text("utf-8") == "version=1.1.0\n"
    assert git("status", "--short", cwd=begun) == ""
    # What the second job has is what the first one keeps.
    shutil.copytree(begun / "dist", elsewhere / "dist")
    gh = tmp_path / "gh"
    gh.write_text(f'#!/bin/bash\nprintf "%s|" "$@" >> {log}; echo >> {log}; echo 7a9\n')
    gh.chmod(0o755)
    values = {
        "needs.build.outputs.version": "1.1.0",
        "github.repository": "acme/data",
        "github.token": "token",
        "vars.PUBLISH_URL": f"{forge.url}/upload",
        "secrets.PUBLISH_TOKEN": "secret",
        "output": str(output),
        "sha": sha,
    }
    published = run_steps(jobs["publish"], elsewhere, **values)
    assert published.code == 0, published.output
    assert [path for path, *_ in forge.received] == ["/upload"] * 2
    assert b64decode(forge.received[0][1].split()[1]) == b"__token__:secret"
    tag, reference, made = log.read_text("utf-8").splitlines()
    assert tag.startswith(
        f"api|repos/acme/data/git/tags|-f|tag=v1.1.0|-f|message=v1.1.0|-f|object={sha}|"
    )
    assert (
        reference == "api|repos/acme/data/git/refs|-f|ref=refs/tags/v1.1.0|-f|sha=7a9|"
    )
    assert made.endswith("dist/notes.md|dist/acme_data-1.1.0-py3-none-any.whl|")
    assert (elsewhere / "dist/notes.md").read_text("utf-8") == "News: é & 100 %.\n"
    values["vars.PUBLISH_URL"] = ""
    assert run_steps(jobs["publish"], elsewhere, **values).code == 0
    assert len(forge.received) == 2


def test_github_makes_no_reference_to_a_tag_that_failed(
    tmp_path: Path, rendered: Made
) -> None:
    job = workflow(rendered({"kind": "library"}))["jobs"]["publish"]
    log, gh = tmp_path / "log", tmp_path / "gh"
    gh.write_text(f"#!/bin/bash\necho x >> {log}; exit 1\n")
    gh.chmod(0o755)
    names = ["needs.build.outputs.version", "github.repository", "github.token"]
    values = dict.fromkeys([*names, "vars.PUBLISH_URL"], "")
    result = run_steps(job, tmp_path, **values, output=str(tmp_path / "out"))
    assert result.code == 1
    assert log.read_text("utf-8") == "x\n"


def test_the_job_that_may_write_has_none_of_the_projects_code(rendered: Made) -> None:
    jobs = workflow(rendered({"kind": "library"}))["jobs"]
    assert jobs["build"]["permissions"] == {"contents": "read"}
    uses = [step.get("uses", "") for step in jobs["publish"]["steps"]]
    assert not [one for one in uses if one.startswith("actions/checkout")]
    assert "uv run" not in json.dumps(jobs["publish"])


@pytest.mark.parametrize("state", ["begun", "changed", "tagged"])
def test_nothing_is_released_twice_or_at_the_beginning(
    state: str, small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    project = small(kind="library")
    if state != "begun":
        file = project / "pyproject.toml"
        text = file.read_text("utf-8").replace('version = "0.1.0"', 'version = "1.1.0"')
        file.write_text(text, "utf-8")
        note_version(project, "1.1.0")
        commit(project)
    if state == "tagged":
        git("tag", "v1.1.0", cwd=project)
    release()
    said = capsys.readouterr().out
    notes = project / "dist" / "notes.md"
    assert notes.exists() == (state == "changed")
    assert ("Nothing to release" in said) == (state != "changed")


def test_without_notes_github_does_nothing_more(rendered: Made) -> None:
    steps = workflow(rendered({"kind": "library"}))["jobs"]["build"]["steps"]
    (first,) = (n for n, step in enumerate(steps) if "poe release" in str(step))
    for step in steps[first + 1 :]:
        assert step["if"] == "hashFiles('dist/notes.md')"


@pytest.mark.slow
def test_gitlab_releases_a_new_version(
    begun: Path, forge: Forge, rendered: Made
) -> None:
    job = gitlab(rendered)["release"]
    # The same as on GitHub, where it is run.
    job["script"].remove("uv run --locked poe check")
    given = {
        "CI_API_V4_URL": f"{forge.url}/api/v4",
        "CI_PROJECT_ID": "7",
        "CI_JOB_TOKEN": "secret",
    }

    def runs() -> Result:
        variables = dict(job["variables"])
        for name, value in given.items():
            variables = {
                k: str(v).replace(f"${name}", value) for k, v in variables.items()
            }
        script = "\n".join(job["script"])
        words = ["bash", "-eo", "pipefail", "-c", script]
        return run(*words, cwd=begun, **given, **variables, CI_COMMIT_SHA=sha)

    sha = git("rev-parse", "HEAD", cwd=begun).strip()
    assert runs().code == 0
    assert not forge.received
    sha = new_version(begun)
    result = runs()
    assert result.code == 0, result.output
    *packages, (path, who, body) = forge.received
    assert [one for one, *_ in packages] == ["/api/v4/projects/7/packages/pypi"] * 2
    assert b64decode(packages[0][1].split()[1]) == b"gitlab-ci-token:secret"
    assert (path, who) == ("/api/v4/projects/7/releases", "secret")
    assert parse_qs(body.decode()) == {
        "tag_name": ["v1.1.0"],
        "tag_message": ["v1.1.0"],
        "ref": [sha],
        "description": ["News: é & 100 %.\n"],
    }


def gitlab(rendered: Made) -> dict[str, Any]:
    """Read what GitLab does with a library."""
    project = rendered({"kind": "library", "forge": "gitlab"})
    return dict(yaml.safe_load((project / ".gitlab-ci.yml").read_text("utf-8")))


def test_the_check_compares_and_ci_has_the_tags(small: Small, rendered: Made) -> None:
    project = small(kind="library")
    assert "api" in tasks()["tasks"]
    assert "api" in PARTS
    ci = yaml.safe_load((project / ".github/workflows/ci.yml").read_text("utf-8"))
    assert ci["jobs"]["check"]["steps"][0]["with"]["fetch-depth"] == 0
    for job in ("check", "release"):
        assert gitlab(rendered)[job]["variables"]["GIT_DEPTH"] == 0


@pytest.mark.parametrize("kind", ["analysis", "model"])
def test_other_kinds_have_nothing_to_release(kind: str, small: Small) -> None:
    made = small(kind=kind)
    names = ["CHANGELOG.md", ".github/workflows/release.yml"]
    assert not [name for name in names if (made / name).exists()]
    assert not {"api", "release", "tables"} & tasks()["tasks"].keys()
