"""A release is a commit that changes the version: tagged once, and told to people."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.version import Version

from template import ROOT, Result, git, releases, run

CHANGELOG = (ROOT / "CHANGELOG.md").read_text("utf-8")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
VERSION = PYPROJECT["project"]["version"]
TOLD = re.findall(r"^## (\S+) \(", CHANGELOG, re.MULTILINE)


def section(version: str) -> str:
    """Return what the changelog says of a release."""
    start = CHANGELOG.index(f"## {version} (")
    end = CHANGELOG.find("\n## ", start)
    return CHANGELOG[start : end if end > 0 else None]


@pytest.mark.parametrize("version", sorted({*releases(), *TOLD}))
def test_each_release_tells_people_what_they_see_and_must_do(version: str) -> None:
    assert "**What you will see**" in section(version)
    assert "**What you must do**" in section(version)


def test_the_changelog_begins_with_this_release_or_the_next() -> None:
    newest, *others = map(Version, TOLD)
    assert Version(VERSION) in (newest, others[0])
    assert sorted([newest, *others], reverse=True) == [newest, *others]


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A clone with two releases, another commit after each, and no tags."""
    origin, work = tmp_path / "origin.git", tmp_path / "work"
    git("init", "--quiet", "--bare", str(origin), cwd=tmp_path)
    git("clone", "--quiet", str(origin), str(work), cwd=tmp_path)
    (work / ".ci").mkdir()
    script = (ROOT / ".ci" / "release").read_bytes()
    (work / ".ci" / "release").write_bytes(script)
    (work / ".ci" / "release").chmod(0o755)
    for version in ("0.1.0", "0.2.0"):
        release(work, version)
        (work / "README.md").write_text(f"After {version}.\n", "utf-8")
        git("add", "--all", cwd=work)
        git("commit", "--quiet", "--message", "Work", cwd=work)
    return work


def release(work: Path, version: str, told: bool = True) -> None:
    """Commit a release."""
    (work / "pyproject.toml").write_text(f'version = "{version}"\n', "utf-8")
    if told:
        (work / "CHANGELOG.md").write_text(f"## {version} (2026-11-23)\n", "utf-8")
    git("add", "--all", cwd=work)
    git("commit", "--quiet", "--message", f"Release {version}", cwd=work)


def tag(work: Path) -> Result:
    """Do what CI does on the main branch."""
    return run(".ci/release", cwd=work)


def pushed(work: Path) -> dict[str, str]:
    """Return the subject of the commit of each tag on origin."""
    words = ["for-each-ref", "--format=%(refname:strip=2) %(*subject)", "refs/tags"]
    lines = git(*words, cwd=work.parent / "origin.git").splitlines()
    return dict(line.split(" ", 1) for line in lines)


def test_each_release_gets_one_annotated_tag(history: Path) -> None:
    assert tag(history) == Result(0, "v0.1.0\nv0.2.0\n")
    expected = {"v0.1.0": "Release 0.1.0", "v0.2.0": "Release 0.2.0"}
    assert pushed(history) == expected
    assert tag(history) == Result(0, "")
    release(history, "0.3.0")
    assert tag(history) == Result(0, "v0.3.0\n")


def test_a_second_tag_on_a_release_is_refused(history: Path) -> None:
    tag(history)
    git("tag", "stable", "v0.2.0^{}", cwd=history)
    result = tag(history)
    assert result.code == 1
    assert "v0.2.0 is also called stable" in result.output


def test_a_tag_that_is_somewhere_else_is_refused(history: Path) -> None:
    git("tag", "--annotate", "v0.2.0", "--message", "Too late", cwd=history)
    result = tag(history)
    assert result.code == 1
    assert "v0.2.0 is another commit already" in result.output
    assert pushed(history).keys() == {"v0.1.0"}


def test_a_release_that_nobody_is_told_of_is_refused(history: Path) -> None:
    release(history, "0.3.0", told=False)
    result = tag(history)
    assert result.code == 1
    assert "CHANGELOG.md has no entry for 0.3.0" in result.output
    assert "v0.3.0" not in pushed(history)


def test_ci_tags_by_the_script_that_is_tested() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    jobs = yaml.safe_load(workflow)["jobs"]
    (step,) = [one for one in jobs["release"]["steps"] if one.get("id") == "tag"]
    assert ".ci/release > tags\n" in step["run"]
    assert set(jobs["release"]["needs"]) == {"check", "project"}
    assert jobs["publish"]["needs"] == "release"


def test_no_release_has_two_tags_here() -> None:
    for version, commit in releases().items():
        tags = git("tag", "--points-at", commit, cwd=ROOT).split()
        assert tags in ([], [f"v{version}"])
