"""The tests that each declared model must pass, as a project runs them."""

import json
import sys
from pathlib import Path

import pytest
from conftest import Small
from inside import at_hand
from modelled import MODELS, NAME, edit

from template import Result, run

pytestmark = pytest.mark.slow

# Fixtures and marks that pytest will refuse one day fail today.
WORDS = ["pytest", "-q", "-W", "error::pytest.PytestWarning", "tests/test_models.py"]


def checked(project: Path, *words: str) -> Result:
    """Run a project's conformance tests."""
    paths = {"PYTHONPATH": str(project / "src")}
    return run(*WORDS, *words, cwd=project, **paths, **at_hand())


def test_a_good_model_passes_and_its_score_is_told(models: Path) -> None:
    result = checked(models)
    assert result.code == 0, result.output
    assert "17 passed" in result.output
    assert "warning" not in result.output
    assert "ML Test Score" in result.output
    assert "The score is the lowest of these numbers: 2." in result.output


@pytest.mark.parametrize(
    ("old", "new", "fails"),
    [
        (
            'rising=["body_mass_g"]',
            'invariant=["body_mass_g"]',
            "test_inputs_that_must_not_matter_do_not",
        ),
        (
            "length / (length + depth)",
            "length / (length - length)",
            "test_features_are_named_and_known_for_every_row",
        ),
        (
            "LogisticRegression(C=10)",
            "__import__('sklearn.dummy').dummy.DummyClassifier()",
            "test_a_tiny_batch_can_be_learned_by_heart",
        ),
    ],
    ids=["invariant", "infinite", "dull"],
)
def test_a_bad_model_fails_by_the_name_of_what_is_wrong(
    old: str, new: str, fails: str, models: Path
) -> None:
    edit(models, MODELS / f"{NAME}.py", old, new)
    result = checked(models, "-k", fails)
    assert result.code == 1, result.output
    assert f"{fails}[{NAME}]" in result.output


HEART = "test_a_tiny_batch_can_be_learned_by_heart"


def test_a_test_that_does_not_fit_is_left_out_with_its_reason(models: Path) -> None:
    reason = "A line through two inputs tells no eight birds apart."
    edit(
        models,
        MODELS / f"{NAME}.py",
        '    rising=["body_mass_g"],',
        f'    rising=["body_mass_g"],\n    untested={{"{HEART}": "{reason}"}},',
    )
    result = checked(models, "-k", f"{HEART} or left_out or twice")
    assert result.code == 0, result.output
    assert "2 passed, 1 skipped" in result.output
    assert f"  - {HEART}[{NAME}]: {reason}" in result.output


@pytest.mark.parametrize(
    ("given", "said"),
    [
        pytest.param({HEART: " "}, "gives no reason", marks=pytest.mark.whole),
        ({"test_nothing": "None."}, "test_tests_that_are_left_out_exist"),
    ],
)
def test_what_is_left_out_must_exist_and_say_why(
    given: dict[str, str], said: str, models: Path
) -> None:
    edit(
        models,
        MODELS / f"{NAME}.py",
        '    rising=["body_mass_g"],',
        f'    rising=["body_mass_g"],\n    untested={given},',
    )
    result = checked(models, "-k", "left_out")
    assert result.code
    assert said in result.output


def test_a_project_without_a_model_fails_nothing(small: Small) -> None:
    project = small(kind="model", worked_example=False)
    result = checked(project)
    assert result.code == 0, result.output
    assert "failed" not in result.output
    assert "warning" not in result.output
    assert "ML Test Score" not in result.output


def test_the_plugin_of_all_projects_loads_nothing_that_is_heavy() -> None:
    script = Path(__file__).with_name("importing.py")
    result = run(sys.executable, str(script), "twobus.pytest_plugin", cwd=script.parent)
    _, loaded = json.loads(result.output)
    assert {"ibis", "numpy", "pandas", "sklearn", "twobus.models"} & {*loaded} == set()
