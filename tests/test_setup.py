"""`poe setup`: what it does, what it does again, and why it refuses."""

import os
import re
import shutil
from pathlib import Path

import pytest
from conftest import Made, Render, Small
from hooked import github_token
from inside import another_owner, call, poe_inside

from template import ROOT, Result, commit, files, git, poe, status

IDENTITY = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "Test"), ("EMAIL", "test@example.org"))
}


@pytest.fixture
def fresh(rendered: Made, tmp_path: Path) -> Path:
    """A project as Copier leaves it: without a history and an environment."""
    made = rendered({"notebooks": "none"})
    return shutil.copytree(made, tmp_path / "penguin study é")


def setup(project: Path, **changes: str) -> Result:
    """Set a project up, in this process; its hooks find this package and its tools."""
    package = {"PYTHONPATH": str(ROOT / "src")}
    return call(project, "setup", **(IDENTITY | package | changes))


def written(project: Path) -> dict[Path, bytes]:
    """Return a project's files, but for what `uv run` makes before a task starts."""
    names = [path for path in files(project) if path.parts[0] != ".venv"]
    return {
        name: (project / name).read_bytes()
        for name in names
        if name.name != "uv.lock" and "__pycache__" not in name.parts
    }


# The first run, and the second.


@pytest.mark.slow
def test_first_run_makes_one_commit_of_everything(ready: Path) -> None:
    assert git("log", "--format=%s", cwd=ready) == "Start from Twobus\n"
    assert status(ready) == ""
    assert "uv.lock" in git("ls-files", cwd=ready).splitlines()


@pytest.mark.slow
def test_first_run_installs_the_commit_hook(ready: Path) -> None:
    assert os.access(ready / ".git/hooks/pre-commit", os.X_OK)


@pytest.mark.slow
def test_second_run_changes_nothing(ready: Path) -> None:
    def state() -> object:
        lock, hook = ready / "uv.lock", ready / ".git/hooks/pre-commit"
        head = git("rev-parse", "HEAD", cwd=ready)
        refs = git("for-each-ref", cwd=ready)
        text = hook.read_text("utf-8")
        return head, refs, status(ready), lock.stat().st_mtime_ns, text

    before = state()
    result = poe(ready, "setup")
    assert result.code == 0, result.output
    assert state() == before


@pytest.mark.slow
def test_clone_gets_its_environment_and_hooks_only(ready: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git("clone", "--quiet", str(ready), str(clone), cwd=tmp_path)
    before = written(clone)
    lock = (clone / "uv.lock").read_bytes()
    result = poe(clone, "setup")
    assert result.code == 0, result.output
    assert git("rev-parse", "HEAD", cwd=clone) == git("rev-parse", "HEAD", cwd=ready)
    assert (clone / "uv.lock").read_bytes() == lock
    assert written(clone) == before
    assert status(clone) == ""
    assert (clone / ".git/hooks/pre-commit").exists()


def test_repository_that_somebody_began_is_used(fresh: Path) -> None:
    git("init", "--quiet", "--initial-branch", "main", cwd=fresh)
    result = setup(fresh)
    assert result.code == 0, result.output
    assert "The branch here is" not in result.output
    assert git("log", "--format=%D %s", cwd=fresh) == (
        "HEAD -> main Start from Twobus\n"
    )
    assert status(fresh) == ""


# CI of GitHub names the branch on which it runs.


def test_a_branch_on_which_ci_does_not_run_is_named(fresh: Path) -> None:
    git("init", "--quiet", "--initial-branch", "master", cwd=fresh)
    result = setup(fresh)
    assert result.code == 0, result.output
    sentence = (
        "The branch here is master, and CI runs on main: git branch -m master main"
    )
    assert sentence in result.output
    assert sentence in setup(fresh).output
    git("branch", "-m", "master", "main", cwd=fresh)
    assert "CI runs on main" not in setup(fresh).output
    git("checkout", "--quiet", "-b", "work", cwd=fresh)
    assert "CI runs on main" not in setup(fresh).output


def test_a_clone_in_which_only_origin_has_main_is_fine(
    small: Small, tmp_path: Path
) -> None:
    clone = tmp_path / "clone"
    git("clone", "--quiet", str(small(notebooks="none")), str(clone), cwd=tmp_path)
    git("checkout", "--quiet", "-b", "work", cwd=clone)
    git("branch", "--quiet", "-D", "main", cwd=clone)
    assert "CI runs on main" not in setup(clone).output


def test_ci_of_gitlab_runs_on_whatever_is_the_default_branch(project: Render) -> None:
    made = project(forge="gitlab", notebooks="none")
    git("init", "--quiet", "--initial-branch", "master", cwd=made)
    result = setup(made)
    assert result.code == 0, result.output
    assert "CI runs on main" not in result.output


# What setup cannot do is said in a sentence, before anything is changed.


def refused(folder: Path, **changes: str) -> str:
    """Return why setup is refused, having seen that it changed nothing."""
    before = written(folder)
    result = setup(folder, **changes)
    assert result.code == 1
    assert written(folder) == before
    assert not (folder / ".git").exists()
    return result.output.strip()


def test_setup_inside_another_repository_is_refused(
    fresh: Path, tmp_path: Path
) -> None:
    git("init", "--quiet", cwd=tmp_path)
    git("commit", "--quiet", "--allow-empty", "--message", "Outer", cwd=tmp_path)
    said = refused(fresh)
    assert said.startswith(
        f"This folder lies inside another git repository, {tmp_path}: move it out"
    )
    assert git("ls-files", cwd=tmp_path) == ""
    assert git("log", "--format=%s", cwd=tmp_path) == "Outer\n"
    assert not (tmp_path / ".git/hooks/pre-commit").exists()


def test_setup_without_a_git_identity_is_refused(fresh: Path, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    nobody = dict.fromkeys(IDENTITY, "")
    alone = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    said = refused(fresh, **home, **nobody, **alone)
    assert 'git config --global user.name "Your Name"' in said
    assert 'git config --global user.email "you@example.org"' in said


def test_setup_where_hooks_are_sent_elsewhere_is_refused(fresh: Path) -> None:
    said = refused(
        fresh,
        GIT_CONFIG_COUNT="1",
        GIT_CONFIG_KEY_0="core.hooksPath",
        GIT_CONFIG_VALUE_0="/somewhere",
    )
    assert "git config --unset-all core.hooksPath" in said


def test_commit_that_git_refuses_is_made_by_the_next_run(fresh: Path) -> None:
    no_key = {
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "commit.gpgSign",
        "GIT_CONFIG_VALUE_0": "true",
        "GIT_CONFIG_KEY_1": "gpg.program",
        "GIT_CONFIG_VALUE_1": "false",
    }
    result = setup(fresh, **no_key)
    assert result.code == 1
    assert result.output == (
        "git stopped, as it says above: correct that, then run this again.\n"
    )
    assert setup(fresh).code == 0
    assert git("log", "--format=%s", cwd=fresh) == "Start from Twobus\n"


def test_setup_without_git_is_refused(fresh: Path, tmp_path: Path) -> None:
    said = refused(fresh, PATH=str(tmp_path))
    assert said == "git is not installed, and a shared project needs it."


@pytest.mark.parametrize("variable", ["PRE_COMMIT_HOME", "XDG_CACHE_HOME", "HOME"])
def test_a_home_that_cannot_be_written_to_is_named(
    variable: str, fresh: Path, tmp_path: Path
) -> None:
    # Root may write everywhere, but not below a file.
    (tmp_path / "file").write_text("")
    place = str(tmp_path / "file" / "cache")
    unset = dict.fromkeys(["PRE_COMMIT_HOME", "XDG_CACHE_HOME"], "")
    said = refused(fresh, **(unset | {variable: place}))
    assert said.startswith(f"The commit hooks need a cache, and {place}")
    assert "set PRE_COMMIT_HOME to a folder that can" in said


def test_the_hooks_alone_need_a_cache_as_well(small: Small, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    small(notebooks="none", env={"PRE_COMMIT_HOME": str(tmp_path / "file" / "cache")})
    from twobus.start import hooks

    with pytest.raises(SystemExit, match="cannot be written to: set PRE_COMMIT_HOME"):
        hooks()


def test_a_user_without_a_home_is_told(
    fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "home", nowhere)
    unset = dict.fromkeys(["PRE_COMMIT_HOME", "XDG_CACHE_HOME"], "")
    assert refused(fresh, **unset).startswith("This user has no home folder")


def test_the_hooks_of_a_folder_without_a_history_are_refused(fresh: Path) -> None:
    result = poe_inside(fresh, "lint")
    assert result.code == 1
    assert "run uv run poe setup first" in result.output
    assert "Is it installed" not in result.output


# A repository that another user owns.


def test_setup_of_another_users_repository_says_how_to_trust_it(small: Small) -> None:
    project = small(notebooks="none")
    with another_owner():
        result = setup(project)
    assert result.code == 1
    trust = f"git config --global --add safe.directory '{project}'"
    assert result.output.endswith(f"If you trust it, run: {trust}\n")
    assert not (project / ".git/hooks/pre-commit").exists()


def test_training_another_users_repository_is_refused_before_it_begins(
    small: Small,
) -> None:
    project = small(kind="model", notebooks="none")
    with another_owner():
        result = call(project, "train")
    assert result.code == 1
    assert result.output.startswith("git does not work in")


def test_a_template_that_another_user_owns_is_named_itself(
    small: Small, tmp_path: Path
) -> None:
    project = small(notebooks="none")
    git("init", "--quiet", "--bare", "the template", cwd=tmp_path)
    from twobus.git import ask
    from twobus.project import StopError

    place = re.escape(f"git does not work in '{tmp_path}/the template")
    with another_owner(), pytest.raises(StopError, match=place):
        ask("ls-remote", tmp_path / "the template", cwd=project)


@pytest.mark.parametrize("task", ["review", "lint"])
def test_tasks_of_another_users_repository_say_how_to_trust_it(
    task: str, small: Small
) -> None:
    project = small(notebooks="none")
    with another_owner():
        result = poe_inside(project, task)
    assert result.code == 1
    assert "git config --global --add safe.directory" in result.output
    assert "Is it installed" not in result.output
    assert "Traceback" not in result.output


def test_the_repository_that_git_means_is_named(small: Small) -> None:
    project = small(notebooks="none")
    (project / "docs").mkdir(exist_ok=True)
    from twobus.git import ask
    from twobus.project import StopError

    with (
        another_owner(),
        pytest.raises(StopError, match=f"'{re.escape(str(project))}'$"),
    ):
        ask("status", cwd=project / "docs")


# Locales that know only ASCII.


@pytest.mark.slow
def test_tasks_work_where_the_locale_knows_no_letters(
    rendered: Made, tmp_path: Path
) -> None:
    # Below a folder with other letters, such a Python would not even start.
    project = commit(shutil.copytree(rendered({}), tmp_path / "study"))
    name = "名前 😀"
    (project / f"docs/{name}.md").write_text(f"# {name}\n", "utf-8")
    (project / f"notebooks/{name}.py").write_text(f'# %%\n"{name}"\n', "utf-8")
    (project / f"data/raw/{name}.csv").write_text(f"{name}\n", "utf-8")
    git("add", "docs", "notebooks", cwd=project)
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for words in (["setup"], ["lint"], ["save"], ["notebooks"], ["review"]):
        result = poe_inside(project, *words, **ascii_only)
        assert result.code == 0, result.output
        assert "Traceback" not in result.output
    assert name in result.output


def test_first_commit_holds_no_secret_that_people_have_added(fresh: Path) -> None:
    (fresh / "notes.md").write_text(f"Use {github_token()} for now.\n", "utf-8")
    result = poe_inside(fresh, "setup")
    assert result.code == 1
    assert "notes.md" in result.output
    assert git("rev-list", "--all", cwd=fresh) == ""
    (fresh / "notes.md").unlink()
    git("rm", "--quiet", "--cached", "notes.md", cwd=fresh)
    assert poe_inside(fresh, "setup").code == 0
    assert status(fresh) == ""
