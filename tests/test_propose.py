"""`twobus propose` keeps one request open, and never touches what people wrote."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import yaml
from conftest import Render
from forges import Forge, GitHub, GitLab
from served import Server, served
from typer.testing import CliRunner

import twobus.companion.forge
import twobus.companion.token
from template import Result, choices, git, render, run, set_up, status
from twobus.companion import fleet
from twobus.companion.branch import Outcome
from twobus.companion.cli import app
from twobus.companion.describe import MARK, describe
from twobus.companion.propose import CLOSED
from twobus.companion.template import is_away
from twobus.companion.token import PROPOSE, token
from twobus.companion.update import BRANCH
from twobus.project import StopError

OLD, NEXT, LATER = "1000.0.0", "1000.1.0", "1000.2.0"
PATHS = {"github": "acme/study", "gitlab": "acme/data/study"}
VARIABLES = [
    *("GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"),
    *("GH_HOST", "GITHUB_SERVER_URL", "GITLAB_HOST", "GITLAB_TOKEN", "CI_SERVER_URL"),
]
PAGES = (
    "template/.github/pull_request_template",
    "template/.gitlab/merge_request_templates",
)
# In no file, so that it can be looked for in all.
SECRET = f"secret-{uuid4().hex}"
# Stands in for uv: checks pass, unless the file `fails` says otherwise.
UV = """#!/bin/sh
env > "{folder}/environment"
[ "$1" = run ] && [ -e "{folder}/fails" ] && cat "{folder}/fails" && exit 1
exit 0
"""


@dataclass
class Work:
    """A project on a forge, its template, and how to go on with both.

    Attributes:
        server: The forge.
        template: The template's repository.
        bare: The project's repository on the forge.
        project: A clone of it.
        folder: Where the test may keep what it likes.
    """

    server: Server
    template: Path
    bare: Path
    project: Path
    folder: Path

    @property
    def requests(self) -> list[dict[str, Any]]:
        """All requests that were ever opened, as they are now."""
        fake = self.server.fake
        assert isinstance(fake, GitHub | GitLab)
        found = fake.merges if isinstance(fake, GitLab) else [*fake.pulls.values()]
        return [fake.look(one) for one in found]

    def head(self, branch: str = BRANCH) -> str:
        """Return a branch's commit on the forge, empty if there is none."""
        return self.server.fake.tip(branch)

    def release(self, version: str, text: str = "Theirs.\n") -> None:
        """Release the template anew, with another AGENTS.md."""
        (self.template / "template" / "AGENTS.md.jinja").write_text(text, "utf-8")
        news = f"# Changelog\n\n## {version} (2030-01-01)\n\nNews of {version}.\n"
        (self.template / "CHANGELOG.md").write_text(news, "utf-8")
        git("commit", "--quiet", "--all", "--message", version, cwd=self.template)
        tag = ["tag", "--annotate", f"v{version}", "--message", version]
        git(*tag, cwd=self.template)

    def write(self, name: str, text: str, branch: str = "main") -> None:
        """Commit a file to a branch on the forge, as a person would."""
        git("fetch", "--quiet", "origin", cwd=self.project)
        git("checkout", "--quiet", "--detach", f"origin/{branch}", cwd=self.project)
        (self.project / name).write_text(text, "utf-8")
        git("add", "--all", cwd=self.project)
        git("commit", "--quiet", "--message", name, cwd=self.project)
        git("push", "--quiet", "origin", f"HEAD:refs/heads/{branch}", cwd=self.project)

    def merge(self) -> None:
        """Squash the update into the main branch, as forges do; its branch stays."""
        git("fetch", "--quiet", "origin", cwd=self.project)
        git("checkout", "--quiet", "--detach", "origin/main", cwd=self.project)
        git("merge", "--squash", "--quiet", f"origin/{BRANCH}", cwd=self.project)
        git("commit", "--quiet", "--message", "Merged", cwd=self.project)
        git("push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=self.project)
        for one in self.requests:
            one["state"] = "merged"
            if isinstance(self.server.fake, GitHub):
                one |= {"state": "closed", "merged_at": "2030-01-01T00:00:00Z"}


Study = Callable[..., Work]
Propose = Callable[..., Result]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A forge on this machine."""
    with served(tmp_path_factory.mktemp("served")) as server:
        yield server


@pytest.fixture(scope="module")
def small(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with few files: rendering takes long, and is not tested here."""
    place = tmp_path_factory.mktemp("small") / "template"
    git("clone", "--quiet", str(release), str(place), cwd=release)
    kept = ("template/{{ _copier_conf", "template/AGENTS", "template/_parts", *PAGES)
    names = git("ls-files", "-z", "template", cwd=place).split("\0")
    gone = [name for name in filter(None, names) if not name.startswith(kept)]
    git("rm", "--quiet", "--", *gone, cwd=place)
    git("commit", "--quiet", "--message", "Small", cwd=place)
    git("tag", "--annotate", "--force", f"v{OLD}", "--message", OLD, cwd=place)
    return place


@pytest.fixture(scope="module")
def made(
    small: Path, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """A small project of the release before, on each forge."""
    folder = tmp_path_factory.mktemp("made")
    answers = {"notebooks": "none", "worked_example": False}
    return {
        forge: render(
            small,
            folder / forge,
            repository_url=f"https://{server.host}/{path}",
            forge=forge,
            **answers,
        )
        for forge, path in PATHS.items()
    }


@pytest.fixture
def study(small: Path, made: dict[str, Path], server: Server, tmp_path: Path) -> Study:
    """Put a project on a forge, whose template has had one release since."""

    def start(forge: str = "github", lock: bool = True) -> Work:
        path, base = PATHS[forge], f"https://{server.host}/api"
        fake: Forge = (
            GitHub(f"{base}/v3", path)
            if forge == "github"
            else GitLab(f"{base}/v4", path)
        )
        server.fake, server.root = fake, tmp_path / "forge"
        fake.token = SECRET
        server.logins.clear()
        server.elsewhere = ""
        template, project = tmp_path / "template", tmp_path / "study"
        git("clone", "--quiet", str(small), str(template), cwd=tmp_path)
        shutil.copytree(made[forge], project)
        if lock:
            (project / "uv.lock").write_text("version = 1\n")
        file = project / ".copier-answers.yml"
        text = re.sub("_src_path: .*", f"_src_path: {template}", file.read_text())
        file.write_text(text)
        git("init", "--quiet", "-b", "main", cwd=project)
        git("add", "--all", cwd=project)
        git("commit", "--quiet", "--message", "Start", cwd=project)
        bare = server.root / f"{path}.git"
        git("clone", "--quiet", "--bare", str(project), str(bare), cwd=tmp_path)
        git("config", "http.receivepack", "true", cwd=bare)
        git("remote", "add", "origin", str(bare), cwd=project)
        fake.repository = bare
        uv = tmp_path / "uv"
        uv.write_text(UV.format(folder=tmp_path))
        uv.chmod(0o755)
        work = Work(server, template, bare, project, tmp_path)
        work.release(NEXT)
        return work

    return start


@pytest.fixture
def propose(monkeypatch: pytest.MonkeyPatch, server: Server, tmp_path: Path) -> Propose:
    """Run the command as CI would, with a token that is shown to nobody."""

    def run(work: Work, alone: bool = False) -> Result:
        if not alone:
            # To start a process takes longer than all that it does here.
            processes = partial(ThreadPoolExecutor, 1)
            monkeypatch.setattr(fleet, "processes", lambda *_: processes())
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        name = (
            "GITHUB_SERVER_URL"
            if isinstance(work.server.fake, GitHub)
            else "CI_SERVER_URL"
        )
        monkeypatch.setenv(name, f"https://{server.host}")
        monkeypatch.setenv("TWOBUS_TOKEN", SECRET)
        monkeypatch.setenv("UV", str(tmp_path / "uv"))
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        for name, value in server.trusted().items():
            monkeypatch.setenv(name, value)
        work.server.fake.requests.clear()
        words = ["propose", "--project", str(work.project)]
        result = CliRunner().invoke(app, words)
        if not isinstance(result.exception, SystemExit | None):
            raise result.exception
        assert SECRET not in result.output
        return Result(result.exit_code, result.output)

    return run


def body(request: dict[str, Any]) -> str:
    """Return a request's description."""
    return str(request.get("body") or request.get("description"))


@pytest.mark.parametrize("forge", PATHS)
def test_a_request_opens_once(forge: str, study: Study, propose: Propose) -> None:
    work = study(forge)
    result = propose(work)
    assert result.code == 0, result.output
    (request,) = work.requests
    assert request["title"] == f"Update Twobus to {NEXT}"
    text = body(request)
    assert f"News of {NEXT}." in text
    assert "`poe check` passes on this branch." in text
    # Questions for people stand below what is written anew.
    assert "What changes, and what should the reviewer" in text.split(MARK)[1]
    assert not request.get("draft")
    assert git("show", f"{BRANCH}:AGENTS.md", cwd=work.bare) == "Theirs.\n"
    before = (work.head(), json.dumps(work.requests))
    result = propose(work)
    assert (result.code, "nothing new" in result.output) == (0, True), result.output
    assert work.server.fake.writes == []
    assert (work.head(), json.dumps(work.requests)) == before


@pytest.mark.parametrize("forge", PATHS)
def test_a_later_release_takes_over_the_request(
    forge: str, study: Study, propose: Propose
) -> None:
    work = study(forge)
    propose(work)
    key = "body" if forge == "github" else "description"
    work.requests[0][key] = body(work.requests[0]).replace("run?** …", "run?** All.")
    work.requests[0]["title"] = f"chore: Update Twobus to {NEXT}"
    propose(work)
    assert work.server.fake.writes == []
    work.release(LATER, "Later.\n")
    result = propose(work)
    assert result.code == 0, result.output
    (request,) = work.requests
    assert request["title"] == f"Update Twobus to {LATER}"
    assert f"News of {LATER}." in body(request)
    assert "run?** All." in body(request).split(MARK)[1]
    assert git("show", f"{BRANCH}:AGENTS.md", cwd=work.bare) == "Later.\n"
    assert git("rev-list", "--count", f"main..{BRANCH}", cwd=work.bare).strip() == "1"


@pytest.mark.parametrize("forge", PATHS)
def test_conflicts_make_a_draft_that_is_left_to_people(
    forge: str, study: Study, propose: Propose
) -> None:
    work = study(forge)
    work.write("AGENTS.md", "Ours.\n")
    result = propose(work)
    assert result.code == 0, result.output
    (request,) = work.requests
    title = f"Update Twobus to {NEXT}"
    if forge == "github":
        assert (request["title"], request["draft"]) == (title, True)
    else:
        assert request["title"] == f"Draft: {title}"
    assert "- `AGENTS.md`" in body(request)
    assert f"git switch -C {BRANCH} origin/{BRANCH}" in body(request)
    assert "`poe check` was not run" in body(request)
    propose(work)
    assert work.server.fake.writes == []
    work.write("AGENTS.md", "Both.\n", BRANCH)
    work.release(LATER)
    before = work.head()
    result = propose(work)
    assert result.code == 0
    assert f"people have committed to {BRANCH}" in result.output
    assert (work.head(), work.server.fake.writes) == (before, [])


def test_a_commit_that_people_amended_is_theirs(study: Study, propose: Propose) -> None:
    work = study()
    work.write("AGENTS.md", "Ours.\n")
    propose(work)
    git("fetch", "--quiet", "origin", cwd=work.project)
    git("checkout", "--quiet", "--detach", f"origin/{BRANCH}", cwd=work.project)
    (work.project / "AGENTS.md").write_text("Both.\n")
    git("commit", "--quiet", "--all", "--amend", "--no-edit", cwd=work.project)
    git("push", "--quiet", "-f", "origin", f"HEAD:{BRANCH}", cwd=work.project)
    before = work.head()
    work.release(LATER)
    assert "people have committed" in propose(work).output
    assert work.head() == before


@pytest.mark.parametrize("forge", PATHS)
def test_failing_checks_make_a_draft_until_they_pass(
    forge: str, study: Study, propose: Propose
) -> None:
    work = study(forge)
    (work.folder / "fails").write_text("1 failed in 2.31s\n")
    result = propose(work)
    assert result.code == 0, result.output
    (request,) = work.requests
    assert "1 failed in 2.31s" in body(request)
    assert request.get("draft") or request["title"].startswith("Draft: ")
    (work.folder / "fails").write_text("1 failed in 2.42s\n")
    propose(work)
    assert work.server.fake.writes == []
    (work.folder / "fails").unlink()
    result = propose(work)
    (request,) = work.requests
    assert "`poe check` passes on this branch." in body(request)
    # GitHub's API cannot do it, and people are told.
    assert ("mark it as ready" in result.output) == (forge == "github")
    assert not request["title"].startswith("Draft: ")


@pytest.mark.parametrize("forge", ["github"])
def test_what_is_merged_leaves_nothing_behind(
    forge: str, study: Study, propose: Propose
) -> None:
    work = study(forge)
    propose(work)
    work.write("ours.txt", "Ours.\n", BRANCH)
    work.merge()
    result = propose(work)
    assert result.code == 0, result.output
    assert f"is at {NEXT}" in result.output
    assert work.head() == ""
    propose(work)
    work.release(LATER, "Later.\n")
    propose(work)
    assert len(work.requests) == 2
    assert git("show", f"{BRANCH}:ours.txt", cwd=work.bare) == "Ours.\n"


def test_a_merged_branch_with_commits_of_people_is_used_again(
    study: Study, propose: Propose
) -> None:
    work = study()
    propose(work)
    work.write("ours.txt", "Ours.\n", BRANCH)
    work.merge()
    work.release(LATER, "Later.\n")
    result = propose(work)
    assert "/pull/2: opened" in result.output
    assert git("show", f"{BRANCH}:AGENTS.md", cwd=work.bare) == "Later.\n"


@pytest.mark.parametrize("forge", PATHS)
def test_a_request_that_is_not_needed_any_more_is_closed(
    forge: str, study: Study, propose: Propose
) -> None:
    work = study(forge)
    propose(work)
    git("fetch", "--quiet", str(work.bare), BRANCH, cwd=work.project)
    git("push", "--quiet", "origin", "FETCH_HEAD:refs/heads/other", cwd=work.project)
    git("checkout", "--quiet", "FETCH_HEAD", cwd=work.project)
    git("reset", "--quiet", "--soft", "main", cwd=work.project)
    git("commit", "--quiet", "--message", "By hand", cwd=work.project)
    git("push", "--quiet", "origin", "HEAD:refs/heads/main", cwd=work.project)
    result = propose(work)
    assert result.code == 0, result.output
    (request,) = work.requests
    assert request["state"] == "closed"
    assert CLOSED in body(request)
    assert work.head() == ""
    propose(work)
    assert work.server.fake.writes == []


@pytest.mark.parametrize("forge", ["gitlab"])
def test_a_release_that_people_refused_is_not_proposed_again(
    forge: str, study: Study, propose: Propose
) -> None:
    work = study(forge)
    propose(work)
    work.requests[0]["state"] = "closed"
    before = work.head()
    work.write("ours.txt", "Ours.\n")
    result = propose(work)
    assert result.code == 0
    assert "people closed https://" in result.output
    assert (work.head(), work.server.fake.writes) == (before, [])
    work.release(LATER)
    propose(work)
    assert [one["title"] for one in work.requests] == [
        f"Update Twobus to {NEXT}",
        f"Update Twobus to {LATER}",
    ]


def test_a_plan_without_drafts_gets_a_request(study: Study, propose: Propose) -> None:
    work = study()
    assert isinstance(work.server.fake, GitHub)
    work.server.fake.drafts = False
    work.write("AGENTS.md", "Ours.\n")
    result = propose(work)
    assert result.code == 0, result.output
    assert work.requests[0]["draft"] is False
    propose(work)
    assert work.server.fake.writes == []


def test_what_is_not_on_the_forge_is_not_proposed(
    study: Study, propose: Propose
) -> None:
    work = study()
    (work.project / "mine.txt").write_text("Mine.\n")
    git("add", "--all", cwd=work.project)
    git("commit", "--quiet", "--message", "Mine", cwd=work.project)
    git("checkout", "--quiet", "--detach", cwd=work.project)
    (work.project / "AGENTS.md").write_text("Mine.\n")
    before = status(work.project) + run("git", "show-ref", cwd=work.project).output
    result = propose(work)
    assert result.code == 0, result.output
    assert "mine.txt" not in git("ls-tree", "--name-only", BRANCH, cwd=work.bare)
    after = status(work.project) + run("git", "show-ref", cwd=work.project).output
    assert after == before


def test_a_project_between_two_releases_has_nothing_to_propose(
    study: Study, propose: Propose
) -> None:
    work = study()
    git("commit", "--quiet", "--allow-empty", "--message", "More", cwd=work.template)
    newer = git("rev-parse", "HEAD", cwd=work.template).strip()
    answers = (work.project / ".copier-answers.yml").read_text()
    work.write(".copier-answers.yml", answers.replace(f"v{OLD}", newer))
    result = propose(work)
    assert (result.code, work.requests) == (0, []), result.output
    assert "Nothing to propose" in result.output


def test_a_long_way_is_told_from_its_end() -> None:
    changes = {f"1.{number}.0": "News. " * 2000 for number in (3, 2, 1)}
    text = describe(Outcome("study", "clean", changes=changes), waits=False)
    assert "#### 1.3.0" in text
    assert "#### 1.1.0" not in text
    assert text.endswith("What was new before is in the template's changelog.")


def test_checks_that_wait_for_people_are_said() -> None:
    outcome = Outcome("study", "clean")
    assert "approve the run" in describe(outcome, waits=True)
    assert "approve the run" not in describe(outcome, waits=False)


# What goes wrong.


def refuse(work: Work, text: str) -> None:
    """Have the forge refuse pushes."""
    hook = work.bare / "hooks" / "pre-receive"
    hook.write_text(f"#!/bin/sh\necho '{text}' >&2\nexit 1\n")
    hook.chmod(0o755)


def without_workflows(work: Work) -> str:
    refuse(
        work,
        "refusing to allow a GitHub App to create or update workflow "
        "`.github/workflows/ci.yml` without `workflows` permission",
    )
    return "set TWOBUS_TOKEN to a token that may"


def signed_only(work: Work) -> str:
    refuse(work, "GitLab: Commit must be signed with a GPG key")
    return "localhost.* Commit must be signed with a GPG key"


def not_there_yet(work: Work) -> str:
    git("rm", "--quiet", "--cached", ".copier-answers.yml", cwd=work.project)
    git("commit", "--quiet", "--message", "Gone", cwd=work.project)
    git("push", "--quiet", "origin", "main", cwd=work.project)
    return "acme/study has no .copier-answers.yml on its branch main: push"


def a_branch_in_the_way(work: Work) -> str:
    git("branch", "twobus", "main", cwd=work.bare)
    return "refs/heads/twobus' exists"


def not_by_actions(work: Work) -> str:
    text = "GitHub Actions is not permitted to create or approve pull requests."
    answer = httpx.Response(403, json={"message": text})
    work.server.fake.mishaps["POST", "/pulls"] = [answer]
    return "allow it below Settings, Actions, General, Workflow permissions"


def reading_only(work: Work) -> str:
    git("config", "http.receivepack", "false", cwd=work.bare)
    return "does not let the token from TWOBUS_TOKEN read or push to acme/study"


def no_such_template(work: Work) -> str:
    answers = (work.project / ".copier-answers.yml").read_text()
    source = f"https://{work.server.host}/acme/none.git"
    new = re.sub("_src_path: .*", f"_src_path: {source}", answers)
    work.write(".copier-answers.yml", new)
    return "The template cannot be fetched"


def unknown(work: Work) -> str:
    work.server.fake.token = "another"  # noqa: S105
    return "does not accept the token from TWOBUS_TOKEN"


def without_rights(work: Work) -> str:
    answer = httpx.Response(403, json={"message": "Resource not accessible"})
    work.server.fake.mishaps["POST", "/pulls"] = [answer]
    return "change acme/study .* It needs 'Contents: write'"


@pytest.mark.parametrize(
    "spoil",
    [
        without_workflows,
        signed_only,
        not_there_yet,
        a_branch_in_the_way,
        not_by_actions,
        reading_only,
        no_such_template,
        unknown,
        without_rights,
    ],
)
def test_what_cannot_be_done_is_a_sentence(
    spoil: Callable[[Work], str], study: Study, propose: Propose
) -> None:
    work = study()
    sentence = spoil(work)
    result = propose(work)
    assert result.code == 2
    assert re.search(sentence, result.output), result.output
    assert "Traceback" not in result.output
    assert work.requests == []


def test_a_push_by_somebody_else_meanwhile_stops_it(
    study: Study, propose: Propose
) -> None:
    work = study()
    # The checks take some time, in which people go on.
    push = f"git -C '{work.project}' push -q '{work.bare}' main:{BRANCH}"
    text = (work.folder / "uv").read_text().replace("exit 0", f"{push}\nexit 0")
    (work.folder / "uv").write_text(text)
    result = propose(work)
    assert result.code == 2
    assert "has just been pushed to: run this again." in result.output
    assert work.head() == work.head("main")


def test_a_template_on_somebodys_computer_is_no_failure(
    study: Study, propose: Propose
) -> None:
    work = study()
    shutil.rmtree(work.template)
    result = propose(work)
    assert (result.code, work.server.fake.requests) == (0, [])
    assert "a folder that is not on this computer" in result.output


@pytest.mark.parametrize(
    ("address", "away"),
    [
        ("gh:acme/twobus", False),
        ("git+https://git.acme.example/twobus.git", False),
        ("git@git.acme.example:acme/twobus.git", False),
        ("/no/such/folder", True),
        ("file:///no/such/folder", True),
        ("../no-such-folder", True),
    ],
)
def test_only_folders_can_be_on_another_computer(address: str, away: bool) -> None:
    assert is_away(address) == away


def test_a_forge_that_is_away_is_a_sentence(
    study: Study, propose: Propose, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = study()
    monkeypatch.setattr(twobus.companion.forge, "ATTEMPTS", 1)
    monkeypatch.setattr(work.server, "fake", GitHub("https://localhost:1/api/v3"))
    answers = work.project / ".copier-answers.yml"
    away = answers.read_text().replace(work.server.host, "localhost:1")
    answers.write_text(away)
    monkeypatch.setenv("GH_HOST", "localhost:1")
    monkeypatch.setenv("GH_ENTERPRISE_TOKEN", SECRET)
    result = CliRunner().invoke(app, ["propose", "--project", str(work.project)])
    assert result.exit_code == 2
    assert "localhost:1 cannot be reached (ConnectError)" in result.output


# Where the token goes.


def keep_template_on_the_forge(work: Work) -> None:
    """Let the project's template be a repository of its forge, which may be private."""
    place = work.server.root / "acme" / "twobus.git"
    git("clone", "--quiet", "--bare", str(work.template), str(place), cwd=work.folder)
    answers = (work.project / ".copier-answers.yml").read_text()
    source = f"_src_path: https://{work.server.host}/acme/twobus.git"
    work.write(".copier-answers.yml", re.sub("_src_path: .*", source, answers))


@pytest.mark.parametrize("forge", PATHS)
def test_the_token_is_shown_to_the_forge_only(
    forge: str, study: Study, propose: Propose, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = study(forge)
    keep_template_on_the_forge(work)
    # Whoever keeps what it is told would keep this as well.
    home = work.folder / "home"
    home.mkdir()
    keeper = f"!cat >> '{home}/kept'; false"
    (home / ".gitconfig").write_text(f'[credential]\n\thelper = "{keeper}"\n')
    words = work.folder / "words"
    tools = work.folder / "bin"
    tools.mkdir()
    real = shutil.which("git")
    (tools / "git").write_text(
        f"#!/bin/sh\nprintf '%s\\n' \"$*\" >> '{words}'\nexec '{real}' \"$@\"\n"
    )
    (tools / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    result = propose(work, alone=True)
    assert result.code == 0, result.output
    assert len(work.requests) == 1
    said = {login for _, login in work.server.logins}
    assert said == {"", f"x-access-token:{SECRET}"}
    fetched = [login for path, login in work.server.logins if "twobus.git" in path]
    assert fetched[-1] == f"x-access-token:{SECRET}"
    assert "push" in words.read_text()
    assert BRANCH in words.read_text()
    assert "UV=" in (work.folder / "environment").read_text()
    for file in work.folder.rglob("*"):
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file


@pytest.mark.parametrize("forge", PATHS)
@pytest.mark.parametrize("login", ["ci", "x-access-token"])
def test_a_netrc_for_the_library_does_not_log_in_instead(
    login: str, forge: str, study: Study, propose: Propose
) -> None:
    work = study(forge)
    keep_template_on_the_forge(work)
    home = work.folder / "home"
    home.mkdir()
    # What CI needs to read a private library, whose repository is on the same forge.
    netrc = f"machine localhost login {login} password of-the-library"
    (home / ".netrc").write_text(netrc)
    work.server.elsewhere = f"{login}:of-the-library"
    result = propose(work, alone=True)
    assert result.code == 0, result.output
    assert len(work.requests) == 1


def test_another_host_does_not_get_the_token(
    study: Study, propose: Propose, tmp_path_factory: pytest.TempPathFactory
) -> None:
    work = study()
    with served(tmp_path_factory.mktemp("other")) as other:
        other.fake, other.root = work.server.fake, work.folder / "other"
        place = other.root / "acme" / "twobus.git"
        template = str(work.template)
        git("clone", "--quiet", "--bare", template, str(place), cwd=work.folder)
        answers = (work.project / ".copier-answers.yml").read_text()
        source = f"_src_path: https://{other.host}/acme/twobus.git"
        work.write(".copier-answers.yml", re.sub("_src_path: .*", source, answers))
        own = other.certificate.read_text()
        work.server.certificate.write_text(work.server.certificate.read_text() + own)
        result = propose(work)
        assert result.code == 2
        assert "The template cannot be fetched" in result.output
        assert {login for _, login in other.logins} == {""}


@pytest.mark.parametrize(
    ("forge", "host", "variables", "source"),
    [
        ("github", "github.com", {"TWOBUS_TOKEN": "a", "GITHUB_TOKEN": "b"}, "TWOBUS"),
        ("github", "github.com", {"GITHUB_TOKEN": "b"}, "GITHUB"),
        (
            "github",
            "github.com",
            {"TWOBUS_TOKEN": "a", "GITHUB_SERVER_URL": "https://git.acme.example"},
            "",
        ),
        (
            "github",
            "git.acme.example",
            {"TWOBUS_TOKEN": "a", "GITHUB_SERVER_URL": "https://git.acme.example"},
            "TWOBUS",
        ),
        (
            "github",
            "git.acme.example",
            {"GITHUB_TOKEN": "a", "GITHUB_SERVER_URL": "https://git.acme.example"},
            "GITHUB",
        ),
        ("github", "evil.example", {"TWOBUS_TOKEN": "a", "GITHUB_TOKEN": "b"}, ""),
        ("gitlab", "gitlab.com", {"TWOBUS_TOKEN": "a"}, "TWOBUS"),
        (
            "gitlab",
            "git.acme.example:8443",
            {"TWOBUS_TOKEN": "a", "CI_SERVER_URL": "https://git.acme.example:8443"},
            "TWOBUS",
        ),
        ("gitlab", "git.acme.example", {"TWOBUS_TOKEN": "a"}, ""),
    ],
)
def test_a_token_is_taken_for_its_own_host(
    forge: str,
    host: str,
    variables: dict[str, str],
    source: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (*VARIABLES, "TWOBUS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(twobus.companion.token, "_ask", lambda _: "")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    if source:
        assert token(forge, host, PROPOSE).source == f"{source}_TOKEN"
    else:
        with pytest.raises(StopError, match="There is no token for"):
            token(forge, host, PROPOSE)


# The job in generated projects.


@pytest.mark.parametrize("notebooks", choices("notebooks"))
def test_gitlab_proposes_in_schedules_and_nothing_else(
    notebooks: str, project: Render
) -> None:
    file = project(forge="gitlab", notebooks=notebooks) / ".gitlab-ci.yml"
    config = yaml.safe_load(file.read_text("utf-8"))
    jobs = {name: job for name, job in config.items() if "script" in job}
    rules = {name: [one["if"] for one in job["rules"]] for name, job in jobs.items()}
    assert rules == {
        "check": ['$CI_PIPELINE_SOURCE != "schedule"'],
        "update": ['$CI_PIPELINE_SOURCE == "schedule"'],
        "review": ['$CI_PIPELINE_SOURCE == "merge_request_event"'],
    }
    # A schedule is for a branch, and the one for the default branch passes.
    wanted = {"if": "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"}
    assert wanted in config["workflow"]["rules"]
    assert jobs["update"]["script"] == ["uv run --locked poe propose"]


def test_github_proposes_weekly_at_a_time_of_the_projects_own(project: Render) -> None:
    times = set()
    for name in ("One", "Two", "Three"):
        made = project(name, project_name=name)
        file = made / ".github" / "workflows" / "update.yml"
        workflow = yaml.safe_load(file.read_text("utf-8"))
        # YAML reads the key `on` as true.
        assert {*workflow[True]} == {"schedule", "workflow_dispatch"}
        (schedule,) = workflow[True]["schedule"]
        minute, hour, *rest = schedule["cron"].split()
        assert (int(minute) < 60, int(hour) < 24, rest) == (True, True, ["*", "*", "1"])
        times.add((minute, hour))
    assert len(times) == 3


def step(project: Path) -> tuple[str, dict[str, str]]:
    """Return the line that proposes, and the variables that the workflow sets."""
    if (gitlab := project / ".gitlab-ci.yml").exists():
        (line,) = yaml.safe_load(gitlab.read_text("utf-8"))["update"]["script"]
        return line, {}
    file = project / ".github" / "workflows" / "update.yml"
    steps = yaml.safe_load(file.read_text("utf-8"))["jobs"]["update"]["steps"]
    assert steps[0]["with"] == {"persist-credentials": False}
    *_, last = [one for one in steps if "run" in one]
    return last["run"], last["env"]


@pytest.mark.slow
@pytest.mark.parametrize("forge", PATHS)
def test_the_job_opens_a_request_and_is_quiet_otherwise(
    forge: str, release: Path, server: Server, tmp_path: Path
) -> None:
    path, template = PATHS[forge], tmp_path / "template"
    git("clone", "--quiet", str(release), str(template), cwd=tmp_path)
    url = f"https://{server.host}/{path}"
    made = render(
        template,
        tmp_path / "study",
        repository_url=url,
        forge=forge,
        notebooks="none",
        worked_example=False,
    )
    server.root = tmp_path / "forge"
    if forge == "gitlab":
        # A private template on the same forge.
        place = server.root / "acme" / "twobus.git"
        place.parent.mkdir(parents=True)
        place.symlink_to(template / ".git")
        source = f"_src_path: https://{server.host}/acme/twobus.git"
        answers = made / ".copier-answers.yml"
        answers.write_text(re.sub("_src_path: .*", source, answers.read_text()))
    set_up(made)
    kind, base = (GitHub, "v3") if forge == "github" else (GitLab, "v4")
    fake = kind(f"https://{server.host}/api/{base}", path)
    server.fake, fake.token = fake, SECRET
    server.logins.clear()
    bare = server.root / f"{path}.git"
    git("clone", "--quiet", "--bare", str(made), str(bare), cwd=tmp_path)
    git("config", "http.receivepack", "true", cwd=bare)
    fake.repository = bare
    git("remote", "add", "origin", str(bare), cwd=made)
    work = Work(server, template, bare, made, tmp_path)

    # As a runner does: the newest commit only, without a name for anybody.
    checkout = tmp_path / "checkout"
    git("clone", "--quiet", "--depth", "1", bare.as_uri(), str(checkout), cwd=tmp_path)
    git("checkout", "--quiet", "--detach", cwd=checkout)
    address = f"https://runner:expired@{server.host}/{path}.git"
    git("remote", "set-url", "origin", address, cwd=checkout)
    line, variables = step(checkout)
    github = {"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": f"https://{server.host}"}
    gitlab = {"GITLAB_CI": "true", "CI_SERVER_URL": f"https://{server.host}"}
    values = {
        "${{ github.token }}": "ghs_of-the-runner",
        "${{ secrets.TWOBUS_TOKEN }}": SECRET,
    }
    own = {name: values[value] for name, value in variables.items()}
    own |= github if forge == "github" else {**gitlab, "TWOBUS_TOKEN": SECRET}
    unset = [
        word
        for name in ("GIT_AUTHOR", "GIT_COMMITTER")
        for word in ("-u", f"{name}_NAME", "-u", f"{name}_EMAIL")
    ]

    # What is for a private library on that forge, and for nothing else there.
    home, cache = tmp_path / "home", run("uv", "cache", "dir", cwd=tmp_path).output
    home.mkdir()
    (home / ".netrc").write_text("machine localhost login ci password of-the-library")
    server.elsewhere = "ci:of-the-library"

    def job() -> Result:
        script = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", line]
        settings = {**own, **server.trusted_too(), "CI": "true"}
        settings |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        settings |= {"HOME": str(home), "UV_CACHE_DIR": cache.strip()}
        result = run("env", *unset, *script, cwd=checkout, **settings)
        assert SECRET not in result.output
        assert (result.code, status(checkout)) == (0, ""), result.output
        return result

    assert "Nothing to propose" in job().output
    assert fake.writes == []
    if forge == "gitlab":
        # The checks of a project take long, and here they are not run.
        work.write("AGENTS.md", "Ours.\n")
    work.release(NEXT)
    assert "opened" in job().output
    (request,) = work.requests
    checks = {"github": "passes on this branch", "gitlab": "was not run"}
    assert f"`poe check` {checks[forge]}" in body(request)
    author = git("log", "-1", "--format=%an <%ae>", BRANCH, cwd=bare)
    assert author.strip() == "Twobus <twobus@noreply.invalid>"
    if forge == "github":
        shutil.rmtree(template)
        assert "is not on this computer" in job().output
