"""`copier update` brings what is new, and changes nothing else."""

from pathlib import Path
from typing import Any

import copier
import pytest
from conftest import Render

from template import choices, commit, files, git, render, status
from twobus.companion.template import fetch
from twobus.companion.template import render as render_release


def update(project: Path, **answers: Any) -> None:
    """Update a project, never trusted."""
    copier.run_update(
        project, data=answers, defaults=True, quiet=True, overwrite=True, unsafe=False
    )


@pytest.fixture
def next_release(release: Path, tmp_path: Path) -> Path:
    """A template whose newest release changes one managed and one seeded file."""
    clone = tmp_path / "next"
    git("clone", "--quiet", str(release), str(clone), cwd=tmp_path)
    for name in ("AGENTS.md.jinja", "docs/question.md.jinja"):
        file = clone / "template" / name
        file.write_text(file.read_text("utf-8") + "\nNew in this release.\n", "utf-8")
    git("commit", "--quiet", "--all", "--message", "Next", cwd=clone)
    git("tag", "--annotate", "v1000.1.0", "--message", "Next", cwd=clone)
    return clone


def test_an_update_at_the_same_release_changes_nothing(project: Render) -> None:
    made = commit(project())
    update(made)
    assert status(made) == ""


def test_managed_files_are_updated_and_seeded_files_are_not(
    next_release: Path, tmp_path: Path
) -> None:
    made = tmp_path / "study"
    copier.run_copy(
        str(next_release), made, defaults=True, quiet=True, vcs_ref="v1000.0.0"
    )
    commit(made)
    (made / "docs" / "question.md").write_text("Ours.\n", "utf-8")
    git("commit", "--quiet", "--all", "--message", "Ours", cwd=made)
    update(made)
    assert "New in this release." in (made / "AGENTS.md").read_text("utf-8")
    assert (made / "docs" / "question.md").read_text("utf-8") == "Ours.\n"


@pytest.mark.parametrize("notebooks", choices("notebooks"))
def test_an_update_changes_what_is_managed_or_shared(
    notebooks: str, release: Path, tmp_path: Path
) -> None:
    clone = tmp_path / "next"
    git("clone", "--quiet", str(release), str(clone), cwd=tmp_path)
    for file in (clone / "template").rglob("*"):
        # Parts stand within other files, and in answers.
        whole = file.parent.name != "_parts" and "answers_file" not in file.name
        if file.is_file() and whole:
            file.write_bytes(file.read_bytes() + b"\n# New in this release.\n")
    git("commit", "--quiet", "--all", "--message", "Next", cwd=clone)
    git("tag", "--annotate", "v1000.1.0", "--message", "Next", cwd=clone)
    made = tmp_path / "study"
    data = {"notebooks": notebooks, "license": "MIT"}
    old = "v1000.0.0"
    copier.run_copy(str(clone), made, data, defaults=True, quiet=True, vcs_ref=old)
    update(commit(made))
    changed = git("diff", "--name-only", cwd=made).split()
    template = fetch(str(clone), tmp_path / "history.git")
    newest = template.newest
    given = render_release(
        template,
        newest,
        tmp_path / "given",
        recorded=made / ".copier-answers.yml",
        exclude=template.once(newest),
    )
    assert changed == [name.as_posix() for name in files(given)]


def test_a_seeded_file_that_was_deleted_stays_deleted(project: Render) -> None:
    made = commit(project())
    git("rm", "--quiet", "-r", "docs/question.md", "notebooks", cwd=made)
    git("commit", "--quiet", "--message", "Delete", cwd=made)
    update(made)
    assert status(made) == ""


@pytest.mark.parametrize("edited", [False, True], ids=["untouched", "edited"])
@pytest.mark.parametrize("notebooks", choices("notebooks"))
def test_taking_the_example_back_keeps_what_people_have(
    notebooks: str, edited: bool, project: Render
) -> None:
    made = commit(project(notebooks=notebooks))
    file = made / "src" / "penguin_study" / "body_mass.py"
    if edited:
        file.write_text(file.read_text("utf-8") + "# Ours.\n", "utf-8")
        git("commit", "--quiet", "--all", "--message", "Ours", cwd=made)
    before = {name: (made / name).read_bytes() for name in files(made)}
    update(made, worked_example=False)
    gone = [name for name in before if not (made / name).exists()]
    assert gone == []
    assert file.read_bytes() == before[file.relative_to(made)]


def test_the_recorded_template_is_found_from_another_folder(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = commit(render(release, tmp_path / "study"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    update(made)
    assert status(made) == ""
