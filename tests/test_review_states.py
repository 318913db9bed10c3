"""`poe review` ends in a table or in a sentence, whatever state a project is in."""

import shutil
from pathlib import Path

import pytest
from conftest import Small
from inside import call
from reviewed import Review, commit, lines

from template import Result, git

MARKED = "<<<<<<< before updating\nx = 1\n=======\nx = 2\n>>>>>>> after updating\n"


def reviewed(project: Path, *words: str, **changes: str) -> Result:
    """Review a change on this computer; what stops it is never a traceback."""
    return call(project, "review", *words, **changes)


# Files that are broken.


def test_conflicts_in_the_settings_are_no_reason_to_stop(
    branch: Path, review: Review
) -> None:
    (branch / "src/owned/data.py").write_text(MARKED, "utf-8")
    result, summary = review()
    assert result.code == 1
    assert "| Conflicts | fails | a template update left conflicts in src" in summary


def test_notebooks_that_cannot_run_for_a_conflict_are_said_to(small: Small) -> None:
    project = small()
    (project / "src/penguin_study/data.py").write_text(MARKED, "utf-8")
    result = reviewed(project)
    assert result.code == 1
    assert "could not be run: penguin_study.data cannot be imported" in result.output
    assert "Conflicts    fails" in result.output


def test_a_broken_pyproject_is_said_in_a_sentence(branch: Path) -> None:
    (branch / "pyproject.toml").write_text(MARKED, "utf-8")
    result = reviewed(branch)
    assert result.code == 1
    assert result.output.startswith("pyproject.toml cannot be read: ")


def test_a_pyproject_that_is_gone_is_said_in_a_sentence(branch: Path) -> None:
    (branch / "pyproject.toml").unlink()
    result = reviewed(branch)
    assert result.code == 1
    assert "pyproject.toml must give whole numbers" in result.output


@pytest.mark.parametrize("line", ["", 'notebook_cell = "x"\n', "notebook_cell = []\n"])
def test_limits_that_are_missing_are_asked_for(line: str, branch: Path) -> None:
    text = (branch / "pyproject.toml").read_text("utf-8")
    commit(branch, {"pyproject.toml": text.replace("notebook_cell = 40\n", line)})
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=branch)
    result = call(branch, "review")
    assert result.code == 1
    assert "must give whole numbers for warn_added, fail_added" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("text", [MARKED, "- a list\n", "\0\n", None])
def test_answers_that_nobody_can_read_fail(
    text: str | None, branch: Path, review: Review
) -> None:
    file = branch / ".copier-answers.yml"
    file.unlink() if text is None else file.write_text(text, "utf-8")
    result, summary = review()
    assert result.code == 1
    assert "| Answers | fails | no update is possible: " in summary
    assert "| Size | ok |" in summary


def test_answers_in_other_bytes_fail(branch: Path, review: Review) -> None:
    (branch / ".copier-answers.yml").write_bytes(b"kind: analysis\n# caf\xe9\n")
    assert "| Answers | fails | no update is possible: " in review()[1]


def test_the_level_from_before_counts_where_the_answers_are_broken(
    branch: Path, review: Review
) -> None:
    file = branch / ".copier-answers.yml"
    strict = file.read_text("utf-8").replace("standard", "strict")
    commit(branch, {file.name: strict})
    file.unlink()
    assert "strict needs them" in review()[1]


def test_notebooks_are_compared_where_the_answers_are_broken(small: Small) -> None:
    project = small()
    (project / ".copier-answers.yml").write_text(MARKED, "utf-8")
    assert "Notebooks    " in reviewed(project).output


def test_a_merge_in_the_middle_is_looked_at(branch: Path) -> None:
    commit(branch, {"README.md": "Ours\n"})
    git("checkout", "--quiet", "--detach", "origin/main", cwd=branch)
    commit(branch, {"README.md": "Theirs\n"})
    theirs = git("rev-parse", "HEAD", cwd=branch).strip()
    git("checkout", "--quiet", "work", cwd=branch)
    with pytest.raises(AssertionError, match="CONFLICT"):
        git("merge", theirs, cwd=branch)
    result = reviewed(branch)
    assert "Size         ok" in result.output, result.output


# Histories that lack what a change is compared with.


def test_an_unknown_base_is_said_in_a_sentence(branch: Path) -> None:
    result = reviewed(branch, "--base", "nowhere")
    assert result.code == 1
    assert "There is no commit or branch 'nowhere' here" in result.output


def test_a_base_that_looks_like_an_option_is_none(branch: Path) -> None:
    result = reviewed(branch, "--base", "--all")
    assert result.code == 1
    assert "There is no commit or branch '--all' here" in result.output


def test_a_folder_without_a_history_is_said_in_a_sentence(small: Small) -> None:
    project = small(notebooks="none")
    shutil.rmtree(project / ".git")
    result = reviewed(project)
    assert result.code == 1
    assert result.output.startswith("There is no commit here yet")


@pytest.mark.parametrize("words", [[], ["--base", "main"]])
def test_a_branch_without_a_commit_is_said_in_a_sentence(
    words: list[str], branch: Path
) -> None:
    git("checkout", "--quiet", "--orphan", "empty", cwd=branch)
    result = reviewed(branch, *words)
    git("symbolic-ref", "HEAD", "refs/heads/work", cwd=branch)
    assert result.code == 1
    assert result.output.startswith("There is no commit here yet")


def test_a_detached_head_is_compared_all_the_same(branch: Path) -> None:
    commit(branch, {"src/own.py": lines(7)})
    git("checkout", "--quiet", "--detach", cwd=branch)
    result = reviewed(branch)
    assert result.code == 0, result.output
    assert "7 added lines" in result.output


@pytest.mark.parametrize("remote", [True, False])
def test_master_is_found_where_there_is_no_main(remote: bool, small: Small) -> None:
    project = small(notebooks="none")
    git("checkout", "--quiet", "-b", "work", cwd=project)
    commit(project, {"src/own.py": lines(7)})
    git("branch", "-m", "main", "master", cwd=project)
    if remote:
        git("update-ref", "refs/remotes/origin/master", "master", cwd=project)
        git("branch", "-D", "master", cwd=project)
    result = reviewed(project)
    assert result.code == 0, result.output
    assert "7 added lines" in result.output


def test_without_any_branch_to_compare_with_a_name_is_asked_for(small: Small) -> None:
    project = small(notebooks="none")
    git("branch", "-m", "main", "trunk", cwd=project)
    result = reviewed(project)
    assert result.code == 1
    assert "no branch main or master, here or on origin. Name a branch" in result.output


def test_a_shallow_clone_that_lacks_where_a_change_began_says_so(
    branch: Path, tmp_path: Path
) -> None:
    git("branch", "--force", "main", "HEAD", cwd=branch)
    commit(branch, {"src/own.py": lines(1500)})
    clone = tmp_path / "clone"
    words = ["clone", "--quiet", "--depth=1", "--no-single-branch"]
    git(*words, branch.as_uri(), str(clone), cwd=tmp_path)
    result = reviewed(clone, "--base", "origin/main")
    assert result.code == 1
    assert "this clone, which is shallow: run `git fetch --unshallow`" in result.output
    git("fetch", "--quiet", "--unshallow", cwd=clone)
    assert "1,500 added lines" in reviewed(clone, "--base", "origin/main").output


# Events of a forge that are not what they should be.


@pytest.mark.parametrize(
    "text", ['{"pull_request": ', "[]", '{"pull_request": 3}', None]
)
def test_an_event_that_cannot_be_read_is_said_in_a_sentence(
    text: str | None, branch: Path, tmp_path: Path
) -> None:
    event = tmp_path / "event.json"
    if text is not None:
        event.write_text(text, "utf-8")
    result = reviewed(branch, GITHUB_EVENT_PATH=str(event))
    assert result.code == 1
    assert "cannot be read: on your own computer, unset that variable" in result.output


def test_an_event_without_a_pull_request_is_like_none(
    branch: Path, tmp_path: Path
) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"ref": "refs/heads/work"}', "utf-8")
    result = reviewed(branch, GITHUB_EVENT_PATH=str(event))
    assert result.code == 0, result.output
    assert "there is no request yet" in result.output


def test_a_merge_request_without_a_commit_to_compare_with_is_said_so(
    branch: Path,
) -> None:
    result = reviewed(branch, CI_MERGE_REQUEST_IID="7")
    assert result.code == 1
    assert "Nothing says what to compare with" in result.output
