"""`poe review` as the job on GitLab runs it."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Render
from reviewed import PAGE, answered, commit, lines

from template import git


def test_a_merge_request_is_reviewed(branch: Path, gitlab: Any) -> None:
    commit(branch, {"src/own.py": lines(10)})
    result = gitlab()
    assert result.code == 0, result.output
    assert "10 added lines" in result.output


def test_a_truncated_description_is_not_called_checked(
    branch: Path, gitlab: Any
) -> None:
    result = gitlab(CI_MERGE_REQUEST_DESCRIPTION_IS_TRUNCATED="true")
    assert result.code == 78
    assert "Description  not checked" in result.output


@pytest.mark.parametrize("text", ["", "x" * 2700])
def test_an_older_gitlab_that_may_have_cut_the_text_is_not_called_checked(
    text: str, branch: Path, gitlab: Any
) -> None:
    assert gitlab(CI_MERGE_REQUEST_DESCRIPTION=text).code == 78


def test_on_the_result_of_a_merge_only_the_request_counts(
    branch: Path, gitlab: Any
) -> None:
    old = git("rev-parse", "HEAD", cwd=branch).strip()
    commit(branch, {"src/main.py": lines(500)})
    target = git("rev-parse", "HEAD", cwd=branch).strip()
    commit(branch, {"src/own.py": lines(10)})
    result = gitlab(
        CI_MERGE_REQUEST_DIFF_BASE_SHA=old, CI_MERGE_REQUEST_TARGET_BRANCH_SHA=target
    )
    assert "10 added lines" in result.output


def test_a_waiver_that_gitlab_does_not_explain_is_not_called_checked(
    branch: Path, gitlab: Any
) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    page = answered((branch / PAGE).read_text("utf-8"))
    result = gitlab(CI_MERGE_REQUEST_DESCRIPTION=f"{page}\nSize waiver: one table\n")
    assert result.code == 78
    assert "who set the label large-change cannot be seen here" in result.output


@pytest.mark.parametrize("title", ["Draft: Work", "[Draft] Work", "(draft) Work"])
def test_a_draft_merge_request_fails_nothing(
    title: str, branch: Path, gitlab: Any
) -> None:
    assert gitlab(CI_MERGE_REQUEST_TITLE=title).code == 0


def test_a_draft_that_would_fail_is_yellow_because_its_result_stays(
    branch: Path, gitlab: Any
) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    result = gitlab(CI_MERGE_REQUEST_TITLE="Draft: Work", CI_MERGE_REQUEST_LABELS="")
    assert result.code == 78
    assert "Run the pipeline again when it is ready" in result.output


def test_what_is_seen_of_a_truncated_description_counts(
    branch: Path, gitlab: Any
) -> None:
    page = (branch / PAGE).read_text("utf-8")
    result = gitlab(
        CI_MERGE_REQUEST_DESCRIPTION=page,
        CI_MERGE_REQUEST_DESCRIPTION_IS_TRUNCATED="true",
    )
    assert result.code == 1


def test_what_gitlab_does_not_tell_is_yellow(project: Render) -> None:
    jobs = yaml.safe_load((project(forge="gitlab") / ".gitlab-ci.yml").read_text())
    assert jobs["review"]["allow_failure"] == {"exit_codes": 78}
