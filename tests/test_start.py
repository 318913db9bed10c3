"""Setting a project up, and its tasks, where the machine is not as expected."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import Small
from inside import another_owner, at_hand, call

from template import git, run
from twobus import start
from twobus.project import here

IDENTITY = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "Test"), ("EMAIL", "test@example.org"))
}


def anew(project: Path) -> Path:
    """Take a project's history away, as it is after `copier copy`."""
    shutil.rmtree(project / ".git")
    return project


def test_a_hook_calls_the_environment_of_its_own_worktree(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = small(notebooks="none")
    python = project / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    # A stand-in that has the packages of this environment.
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', "utf-8")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    start._install_hooks(project)
    hook = (project / ".git/hooks/pre-commit").read_text("utf-8")
    assert "INSTALL_PYTHON=.venv/bin/python\n" in hook


def test_a_commit_passes_after_another_worktree_was_set_up_and_removed(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = small(notebooks="none")
    config = "repos:\n- repo: local\n  hooks:\n  - {id: x, name: x, entry: 'true', "
    config += "language: system, always_run: true, pass_filenames: false}\n"
    (project / ".pre-commit-config.yaml").write_text(config, "utf-8")
    git("commit", "--quiet", "--no-verify", "-am", "Hooks", cwd=project)
    other = project.with_name("other tree")
    git("worktree", "add", "--quiet", "-b", "other", str(other), cwd=project)
    for tree in (project, other):
        python = tree / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', "utf-8")
        python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(other / ".venv/bin/python"))
    monkeypatch.chdir(other)
    here.cache_clear()
    start._install_hooks(other)
    git("worktree", "remove", "--force", str(other), cwd=project)
    words = ["commit", "--quiet", "--allow-empty", "--message", "After"]
    result = run("git", *words, cwd=project, PATH="/usr/bin:/bin")
    assert result.code == 0, result.output


def test_another_users_repository_is_told_how_to_trust_it(small: Small) -> None:
    project = small()
    for task in ("setup", "review", "report"):
        with another_owner():
            result = call(project, task)
        assert result.code == 1
        assert "git config --global --add safe.directory" in result.output, task


def test_a_cache_that_cannot_be_written_is_a_sentence(
    small: Small, tmp_path: Path
) -> None:
    project = anew(small())
    (tmp_path / "file").touch()
    place = {"PRE_COMMIT_HOME": str(tmp_path / "file" / "cache")}
    result = call(project, "setup", **IDENTITY, **place)
    assert result.code == 1
    assert "set PRE_COMMIT_HOME to a folder that can" in result.output


def test_a_branch_that_ci_does_not_know_is_said(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = anew(small())
    git("init", "--quiet", "-b", "master", cwd=project)
    result = call(project, "setup", **IDENTITY, **at_hand())
    assert result.code == 0, result.output
    assert "git branch -m main" in result.output


def test_a_review_finds_the_branch_master(small: Small) -> None:
    project = small(notebooks="none")
    git("branch", "-m", "main", "master", cwd=project)
    git("checkout", "--quiet", "-b", "work", cwd=project)
    result = call(project, "review")
    assert result.code == 0, result.output
    assert "Size         ok" in result.output


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("src/penguin_study/data.py", "<<<<<<< before updating\n"),
        ("pyproject.toml", "<<<<<<< before updating\n"),
        (".copier-answers.yml", "<<<<<<< before updating\n"),
        (".github/CODEOWNERS", "\udcff\x00 @ann\n"),
    ],
)
def test_a_broken_file_ends_a_review_in_a_sentence(
    name: str, text: str, small: Small
) -> None:
    project = small(notebooks="none")
    git("checkout", "--quiet", "-b", "work", cwd=project)
    (project / name).write_text(text, "utf-8", errors="surrogateescape")
    result = call(project, "review")
    assert result.code in (0, 1)
    assert "Traceback" not in result.output


def test_a_task_speaks_of_names_that_a_terminal_cannot_show(small: Small) -> None:
    project = small()
    (project / "data/raw/名前 😀.csv").write_text("a\n1\n", "utf-8")
    file = project / "pyproject.toml"
    task = 'tell = { script = "twobus.data.sources:name_unlisted" }\n'
    text = file.read_text("utf-8")
    text = text.replace("[tool.poe.tasks]\n", f"[tool.poe.tasks]\n{task}")
    file.write_text(text, "utf-8")
    said = subprocess.run(
        [sys.executable, "-m", "poethepoet", "tell"],
        cwd=project,
        env=os.environ | at_hand() | {"LC_ALL": "C", "PYTHONUTF8": "0"},
        capture_output=True,
        encoding="ascii",
    )
    assert said.returncode == 0, said.stderr
    assert "is on this disk only" in said.stdout


def test_a_task_of_ones_own_wins_and_all_are_listed(small: Small) -> None:
    project = small()
    file = project / "pyproject.toml"
    own = 'types = { cmd = "echo ours", help = "Ours" }\n'
    text = file.read_text("utf-8")
    text = text.replace("[tool.poe.tasks]\n", f"[tool.poe.tasks]\n{own}")
    file.write_text(text, "utf-8")
    poe = [sys.executable, "-m", "poethepoet"]
    environment = os.environ | at_hand()
    ran, listed = (
        subprocess.run(
            [*poe, *words], cwd=project, env=environment, capture_output=True, text=True
        )
        for words in (["types"], [])
    )
    assert "ours" in ran.stdout + ran.stderr, ran.stderr
    for name in ("check", "report", "review", "update"):
        assert name in listed.stdout
