"""What the README tells people to type works as it is written there."""

import re
import sys
import tomllib
from pathlib import Path

import pytest

from template import ROOT, git, run

README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = re.findall(r"^```\n(.*?)\n```$", README, re.DOTALL | re.MULTILINE)
START, TESTS = COMMANDS[:2]
PAGES = [
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    *sorted(f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")),
]
LINK = r"\]\((?!https?:)([^)#]*)(#([^)]+))?\)"


def bare_machine(folder: Path) -> str:
    """Return a PATH with a Python, pip and git, and nothing of this environment."""
    assert run(sys.executable, "-m", "venv", str(folder), cwd=folder.parent).code == 0
    return f"{folder / 'bin'}:/usr/local/bin:/usr/bin:/bin"


@pytest.mark.slow
def test_the_first_command_makes_a_green_project(release: Path, tmp_path: Path) -> None:
    clone = tmp_path / "twobus"
    git("clone", "--quiet", str(release), str(clone), cwd=tmp_path)
    path = bare_machine(tmp_path / "machine")
    result = run("bash", "-c", START, cwd=clone, PATH=path)
    assert result.code == 0, result.output
    assert result.output.rstrip().endswith("All checks passed.")
    assert git("status", "--porcelain", cwd=tmp_path / "penguin-study") == ""


def test_the_second_command_is_what_ci_runs() -> None:
    assert (ROOT / ".ci" / "run").read_text("utf-8").endswith(f"\n{TESTS}\n")


def test_both_commands_stand_on_the_first_screen() -> None:
    assert README.index(TESTS) < README.index("\n## ")
    assert len(README[: README.index(TESTS)].splitlines()) < 20


@pytest.mark.whole
@pytest.mark.slow
def test_the_generated_readme_works_for_a_stranger(ready: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git("clone", "--quiet", str(ready), str(clone), cwd=tmp_path)
    (block,) = re.findall(
        r"^```\n(.*?)\n```$",
        (clone / "README.md").read_text("utf-8"),
        re.DOTALL | re.MULTILINE,
    )
    result = run("bash", "-e", "-c", block, cwd=clone)
    assert result.code == 0, result.output
    assert list((clone / "reports").glob("*.html"))


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= 650


@pytest.mark.parametrize("name", PAGES)
def test_what_pages_point_to_exists(name: str) -> None:
    page = ROOT / name
    for target, _, title in re.findall(LINK, page.read_text("utf-8")):
        file = page.parent / target if target else page
        assert file.exists(), target
        titles = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), re.MULTILINE)
        anchors = {
            re.sub(r"[^\w -]", "", it).lower().replace(" ", "-") for it in titles
        }
        assert not title or title in anchors, title


@pytest.mark.parametrize("name", PAGES)
def test_tasks_that_pages_name_exist(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    tasks = tomllib.loads((ROOT / "src/twobus/tasks.toml").read_text("utf-8"))["tasks"]
    own = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["poe"]
    named = {*re.findall(r"`(?:uv run )?poe ([a-z-]+)", text)}
    named |= {*re.findall(r"^uv run poe ([a-z-]+)", text, re.MULTILINE)}
    assert named <= tasks.keys() | own["tasks"].keys()


def test_the_changelog_tells_of_this_version() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    version = tomllib.loads(pyproject)["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    entry = changelog.split(f"## {version} ")[1].split("\n## ")[0]
    assert "**What you will see**" in entry
    assert "**What you must do**" in entry
