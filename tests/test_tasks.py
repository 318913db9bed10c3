"""Tasks come from the package, and a person's own win."""

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
from conftest import Small
from inside import poe_inside

from template import ROOT, choices
from twobus.tasks import tasks

TASKS = ROOT / "src" / "twobus" / "tasks.toml"


def added(project: Path, line: str) -> None:
    """Add a task of one's own."""
    file = project / "pyproject.toml"
    text = file.read_text("utf-8")
    assert "[tool.poe.tasks]\n" in text
    text = text.replace("[tool.poe.tasks]\n", f"[tool.poe.tasks]\n{line}\n")
    file.write_text(text, "utf-8")


def test_a_task_of_ones_own_wins(small: Small) -> None:
    project = small(notebooks="none")
    added(project, 'types = { cmd = "echo ours", help = "Say ours" }')
    added(project, 'check-own = { cmd = "echo checked by us" }')
    result = poe_inside(project, "types")
    assert result.code == 0, result.output
    assert result.output.endswith("ours\n")
    assert poe_inside(project, "check-own").output.endswith("checked by us\n")
    assert "Say ours" in poe_inside(project, "--help").output


@pytest.mark.parametrize("kind", choices("kind"))
def test_all_tasks_are_listed_with_ones_own(kind: str, small: Small) -> None:
    project = small(kind=kind)
    added(project, 'hello = { cmd = "echo hello", help = "Say hello" }')
    listed = poe_inside(project, "--help")
    assert listed.code == 0, listed.output
    for name, task in {"hello": {"help": "Say hello"}, **tasks()["tasks"]}.items():
        assert re.search(rf"^  {name} +{re.escape(task['help'])}", listed.output, re.M)


def test_tasks_are_there_from_each_folder(small: Small) -> None:
    project = small(notebooks="none")
    listed = poe_inside(project / "docs", "-C", str(project))
    assert "Say what a reviewer should know" in listed.output


def test_only_tasks_that_suit_a_project_are_there(small: Small) -> None:
    small(kind="library")
    given = tasks()["tasks"]
    assert {"api", "release", "new-table"} <= given.keys()
    assert not {"train", "report", "save", "notebooks"} & given.keys()
    assert "name_unlisted" not in str(given["check"])


def parted(project: Path, *failing: str) -> None:
    """Put a line in the place of each part of the check, and let some fail."""
    for name in ("save", "lint", "types", "test", "notebooks", "api", "check-own"):
        code = f"raise SystemExit({name!r})" if name in failing else f"print({name!r})"
        added(project, f'{name} = {{ cmd = """python -c "{code}" """ }}')


def test_a_check_ends_with_the_parts_that_failed_and_how_to_repeat_each(
    small: Small,
) -> None:
    project = small(kind="analysis")
    parted(project, "save", "lint", "types")
    result = poe_inside(project, "check")
    assert result.code == 1, result.output
    said = result.output.partition("Failed: ")[2]
    assert said.startswith("save, lint, types. To run each by itself:\n")
    for name in ("save", "lint", "types"):
        assert f"  uv run poe {name}" in said
    assert "poe test" not in said
    assert "All checks passed." not in result.output


def test_the_parts_of_a_check_go_on_where_others_fail(small: Small) -> None:
    project = small(kind="library")
    parted(project, "lint")
    printed = poe_inside(project, "check").output.splitlines()
    for name in ("types", "test", "api", "check-own"):
        assert f"{name} | {name}" in printed


def test_a_check_without_failures_ends_well(small: Small) -> None:
    project = small(notebooks="none")
    parted(project)
    result = poe_inside(project, "check")
    assert result.code == 0, result.output
    assert result.output.endswith("All checks passed.\n")
    assert "Failed" not in result.output


def test_a_check_names_the_parts_that_a_project_replaces(small: Small) -> None:
    project = small(notebooks="none")
    parted(project)
    named = "By the project's own tasks in pyproject.toml: save, lint, types, test, "
    assert f"{named}notebooks, api.\n" in poe_inside(project, "check").output


@pytest.mark.parametrize(
    "text",
    [
        b"<<<<<<< ours\nkind: model\n=======\nkind: model\n>>>>>>> theirs\n",
        b"kind: model\n# caf\xe9\n",
        b'kind: "model"\n',
    ],
)
def test_tasks_are_there_where_the_answers_are_broken(
    text: bytes, small: Small
) -> None:
    project = small(kind="model", notebooks="none")
    (project / ".copier-answers.yml").write_bytes(text)
    listed = poe_inside(project, "--help")
    assert listed.code == 0, listed.output
    assert "Train models" in listed.output


def test_tasks_are_there_where_the_answers_are_gone(small: Small) -> None:
    project = small(notebooks="none")
    (project / ".copier-answers.yml").unlink()
    result = poe_inside(project, "review")
    assert "Answers      fails" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("kind", "answer"),
    [(kind, answer) for kind in choices("kind") for answer in ("kind", "gone")]
    + [("analysis", "notebooks"), ("model", "notebooks")],
)
def test_nothing_is_checked_where_nobody_knows_what(
    kind: str, answer: str, small: Small
) -> None:
    project = small(kind=kind)
    file = project / ".copier-answers.yml"
    text = re.sub(rf"(?m)^{answer}: .*\n", "", file.read_text("utf-8"))
    file.write_text(text, "utf-8")
    if answer == "gone":
        file.unlink()
    result = poe_inside(project, "check")
    assert result.code == 1, result.output
    assert ".copier-answers.yml does not say what kind of project" in result.output
    assert "take that file from git again" in result.output
    assert "All checks passed" not in result.output


@pytest.mark.parametrize("listed", ['"data"', '["data"]', '["data", 3]'])
def test_a_task_whose_ejected_code_is_gone_says_what_is_next(
    listed: str, small: Small
) -> None:
    project = small(notebooks="none")
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n[tool.twobus]\nejected = {listed}\n")
    result = poe_inside(project, "data")
    assert result.code == 1
    assert "Next: uv run twobus eject data" in result.output
    assert "Traceback" not in result.output


def scripts(part: object) -> list[str]:
    """List the functions that tasks call."""
    if isinstance(part, dict):
        own = [part["script"]] if "script" in part else []
        return own + [one for value in part.values() for one in scripts(value)]
    return [one for it in part for one in scripts(it)] if isinstance(part, list) else []


def test_what_stops_a_task_is_a_sentence() -> None:
    """Each function is wrapped by `task`, which also makes streams take all letters."""
    found = scripts(tomllib.loads(TASKS.read_text("utf-8")))
    assert len(found) > 20
    for script in found:
        module, name = script.split(":")
        function = getattr(import_module(module), name)
        assert hasattr(function, "__wrapped__"), script


def test_a_list_of_tasks_loads_nothing_heavy(small: Small) -> None:
    small(kind="model")
    code = (
        f"import sys; sys.path.append({str(ROOT / 'src')!r})\n"
        "from twobus.tasks import tasks; tasks(); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-Sc", code], capture_output=True, encoding="utf-8"
    )
    heavy = {"yaml", "requests", "ibis", "pandas", "numpy", "subprocess", "asyncio"}
    assert not heavy & {*done.stdout.split()}, done.stderr
