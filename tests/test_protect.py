"""`twobus protect` brings the rules to the forge, and locks nobody out."""

import json
import os
import re
import shutil
import ssl
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from itertools import chain, combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import yaml
from forges import Forge, GitHub, GitLab, wrong_in_body
from jinja2 import Environment, StrictUndefined
from typer.testing import CliRunner

import twobus.companion.forge
from template import ROOT, Result, git, render
from twobus.companion.cli import app
from twobus.companion.forge import Client

Protect = Callable[..., Result]
Made = Callable[..., Path]

LEVELS = ["light", "standard", "strict"]
URLS = {
    "github": "https://github.com/acme/study",
    "gitlab": "https://gitlab.com/acme/data/study",
}
RULES = {
    "github": ".github/rulesets/main.json",
    "gitlab": ".gitlab/protection.json",
}
THREE = "@ann @bob @cleo"
VARIABLES = [
    *("GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"),
    *("GH_HOST", "GITHUB_SERVER_URL", "GITLAB_HOST", "GITLAB_TOKEN"),
]
RULESETS = "/repos/acme/study/rulesets"
DESCRIBED = "/repos/{owner}/{repo}/rulesets"
# What the clock says in the tests.
NOW = 1_800_000_000


@pytest.fixture(scope="session")
def rendered(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Render a project of each forge and level once."""

    @cache
    def make(forge: str, level: str) -> Path:
        folder = tmp_path_factory.mktemp("rendered") / "study"
        return render(
            release,
            folder,
            repository_url=URLS[forge],
            review_level=level,
            code_owners=THREE,
            notebooks="none",
            worked_example=False,
        )

    return make


@pytest.fixture
def made(rendered: Made, tmp_path: Path) -> Made:
    """Copy what `protect` reads of a project, with owners and answers of one's own."""

    def make(
        forge: str = "github",
        level: str = "standard",
        owners: str = THREE,
        repository_url: str | None = None,
        named: str | None = None,
    ) -> Path:
        source = rendered(forge, level)
        target = tmp_path / f"project-{len(list(tmp_path.iterdir()))}"
        shutil.copytree(source / f".{forge}", target / f".{forge}")
        known = yaml.safe_load((source / ".copier-answers.yml").read_text("utf-8"))
        if repository_url is not None:
            known["repository_url"] = repository_url
        if named:
            known["forge"] = named
        text = yaml.safe_dump(known)
        (target / ".copier-answers.yml").write_text(text, "utf-8")
        # A whole render takes a second, and there are many sets of owners.
        template = ROOT / "template" / f".{forge}" / "CODEOWNERS.jinja"
        environment = Environment(undefined=StrictUndefined)  # noqa: S701
        facts = {**known, "code_owners": owners}
        codeowners = environment.from_string(template.read_text("utf-8")).render(facts)
        (target / f".{forge}" / "CODEOWNERS").write_text(codeowners, "utf-8")
        return target

    return make


@pytest.fixture
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Do not wait, but count."""
    taken: list[float] = []
    clock = SimpleNamespace(sleep=taken.append, time=lambda: float(NOW))
    monkeypatch.setattr(twobus.companion.forge, "time", clock)
    return taken


@pytest.fixture
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a `gh` and a `glab` that know no token."""
    folder = tmp_path_factory.mktemp("bin")
    for name in ("gh", "glab"):
        program(folder / name, "exit 1")
    return folder


@pytest.fixture
def protect(monkeypatch: pytest.MonkeyPatch, tools: Path, naps: list[float]) -> Protect:
    """Run the command against a fake, with a token in the environment."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    monkeypatch.setenv("GH_TOKEN", "secret-of-ann")
    monkeypatch.setenv("GITLAB_TOKEN", "secret-of-ann")

    def run(fake: Forge, folder: Path, command: str) -> Result:
        transport = httpx.MockTransport(fake)
        monkeypatch.setattr(twobus.companion.forge, "TRANSPORT", transport)
        fake.requests.clear()
        words = ["protect", command, "--project", str(folder)]
        result = CliRunner().invoke(app, words)
        if not isinstance(result.exception, SystemExit | None):
            raise result.exception
        assert "secret" not in result.output
        return Result(result.exit_code, result.output)

    return run


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def fake_of(forge: str) -> GitHub | GitLab:
    return GitHub() if forge == "github" else GitLab()


def own(folder: Path, text: str) -> None:
    """Replace the owners of a project."""
    [path] = folder.glob(".git*/CODEOWNERS")
    path.write_text(text, "utf-8")


def rules(folder: Path) -> dict[str, Any]:
    [path] = [folder / name for name in RULES.values() if (folder / name).is_file()]
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


def parameters(ruleset: dict[str, Any], kind: str) -> dict[str, Any]:
    [found] = [rule for rule in ruleset["rules"] if rule["type"] == kind]
    inner: dict[str, Any] = found["parameters"]
    return inner


# The rules against the description of the API.


@pytest.mark.parametrize("level", LEVELS)
def test_rulesets_are_what_github_describes(rendered: Made, level: str) -> None:
    ruleset = rules(rendered("github", level))
    assert not wrong_in_body("POST", DESCRIBED, json.dumps(ruleset))


def test_a_misspelt_field_of_a_ruleset_is_refused(rendered: Made) -> None:
    ruleset = rules(rendered("github", "standard"))
    needs = parameters(ruleset, "pull_request")
    needs["alowed_merge_methods"] = needs.pop("allowed_merge_methods")
    assert wrong_in_body("POST", DESCRIBED, json.dumps(ruleset))


# From nothing to protected, drifted, and back.


@pytest.mark.parametrize("forge", URLS)
@pytest.mark.parametrize("level", LEVELS)
def test_a_plan_shows_each_field_and_writes_nothing(
    protect: Protect, made: Made, forge: str, level: str
) -> None:
    fake = fake_of(forge)
    result = protect(fake, made(forge, level), "plan")
    assert result.code == 0
    count = 2 if level == "strict" else 1
    expected = {
        "github": "ruleset main: rules.pull_request.required_approving_review_count: "
        f"absent -> {count}",
        "gitlab": f"approval_rule: approvals_required: absent -> {count}",
    }
    assert expected[forge] in result.output
    assert not fake.writes


@pytest.mark.parametrize("forge", URLS)
@pytest.mark.parametrize("level", LEVELS)
def test_what_is_applied_is_as_wanted(
    protect: Protect, made: Made, forge: str, level: str
) -> None:
    fake, folder = fake_of(forge), made(forge, level)
    result = protect(fake, folder, "apply")
    assert result.code == 0, result.output
    assert fake.writes
    result = protect(fake, folder, "check")
    assert (result.code, result.output.count("\n")) == (0, 1), result.output


@pytest.mark.parametrize("forge", URLS)
@pytest.mark.parametrize("level", LEVELS)
def test_a_second_apply_writes_nothing(
    protect: Protect, made: Made, forge: str, level: str
) -> None:
    fake, folder = fake_of(forge), made(forge, level)
    protect(fake, folder, "apply")
    assert protect(fake, folder, "apply").code == 0
    assert not fake.writes


@pytest.mark.parametrize("forge", URLS)
@pytest.mark.parametrize("before", LEVELS)
@pytest.mark.parametrize("after", LEVELS)
def test_another_level_is_a_plan_then_applied(
    protect: Protect, made: Made, forge: str, before: str, after: str
) -> None:
    fake = fake_of(forge)
    protect(fake, made(forge, before), "apply")
    folder = made(forge, after)
    assert protect(fake, folder, "check").code == (before != after)
    assert protect(fake, folder, "apply").code == 0
    assert protect(fake, folder, "check").code == 0


def change_a_field(ruleset: dict[str, Any]) -> str:
    needs = parameters(ruleset, "pull_request")
    needs["required_approving_review_count"] = 0
    return "rules.pull_request.required_approving_review_count: 0 -> "


def add_a_rule(ruleset: dict[str, Any]) -> str:
    ruleset["rules"].append({"type": "creation"})
    return "rules.creation: present -> absent"


def delete_a_rule(ruleset: dict[str, Any]) -> str:
    ruleset["rules"] = [one for one in ruleset["rules"] if one["type"] != "deletion"]
    return "rules.deletion: absent -> present"


def disable_it(ruleset: dict[str, Any]) -> str:
    ruleset["enforcement"] = "disabled"
    return "enforcement: disabled -> active"


def let_somebody_bypass(ruleset: dict[str, Any]) -> str:
    actor = {"actor_id": 5, "actor_type": "RepositoryRole", "bypass_mode": "always"}
    ruleset["bypass_actors"] = [actor]
    return "bypass_actors.RepositoryRole 5: present -> absent"


def exclude_a_branch(ruleset: dict[str, Any]) -> str:
    ruleset["conditions"]["ref_name"]["exclude"] = ["refs/heads/main"]
    return 'conditions.ref_name.exclude: ["refs/heads/main"] -> []'


def require_another_check(ruleset: dict[str, Any]) -> str:
    checks = parameters(ruleset, "required_status_checks")
    checks["required_status_checks"] = [{"context": "other"}]
    return "required_status_checks.ci-ok.integration_id: absent -> 15368"


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "drift",
    [
        change_a_field,
        add_a_rule,
        delete_a_rule,
        disable_it,
        let_somebody_bypass,
        exclude_a_branch,
        require_another_check,
    ],
)
def test_drift_on_github_is_seen_and_put_right(
    protect: Protect, made: Made, level: str, drift: Callable[[dict[str, Any]], str]
) -> None:
    fake, folder = GitHub(), made("github", level)
    protect(fake, folder, "apply")
    expected = drift(fake.rulesets[41])
    result = protect(fake, folder, "check")
    assert result.code == 1
    assert expected in result.output
    assert protect(fake, folder, "apply").code == 0
    assert fake.writes == [f"PUT {RULESETS}/41"]
    assert protect(fake, folder, "check").code == 0


def merge_otherwise(fake: GitLab) -> str:
    fake.project["squash_option"] = "never"
    return "project: squash_option: never -> always"


def approve_oneself(fake: GitLab) -> str:
    fake.approvals["merge_requests_author_approval"] = True
    return "approvals: merge_requests_author_approval: true -> false"


def need_nobody(fake: GitLab) -> str:
    fake.rules[0]["approvals_required"] = 0
    return "approval_rule: approvals_required: 0 -> "


def push_by_force(fake: GitLab) -> str:
    fake.branches["main"]["allow_force_push"] = True
    return "protected_branch main: allow_force_push: true -> false"


def push_past_review(fake: GitLab) -> str:
    fake.branches["main"]["push_access_levels"][0]["access_level"] = 40
    return "protected_branch main: push_access_level: 40 -> 0"


def let_one_person_push(fake: GitLab) -> str:
    person = {"access_level": 40, "access_level_description": "Ann", "user_id": 3}
    fake.branches["main"]["push_access_levels"].append(person)
    return "protected_branch main: push_access_level: No one, Ann -> 0"


def unprotect(fake: GitLab) -> str:
    del fake.branches["main"]
    return "protected_branch main: absent -> present"


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    "drift",
    [
        merge_otherwise,
        approve_oneself,
        need_nobody,
        push_by_force,
        push_past_review,
        let_one_person_push,
        unprotect,
    ],
)
def test_drift_on_gitlab_is_seen_and_put_right(
    protect: Protect, made: Made, level: str, drift: Callable[[GitLab], str]
) -> None:
    fake, folder = GitLab(), made("gitlab", level)
    protect(fake, folder, "apply")
    expected = drift(fake)
    result = protect(fake, folder, "check")
    assert result.code == 1
    assert expected in result.output
    assert protect(fake, folder, "apply").code == 0
    assert protect(fake, folder, "check").code == 0


def test_unsigned_commits_on_gitlab_are_drift(protect: Protect, made: Made) -> None:
    fake, folder = GitLab(), made("gitlab", "strict")
    protect(fake, folder, "apply")
    fake.push_rule = {"id": 1, "reject_unsigned_commits": False}
    assert protect(fake, folder, "check").code == 1
    assert protect(fake, folder, "apply").code == 0


def test_a_branch_stays_protected_while_what_can_be_changed_is(
    protect: Protect, made: Made
) -> None:
    fake, folder = GitLab(), made("gitlab")
    protect(fake, folder, "apply")
    fake.branches["main"]["allow_force_push"] = True
    protect(fake, folder, "apply")
    [write] = fake.writes
    assert write.startswith("PATCH")


def test_squash_merges_are_allowed_before_nothing_else_is(
    protect: Protect, made: Made
) -> None:
    fake, folder = GitHub(), made()
    fake.squash = False
    assert "repository: allow_squash_merge: false -> true" in (
        protect(fake, folder, "plan").output
    )
    assert protect(fake, folder, "apply").code == 0
    assert fake.writes == ["PATCH /repos/acme/study", f"POST {RULESETS}"]


def test_a_check_that_anybody_may_report_has_no_app(
    protect: Protect, made: Made
) -> None:
    fake, folder = GitHub(), made()
    ruleset = rules(folder)
    checks = parameters(ruleset, "required_status_checks")
    checks["required_status_checks"] = [{"context": "ci-ok"}]
    (folder / RULES["github"]).write_text(json.dumps(ruleset), "utf-8")
    assert "required_status_checks.ci-ok: absent -> present" in (
        protect(fake, folder, "plan").output
    )
    assert protect(fake, folder, "apply").code == 0


def test_a_missing_rule_is_drift_even_if_it_says_no_to_everything(
    protect: Protect, made: Made
) -> None:
    fake, folder = GitHub(), made()
    protect(fake, folder, "apply")
    ruleset = rules(folder)
    no = {"update_allows_fetch_and_merge": False}
    ruleset["rules"].append({"type": "update", "parameters": no})
    (folder / RULES["github"]).write_text(json.dumps(ruleset), "utf-8")
    result = protect(fake, folder, "check")
    assert result.code == 1
    assert "ruleset main: rules.update: absent -> present" in result.output


def test_the_order_of_words_in_a_list_means_nothing(
    protect: Protect, made: Made
) -> None:
    fake, folder = GitHub(), made()
    ruleset = rules(folder)
    methods = ["squash", "merge"]
    parameters(ruleset, "pull_request")["allowed_merge_methods"] = methods
    (folder / RULES["github"]).write_text(json.dumps(ruleset), "utf-8")
    assert protect(fake, folder, "apply").code == 0
    assert protect(fake, folder, "check").code == 0


def test_what_gitlab_was_never_told_is_off(protect: Protect, made: Made) -> None:
    fake, folder = GitLab(), made("gitlab")
    protect(fake, folder, "apply")
    fake.project["allow_merge_on_skipped_pipeline"] = None
    assert protect(fake, folder, "check").code == 0


def test_what_github_adds_with_its_own_value_is_told(
    protect: Protect, made: Made
) -> None:
    fake, folder = GitHub(), made()
    protect(fake, folder, "apply")
    checks = parameters(fake.rulesets[41], "required_status_checks")
    checks["do_not_enforce_on_create"] = True
    result = protect(fake, folder, "check")
    assert result.code == 0
    assert "Not in the file: ruleset main: rules.required_status_checks.do_not" in (
        result.output
    )


def test_a_ruleset_is_found_on_any_page(protect: Protect, made: Made) -> None:
    fake, folder = GitHub(), made()
    for number in range(100):
        other = {"name": f"other {number}", "enforcement": "disabled", "rules": []}
        fake.keep(number, other)
    protect(fake, folder, "apply")
    assert protect(fake, folder, "check").code == 0
    assert len(fake.rulesets) == 101


def test_two_rulesets_of_one_name_are_refused(protect: Protect, made: Made) -> None:
    fake, folder = GitHub(), made()
    fake.keep(1, rules(folder))
    fake.keep(2, rules(folder))
    result = protect(fake, folder, "apply")
    assert result.code == 2
    assert "2 rulesets of acme/study are called 'main'" in result.output
    assert not fake.writes


def test_what_does_not_stay_is_no_success(protect: Protect, made: Made) -> None:
    fake, folder = GitHub(), made()
    ruleset = {**rules(folder), "id": 41, "source": "acme/study"}
    fake.mishaps["POST", "/rulesets"] = [httpx.Response(201, json=ruleset)]
    result = protect(fake, folder, "apply")
    assert result.code == 2
    assert "took the changes, and yet these are left" in result.output


# Nobody is locked out.


def teams_of(fake: GitHub | GitLab, people: list[str]) -> None:
    if isinstance(fake, GitHub):
        fake.teams["acme/data"] = people
    else:
        fake.groups["acme/data"] = dict.fromkeys(people, 30)


def is_mergeable(forge: str, level: str, owners: list[str], listed: int) -> bool:
    """Try every author, last pusher and set of approvers, in the plainest way.

    The demands of each level stand here once more, apart from the files.
    """
    count = 2 if level == "strict" else 1
    by_owner = level != "light"
    not_the_last_to_push = level == "strict" and forge == "github"
    # Only GitLab can ask for two owners of the rules themselves.
    of_owners = 2 if forge == "gitlab" and by_owner and listed > 2 else int(by_owner)
    sets = chain.from_iterable(combinations(owners, n) for n in range(len(owners) + 1))
    approvers = [set(chosen) for chosen in sets]
    return all(
        any(
            author not in chosen
            and len(chosen) >= count
            and len(chosen & {*owners}) >= of_owners
            and (not not_the_last_to_push or chosen - {pusher})
            for chosen in approvers
        )
        for author in owners
        for pusher in owners
    )


@pytest.mark.parametrize("forge", URLS)
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("is_team", [False, True], ids=["people", "team"])
def test_everybodys_changes_can_be_merged_or_apply_refuses(
    protect: Protect, made: Made, forge: str, level: str, size: int, is_team: bool
) -> None:
    people = ["ann", "bob", "cleo"][:size]
    fake = fake_of(forge)
    teams_of(fake, people)
    listed = ["@acme/data"] if is_team else [f"@{name}" for name in people]
    result = protect(fake, made(forge, level, " ".join(listed)), "apply")
    fine = size > 1 and is_mergeable(forge, level, people, len(listed))
    assert result.code == (0 if fine else 2), result.output
    assert bool(fake.writes) == fine


@pytest.mark.parametrize("forge", URLS)
@pytest.mark.parametrize("level", LEVELS)
def test_nobody_owns_nothing(
    protect: Protect, made: Made, forge: str, level: str
) -> None:
    fake = fake_of(forge)
    result = protect(fake, made(forge, level, ""), "apply")
    assert result.code == 2
    assert "names nobody who could approve" in result.output
    assert not fake.writes


def test_a_plan_warns_of_what_apply_refuses(protect: Protect, made: Made) -> None:
    result = protect(GitHub(), made("github", "strict", "@ann @bob"), "plan")
    assert result.code == 0
    assert "`apply` will refuse: Nobody could approve what @ann writes" in result.output


@pytest.mark.parametrize("forge", URLS)
def test_a_line_with_one_owner_is_refused(
    protect: Protect, made: Made, forge: str
) -> None:
    fake, folder = fake_of(forge), made(forge)
    own(folder, "* @ann @bob\n/models/ @ann\n")
    result = protect(fake, folder, "apply")
    assert result.code == 2
    assert "what @ann changes in /models/ (line 2 of CODEOWNERS)" in result.output
    assert not fake.writes


def test_owners_that_github_does_not_know_do_not_count(
    protect: Protect, made: Made
) -> None:
    fake, folder = GitHub(), made("github", "standard", "@ann @bbo")
    fake.errors = [
        {
            "line": 4,
            "column": 8,
            "kind": "Unknown owner",
            "source": "* @ann @bbo",
            "message": "Unknown owner on line 4: make sure @bbo exists\n\n  * @bbo",
            "path": ".github/CODEOWNERS",
        }
    ]
    result = protect(fake, folder, "apply")
    assert result.code == 2
    assert "names nobody but @ann" in result.output


def test_a_line_whose_owners_nobody_knows_is_refused(
    protect: Protect, made: Made
) -> None:
    fake, folder = GitLab(), made("gitlab")
    own(folder, "* @ann @bob\n/models/ @cleoo\n")
    result = protect(fake, folder, "apply")
    assert result.code == 2
    assert "a change of /models/ (line 2 of CODEOWNERS): @cleoo cannot" in result.output


def test_people_who_may_not_approve_on_gitlab_do_not_count(
    protect: Protect, made: Made
) -> None:
    fake, folder = GitLab(), made("gitlab", "standard", "@ann @bob")
    fake.members["bob"] = 20
    result = protect(fake, folder, "apply")
    assert result.code == 2
    assert "names nobody but @ann" in result.output


@pytest.mark.parametrize("forge", URLS)
def test_a_team_that_cannot_be_seen_counts_and_is_told(
    protect: Protect, made: Made, forge: str
) -> None:
    result = protect(fake_of(forge), made(forge, "strict", "@acme/data"), "apply")
    assert result.code == 0
    assert "Not checked: who is behind @acme/data" in result.output


@pytest.mark.parametrize("command", ["plan", "check"])
def test_what_github_says_about_codeowners_is_told(
    protect: Protect, made: Made, command: str
) -> None:
    fake, folder = GitHub(), made()
    fake.errors = [
        {
            "line": 7,
            "column": 7,
            "kind": "Invalid owner",
            "source": "*.txt docs@",
            "message": "Invalid owner on line 7:\n\n  *.txt docs@\n        ^",
            "path": ".github/CODEOWNERS",
        }
    ]
    output = protect(fake, folder, command).output
    assert ".github/CODEOWNERS:7: Invalid owner on line 7:" in output


def test_no_codeowners_on_github_yet_is_told(protect: Protect, made: Made) -> None:
    fake = GitHub()
    fake.errors = None
    assert "Not checked: CODEOWNERS" in protect(fake, made(), "plan").output


def test_a_plan_says_what_signatures_mean_for_forks(
    protect: Protect, made: Made
) -> None:
    assert "takes over" not in protect(GitHub(), made(), "plan").output
    output = protect(GitHub(), made("github", "strict"), "plan").output
    assert "an owner must take over what a fork or a bot brings" in output


# Tokens that see less, and plans that have less.


def test_a_token_that_may_only_read_checks_what_it_sees(
    protect: Protect, made: Made
) -> None:
    fake, folder = GitHub(), made()
    protect(fake, folder, "apply")
    fake.admin = False
    result = protect(fake, folder, "check")
    assert result.code == 0
    assert "Not checked: bypass_actors (this token cannot see them)" in result.output
    assert "Not checked: allow_squash_merge (this token cannot see it)" in result.output
    assert "but for what is said above" in result.output


def test_a_token_that_may_only_read_sees_drift(protect: Protect, made: Made) -> None:
    fake, folder = GitHub(), made()
    protect(fake, folder, "apply")
    fake.admin = False
    fake.rulesets[41]["enforcement"] = "disabled"
    assert protect(fake, folder, "check").code == 1


@pytest.mark.parametrize("command", ["plan", "apply", "check"])
@pytest.mark.parametrize("level", LEVELS)
def test_what_a_free_gitlab_does_not_enforce_is_said(
    protect: Protect, made: Made, command: str, level: str
) -> None:
    fake, folder = GitLab(), made("gitlab", level)
    protect(fake, folder, "apply")
    fake.paid = False
    result = protect(fake, folder, command)
    assert result.code == 0, result.output
    missing = re.findall("^Not enforced on this plan: (\\w+)", result.output, re.M)
    assert missing == [
        "approvals",
        "approval_rule",
        *(["code_owner_approval_required"] if level != "light" else []),
        *(["push_rule"] if level == "strict" else []),
    ]


def test_a_free_gitlab_gets_what_it_has(protect: Protect, made: Made) -> None:
    fake, folder = GitLab(), made("gitlab")
    fake.paid = False
    assert protect(fake, folder, "apply").code == 0
    assert fake.project["squash_option"] == "always"
    assert fake.branches["main"]["push_access_levels"][0]["access_level"] == 0


def test_a_developer_is_not_told_that_the_plan_lacks_something(
    protect: Protect, made: Made
) -> None:
    fake, folder = GitLab(), made("gitlab")
    fake.level = 30
    output = protect(fake, folder, "check").output
    assert "Not checked: approval_rule (approvals before a merge: 1)" in output
    assert "Not enforced" not in output


# A branch of GitLab's that must be removed to be changed.


def protected(fake: GitLab) -> int | None:
    if "main" not in fake.branches:
        return None
    return int(fake.branches["main"]["push_access_levels"][0]["access_level"])


def test_a_branch_that_cannot_be_protected_is_put_back(
    protect: Protect, made: Made
) -> None:
    fake, folder = GitLab(), made("gitlab")
    fake.mishaps["POST", "/protected_branches"] = [
        httpx.Response(422, json={"message": "no"})
    ]
    result = protect(fake, folder, "apply")
    assert result.code == 2
    assert "main is still protected, but not as wanted" in result.output
    assert protected(fake) == 40


def test_a_branch_is_put_back_when_somebody_interrupts(
    protect: Protect, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake, folder = GitLab(), made("gitlab")
    send, left = Client.send, [KeyboardInterrupt()]

    def interrupted(self: Client, method: str, path: str, body: Any = None) -> Any:
        if method == "POST" and path.endswith("/protected_branches") and left:
            raise left.pop()
        return send(self, method, path, body)

    monkeypatch.setattr(Client, "send", interrupted)
    result = protect(fake, folder, "apply")
    assert result.code == 2
    assert "not as wanted: it was interrupted." in result.output
    assert protected(fake) == 40


def test_a_branch_whose_protection_was_not_taken_away_is_not_shouted_about(
    protect: Protect, made: Made
) -> None:
    fake, folder = GitLab(), made("gitlab")
    fake.mishaps["DELETE", "/main"] = [httpx.Response(403, json={"message": "no"})]
    result = protect(fake, folder, "apply")
    assert result.code == 2
    assert "main is still protected, but not as wanted" in result.output
    assert protected(fake) == 40


def test_a_branch_that_stays_open_is_shouted_about(
    protect: Protect, made: Made
) -> None:
    fake, folder = GitLab(), made("gitlab")
    fake.mishaps["POST", "/protected_branches"] = [
        httpx.Response(503, text=""),
        httpx.ReadTimeout("late"),
    ]
    result = protect(fake, folder, "apply")
    assert result.code == 2
    assert "THE BRANCH main MAY BE UNPROTECTED NOW" in result.output


# What can go wrong, in a sentence.

ERRORS = [
    (401, {"message": "Bad credentials"}, "does not accept the token from GH_TOKEN"),
    (403, {"message": "Blocked"}, "forbids this to the token from GH_TOKEN (Blocked)"),
    (
        404,
        {"message": "Not Found"},
        "There is no acme/study on github.com, or the token",
    ),
    (301, {"url": "x"}, "acme/study has moved"),
    (418, {"message": "tea"}, "refuses: tea (HTTP 418)"),
]


@pytest.mark.parametrize(("status", "body", "sentence"), ERRORS)
def test_what_github_refuses_is_a_sentence(
    protect: Protect, made: Made, status: int, body: dict[str, str], sentence: str
) -> None:
    fake = GitHub()
    headers = {"Location": "https://api.github.com/repositories/1"}
    answer = httpx.Response(status, json=body, headers=headers)
    fake.mishaps["GET", "/repos/acme/study"] = [answer]
    result = protect(fake, made(), "check")
    assert result.code == 2
    assert sentence in result.output
    assert len(fake.requests) == 1


def test_a_plan_without_rulesets_is_a_sentence(protect: Protect, made: Made) -> None:
    fake = GitHub()
    fake.plan = False
    result = protect(fake, made(), "plan")
    assert result.code == 2
    assert "The plan of acme/study has no rulesets" in result.output


@pytest.mark.parametrize("status", [403, 404])
def test_a_token_that_may_not_write_is_a_sentence(
    protect: Protect, made: Made, status: int
) -> None:
    fake = GitHub()
    fake.mishaps["POST", RULESETS] = [httpx.Response(status, json={"message": "No"})]
    result = protect(fake, made(), "apply")
    assert result.code == 2
    assert (
        "does not let the token from GH_TOKEN change acme/study (No)" in result.output
    )
    assert "'Administration: write'" in result.output


def test_a_gitlab_token_that_may_not_write_is_a_sentence(
    protect: Protect, made: Made
) -> None:
    fake = GitLab()
    fake.writable = False
    result = protect(fake, made("gitlab"), "apply")
    assert result.code == 2
    assert "the role Maintainer" in result.output


def test_no_network_is_a_sentence(protect: Protect, made: Made) -> None:
    fake = GitHub()
    fake.mishaps["GET", "/study"] = [httpx.ConnectError("no route")] * 4
    result = protect(fake, made(), "plan")
    assert result.code == 2
    assert "github.com cannot be reached (ConnectError)" in result.output


def test_a_strange_certificate_is_a_sentence(
    protect: Protect, made: Made, naps: list[float]
) -> None:
    fake = GitHub()
    error = httpx.ConnectError("failed")
    error.__cause__ = ssl.SSLCertVerificationError("self-signed")
    fake.mishaps["GET", "/study"] = [error]
    result = protect(fake, made(), "plan")
    assert result.code == 2
    assert "name its file in SSL_CERT_FILE" in result.output
    assert not naps


def test_an_answer_that_is_no_json_is_a_sentence(protect: Protect, made: Made) -> None:
    fake = GitHub()
    fake.mishaps["GET", "/study"] = [httpx.Response(200, html="<h1>Log in</h1>")]
    result = protect(fake, made(), "plan")
    assert result.code == 2
    assert "with something that is not JSON" in result.output


def test_an_empty_repository_on_gitlab_is_a_sentence(
    protect: Protect, made: Made
) -> None:
    fake = GitLab()
    fake.mishaps["GET", "study"] = [httpx.Response(200, json={"default_branch": None})]
    result = protect(fake, made("gitlab"), "plan")
    assert result.code == 2
    assert "is empty: push to it first" in result.output


LIMITS = [
    (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOW + 7200)}),
    (429, {"retry-after": "7200"}),
    (429, {"ratelimit-remaining": "0", "ratelimit-reset": str(NOW + 7200)}),
]


@pytest.mark.parametrize(("status", "headers"), LIMITS)
def test_a_long_limit_says_until_when(
    protect: Protect,
    made: Made,
    naps: list[float],
    status: int,
    headers: dict[str, str],
) -> None:
    fake = GitHub()
    answer = httpx.Response(status, json={"message": "limit"}, headers=headers)
    fake.mishaps["GET", "/study"] = [answer]
    result = protect(fake, made(), "plan")
    assert result.code == 2
    assert "try again after 10:00 UTC" in result.output
    assert not naps


@pytest.mark.parametrize(("headers", "nap"), [({"retry-after": "5"}, 5), ({}, 60)])
def test_a_short_limit_is_waited_for(
    protect: Protect,
    made: Made,
    naps: list[float],
    headers: dict[str, str],
    nap: float,
) -> None:
    fake = GitHub()
    answer = httpx.Response(429, json={}, headers=headers)
    fake.mishaps["POST", "/rulesets"] = [answer]
    assert protect(fake, made(), "apply").code == 0
    assert naps == [nap]


@pytest.mark.parametrize("mishap", [httpx.Response(502), httpx.ReadTimeout("late")])
def test_reading_is_tried_again(
    protect: Protect,
    made: Made,
    naps: list[float],
    mishap: httpx.Response | Exception,
) -> None:
    fake = GitHub()
    fake.mishaps["GET", "/study"] = [mishap] * 3
    assert protect(fake, made(), "plan").code == 0
    assert naps == [1, 2, 4]


def test_replacing_is_tried_again(
    protect: Protect, made: Made, naps: list[float]
) -> None:
    fake, folder = GitHub(), made()
    protect(fake, folder, "apply")
    fake.rulesets[41]["enforcement"] = "disabled"
    fake.mishaps["PUT", "/41"] = [httpx.Response(500)]
    assert protect(fake, folder, "apply").code == 0
    assert naps == [1]


@pytest.mark.parametrize("mishap", [httpx.Response(502), httpx.ReadTimeout("late")])
def test_creating_is_not_tried_again(
    protect: Protect, made: Made, mishap: httpx.Response | Exception
) -> None:
    fake = GitHub()
    fake.mishaps["POST", "/rulesets"] = [mishap]
    assert protect(fake, made(), "apply").code == 2
    assert fake.writes == [f"POST {RULESETS}"]


def test_an_outage_is_a_sentence(protect: Protect, made: Made) -> None:
    fake = GitHub()
    fake.mishaps["GET", "/study"] = [httpx.Response(503)] * 4
    result = protect(fake, made(), "plan")
    assert result.code == 2
    assert "github.com is out of order" in result.output


# What the project's files say.


def test_no_answers_is_a_sentence(protect: Protect, tmp_path: Path) -> None:
    result = protect(GitHub(), tmp_path, "plan")
    assert result.code == 2
    assert "There is no .copier-answers.yml in" in result.output


def test_broken_answers_are_a_sentence(protect: Protect, made: Made) -> None:
    folder = made()
    (folder / ".copier-answers.yml").write_text("<<<<<<< before\na: [\n")
    result = protect(GitHub(), folder, "plan")
    assert result.code == 2
    assert "is not what Copier wrote" in result.output


def test_no_rules_is_a_sentence(protect: Protect, made: Made) -> None:
    folder = made()
    (folder / RULES["github"]).unlink()
    result = protect(GitHub(), folder, "plan")
    assert result.code == 2
    assert f"There are no rules in {RULES['github']}" in result.output


def test_rules_that_are_no_json_are_a_sentence(protect: Protect, made: Made) -> None:
    folder = made()
    (folder / RULES["github"]).write_text('{\n  "name": main\n}')
    result = protect(GitHub(), folder, "plan")
    assert result.code == 2
    assert "is not JSON, see line 2" in result.output


@pytest.mark.parametrize("forge", URLS)
@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"rules": [1], "name": "main"}',
        '{"rules": null, "name": "main"}',
        '{"rules": 5, "name": "main"}',
        '{"rules": [], "name": "main"}',
        '{"rules": [{"type": "deletion"}], "name": ""}',
        '{"rules": [{"type": 5}], "name": "main"}',
        '{"rules": [{"type": "deletion", "parameters": null}], "name": "main"}',
        "[" * 100_000,
    ],
    ids=range(10),
)
def test_rules_with_parts_missing_are_a_sentence(
    protect: Protect, made: Made, forge: str, text: str
) -> None:
    folder = made(forge)
    (folder / RULES[forge]).write_text(text)
    result = protect(fake_of(forge), folder, "plan")
    assert result.code == 2
    assert "Parts are missing" in result.output


def test_no_address_at_all_is_a_sentence(protect: Protect, made: Made) -> None:
    result = protect(GitHub(), made(repository_url=""), "plan")
    assert result.code == 2
    assert "Nothing says where the repository is" in result.output


@pytest.mark.parametrize(
    "url", ["http://github.com/acme/study", "https://github.com/x"]
)
def test_an_address_that_is_none_is_a_sentence(
    protect: Protect, made: Made, url: str
) -> None:
    result = protect(GitHub(), made(repository_url=url), "plan")
    assert result.code == 2
    assert "must be like https://github.com/acme/study" in result.output


ORIGINS = [
    "https://github.com/acme/study",
    "https://github.com/acme/study.git",
    "https://ann:secret@github.com/acme/study.git",
    "git@github.com:acme/study.git",
    "ssh://git@github.com/acme/study.git",
    "ssh://git@github.com:2222/acme/study",
]


@pytest.mark.parametrize("origin", ORIGINS)
def test_the_origin_says_where_the_repository_is(
    protect: Protect, made: Made, origin: str
) -> None:
    folder = made(repository_url="")
    git("init", "--quiet", cwd=folder)
    git("remote", "add", "origin", origin, cwd=folder)
    assert protect(GitHub(), folder, "plan").code == 0


def test_an_origin_that_is_no_forge_is_a_sentence_without_it(
    protect: Protect, made: Made
) -> None:
    folder = made(repository_url="")
    git("init", "--quiet", cwd=folder)
    git("remote", "add", "origin", "http://ann:secret@nas/study", cwd=folder)
    result = protect(GitHub(), folder, "plan")
    assert result.code == 2
    assert "git's remote `origin` is no address" in result.output


def test_a_project_that_moved_to_the_other_forge_is_a_sentence(
    protect: Protect, made: Made
) -> None:
    folder = made(repository_url="", named="github")
    git("init", "--quiet", cwd=folder)
    git("remote", "add", "origin", URLS["gitlab"], cwd=folder)
    result = protect(GitHub(), folder, "plan")
    assert result.code == 2
    assert "made for GitHub, but its repository is on gitlab.com" in result.output


# Hosts, and the tokens that are meant for them.


@pytest.mark.parametrize(
    ("forge", "host", "base"),
    [
        ("github", "acme.ghe.com", "https://api.acme.ghe.com"),
        ("github", "github.acme.example", "https://github.acme.example/api/v3"),
        (
            "github",
            "github.acme.example:8443",
            "https://github.acme.example:8443/api/v3",
        ),
        (
            "gitlab",
            "gitlab.acme.example:8443",
            "https://gitlab.acme.example:8443/api/v4",
        ),
    ],
)
def test_the_api_is_where_the_host_has_it(
    protect: Protect,
    made: Made,
    monkeypatch: pytest.MonkeyPatch,
    forge: str,
    host: str,
    base: str,
) -> None:
    monkeypatch.setenv("GH_ENTERPRISE_TOKEN", "secret-of-ann")
    monkeypatch.setenv("GH_HOST", host)
    monkeypatch.setenv("GITLAB_HOST", f"https://{host}")
    fake = GitHub(base) if forge == "github" else GitLab(base, "acme/study")
    folder = made(forge, repository_url=f"https://{host}/acme/study")
    assert protect(fake, folder, "plan").code == 0
    assert fake.requests


FOREIGN = [
    ("github", "github.evil.example"),
    ("github", "github.com.evil.example"),
    ("github", "github.com:8443"),
    ("github", "ghe.com"),
    ("gitlab", "gitlab.evil.example"),
    ("gitlab", "gitlab.com.evil.example"),
    ("gitlab", "gitlab.com:8443"),
]


@pytest.mark.parametrize(("forge", "host"), FOREIGN)
def test_no_token_goes_to_a_host_that_it_is_not_meant_for(
    protect: Protect,
    made: Made,
    monkeypatch: pytest.MonkeyPatch,
    tools: Path,
    forge: str,
    host: str,
) -> None:
    for name in VARIABLES[:4]:
        monkeypatch.setenv(name, "secret-of-ann")
    # Both tools hand out what the environment says, whatever the host.
    program(tools / "gh", 'echo "$GH_TOKEN$GITHUB_TOKEN$GH_ENTERPRISE_TOKEN"')
    program(tools / "glab", 'echo "$GITLAB_TOKEN"')
    fake = fake_of(forge)
    folder = made(forge, repository_url=f"https://{host}/acme/study", named=forge)
    result = protect(fake, folder, "plan")
    assert result.code == 2
    assert f"There is no token for {host}: set " in result.output
    assert not fake.requests


def test_gitlabs_token_is_not_for_gitlab_com_if_another_host_is_named(
    protect: Protect, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITLAB_HOST", "git.acme.example")
    fake = GitLab()
    assert protect(fake, made("gitlab"), "plan").code == 2
    assert not fake.requests


@pytest.mark.parametrize(
    ("forge", "tool", "line"),
    [
        ("github", "gh", '[ "$*" = "auth token --hostname github.com" ]'),
        ("gitlab", "glab", '[ "$*" = "config get token --host gitlab.com" ]'),
    ],
)
def test_the_forges_own_tool_gives_the_token(
    protect: Protect,
    made: Made,
    monkeypatch: pytest.MonkeyPatch,
    tools: Path,
    forge: str,
    tool: str,
    line: str,
) -> None:
    monkeypatch.delenv("GH_TOKEN")
    monkeypatch.delenv("GITLAB_TOKEN")
    program(tools / tool, f"{line} && echo secret-of-ann")
    assert protect(fake_of(forge), made(forge), "plan").code == 0


@pytest.mark.parametrize("forge", URLS)
def test_no_token_is_a_sentence(
    protect: Protect, made: Made, monkeypatch: pytest.MonkeyPatch, forge: str
) -> None:
    monkeypatch.delenv("GH_TOKEN")
    monkeypatch.delenv("GITLAB_TOKEN")
    result = protect(fake_of(forge), made(forge), "plan")
    assert result.code == 2
    names = {"github": "GH_TOKEN or GITHUB_TOKEN", "gitlab": "GITLAB_TOKEN"}
    assert f"set {names[forge]}, or log in with" in result.output


def test_a_token_that_is_none_is_a_sentence(
    protect: Protect, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GH_TOKEN", "secret\nof-ann")
    result = protect(GitHub(), made(), "plan")
    assert result.code == 2
    assert "holds characters that no token has" in result.output


def test_a_forge_that_repeats_the_token_does_not_show_it(
    protect: Protect, made: Made
) -> None:
    fake = GitHub()
    text = {"message": "What is secret-of-ann?"}
    fake.mishaps["GET", "/study"] = [httpx.Response(418, json=text)]
    assert "What is ***?" in protect(fake, made(), "plan").output


# The command itself.


def test_it_says_its_version_and_what_its_exit_codes_mean() -> None:
    command = [sys.executable, "-m", "twobus", "--version"]
    shown = subprocess.run(command, capture_output=True, encoding="utf-8")
    assert shown.stdout.startswith("twobus ")
    text = CliRunner().invoke(app, ["protect", "check", "--help"]).output
    assert "2 refused, or could not be done" in " ".join(text.replace("│", "").split())
