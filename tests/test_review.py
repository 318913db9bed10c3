"""What `poe review` says of changes, on real histories and real events of forges."""

import os
from pathlib import Path

import pytest
from inside import call
from reviewed import PAGE, Review, commit, lines

from template import git


def test_questions_cannot_be_removed_with_their_page(
    branch: Path, review: Review
) -> None:
    git("rm", "--quiet", PAGE, cwd=branch)
    git("commit", "--quiet", "--no-verify", "--message", "No page", cwd=branch)
    result, summary = review(body="")
    assert result.code == 1
    assert "| Description | fails |" in summary


def test_new_marks_of_generated_files_are_pointed_at(
    branch: Path, review: Review
) -> None:
    commit(branch, {"src/.gitattributes": "* -diff\n", "src/own.py": lines(3000)})
    assert "| Rules | look |" in review()[1]


def test_a_name_cannot_write_a_line_of_its_own(branch: Path, review: Review) -> None:
    commit(branch, {"src/x\n::error ::y": lines(1001)})
    result, _ = review()
    assert not [line for line in result.output.splitlines() if line.startswith("::")]


@pytest.mark.parametrize("mark", ["<<<<<<< before updating", ">>>>>>> after updating"])
def test_conflicts_of_an_update_fail(mark: str, branch: Path, review: Review) -> None:
    commit(branch, {"README.md": f"Hello\n{mark}\n"})
    result, summary = review()
    assert result.code == 1
    assert "| Conflicts | fails |" in summary


def test_rejected_parts_of_an_update_fail(branch: Path, review: Review) -> None:
    commit(branch, {"README.md.rej": "Hello\n"})
    assert review()[0].code == 1


def test_empty_lines_of_the_take_over_are_named(branch: Path, review: Review) -> None:
    readme = (branch / "README.md").read_text("utf-8")
    before, empty, after = readme.partition("for which decision | |\n")
    assert empty
    filled = f"{before}for which decision | The board, in March |\n{after}"
    commit(branch, {"README.md": filled})
    _, summary = review()
    assert "Who needs the results" not in summary
    assert "Which access is needed, and who grants it" in summary


def test_bytes_that_are_no_text_are_no_reason_to_stop(
    branch: Path, review: Review
) -> None:
    (branch / ".github" / "CODEOWNERS").write_bytes(b"* @ann # caf\xe9\n")
    (branch / os.fsdecode(b"caf\xe9.txt")).write_text(lines(500), "utf-8")
    git("add", "--all", cwd=branch)
    git("commit", "--quiet", "--no-verify", "--message", "Bytes", cwd=branch)
    result, summary = review()
    assert "Traceback" not in result.output
    assert "| Size | warning |" in summary


def test_without_a_request_only_the_change_is_looked_at(branch: Path) -> None:
    commit(branch, {"src/own.py": lines(3)})
    result = call(branch, "review")
    assert result.code == 0
    assert "3 added lines" in result.output
    assert "there is no request yet" in result.output
