"""Whoever looks at a repository of others runs nothing of it, and hangs nowhere."""

import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from traps import trapped

from template import commit, git
from twobus.companion.adopt import adopt
from twobus.companion.place import locate
from twobus.companion.status import status
from twobus.companion.template import Template
from twobus.companion.update import update
from twobus.people.many import survey_all


@pytest.fixture
def theirs(rendered: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of somebody else, in which this process works."""
    place = tmp_path / "their study é"
    shutil.copytree(rendered({"notebooks": "none"}), place)
    commit(place)
    address = "https://github.com/them/study.git"
    git("remote", "add", "origin", address, cwd=place)
    for key, value in {"name": "Test", "email": "test@example.org"}.items():
        git("config", f"user.{key}", value, cwd=place)
    monkeypatch.chdir(place)
    return place


def no_project(project: Path) -> None:
    """Let a project be one of another sort, to be adopted."""
    (project / ".copier-answers.yml").rename(project / "notes.yml")
    commit(project)


def looked_at(project: Path, template: Template, how: str) -> None:
    """Do with a project what a command of the companion does."""
    if how == "status":
        assert status(project, template).state == "current"
    elif how == "update":
        assert update(project, template, data={"license": "MIT"}).state == "clean"
    elif how == "adopt":
        given: dict[str, Any] = {"data": {}, "interactive": False}
        assert adopt(project, template.address, **given).branch == "twobus/adopt"
    elif how == "people":
        # A part of its history is nowhere.
        assert "x" in survey_all({"x": project}, datetime.now(UTC)).unknown
    else:
        assert locate(project).path == "them/study"


@pytest.mark.parametrize("how", ["status", "update", "adopt", "people", "locate"])
def test_nothing_runs_that_a_repository_names(
    how: str, theirs: Path, template: Template, tmp_path: Path
) -> None:
    if how == "adopt":
        no_project(theirs)
    marks = trapped(theirs, tmp_path / "traps")
    marks.unlink(missing_ok=True)
    looked_at(theirs, template, how)
    assert not marks.exists(), marks.read_text("utf-8")


def test_the_traps_of_these_tests_catch_git_itself(
    theirs: Path, tmp_path: Path
) -> None:
    marks = trapped(theirs, tmp_path / "traps")
    marks.unlink(missing_ok=True)
    for words in ("status", "fetch trap", "update-ref refs/heads/x @", "read-tree @"):
        command = ["git", *words.split()]
        subprocess.run(command, cwd=theirs, capture_output=True, timeout=60)
    caught = set(marks.read_text("utf-8").splitlines())
    hooks = {"post-index-change", "reference-transaction"}
    assert caught >= {"away", "core.fsmonitor", "filter.trap.process", *hooks}
