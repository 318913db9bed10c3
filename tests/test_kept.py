"""Outputs of notebooks survive what git does to files that it ignores."""

import json
import os
from pathlib import Path

import pytest
from conftest import Small
from pairs import NOTEBOOK, SCRIPT, add_script, cells, open_all, replace, save

from template import git


def run_cells(notebook: Path, word: str) -> None:
    """Give each cell an output, in place, as JupyterLab saves."""
    content = json.loads(notebook.read_text("utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            stream = {"output_type": "stream", "name": "stdout", "text": word}
            cell["outputs"] = [stream]
    notebook.write_text(json.dumps(content), "utf-8")


@pytest.fixture
def adopted(small: Small) -> Path:
    """A project that had its notebook in git on a branch `old`, and ignores it now."""
    project = add_script(small())
    open_all()
    git("switch", "--quiet", "--create", "old", cwd=project)
    git("add", "--force", NOTEBOOK, cwd=project)
    git("commit", "--quiet", "--message", "As it was", cwd=project)
    git("branch", "--force", "new", cwd=project)
    git("switch", "--quiet", "new", cwd=project)
    git("rm", "--quiet", "--cached", NOTEBOOK, cwd=project)
    git("commit", "--quiet", "--message", "Keep scripts only", cwd=project)
    run_cells(project / NOTEBOOK, "first")
    assert save() == ""
    return project


def go_and_come_back(project: Path) -> None:
    """Switch to the branch that has the notebook, and back."""
    git("switch", "--quiet", "old", cwd=project)
    assert save() == ""
    assert "output_type" not in (project / NOTEBOOK).read_text("utf-8")
    git("switch", "--quiet", "new", cwd=project)
    assert not (project / NOTEBOOK).exists()


def test_outputs_survive_branches_that_have_the_notebook(
    adopted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for word in ("first", "saved later"):
        run_cells(adopted / NOTEBOOK, word)
        go_and_come_back(adopted)
        assert open_all() == ""
        assert f"{NOTEBOOK} was gone, and is back" in capsys.readouterr().out
        assert (adopted / NOTEBOOK).read_text("utf-8").count(f'"{word}"') == 3


def test_outputs_survive_where_there_are_no_links(
    adopted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "link", refuse)
    (adopted / NOTEBOOK).write_bytes((adopted / NOTEBOOK).read_bytes() + b"\n")
    assert save() == ""
    go_and_come_back(adopted)
    assert open_all() == ""
    assert (adopted / NOTEBOOK).read_text("utf-8").count('"first"') == 3


def test_work_that_is_in_no_script_yet_survives_too(adopted: Path) -> None:
    replace(adopted / NOTEBOOK, "two = 2", "two = 22")
    go_and_come_back(adopted)
    assert "was written from its newer notebook" in open_all()
    assert ("code", "two = 22\ntwo", []) in cells(adopted / NOTEBOOK)
    assert "two = 22\n" in (adopted / SCRIPT).read_text("utf-8")
