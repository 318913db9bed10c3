"""The commit hooks that `poe setup` installs, in each worktree."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Made
from hooked import commit, database_url, failed_hooks, github_token, without_venv
from inside import call

from template import commit as commit_all
from template import git, run

# In a shell that has not activated the environment.


@pytest.mark.slow
def test_harmless_commit_passes_the_hooks(study: Path) -> None:
    result = commit(study, "docs/notes.md", "We met on Monday.\n")
    assert result.code == 0, result.output
    assert git("log", "-1", "--format=%s", cwd=study) == "Work\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("secret", "name"),
    [
        (github_token(), "docs/notes.md"),
        (database_url(), "config/access.yaml"),
        (database_url(), "docs/notes.md"),
        (database_url("snowflake"), "config/access.yaml"),
    ],
    ids=["token", "database", "database in docs", "database of another kind"],
)
def test_secret_is_not_committed_nor_shown(study: Path, secret: str, name: str) -> None:
    head = git("rev-parse", "HEAD", cwd=study)
    result = commit(study, name, f"Use {secret} for now.\n")
    assert result.code == 1, result.output
    assert set(failed_hooks(result)) <= {"no secrets", "no passwords in addresses"}
    assert name in result.output
    assert secret.partition("@")[0][-12:] not in result.output
    assert git("rev-parse", "HEAD", cwd=study) == head


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "hook", "message"),
    [
        (
            "docs/big.txt",
            "1234567\n" * 140_000,
            "no large files (list them in data/sources.toml)",
            "docs/big.txt (1094 KB) exceeds 1000 KB.",
        ),
        (
            "docs/notes.md",
            "Notes\n<" + "<<<<<< ours\nA\n=======\nB\n>>>>>>" + "> theirs\n",
            "no merge conflicts",
            "docs/notes.md:2: Merge conflict string '<<<<<<<' found",
        ),
        (
            "README.md.rej",
            "@@ -1 +1 @@\n",
            "no rejected parts of a template update",
            "Merge these parts into their files by hand and remove them",
        ),
        (
            "docs/study.ipynb",
            '{"cells": []}\n',
            "no notebook outputs in git",
            "Notebooks are committed as scripts without outputs",
        ),
        (
            "docs/tool.py",
            '"""A tool."""\n\nimport os\n',
            "lint (uv run poe format fixes what it can)",
            "F401",
        ),
        (
            "docs/tool.py",
            '"""A tool."""\n\nx = {  }\n',
            "format (uv run poe format does it)",
            "docs/tool.py",
        ),
    ],
    ids=["large", "conflict", "rejected", "notebook", "lint", "format"],
)
def test_commit_is_stopped_with_a_message(
    study: Path, name: str, content: str, hook: str, message: str
) -> None:
    head = git("rev-parse", "HEAD", cwd=study)
    result = commit(study, name, content)
    assert result.code == 1, result.output
    assert failed_hooks(result) == [hook]
    assert message in result.output
    assert name in result.output
    assert git("rev-parse", "HEAD", cwd=study) == head


@pytest.mark.slow
def test_hooks_work_without_a_network(study: Path) -> None:
    nowhere = "http://127.0.0.1:1"
    offline = dict.fromkeys(["HTTP_PROXY", "HTTPS_PROXY", "UV_DEFAULT_INDEX"], nowhere)
    result = commit(study, "docs/notes.md", "We met on Monday.\n", **offline)
    assert result.code == 0, result.output


# Each worktree has an environment of its own, and one of them goes again.

FAIL = """repos:
  - repo: local
    hooks:
      - id: no-rejects
        name: no rejected parts
        entry: Merge these parts
        language: fail
        files: \\.rej$
"""
Setup = Callable[[Path], None]


def environment(project: Path) -> Path:
    """Give a project an environment in which this one's packages are."""
    made = project / ".venv"
    if made.exists():
        return made
    subprocess.run(["uv", "venv", "--quiet", str(made)], cwd=project, check=True)
    (packages,) = made.glob("[Ll]ib/**/site-packages")
    own = next(path for path in sys.path if path.endswith("site-packages"))
    (packages / "own.pth").write_text(f"{own}\nimport site; site.addsitedir({own!r})\n")
    return made


@pytest.fixture
def setup(monkeypatch: pytest.MonkeyPatch) -> Setup:
    """Set projects up by their environments, as `uv run poe setup` does."""

    def by_its_environment(project: Path) -> None:
        made = environment(project)
        monkeypatch.setattr(sys, "prefix", str(made))
        monkeypatch.setattr(sys, "executable", str(made / "bin" / "python"))
        result = call(project, "setup")
        assert result.code == 0, result.output

    return by_its_environment


@pytest.fixture
def main(rendered: Made, tmp_path: Path) -> Path:
    """A project whose commits are looked at by one quick hook, without environment."""
    made = shutil.copytree(
        rendered({"notebooks": "none"}), tmp_path / "penguin study é"
    )
    (made / ".pre-commit-config.yaml").write_text(FAIL, "utf-8")
    return commit_all(made)


def added(project: Path, name: str = "other tree") -> Path:
    """Add a worktree, on a branch of its own."""
    other = project.parent / name
    git("worktree", "add", "--quiet", "-b", "other", str(other), cwd=project)
    return other


def looked_at(project: Path) -> bool:
    """Tell whether the hooks look at a commit here: one passes and one does not."""
    passed = commit(project, "docs/notes.md", f"{project}\n")
    assert passed.code == 0, passed.output
    stopped = commit(project, "docs/notes.md.rej", "@@\n")
    git("rm", "--quiet", "--cached", "docs/notes.md.rej", cwd=project)
    return failed_hooks(stopped) == ["no rejected parts"]


def test_commits_are_looked_at_after_the_worktree_that_was_set_up_last_is_gone(
    main: Path, setup: Setup
) -> None:
    setup(main)
    other = added(main)
    setup(other)
    assert looked_at(other)
    git("worktree", "remove", "--force", str(other), cwd=main)
    assert looked_at(main)


def test_a_commit_from_a_folder_further_down_is_looked_at(
    main: Path, setup: Setup
) -> None:
    setup(main)
    rejected = main / "docs" / "notes.md.rej"
    rejected.write_text("@@\n")
    git("add", "--force", str(rejected), cwd=main)
    result = run("git", "commit", "-m", "Work", cwd=main / "docs", PATH=without_venv())
    assert failed_hooks(result) == ["no rejected parts"]


def test_a_project_that_is_reached_by_a_link_is_set_up_alike(
    main: Path, setup: Setup, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(main)
    setup(tmp_path / "link")
    hook = (main / ".git/hooks/pre-commit").read_text("utf-8")
    assert "\nINSTALL_PYTHON=.venv/bin/python\n" in hook


def test_a_worktree_without_an_environment_says_how_to_get_one(
    main: Path, setup: Setup
) -> None:
    setup(main)
    other = added(main)
    result = commit(other, "docs/notes.md", "We met on Monday.\n")
    assert result.code == 1
    assert result.output == (
        "This folder has no environment yet: run uv run poe setup here, then commit "
        "again.\n"
    )
    setup(other)
    assert looked_at(other)
    assert looked_at(main)


def test_a_second_setup_leaves_the_hook_as_it_is(main: Path, setup: Setup) -> None:
    setup(main)
    hook = main / ".git/hooks/pre-commit"
    before = hook.read_bytes()
    setup(main)
    assert hook.read_bytes() == before
    assert os.access(hook, os.X_OK)
    assert not hook.with_suffix(".legacy").exists()


def test_names_of_files_are_understood_where_the_locale_knows_no_letters(
    main: Path, setup: Setup
) -> None:
    setup(main)
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    result = commit(main, "docs/名前 😀.rej", "@@\n", **ascii_only)
    assert failed_hooks(result) == ["no rejected parts"], result.output
