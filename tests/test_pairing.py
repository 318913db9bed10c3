"""Work in notebooks reaches git, and nobody's work is overwritten."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Made, Small
from inside import another_owner, at_hand, inside, poe_inside
from pairs import (
    BOTH,
    NOTEBOOK,
    RECORDS,
    SCRIPT,
    SOURCE,
    STOPPED,
    WRITTEN,
    add_script,
    cells,
    contents,
    edit_notebook,
    open_all,
    replace,
    save,
    write_notebook,
)

from template import Result, git, run, whole

# What else the hooks look for, which takes its time.
OTHER_HOOKS = "ruff-check,ruff-format,merge-conflicts,large-files,secrets"


@pytest.fixture
def written(small: Small) -> Path:
    """The default project, where somebody has committed another script."""
    return add_script(small())


@pytest.fixture(scope="module")
def opened(
    rendered: Made, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, bytes]:
    """What `poe lab` writes before it opens JupyterLab."""
    project = tmp_path_factory.mktemp("opened") / "penguin study é"
    shutil.copytree(rendered({}), project)
    with inside(add_script(project)):
        assert open_all() == ""
    return {name: (project / name).read_bytes() for name in (NOTEBOOK, RECORDS)}


@pytest.fixture
def paired(written: Path, opened: dict[str, bytes]) -> Path:
    """That project, where somebody has opened the script as a notebook."""
    for name, content in opened.items():
        (written / name).write_bytes(content)
    return written


@pytest.fixture
def hooked(paired: Path) -> Path:
    """The same with the commit hooks, which call this environment."""
    result = run("pre-commit", "install", cwd=paired, **at_hand())
    assert result.code == 0, result.output
    return paired


def changed_lines(project: Path, since: str = "HEAD") -> list[str]:
    """Return the lines that have come and gone since a commit."""
    shown = git("diff", "--unified=0", since, cwd=project)
    return re.findall(r"^([+-][^+-].*)", shown, re.MULTILINE)


def commit(project: Path, *words: str) -> Result:
    """Commit as a person would, with the hook that saves notebooks."""
    command = ["git", "commit", "--message", "Change", *words]
    return run(*command, cwd=project, SKIP=OTHER_HOOKS, **at_hand())


# Work in a notebook reaches git.


@pytest.mark.parametrize("command", ["open_all", "--sync", "--to=ipynb"])
def test_a_notebook_edited_alone_is_written_back(written: Path, command: str) -> None:
    if command == "open_all":
        open_all()
    else:
        run("jupytext", command, SCRIPT, cwd=written, **at_hand())
    edit_notebook(written)
    assert save() == WRITTEN
    assert save() == ""
    assert changed_lines(written) == ["-two = 2", "+two = 22"]


@pytest.mark.slow
def test_a_commit_stops_and_writes_back_a_notebook_edited_alone(hooked: Path) -> None:
    (hooked / RECORDS).unlink()
    edit_notebook(hooked)

    stopped = commit(hooked, "--all")
    assert stopped.code == 1
    assert WRITTEN in stopped.output
    assert git("diff", "--stat", cwd=hooked).splitlines()[0].split()[0] == SCRIPT

    git("add", SCRIPT, cwd=hooked)
    committed = commit(hooked)
    assert committed.code == 0, committed.output
    assert changed_lines(hooked, "HEAD^") == ["-two = 2", "+two = 22"]


@pytest.mark.whole
@pytest.mark.slow
def test_check_writes_a_notebook_back_and_goes_on_and_fails(
    paired: Path,
) -> None:
    edit_notebook(paired)
    result = poe_inside(paired, "check")
    assert result.code == 1
    assert WRITTEN in result.output
    # All else is checked too.
    assert "Passed" in result.output
    assert "All checks passed." not in result.output
    assert "two = 22" in (paired / SCRIPT).read_text("utf-8")


def test_a_notebook_edited_again_is_written_back_again(paired: Path) -> None:
    edit_notebook(paired)
    save()
    replace(paired / NOTEBOOK, "three = 3", "three = 33")
    assert save() == WRITTEN
    assert save() == ""
    script = (paired / SCRIPT).read_text("utf-8")
    assert script == SOURCE.replace("two = 2", "two = 22").replace(" = 3", " = 33")


# Both have changed.


def change_both(project: Path) -> None:
    """Change one cell in the notebook and another in the script."""
    edit_notebook(project)
    replace(project / SCRIPT, "three = 3", "three = 333")


def clash(project: Path) -> None:
    """Change a cell of both in different ways."""
    edit_notebook(project)
    replace(project / SCRIPT, "two = 2", "two = 222")


MERGED = SOURCE.replace("two = 2", "two = 22").replace("three = 3", "three = 333")


@pytest.mark.parametrize("command", [save, open_all])
def test_changes_of_both_sides_are_merged(
    paired: Path, command: Callable[[], str]
) -> None:
    change_both(paired)
    assert command() == BOTH
    assert (paired / SCRIPT).read_text("utf-8") == MERGED
    assert ("code", "two = 22\ntwo", []) in cells(paired / NOTEBOOK)
    assert ("code", "three = 333\nthree", []) in cells(paired / NOTEBOOK)
    assert save() == open_all() == ""


def test_a_cell_changed_on_both_sides_is_kept_twice_and_named_until_it_is_settled(
    paired: Path,
) -> None:
    clash(paired)
    told = save()
    assert BOTH in told
    assert f"{SCRIPT}: the script and the notebook had both changed the cells 3, 4" in (
        told
    )
    text = (paired / SCRIPT).read_text("utf-8")
    assert text.index("two = 22\n") < text.index("two = 222\n")
    assert cells(paired / NOTEBOOK)[2:4] == [
        ("code", "two = 22\ntwo", ["both-changed"]),
        ("code", "two = 222\ntwo", ["both-changed"]),
    ]
    assert "the cells 3, 4" in save()
    mark = '# %% tags=["both-changed"]\n'
    settled = text.replace(f"{mark}two = 22\ntwo\n\n", "").replace(mark, "# %%\n")
    (paired / SCRIPT).write_text(settled, "utf-8")
    assert save() == open_all() == ""
    assert len(cells(paired / NOTEBOOK)) == 4


def test_both_changed_by_our_own_tasks_is_no_change(paired: Path) -> None:
    replace(paired / NOTEBOOK, "two = 2", "two=2;two")
    assert save() == WRITTEN
    for _ in range(2):
        assert poe_inside(paired, "format").code == 0
        assert save() == ""
    replace(paired / SCRIPT, "three = 3", "three = 33")
    assert save() == ""


@pytest.mark.parametrize("written_by", ["task", "hook"])
def test_a_script_edited_after_it_was_written_is_what_counts(
    paired: Path, written_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit_notebook(paired)
    with monkeypatch.context() as patch:
        if written_by == "hook":
            patch.setenv("PRE_COMMIT", "1")
        assert save() == WRITTEN
    if written_by == "hook":
        assert save() == ""
    replace(paired / SCRIPT, "two = 22", "two = 2222")
    assert save() == open_all() == ""
    assert ("code", "two = 2222\ntwo", []) in cells(paired / NOTEBOOK)


def test_a_record_of_an_older_release_is_understood(paired: Path) -> None:
    recorded = json.loads((paired / RECORDS).read_text("utf-8"))
    old = {
        name: {"agreed": hashlib.sha256(one["agreed"].encode()).hexdigest()}
        for name, one in recorded.items()
    }
    (paired / RECORDS).write_text(json.dumps(old), "utf-8")
    change_both(paired)
    assert save() == BOTH
    assert (paired / SCRIPT).read_text("utf-8") == MERGED


def test_nothing_is_lost_where_nobody_knows_what_was_agreed_on(paired: Path) -> None:
    clash(paired)
    git("commit", "--quiet", "--all", "--message", "Change", cwd=paired)
    (paired / RECORDS).unlink()
    assert BOTH in save()
    text = (paired / SCRIPT).read_text("utf-8")
    assert text.count("both-changed") == 2
    for line in ("one = 1", "two = 22", "two = 222", "three = 3"):
        assert f"\n{line}\n" in text


def test_one_notebook_that_needs_a_person_stops_no_other(paired: Path) -> None:
    other = paired / "notebooks/03_more.ipynb"
    write_notebook(other, ("code", "1 + 1", []))
    clash(paired)
    told = save()
    assert BOTH in told
    assert "notebooks/03_more.py was written" in told


@pytest.mark.slow
def test_a_commit_stops_where_both_have_changed_and_passes_after_one_command(
    hooked: Path,
) -> None:
    change_both(hooked)
    before = contents(hooked, NOTEBOOK, SCRIPT)
    stopped = commit(hooked, "--all")
    assert stopped.code == 1
    assert STOPPED in stopped.output
    assert contents(hooked, NOTEBOOK, SCRIPT) == before
    assert save() == BOTH
    passed = commit(hooked, "--all")
    assert passed.code == 0, passed.output
    assert git("show", f"HEAD:{SCRIPT}", cwd=hooked) == MERGED


def test_a_pulled_script_is_never_overwritten(paired: Path) -> None:
    replace(paired / SCRIPT, "two = 2", "two = 222")
    before = contents(paired, NOTEBOOK, SCRIPT)
    assert save() == ""
    assert contents(paired, NOTEBOOK, SCRIPT) == before


def test_lab_takes_a_pulled_script_over_and_keeps_outputs_that_still_hold(
    paired: Path,
) -> None:
    content = json.loads((paired / NOTEBOOK).read_text("utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            stream = {"output_type": "stream", "name": "stdout", "text": "ran"}
            cell["outputs"] = [stream]
    (paired / NOTEBOOK).write_text(json.dumps(content), "utf-8")
    replace(paired / SCRIPT, "two = 2", "two = 222")

    assert open_all() == ""
    outputs = {
        "".join(cell["source"]): json.dumps(cell["outputs"])
        for cell in json.loads((paired / NOTEBOOK).read_text("utf-8"))["cells"]
        if cell["cell_type"] == "code"
    }
    assert outputs.pop("two = 222\ntwo") == "[]"
    assert len(outputs) == 2
    assert all('"ran"' in shown for shown in outputs.values())


def test_formatting_a_script_is_not_mistaken_for_a_change(paired: Path) -> None:
    replace(paired / SCRIPT, "two = 2", "two=2")
    replace(paired / NOTEBOOK, "three = 3", "three = 33")
    assert save() == WRITTEN


def test_a_script_deleted_on_purpose_does_not_come_back(paired: Path) -> None:
    (paired / SCRIPT).unlink()
    for command in (save, open_all):
        assert command() == ""
        assert not (paired / SCRIPT).exists()


def test_a_new_notebook_gets_its_script(small: Small) -> None:
    folder = small() / "notebooks/more notebooks"
    folder.mkdir()
    write_notebook(folder / "new é.ipynb", ("code", "1 + 1", []))
    assert "notebooks/more notebooks/new é.py was written" in save()
    assert (folder / "new é.py").read_text("utf-8") == "# %%\n1 + 1\n"


@pytest.mark.parametrize("text", ["{", '{"cells": 1}'])
def test_an_unreadable_notebook_gives_one_sentence(small: Small, text: str) -> None:
    (small() / "notebooks/damaged.ipynb").write_text(text)
    result = save()
    assert "notebooks/damaged.ipynb cannot be read as a notebook" in result
    assert len(result.splitlines()) == 1


def test_an_unreadable_notebook_does_not_hide_what_another_changed(
    paired: Path,
) -> None:
    edit_notebook(paired)
    (paired / "notebooks/01_damaged.ipynb").write_text("{")
    assert WRITTEN in save()


def test_an_empty_notebook_as_editors_make_them_is_left_alone(small: Small) -> None:
    (small() / "notebooks/new.ipynb").touch()
    assert save() == ""


def test_cells_survive_the_way_to_a_script_and_back(small: Small) -> None:
    study = small()
    given = [
        ("markdown", "# Title 😀\n\n* a\n* b\n\n| a |\n|---|\n| $x_1$ |", []),
        ("code", "%matplotlib inline\n!ls\nx = 1", []),
        ("code", '%%bash\necho "é"', ["slow"]),
        ("code", 'text = "日本 😀"', ["slow", "a b"]),
        ("markdown", "tagged", ["remove"]),
        ("raw", "raw", []),
        ("code", "", []),
        ("code", "def f():\n    return 1\n\n\nf()", []),
    ]
    notebook = study / "notebooks/02_cells.ipynb"
    write_notebook(notebook, *given)
    save()
    assert save() == ""
    notebook.unlink()
    open_all()
    assert cells(notebook) == given


def test_unfinished_cells_do_not_look_like_a_change_forever(small: Small) -> None:
    write_notebook(
        small() / "notebooks/02_rough.ipynb",
        ("code", "x = (\n\t", []),
        ("markdown", "text\n\n   \n", []),
    )
    assert save() != ""
    assert save() == ""


def test_windows_line_ends_are_not_a_change(paired: Path) -> None:
    script = paired / SCRIPT
    crlf = script.read_bytes().replace(b"\n", b"\r\n")
    script.write_bytes(crlf)
    assert save() == ""
    assert script.read_bytes() == crlf
    replace(paired / NOTEBOOK, "three = 3", "three = 33")
    assert save() == WRITTEN


@pytest.mark.slow
def test_a_commit_in_another_worktree_passes_all_hooks_and_writes_back_too(
    study: Path, tmp_path: Path
) -> None:
    add_script(study)
    other = tmp_path / "other worktree"
    git("worktree", "add", "--quiet", "--detach", str(other), cwd=study)
    try:
        assert run("uv", "sync", "--quiet", cwd=other).code == 0
        run("uv", "run", "jupytext", "--to=ipynb", SCRIPT, cwd=other)
        edit_notebook(other)
        words = ["git", "commit", "--all", "--message", "Change"]
        assert WRITTEN in run(*words, cwd=other).output
        committed = run(*words, cwd=other)
        assert committed.code == 0, committed.output
        assert "two = 22\n" in git("show", f"HEAD:{SCRIPT}", cwd=other)
    finally:
        git("worktree", "remove", "--force", str(other), cwd=study)


# Committing other files: pre-commit hides unstaged changes while its hooks run.


def commit_other_file(project: Path) -> None:
    """Commit a file that is no notebook, with at most one stop on the way."""
    (project / "docs/question.md").write_text("# Question\n\nWhy?\n")
    git("add", "docs/question.md", cwd=project)
    results = [commit(project)]
    if results[0].code:
        results.append(commit(project))
    assert results[-1].code == 0, "\n".join(result.output for result in results)
    assert git("show", "--format=", "--name-only", cwd=project) == "docs/question.md\n"


def edit_both_alike(project: Path) -> None:
    """Change notebook and script in the same way, as JupyterLab does."""
    for name in (NOTEBOOK, SCRIPT):
        replace(project / name, "two = 2", "two = 22")


@pytest.mark.slow
@pytest.mark.parametrize("with_record", [whole(True), False])
def test_a_partial_commit_keeps_a_pair_that_is_not_added(
    hooked: Path, with_record: bool
) -> None:
    if not with_record:
        (hooked / RECORDS).unlink()
    edit_both_alike(hooked)
    before = contents(hooked, NOTEBOOK, SCRIPT)
    commit_other_file(hooked)
    assert contents(hooked, NOTEBOOK, SCRIPT) == before
    assert save() == ""


@pytest.mark.slow
def test_a_partial_commit_keeps_a_notebook_edited_alone(hooked: Path) -> None:
    edit_notebook(hooked)
    notebook = contents(hooked, NOTEBOOK)
    commit_other_file(hooked)
    assert contents(hooked, NOTEBOOK) == notebook
    assert "two = 22" in (hooked / SCRIPT).read_text("utf-8")


@pytest.mark.slow
def test_a_partial_commit_keeps_a_script_edited_alone(hooked: Path) -> None:
    replace(hooked / SCRIPT, "two = 2", "two = 222")
    before = contents(hooked, NOTEBOOK, SCRIPT)
    commit_other_file(hooked)
    assert contents(hooked, NOTEBOOK, SCRIPT) == before
    assert open_all() == ""
    assert "two = 222" in (hooked / NOTEBOOK).read_text("utf-8")


@pytest.mark.slow
def test_a_partial_commit_keeps_both_sides_of_a_conflict(hooked: Path) -> None:
    edit_notebook(hooked)
    replace(hooked / SCRIPT, "two = 2", "two = 222")
    before = contents(hooked, NOTEBOOK, SCRIPT)
    commit_other_file(hooked)
    assert contents(hooked, NOTEBOOK, SCRIPT) == before
    assert BOTH in save()
    assert {"two = 22", "two = 222"} <= {*(hooked / SCRIPT).read_text().splitlines()}


@pytest.mark.slow
def test_a_pair_edited_again_after_it_was_added_can_be_committed(hooked: Path) -> None:
    edit_both_alike(hooked)
    git("add", SCRIPT, cwd=hooked)
    for name in (NOTEBOOK, SCRIPT):
        replace(hooked / name, "three = 3", "three = 33")
    before = contents(hooked, NOTEBOOK, SCRIPT)
    if commit(hooked).code:
        assert commit(hooked).code == 0
    assert contents(hooked, NOTEBOOK, SCRIPT) == before
    assert "three = 3\n" in git("show", f"HEAD:{SCRIPT}", cwd=hooked)
    assert save() == ""


@pytest.mark.slow
def test_a_change_taken_back_in_the_script_stays_in_the_notebook(hooked: Path) -> None:
    edit_notebook(hooked)
    assert commit(hooked).code == 1
    git("checkout", "--quiet", "--", SCRIPT, cwd=hooked)
    open_all()
    assert "two = 22" in (hooked / NOTEBOOK).read_text("utf-8")


@pytest.mark.whole
@pytest.mark.slow
def test_notebook_edited_again_after_it_was_saved_is_saved_again(hooked: Path) -> None:
    edit_notebook(hooked)
    assert WRITTEN in commit(hooked, "--all").output
    replace(hooked / NOTEBOOK, "two = 22", "two = 222")
    assert WRITTEN in commit(hooked, "--all").output
    assert "two = 222" in (hooked / SCRIPT).read_text("utf-8")
    assert commit(hooked, "--all").code == 0


def test_damaged_record_is_made_anew(paired: Path) -> None:
    (paired / RECORDS).write_text('{"notebooks/')
    assert save() == ""


def test_a_repository_of_another_user_is_named_with_what_to_do(paired: Path) -> None:
    (paired / RECORDS).unlink()
    edit_notebook(paired)
    before = contents(paired, NOTEBOOK, SCRIPT)
    with another_owner():
        assert "git config --global --add safe.directory" in save()
    assert contents(paired, NOTEBOOK, SCRIPT) == before
