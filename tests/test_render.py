"""Every pair of answers gives files that parse, are clean and are the same again."""

import filecmp
import json
import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Made, Render

from template import QUESTIONS, ROOT, choices, files, label, pairs, render, run

PAIRS = list(pairs())
LONGEST = {
    "package_name": "a" * 40,
    "project_name": "x" * 100,
    "description": "y" * 500,
}

# Files with the example, and how many of them are the example's.
MOST_FILES = {"analysis": (33, 6), "model": (40, 6), "library": (28, 2)}
# Lines of a fresh project, its data included and its lock not. Five of them are for a
# template that is a folder, as here: an analysis of others has 1,300 at most.
MOST_LINES = {"analysis": 1_305, "model": 1_700, "library": 900}

MARIMO = {"kind": "analysis", "notebooks": "marimo"}
STUDY = {"kind": "model", "shared_library": "acme-data>=1.2"}
# All of ruff's, but for preview rules, a copyright in each file and COM812, which
# quarrels with the formatter.
MORE_RULES = [
    *("A", "AIR", "ANN", "ARG", "ASYNC", "BLE", "C90", "COM818", "COM819", "DJ", "DTZ"),
    *("EM", "ERA", "EXE", "FA", "FAST", "FBT", "FIX", "FLY", "FURB", "G", "ICN", "INP"),
    *("INT", "ISC", "LOG", "NPY", "PD", "PERF", "PGH", "PIE", "PL", "PT", "PYI", "Q"),
    *("RET", "RSE", "S", "SLF", "SLOT", "T10", "T20", "TC", "TD", "TRY", "YTT"),
]

LEFT_OVER = re.compile(r"\{%|\{\{|\{#")
# GitHub's expressions look like Jinja, and are meant.
NOT_OURS = {"ci.yml", "release.yml", "update.yml", "watch.yml"}

FORBIDDEN_ON_WINDOWS = re.compile(r'[<>:"|?*\\\x00-\x1f]|[ .]$')


@pytest.fixture(scope="module", params=[*PAIRS, LONGEST], ids=label)
def made(
    request: pytest.FixtureRequest,
    release: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A project for each pair of answers, and one of the longest names."""
    folder = tmp_path_factory.mktemp("made") / "penguin-study"
    return render(release, folder, **request.param)


def test_every_choice_takes_part() -> None:
    for name in QUESTIONS:
        seen = {answers[name] for answers in PAIRS if name in answers}
        assert seen >= set(choices(name)), name


def test_files_parse_and_no_jinja_is_left(made: Path) -> None:
    for name in files(made):
        text = (made / name).read_text("utf-8")
        if name.name not in NOT_OURS:
            assert not LEFT_OVER.search(text), name
        if name.suffix == ".toml":
            tomllib.loads(text)
        elif name.suffix in {".yml", ".yaml"}:
            yaml.safe_load(text)
        elif name.suffix == ".json":
            json.loads(text)
        elif name.suffix == ".py":
            compile(text, str(name), "exec")


def test_text_files_end_with_one_newline_and_have_no_stray_blanks(made: Path) -> None:
    for name in files(made):
        text = (made / name).read_text("utf-8")
        assert text.endswith("\n"), name
        assert not text.endswith("\n\n"), name
        assert not text.startswith("\n"), name
        # Python wants two empty lines, in pages as well.
        told = re.sub(
            r"^```python\n.*?^```", "```", text, flags=re.MULTILINE | re.DOTALL
        )
        free = name.suffix == ".py" or name.name == "LICENSE"
        assert "\n\n\n" not in told or free, name
        assert not re.search(r"[ \t]+$", text, re.MULTILINE), name


def test_code_is_lint_free_and_formatted(made: Path) -> None:
    for command in (["check"], ["format", "--check"]):
        process = subprocess.run(
            ["ruff", *command, "--no-cache", "."],
            cwd=made,
            capture_output=True,
            encoding="utf-8",
        )
        assert process.returncode == 0, process.stdout + process.stderr


@pytest.mark.parametrize(
    "answers", [*({"kind": kind} for kind in choices("kind")), MARIMO, STUDY], ids=label
)
def test_code_is_clean_by_rules_that_people_may_add(
    answers: dict[str, Any], rendered: Made
) -> None:
    rules = ["--extend-select", ",".join(MORE_RULES)]
    result = run("ruff", "check", "--no-cache", *rules, ".", cwd=rendered(answers))
    assert result.code == 0, result.output


def test_names_are_legal_on_windows_and_differ_in_more_than_case(made: Path) -> None:
    names = files(made)
    for name in names:
        assert not any(FORBIDDEN_ON_WINDOWS.search(part) for part in name.parts), name
    assert max(Counter(str(name).lower() for name in names).values()) == 1


def test_there_are_few_files(made: Path) -> None:
    answers = yaml.safe_load((made / ".copier-answers.yml").read_text("utf-8"))
    most, example = MOST_FILES[answers["kind"]]
    assert len(files(made)) <= most - (0 if answers["worked_example"] else example)
    # GitLab wants a folder and a file, a container two files.
    gitlab, container = (made / ".gitlab").exists(), (made / "Dockerfile").exists()
    assert len(list(made.iterdir())) <= 16 + gitlab + 2 * container


@pytest.mark.parametrize("kind", choices("kind"))
def test_there_are_few_lines(kind: str, rendered: Made) -> None:
    made = rendered({"kind": kind})
    lines = sum(len((made / name).read_bytes().splitlines()) for name in files(made))
    assert lines <= MOST_LINES[kind]


def test_what_maintainers_read_is_short() -> None:
    questions = (ROOT / "copier.yml").read_text("utf-8").splitlines()
    assert len(questions) <= 230
    first = min(questions.index(f"{name}:") for name in QUESTIONS)
    assert first < 25
    pyproject = ROOT / "template" / "pyproject.toml.jinja"
    lines = pyproject.read_text("utf-8").splitlines()
    assert len([line for line in lines if "{%" in line or "{{" in line]) <= 10


SET_UP = r"setup-uv@(?:.*\n){1,3}?.*(?<![-\w])version: (\S+)"
# What brings tools, and where each names their release.
BROUGHT = {
    r"ghcr\.io/astral-sh/uv:(\S*)": r"\d+\.\d+\.\d+-python[\d.]+-\w+(-slim)?",
    r"\buses: (\S+)": r"[\w/-]+@[0-9a-f]{40}",
    r"pip install .*?\b(uv\S*)": r"uv==\d+\.\d+\.\d+",
    r"requires = (\S+)": r'\["uv_build==\d+\.\d+\.\d+"\]',
    SET_UP: r'"\d+\.\d+\.\d+",?',
}


def test_no_tool_of_ci_containers_and_builds_is_of_any_release(made: Path) -> None:
    texts = [
        (made / file).read_text("utf-8")
        for file in files(made)
        if file.suffix in {".yml", ".json", ".toml", ""}
    ]
    for brought, named in BROUGHT.items():
        found = [it for text in texts for it in re.findall(brought, text)]
        assert [it for it in found if not re.fullmatch(named, it)] == []
        # Whatever sets uv up says a release.
        if brought == SET_UP:
            assert len(found) == sum(text.count("setup-uv@") for text in texts)
    releases = re.findall(r"\buv(?:_build)?(?:==|:)([\d.]+)", "".join(texts))
    own = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert own["build-system"]["requires"] == [f"uv_build=={releases[0]}"]
    assert len(set(releases)) == 1


def test_nothing_is_binary_or_executable(made: Path) -> None:
    for name in files(made):
        assert b"\0" not in (made / name).read_bytes()
        assert not (made / name).stat().st_mode & 0o111, name


def test_answers_are_recorded(made: Path, request: pytest.FixtureRequest) -> None:
    recorded = yaml.safe_load((made / ".copier-answers.yml").read_text("utf-8"))
    given: dict[str, Any] = request.node.callspec.params["made"]
    assert recorded["_commit"] == "v1000.0.0"
    asked = [name for name in given if name in recorded]
    assert {name: recorded[name] for name in asked} == {n: given[n] for n in asked}
    # Copier records no answer to a question that was not asked.
    assert given.keys() - asked <= {"notebooks", "shared_library"}
    # What code imports a library as is computed, and no answer.
    name = re.split(r"[^\w.-]", recorded.get("shared_library", ""))[0]
    known = recorded | {"library": name.replace("-", "_"), "package": True}
    assert recorded["seeded"].items() <= known.items()


def test_the_same_answers_give_the_same_bytes(made: Path, project: Render) -> None:
    recorded = yaml.safe_load((made / ".copier-answers.yml").read_text("utf-8"))
    answers = {name: recorded[name] for name in QUESTIONS if name in recorded}
    again = project("again", **answers)
    assert files(again) == files(made)
    _, different, unreadable = filecmp.cmpfiles(
        made, again, [str(name) for name in files(made)], shallow=False
    )
    assert not different and not unreadable


def test_a_question_that_does_not_exist_is_refused_by_the_fixture(
    project: Render,
) -> None:
    with pytest.raises(ValueError, match="projectname"):
        project(projectname="x")


def test_the_template_needs_no_trust() -> None:
    config = yaml.safe_load((ROOT / "copier.yml").read_text("utf-8"))
    assert not {"_tasks", "_migrations", "_jinja_extensions"} & config.keys()


def test_every_question_has_help_and_a_default() -> None:
    # An address that tells the forge leaves twelve.
    assert len(QUESTIONS) - 1 <= 12
    for name, question in QUESTIONS.items():
        assert question.get("help"), name
        assert "default" in question, name
        assert choices(name) or question.get("validator"), name
