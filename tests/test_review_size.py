"""`poe review` says how much of a change somebody must read."""

import re
import socket
from pathlib import Path
from typing import Any

import pytest
from inside import call
from reviewed import (
    PAGE,
    Forge,
    Review,
    answered,
    commit,
    labelled,
    lines,
    reach_template,
)

from template import git
from twobus.review import size


def test_a_small_change_is_fine(branch: Path, review: Review) -> None:
    commit(branch, {"src/own.py": lines(400)})
    result, summary = review()
    assert result.code == 0, result.output
    assert "| Size | ok | 400 added lines |" in summary


def test_more_than_400_lines_are_warned_of(branch: Path, review: Review) -> None:
    commit(branch, {"src/own.py": lines(401)})
    result, summary = review()
    assert result.code == 0, result.output
    assert "| Size | warning | 401 added lines" in summary
    assert "most of them in src/own.py" in summary


def test_more_than_1000_lines_fail(branch: Path, review: Review) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    result, summary = review()
    assert result.code == 1
    assert "| Size | fails | 1,001 added lines" in summary


def raised(project: Path) -> dict[str, str]:
    """Return settings with a higher limit."""
    text = (project / "pyproject.toml").read_text("utf-8")
    return {"pyproject.toml": text.replace("fail_added = 1000", "fail_added = 2000")}


def test_the_limits_stand_in_pyproject(branch: Path, review: Review) -> None:
    commit(branch, raised(branch))
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=branch)
    commit(branch, {"src/own.py": lines(1001)})
    assert review()[0].code == 0


def test_a_change_is_held_against_the_limits_from_before(
    branch: Path, review: Review
) -> None:
    commit(branch, raised(branch) | {"src/own.py": lines(1001)})
    result, summary = review()
    assert result.code == 1
    assert "| Rules | look | this changes what reviews rest on: the limits" in summary


def test_a_change_is_held_against_the_level_from_before(
    branch: Path, review: Review
) -> None:
    answers = branch / ".copier-answers.yml"
    text = answers.read_text("utf-8").replace("standard", "light")
    commit(branch, {answers.name: text, "src/own.py": lines(1001)})
    result, summary = review()
    assert result.code == 1
    assert "| Rules | look |" in summary


def test_files_that_git_does_not_know_are_counted_as_such(branch: Path) -> None:
    (branch / "new.py").write_text(lines(700), "utf-8")
    assert "0 added lines; without 1 files that are not in git" in (
        call(branch, "review").output
    )


@pytest.mark.parametrize(
    "name",
    ["uv.lock", "data/raw/new.csv", "src/owned/tables/new.csv", "picture.png"],
)
def test_what_nobody_reads_does_not_count(
    name: str, branch: Path, review: Review
) -> None:
    binary = name.endswith(".png")
    file = branch / name
    before = file.read_text("utf-8") if file.exists() else ""
    commit(branch, {name: "\0" * 9000 if binary else before + "# more\n" * 3000})
    assert "| Size | ok | 0 added lines |" in review()[1]


def test_a_rename_does_not_count(branch: Path, review: Review) -> None:
    commit(branch, {"src/own.py": lines(2000)})
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=branch)
    git("mv", "src/own.py", "src/mine.py", cwd=branch)
    git("commit", "--quiet", "--no-verify", "--message", "Rename", cwd=branch)
    assert "| Size | ok | 0 added lines |" in review()[1]


def test_deletions_do_not_count(branch: Path, review: Review) -> None:
    commit(branch, {"src/own.py": lines(2000)})
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=branch)
    commit(branch, {"src/own.py": lines(1)})
    assert "| Size | ok | 0 added lines |" in review()[1]


def test_changes_of_main_since_the_branch_began_do_not_count(
    branch: Path, review: Review
) -> None:
    commit(branch, {"src/own.py": lines(10)})
    git("checkout", "--quiet", "--detach", "origin/main", cwd=branch)
    commit(branch, {"src/other.py": lines(3000)})
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=branch)
    git("checkout", "--quiet", "work", cwd=branch)
    git("merge", "--quiet", "--no-verify", "origin/main", cwd=branch)
    assert "| Size | ok | 10 added lines |" in review()[1]


def test_the_first_commit_does_not_count(branch: Path, review: Review) -> None:
    git("checkout", "--quiet", "--orphan", "anew", cwd=branch)
    commit(branch, {"src/own.py": lines(3000)})
    commit(branch, {"src/more.py": lines(5)})
    _, summary = review()
    git("branch", "--force", "work", cwd=branch)
    assert "| Size | ok | 5 added lines |" in summary


def test_files_equal_to_a_fresh_render_do_not_count(
    branch: Path, review: Review, release: Path
) -> None:
    git("checkout", "--quiet", "--detach", cwd=branch)
    reach_template(branch, str(release))
    git("rm", "-rq", "--cached", "src", "tests", "docs", cwd=branch)
    git("commit", "--quiet", "--no-verify", "--message", "Without", cwd=branch)
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=branch)
    git("add", "--all", cwd=branch)
    commit(branch, {"src/own.py": lines(500)})
    git("branch", "--quiet", "--force", "work", cwd=branch)
    git("checkout", "--quiet", "work", cwd=branch)
    assert (
        "| Size | warning | 500 added lines, most of them in src/own.py"
        in (review()[1])
    )


def test_a_template_out_of_reach_is_said(branch: Path, review: Review) -> None:
    reach_template(branch, "/nowhere")
    commit(branch, {"src/own.py": lines(500)})
    _, summary = review()
    assert "| Size | warning | 500 added lines; files of the template count" in summary


def test_a_template_that_never_answers_is_not_waited_for(
    branch: Path, review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(size, "PATIENCE", 2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"git+http://127.0.0.1:{silent.getsockname()[1]}/twobus"
        reach_template(branch, place)
        commit(branch, {"src/own.py": lines(500)})
        _, summary = review()
    assert "| Size | warning | 500 added lines; files of the template count" in summary
    assert "has been stopped after 2 seconds" in summary


def test_without_uv_files_of_the_template_count(branch: Path) -> None:
    reach_template(branch, "/nowhere")
    commit(branch, {"src/own.py": lines(500)})
    result = call(branch, "review", UV="/no/uv")
    assert "count as well: /no/uv is not installed, most of them" in result.output


def test_at_light_the_size_only_warns(branch: Path, review: Review) -> None:
    answers = branch / ".copier-answers.yml"
    text = answers.read_text("utf-8").replace("standard", "light")
    commit(branch, {answers.name: text})
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=branch)
    commit(branch, {"src/own.py": lines(2000)})
    result, summary = review()
    assert result.code == 0
    assert "| Size | warning | 2,000 added lines" in summary


LARGE = {"labels": [{"name": "large-change"}]}


def waived(project: Path, reason: str = "Size waiver: it is one table") -> str:
    page = (project / PAGE).read_text("utf-8")
    return f"{answered(page)}\n\n{reason}\n"


def test_a_waiver_needs_a_reason(branch: Path, review: Review, forge: Forge) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    forge.events = [labelled("bob")]
    assert review(**LARGE)[0].code == 1


def test_a_waiver_needs_a_label(branch: Path, review: Review) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    assert review(body=waived(branch))[0].code == 1


def test_a_waiver_of_somebody_else_is_shown(
    branch: Path, review: Review, forge: Forge
) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    forge.events = [labelled("ann"), labelled("bob")]
    result, summary = review(body=waived(branch), **LARGE)
    assert result.code == 0, result.output
    assert "| Size | warning |" in summary
    assert "Waived by bob: it is one table" in summary
    assert forge.tokens == ["Bearer t0ken"] * 2


def test_a_request_from_a_fork_needs_no_right_to_write(
    branch: Path, review: Review, forge: Forge
) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    forge.events = [labelled("bob")]
    fork = {"repo": {"fork": True, "full_name": "ann/study"}, "ref": "work"}
    result, _ = review(body=waived(branch), head=fork, **LARGE)
    assert result.code == 0, result.output
    assert forge.methods == {"GET"}


@pytest.mark.parametrize(
    "events",
    [
        [labelled("ann")],
        [labelled("Ann")],
        [labelled("robot", "Bot")],
        [labelled("bob"), labelled("robot", "Bot")],
        [labelled("bob"), labelled("bob") | {"event": "unlabeled"}],
        [{"event": "closed"}],
        [{"event": "labeled"}],
    ],
)
def test_nobody_waives_the_limit_alone(
    events: list[dict[str, Any]], branch: Path, review: Review, forge: Forge
) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    forge.events = events
    assert review(body=waived(branch), **LARGE)[0].code != 0


def test_a_waiver_that_cannot_be_verified_fails(
    branch: Path, review: Review, forge: Forge
) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    forge.url = "http://127.0.0.1:1"
    result, summary = review(body=waived(branch), **LARGE)
    assert result.code != 0
    assert "| Size | not checked |" in summary
    assert "the forge does not tell" in summary


def test_text_of_the_author_stays_text_in_the_summary(
    branch: Path, review: Review, forge: Forge
) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    forge.events = [labelled("bob")]
    reason = "Size waiver: x | ok | <img src=http://x> [y](http://x) @acme"
    _, summary = review(body=waived(branch, reason), **LARGE)
    assert "<img" not in summary
    assert not re.search(r"(?<!\\)\]\(", summary)
    assert all(row.count(" | ") == 2 for row in summary.splitlines()[2:])
