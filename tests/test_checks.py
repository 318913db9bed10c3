"""A project is green from its first minute: its own CI runs, and passes."""

import json
import tomllib
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import Made, Render

from template import (
    ROOT,
    Result,
    choices,
    each_choice,
    git,
    pairs,
    poe,
    pythons,
    run,
    status,
    variants,
    whole,
)

TASKS = ROOT / "src" / "twobus" / "tasks.toml"

# The oldest and the newest Python; what lies between resolves where both do.
OLDEST, *BETWEEN, NEWEST = choices("python_version")
BOTH_ENDS = [OLDEST, *map(whole, BETWEEN), NEWEST]

DEVCONTAINER = {
    "type": "object",
    "required": ["name", "image"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "image": {"type": "string", "pattern": r"^[a-z0-9./-]+:[0-9.]+$"},
        "postCreateCommand": {"type": "string"},
        "customizations": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "vscode": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "extensions": {"type": "array", "items": {"type": "string"}}
                    },
                }
            },
        },
    },
}


def ci_lines(project: Path) -> list[str]:
    """List the commands that a project's CI runs."""
    if (gitlab := project / ".gitlab-ci.yml").exists():
        return list(yaml.safe_load(gitlab.read_text("utf-8"))["check"]["script"])
    workflow = project / ".github" / "workflows" / "ci.yml"
    steps = yaml.safe_load(workflow.read_text("utf-8"))["jobs"]["check"]["steps"]
    return [step["run"] for step in steps if "run" in step]


def run_ci(project: Path, summary: Path, **changes: str) -> Result:
    """Run the lines of a project's CI as its runner would, up to one that fails."""
    result = Result(0, "")
    for line in ci_lines(project):
        script = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", line]
        result = run(
            *script, cwd=project, CI="true", GITHUB_STEP_SUMMARY=str(summary), **changes
        )
        if result.code:
            break
    return result


def on_pythons() -> Iterator[dict[str, Any]]:
    """Yield variants, each on the next Python, so that all are tried."""
    for version, answers in zip(cycle(pythons()), variants(), strict=False):
        yield answers | {"python_version": version}


@pytest.mark.slow
@pytest.mark.parametrize("answers", each_choice(on_pythons()))
def test_ci_passes_and_leaves_the_project_as_it_was(
    answers: dict[str, Any], project: Render, tmp_path: Path
) -> None:
    python = pythons()[answers["python_version"]]
    made = project(**answers)
    setup = poe(made, "setup", UV_PYTHON=python)
    assert setup.code == 0, setup.output
    summary = tmp_path / "summary.md"
    address = "https://example.org/artifact"
    result = run_ci(made, summary, URL=address, UV_PYTHON=python)
    assert result.code == 0, result.output
    assert status(made) == ""
    rendered = {page.name for page in made.glob("reports/samples/*.html")}
    expected = {
        script.with_suffix(".html").name for script in made.glob("notebooks/*.py")
    }
    assert rendered == expected
    assert summary.exists() == (
        answers["forge"] == "github" and answers["notebooks"] != "none"
    )


def test_every_python_is_tried() -> None:
    assert len(list(variants())) >= len(choices("python_version"))
    if missing := set(choices("python_version")) - pythons().keys():
        pytest.skip(
            f"no Python {', '.join(missing)} on this machine, and none can be fetched"
        )


@pytest.mark.slow
@pytest.mark.parametrize("version", BOTH_ENDS)
def test_everything_resolves_to_wheels_on_every_python(
    version: str, project: Render
) -> None:
    made = project(python_version=version)
    result = run(
        *["uv", "pip", "compile", "--quiet", "--all-extras", "--group", "twobus"],
        *["--only-binary", ":all:", "--python-version", version, "pyproject.toml"],
        cwd=made,
    )
    assert result.code == 0, result.output


@pytest.mark.slow
def test_a_first_run_of_ci_without_a_lock_says_so(ready: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git("clone", "--quiet", str(ready), str(clone), cwd=tmp_path)
    (clone / "uv.lock").unlink()
    result = run_ci(clone, tmp_path / "summary.md")
    assert result.code != 0
    assert "Unable to find lockfile at `uv.lock`" in result.output
    assert "Traceback" not in result.output


@pytest.mark.slow
def test_what_the_upper_bounds_are_for_works_with_them(ready: Path) -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    (step,) = yaml.safe_load(workflow)["jobs"]["bounds"]["steps"][1:]
    code = step["run"].split('python -c "')[1].split('"; then')[0]
    result = run("uv", "run", "python", "-c", code, cwd=ready)
    assert result.code == 0, result.output


@pytest.mark.slow
def test_a_failure_of_each_part_fails_the_check(ready: Path, tmp_path: Path) -> None:
    made = tmp_path / "broken"
    git("clone", "--quiet", str(ready), str(made), cwd=tmp_path)
    package = next((made / "src").iterdir())
    (package / "unused.py").write_text("import os\n", "utf-8")
    (package / "untyped.py").write_text('"""Doc."""\n\nx: int = "a"\n', "utf-8")
    (made / "tests" / "test_no.py").write_text(
        "def test_no():\n    assert 0\n", "utf-8"
    )
    (made / "notebooks" / "02_no.py").write_text("# %%\n1 / 0\n", "utf-8")
    result = poe(made, "check")
    assert result.code != 0
    for trace in ("F401", "Incompatible types", "test_no", "ZeroDivisionError"):
        assert trace in result.output, trace
    failed = result.output.partition("\nFailed: ")[2]
    for part in ("lint", "types", "test", "notebooks"):
        assert f"  uv run poe {part}" in failed


def test_workflows_and_settings_are_valid_and_safe(
    rendered: Made, tmp_path: Path
) -> None:
    schema = tmp_path / "devcontainer.schema.json"
    schema.write_text(json.dumps(DEVCONTAINER), "utf-8")
    made = [rendered(answers) for answers in pairs()]

    def each(pattern: str) -> list[str]:
        return [str(path) for project in made for path in sorted(project.glob(pattern))]

    # All projects at once: starting a tool takes longer than its work.
    check = "check-jsonschema"
    for command, files in (
        ([check, "--builtin-schema", "vendor.gitlab-ci"], each(".gitlab-ci.yml")),
        (
            [check, "--builtin-schema", "vendor.github-workflows"],
            each(".github/workflows/*"),
        ),
        ([check, "--schemafile", str(schema)], each(".devcontainer/*.json")),
        (["pre-commit", "validate-config"], each(".pre-commit-config.yaml")),
        (["validate-pyproject"], each("pyproject.toml")),
        (["zizmor", "--offline", "--quiet", "--persona", "auditor"], each(".github")),
    ):
        assert len(files) > 3, command
        result = run(*command, *files, cwd=tmp_path)
        assert result.code == 0, result.output


@pytest.mark.parametrize("notebooks", choices("notebooks"))
def test_ci_ok_is_green_only_when_every_job_is(notebooks: str, project: Render) -> None:
    file = project(notebooks=notebooks) / ".github" / "workflows" / "ci.yml"
    jobs = yaml.safe_load(file.read_text("utf-8"))["jobs"]
    last = jobs.pop("ci-ok")
    assert {*last["needs"]} == {*jobs}
    assert last["if"].startswith("always()")
    (step,) = last["steps"]
    assert step["env"] == {"RESULTS": "${{ join(needs.*.result, ' ') }}"}
    for other in ("success", "failure", "cancelled", "skipped"):
        results = " ".join(["success"] * (len(jobs) - 1) + [other])
        result = run("bash", "-ec", step["run"], cwd=ROOT, RESULTS=results)
        assert (result.code == 0) == (other == "success"), other


def test_models_are_watched_once_there_is_a_log(project: Render) -> None:
    file = Path(".github/workflows/watch.yml")
    assert not (project() / file).exists()
    made = yaml.safe_load((project("model", kind="model") / file).read_text("utf-8"))
    (job,) = made["jobs"].values()
    assert job["if"] == "vars.PREDICTION_LOG"
    # Whose secrets only the main branch may read.
    assert job["environment"]["name"] == "twobus"
    assert "uv run --locked poe watch" in [it.get("run") for it in job["steps"]]
    lab = project("lab", kind="model", forge="gitlab") / ".gitlab-ci.yml"
    rules = yaml.safe_load(lab.read_text("utf-8"))["watch"]["rules"]
    assert rules == [{"if": '$CI_PIPELINE_SOURCE == "schedule" && $PREDICTION_LOG'}]


def test_a_review_runs_again_when_its_description_or_labels_change(
    project: Render,
) -> None:
    file = project() / ".github" / "workflows" / "ci.yml"
    # YAML reads the key `on` as true.
    events = yaml.safe_load(file.read_text("utf-8"))[True]
    assert {"edited", "labeled", "unlabeled", "ready_for_review"} <= {
        *events["pull_request"]["types"]
    }
    assert "pull_request_target" not in events


@pytest.mark.parametrize("level", choices("review_level"))
@pytest.mark.parametrize("forge", choices("forge"))
def test_a_request_asks_at_most_eight_questions(
    forge: str, level: str, project: Render
) -> None:
    made = project(forge=forge, review_level=level)
    (page,) = [
        *made.glob(".github/pull_request_template.md"),
        *made.glob(".gitlab/merge_request_templates/Default.md"),
    ]
    lines = page.read_text("utf-8").splitlines()
    assert len(lines) <= 8
    assert all(line.startswith("**") and line.endswith("?** …") for line in lines)
    assert ("Second reviewer" in lines[-1]) == (level == "strict")


@pytest.mark.slow
def test_this_repositorys_workflows_are_valid_and_safe() -> None:
    workflows = [str(path) for path in (ROOT / ".github" / "workflows").glob("*.yml")]
    for command in (
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows],
        ["zizmor", "--offline", "--quiet", "--persona", "auditor", ".github"],
    ):
        result = run(*command, cwd=ROOT)
        assert result.code == 0, result.output


def test_tasks_need_no_shell() -> None:
    text = TASKS.read_text("utf-8")
    commands = [line for line in text.splitlines() if "cmd" in line]
    assert commands
    for line in commands:
        assert not set("$|&;<>`*?~") & set(line), line
    assert "shell" not in text


@pytest.mark.parametrize(
    "line",
    ["import duckdb", "from ibis import connect", "import ibis as i; i.connect('')"],
)
def test_connecting_elsewhere_is_refused_with_the_place_to_do_it(
    line: str, project: Render
) -> None:
    made = project()
    (made / "notebooks" / "02_own.py").write_text(f"# %%\n{line}\n", "utf-8")
    result = run("ruff", "check", "--no-cache", "notebooks", cwd=made)
    assert "Connect by `connect` of this project's data.py." in result.output


def test_every_task_says_what_it_does() -> None:
    for name, task in tomllib.loads(TASKS.read_text("utf-8"))["tasks"].items():
        assert 10 < len(task["help"]) < 80, name


def test_pins_of_actions_are_the_same_everywhere(project: Render) -> None:
    places = [*project().glob(".github/workflows/*"), *ROOT.glob(".github/workflows/*")]
    pins: dict[str, set[str]] = {}
    for place in places:
        for line in place.read_text("utf-8").splitlines():
            if "uses:" in line:
                action, pin = line.split("uses:")[1].strip().split("@")
                pins.setdefault(action, set()).add(pin)
    assert pins
    assert {action: pin for action, pin in pins.items() if len(pin) > 1} == {}
