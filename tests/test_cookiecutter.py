"""Cookiecutter asks Copier's questions and gives Copier's projects."""

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from template import (
    QUESTIONS,
    Result,
    each_choice,
    environment,
    files,
    git,
    pairs,
    render,
    run,
)

Bake = Callable[..., Result]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """The folder in which cookiecutter runs."""
    folder = tmp_path / "here"
    folder.mkdir()
    return folder


@pytest.fixture
def bake(release: Path, here: Path) -> Bake:
    """Run cookiecutter, with answers on its command line or as typed."""

    def run_cookiecutter(
        *words: str, template: str = str(release), typed: str = "", **changes: str
    ) -> Result:
        mode = [] if typed else ["--no-input"]
        process = subprocess.run(
            [sys.executable, "-m", "cookiecutter", template, *mode, *words],
            cwd=here,
            env=environment(HOME=str(here.parent), COLUMNS="999", **changes),
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        return Result(process.returncode, process.stdout)

    return run_cookiecutter


def contents(project: Path) -> dict[Path, tuple[int, bytes]]:
    paths = {name: project / name for name in files(project)}
    return {n: (path.stat().st_mode, path.read_bytes()) for n, path in paths.items()}


def recorded(project: Path) -> dict[str, Any]:
    text = (project / ".copier-answers.yml").read_text("utf-8")
    answers: dict[str, Any] = yaml.safe_load(text)
    return answers


def test_defaults_give_the_same_bytes(bake: Bake, release: Path, here: Path) -> None:
    result = bake()
    assert result.code == 0, result.output
    expected = render(release, here.parent / "new-project")
    assert contents(here / "new-project") == contents(expected)


@pytest.mark.slow
@pytest.mark.parametrize("answers", each_choice(pairs()))
def test_answers_give_the_same_bytes(
    bake: Bake, release: Path, here: Path, answers: dict[str, Any]
) -> None:
    answers = answers | {"project_name": "Penguin Study"}
    result = bake(*(f"{name}={value}" for name, value in answers.items()))
    assert result.code == 0, result.output
    expected = render(release, here.parent / "copier", **answers)
    assert contents(here / "penguin-study") == contents(expected)


def test_prompts_are_the_help_texts(bake: Bake, release: Path, here: Path) -> None:
    result = bake(typed="\nPenguin Study\n" + "\n" * len(QUESTIONS))
    assert result.code == 0, result.output
    for question in QUESTIONS.values():
        assert f"] {question['help']}" in result.output
        for choice in question.get("choices", []):
            assert f" - {choice}\n" in result.output
    for preset in ("penguin_study", "Penguin Study: an analysis."):
        assert f" ({preset}): " in result.output
    expected = render(release, here.parent / "copier", project_name="Penguin Study")
    assert contents(here / "penguin-study") == contents(expected)


@pytest.mark.parametrize(
    ("name", "description"),
    [
        ("../evil: a/b c # 名前 😀", 'O\'Brien "x" """ \'\'\' \\'),
        ("{{ 7*7 }} {% off %} {#", 'x" + __import__("os").system("touch pwned") + "'),
        ("$(touch pwned) [bold]", "{{ cookiecutter.__class__.__mro__ }} {% raw %}"),
        ("C:\\new\\temp \\u12 end\\", "{{ cookiecutter.package_name }} {{"),
    ],
)
def test_text_arrives_unchanged(
    bake: Bake, here: Path, name: str, description: str
) -> None:
    result = bake(f"project_name={name}", f"description={description}")
    assert result.code == 0, result.output
    [project] = here.iterdir()
    metadata = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    assert metadata["project"]["description"] == description
    assert recorded(project)["project_name"] == name


def test_typed_text_arrives_unchanged(bake: Bake, here: Path) -> None:
    text = '{{ 7*7 }} {% off %} """ \' \\n [bold]名前 😀'
    result = bake(typed=f"\n{text}\nodd_name\n" + "\n" * len(QUESTIONS))
    assert result.code == 0, result.output
    assert recorded(here / "odd-name")["description"] == f"{text}: an analysis."


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("project_name", ""),
        ("project_name", "x" * 101),
        ("package_name", "htmlcov"),
        ("package_name", "../evil"),
        ("description", "two\nlines"),
        ("repository_url", "http://github.com/acme/study"),
    ],
)
def test_bad_text_gets_copiers_sentence(
    bake: Bake, release: Path, here: Path, name: str, value: str
) -> None:
    with pytest.raises(ValueError, match=f"for question '{name}': ") as refusal:
        render(release, here.parent / "copier", **{name: value})
    sentence = str(refusal.value).partition(": ")[2]
    assert bake(f"{name}={value}") == Result(1, f"{name}: {sentence}\n")
    assert not list(here.iterdir())


@pytest.mark.parametrize("name", ["kind", "worked_example"])
def test_bad_choice_gets_a_sentence(bake: Bake, here: Path, name: str) -> None:
    result = bake(f"{name}=neither")
    assert result.code == 1
    # It is cookiecutter's own, and stands below a traceback.
    sentence = result.output.splitlines()[-1]
    assert "neither provided for" in sentence
    assert name in sentence
    assert not list(here.iterdir())


def test_bad_typed_text_stops_at_once(bake: Bake, here: Path) -> None:
    result = bake(typed="\nPenguin Study\nclass\n")
    assert result.code == 1
    assert "package_name: " in result.output.splitlines()[-1]
    assert QUESTIONS["description"]["help"] not in result.output
    assert not list(here.iterdir())


def test_missing_copier_gets_a_sentence(bake: Bake, here: Path) -> None:
    (here.parent / "sitecustomize.py").write_text(
        "import sys; sys.modules['copier'] = None"
    )
    result = bake(PYTHONPATH=str(here.parent))
    assert result.code == 1
    assert result.output.startswith("Copier is missing here: run `uvx --with copier ")
    assert "Traceback" not in result.output
    assert not list(here.iterdir())


def test_existing_project_is_left_alone(bake: Bake, here: Path) -> None:
    answers = here / "new-project" / ".copier-answers.yml"
    answers.parent.mkdir()
    answers.touch()
    result = bake("--overwrite-if-exists")
    assert result.code == 1
    assert result.output.startswith("This project exists already")
    assert files(answers.parent) == [Path(answers.name)]


@pytest.mark.slow
def test_copier_updates_the_project(bake: Bake, release: Path, here: Path) -> None:
    git("clone", "--quiet", str(release), "twobus", cwd=here.parent)
    template, project = here.parent / "twobus", here / "new-project"
    assert bake(template="../twobus").code == 0
    assert recorded(project)["_src_path"] == str(template)
    git("init", "--quiet", cwd=project)
    git("add", "--all", cwd=project)
    git("commit", "--quiet", "--message", "First", cwd=project)

    def update() -> str:
        words = ("copier", "update", "--defaults")
        result = run(sys.executable, "-m", *words, cwd=project)
        assert result.code == 0, result.output
        return git("status", "--porcelain", cwd=project)

    assert not update()
    (template / "template" / "new.txt").write_text("new\n")
    git("add", "--all", cwd=template)
    git("commit", "--quiet", "--message", "Next", cwd=template)
    git("tag", "--annotate", "v1001.0.0", "--message", "Next", cwd=template)
    # The package comes from the release that the project follows.
    assert update() == " M .copier-answers.yml\n M pyproject.toml\n?? new.txt\n"


@pytest.mark.whole
@pytest.mark.slow
def test_template_may_be_an_address(bake: Bake, release: Path, here: Path) -> None:
    newer = here.parent / "acme" / "twobus.git"
    git("clone", "--quiet", str(release), str(newer), cwd=here)
    git("commit", "--quiet", "--allow-empty", "--message", "Next", cwd=newer)
    git("tag", "--annotate", "v2000.0.0", "--message", "Next", cwd=newer)
    offline = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{here.parent}/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
    }
    checkout, project = ("--checkout", "v1000.0.0"), here / "new-project"
    for template in ("gh:acme/twobus", "https://github.com/acme/twobus"):
        result = bake(*checkout, template=template, **offline)
        assert result.code == 0, result.output
        assert recorded(project)["_src_path"] == template
        assert recorded(project)["_commit"] == "v1000.0.0"
        first = contents(project)
        shutil.rmtree(project)

    # Delete the clone? No. Use it again? Yes.
    again = bake(*checkout, "--replay", template=template, typed="n\ny\n", **offline)
    assert again.code == 0, again.output
    assert contents(project) == first


@pytest.mark.parametrize(
    "words",
    [
        ["__folder=../../elsewhere"],
        ["package_name=../../elsewhere", "__package_name="],
        ["package_name=/tmp/elsewhere", "__package_name=x"],
    ],
)
def test_no_private_answer_leads_out_of_the_folder(
    words: list[str], bake: Bake, here: Path
) -> None:
    result = bake(*words)
    assert {it.name for it in here.iterdir()} <= {"new-project"}, result.output
    assert not (here.parent.parent / "elsewhere").exists()
    assert not Path("/tmp/elsewhere").exists()  # noqa: S108
