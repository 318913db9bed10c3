"""`twobus propose` keeps one request open, and never touches what people wrote."""

import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import yaml
from conftest import Render, Small
from forges import GitHub, GitLab
from inside import inside
from proposing import (
    LATER,
    NEXT,
    OLD,
    PATHS,
    SECRET,
    VARIABLES,
    Propose,
    Study,
    Work,
    body,
    hosted,
    hosting,
    lean,
    placed,
    propose,
    weekly,
)
from served import Server, served
from typer.testing import CliRunner

import twobus.companion.forge
import twobus.companion.token
from template import choices, git, render, run, set_up, status, whole
from twobus.call import propose as task
from twobus.companion.branch import Outcome
from twobus.companion.cli import app
from twobus.companion.describe import CLOSED, MARK, describe
from twobus.companion.template import is_away
from twobus.companion.token import PROPOSE, token
from twobus.companion.update import BRANCH
from twobus.project import StopError

__all__ = ["hosted", "hosting", "lean", "placed", "propose"]


# What differs between forges is seen once; here it is the same.
FORGES = ["github", whole("gitlab")]


def netrc(login: str, word: str) -> str:
    """Return a line of netrc for a server on this machine."""
    return f"machine localhost login {login} password {word}"


@pytest.mark.parametrize("by_hand", [False, True])
@pytest.mark.parametrize("forge", PATHS)
def test_a_request_opens_once(
    forge: str, by_hand: bool, hosted: Study, propose: Propose
) -> None:
    work = hosted(forge)
    result = propose(work, by_hand=by_hand)
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
    # One way goes on where the other has begun.
    result = propose(work)
    assert (result.code, "nothing new" in result.output) == (0, True), result.output
    assert work.server.fake.writes == []
    assert (work.head(), json.dumps(work.requests)) == before


@pytest.mark.parametrize("forge", FORGES)
def test_a_later_release_takes_over_the_request(
    forge: str, hosted: Study, propose: Propose
) -> None:
    work = hosted(forge)
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


@pytest.mark.parametrize("forge", FORGES)
def test_conflicts_make_a_draft_that_is_left_to_people(
    forge: str, hosted: Study, propose: Propose
) -> None:
    work = hosted(forge)
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


def test_a_commit_that_people_amended_is_theirs(
    hosted: Study, propose: Propose
) -> None:
    work = hosted()
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


@pytest.mark.parametrize("forge", FORGES)
def test_failing_checks_make_a_draft_until_they_pass(
    forge: str, hosted: Study, propose: Propose
) -> None:
    work = hosted(forge)
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
    forge: str, hosted: Study, propose: Propose
) -> None:
    work = hosted(forge)
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


@pytest.mark.whole
def test_a_merged_branch_with_commits_of_people_is_used_again(
    hosted: Study, propose: Propose
) -> None:
    work = hosted()
    propose(work)
    work.write("ours.txt", "Ours.\n", BRANCH)
    work.merge()
    work.release(LATER, "Later.\n")
    result = propose(work)
    assert "/pull/2: opened" in result.output
    assert git("show", f"{BRANCH}:AGENTS.md", cwd=work.bare) == "Later.\n"


@pytest.mark.parametrize("forge", FORGES)
def test_a_request_that_is_not_needed_any_more_is_closed(
    forge: str, hosted: Study, propose: Propose
) -> None:
    work = hosted(forge)
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
    forge: str, hosted: Study, propose: Propose
) -> None:
    work = hosted(forge)
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


def test_a_plan_without_drafts_gets_a_request(hosted: Study, propose: Propose) -> None:
    work = hosted()
    assert isinstance(work.server.fake, GitHub)
    work.server.fake.drafts = False
    work.write("AGENTS.md", "Ours.\n")
    result = propose(work)
    assert result.code == 0, result.output
    assert work.requests[0]["draft"] is False
    propose(work)
    assert work.server.fake.writes == []


def test_what_is_not_on_the_forge_is_not_proposed(
    hosted: Study, propose: Propose
) -> None:
    work = hosted()
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
    hosted: Study, propose: Propose
) -> None:
    work = hosted()
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
    spoil: Callable[[Work], str], hosted: Study, propose: Propose
) -> None:
    work = hosted()
    sentence = spoil(work)
    # Who works by hand may not have pushed the project yet.
    result = propose(work, by_hand=spoil is not_there_yet)
    assert result.code == 2
    assert re.search(sentence, result.output), result.output
    assert "Traceback" not in result.output
    assert work.requests == []


def test_a_push_by_somebody_else_meanwhile_stops_it(
    hosted: Study, propose: Propose
) -> None:
    work = hosted()
    # The checks take some time, in which people go on.
    push = f"git -C '{work.project}' push -q '{work.bare}' main:{BRANCH}"
    text = (work.folder / "uv").read_text().replace("exit 0", f"{push}\nexit 0")
    (work.folder / "uv").write_text(text)
    result = propose(work, by_hand=True)
    assert result.code == 2
    assert "has just been pushed to: run this again." in result.output
    assert work.head() == work.head("main")


def test_a_template_on_somebodys_computer_is_no_failure(
    hosted: Study, propose: Propose
) -> None:
    work = hosted()
    shutil.rmtree(work.template)
    result = propose(work, by_hand=True)
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
    hosted: Study, propose: Propose, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = hosted()
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


@pytest.mark.parametrize("forge", FORGES)
def test_the_token_is_shown_to_the_forge_only(
    forge: str, hosted: Study, propose: Propose, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = hosted(forge)
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
    result = propose(work, alone=True, by_hand=True)
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


@pytest.mark.parametrize("forge", FORGES)
@pytest.mark.parametrize("login", ["ci", whole("x-access-token")])
def test_a_netrc_for_the_library_does_not_log_in_instead(
    login: str, forge: str, hosted: Study, propose: Propose
) -> None:
    work = hosted(forge)
    keep_template_on_the_forge(work)
    home = work.folder / "home"
    home.mkdir()
    # What CI needs to read a private library, whose repository is on the same forge.
    (home / ".netrc").write_text(netrc(login, "of-the-library"))
    work.server.elsewhere = f"{login}:of-the-library"
    result = propose(work, alone=True, by_hand=True)
    assert result.code == 0, result.output
    assert len(work.requests) == 1


def test_another_host_does_not_get_the_token(
    hosted: Study, propose: Propose, tmp_path_factory: pytest.TempPathFactory
) -> None:
    work = hosted()
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
        result = propose(work, by_hand=True)
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
        "prepare-update": ['$CI_PIPELINE_SOURCE == "schedule"'],
        "propose-update": ['$CI_PIPELINE_SOURCE == "schedule"'],
        "review": ['$CI_PIPELINE_SOURCE == "merge_request_event"'],
    }
    # A schedule is for a branch, and the one for the default branch passes.
    wanted = {"if": "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"}
    assert wanted in config["workflow"]["rules"]
    poe = "uv run --locked poe propose"
    assert jobs["prepare-update"]["script"] == [f"{poe} --prepare update"]
    handed = '--deliver "$CI_PROJECT_DIR/update"'
    assert jobs["propose-update"]["script"] == [f"{poe} {handed}"]


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


@pytest.mark.parametrize("forge", PATHS)
def test_only_the_job_that_runs_locked_code_gets_a_token(
    forge: str, project: Render
) -> None:
    first, second = weekly(project(forge=forge, notebooks="none"))
    assert "TWOBUS_TOKEN" not in first.text
    assert "github.token" not in first.text
    assert "'write'" not in first.text
    assert "'twobus'" in second.text
    assert "--deliver" in second.text
    assert "poe check" not in second.text
    # Nor does one leave anything behind that the other uses.
    for job in (first, second):
        assert "'enable-cache': False" in job.text or "'cache': []" in job.text


@pytest.mark.parametrize("equals", [" ", "="])
def test_the_job_that_runs_new_code_refuses_a_token(
    equals: str, small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = f"--prepare{equals}update".split()
    project = small(notebooks="none")
    monkeypatch.setattr(sys, "argv", ["propose", *words])
    stop = pytest.raises(SystemExit, match="environment scope to twobus")
    with inside(project, TWOBUS_TOKEN=SECRET), stop:
        task()


@pytest.mark.slow
@pytest.mark.parametrize("forge", FORGES)
def test_the_job_opens_a_request_and_is_quiet_otherwise(
    forge: str, release: Path, hosting: Server, tmp_path: Path
) -> None:
    path, template = PATHS[forge], tmp_path / "template"
    git("clone", "--quiet", str(release), str(template), cwd=tmp_path)
    url = f"https://{hosting.host}/{path}"
    made = render(
        template,
        tmp_path / "study",
        repository_url=url,
        forge=forge,
        notebooks="none",
        worked_example=False,
    )
    hosting.root = tmp_path / "forge"
    if forge == "gitlab":
        # A private template on the same forge.
        place = hosting.root / "acme" / "twobus.git"
        place.parent.mkdir(parents=True)
        place.symlink_to(template / ".git")
        source = f"_src_path: https://{hosting.host}/acme/twobus.git"
        answers = made / ".copier-answers.yml"
        answers.write_text(re.sub("_src_path: .*", source, answers.read_text()))
    set_up(made)
    kind, base = (GitHub, "v3") if forge == "github" else (GitLab, "v4")
    fake = kind(f"https://{hosting.host}/api/{base}", path)
    hosting.fake, fake.token = fake, SECRET
    hosting.logins.clear()
    bare = hosting.root / f"{path}.git"
    git("clone", "--quiet", "--bare", str(made), str(bare), cwd=tmp_path)
    git("config", "http.receivepack", "true", cwd=bare)
    fake.repository = bare
    git("remote", "add", "origin", str(bare), cwd=made)
    work = Work(hosting, template, bare, made, tmp_path)

    address = f"https://runner:expired@{hosting.host}/{path}.git"
    # What is for a private library on that forge, and for the template there.
    home, cache = tmp_path / "home", run("uv", "cache", "dir", cwd=tmp_path).output
    home.mkdir()
    (home / ".netrc").write_text(netrc("ci", "of-the-reader"))
    hosting.reader = "ci:of-the-reader"
    settings = {
        **hosting.trusted_too(),
        "HOME": str(home),
        "UV_CACHE_DIR": cache.strip(),
    }
    settings |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    settings |= {"RUNNER_TEMP": str(tmp_path / "temp"), "CI_REPOSITORY_URL": str(bare)}
    settings["CI_COMMIT_SHA"] = "main"
    count = 0

    def job() -> str:
        nonlocal count
        said = ""
        for one in weekly(made):
            # As a runner does: without a name for anybody.
            checkout = tmp_path / f"checkout-{count}"
            count += 1
            git("clone", "--quiet", bare.as_uri(), str(checkout), cwd=tmp_path)
            git("checkout", "--quiet", "--detach", cwd=checkout)
            git("remote", "set-url", "origin", address, cwd=checkout)
            handed = tmp_path / f"checkout-{count - 2}" / "update"
            if handed.exists():
                shutil.move(handed, checkout / "update")
            said += one.run(checkout, forge, hosting.host, **settings)
            assert status(checkout) in {"", "?? update/\n"}
            if "Nothing to propose" in said and forge == "github":
                break
        return said

    assert "is at" in job()
    assert fake.writes == []
    if forge == "gitlab":
        # The checks of a project take long, and here they are not run.
        work.write("AGENTS.md", "Ours.\n")
    work.release(NEXT)
    assert "opened" in job()
    (request,) = work.requests
    checks = {"github": "passes on this branch", "gitlab": "was not run"}
    assert f"`poe check` {checks[forge]}" in body(request)
    author = git("log", "-1", "--format=%an <%ae>", BRANCH, cwd=bare)
    assert author.strip() == "Twobus <twobus@noreply.invalid>"
    if forge == "github":
        shutil.rmtree(template)
        assert "is not on this computer" in job()
