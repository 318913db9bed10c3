"""A project calls the companion from where its template is."""

import re
from pathlib import Path

import pytest
from conftest import Small
from inside import call
from typer.testing import CliRunner

from template import git, poe
from twobus.call import _address
from twobus.companion.cli import app


@pytest.mark.parametrize(
    ("source", "address"),
    [
        (
            "https://git.acme.example/data/twobus",
            "https://git.acme.example/data/twobus",
        ),
        ("git+https://acme.example/twobus.git", "https://acme.example/twobus.git"),
        ("gh:acme/twobus", "https://github.com/acme/twobus"),
        ("gl:acme/data/twobus", "https://gitlab.com/acme/data/twobus"),
        ("git@github.com:acme/twobus.git", "ssh://git@github.com/acme/twobus.git"),
        ("/srv/two bus", "file:///srv/two%20bus"),
    ],
)
def test_companion_comes_from_where_the_template_is(
    source: str, address: str, small: Small
) -> None:
    small(notebooks="none")
    assert _address(source) == address


def test_a_relative_place_is_read_from_the_project_on(small: Small) -> None:
    project = small(notebooks="none")
    assert _address("../two bus") == (project.parent / "two bus").as_uri()


@pytest.mark.parametrize("lacking", ["_src_path", "_commit"])
@pytest.mark.parametrize("words", [["protect", "plan"], ["update"], ["propose"]])
def test_answers_that_lack_the_template_are_named(
    words: list[str], lacking: str, small: Small
) -> None:
    project = small(notebooks="none")
    file = project / ".copier-answers.yml"
    text = re.sub(rf"(?m)^{lacking}: .*\n", "", file.read_text("utf-8"))
    file.write_text(text, "utf-8")
    result = call(project, *words)
    assert result.code == 1
    assert result.output.startswith(f".copier-answers.yml has no {lacking}, which")


def recorded(project: Path, template: str) -> None:
    """Let a project's answers name another template."""
    file = project / ".copier-answers.yml"
    text = re.sub(r"(?m)^_src_path: .*$", f"_src_path: {template}", file.read_text())
    file.write_text(text, "utf-8")


def test_why_a_template_cannot_be_reached_is_in_gits_words(small: Small) -> None:
    project = small(notebooks="none")
    recorded(project, (project.parent / "none").as_posix())
    result = call(project, "update")
    assert result.code == 1
    assert "cannot be reached. If it has moved: uv run poe update --template URL" in (
        result.output
    )
    assert "\ngit ls-remote failed: fatal: " in result.output


def test_a_template_without_a_release_is_said_to_have_none(small: Small) -> None:
    project = small(notebooks="none")
    recorded(project, project.as_posix())
    assert "has no releases: tags such as v1.2.0" in call(project, "update").output


@pytest.mark.parametrize("words", [[], ["update"], ["protect"], ["protect", "plan"]])
def test_help_may_be_asked_for_by_one_letter(words: list[str]) -> None:
    short, long = (
        CliRunner().invoke(app, [*words, option]) for option in ("-h", "--help")
    )
    assert short.exit_code == 0
    assert short.output == long.output


def test_without_uv_a_sentence_says_so(small: Small) -> None:
    result = call(small(notebooks="none"), "protect", "plan", UV="/no/uv")
    assert result.code == 1
    assert result.output == "/no/uv is not installed, which gets the companion.\n"


@pytest.mark.slow
def test_branch_rules_are_planned_by_the_release_that_the_project_records(
    study: Path,
) -> None:
    no_token = {"GH_TOKEN": "", "GITHUB_TOKEN": "", "HOME": str(study / "nobody")}
    git("remote", "add", "origin", "https://github.com/acme/study", cwd=study)
    try:
        result = poe(study, "protect", **no_token)
    finally:
        git("remote", "remove", "origin", cwd=study)
    assert result.code == 2, result.output
    assert "GH_TOKEN" in result.output
    assert "Traceback" not in result.output
