"""The worked example: its data is right, and its tests tell a wrong analysis."""

import hashlib
import re
from pathlib import Path

import pytest
from conftest import Render, Small
from reading import HEADER, edit, run_tests, table

# Of data/penguins.csv in palmerpenguins-0.1.6-py3-none-any.whl, as on PyPI.
PENGUINS = "f204db2c753b0937caac3cb35258562c14f073e4bbc76be24b4c51ce22767a93"
RAW = "data/raw/penguins.csv"


@pytest.fixture
def study(small: Small) -> Path:
    """A default project, in which the test works."""
    return small()


def test_raw_file_is_that_of_the_registry_package(project: Render) -> None:
    assert hashlib.sha256((project() / RAW).read_bytes()).hexdigest() == PENGUINS


def test_sample_is_every_ninth_row_from_the_fourth(project: Render) -> None:
    folder = project()
    header, *rows = (folder / RAW).read_text("utf-8").splitlines()
    sample = table(folder).with_suffix(".csv").read_text("utf-8").splitlines()
    assert sample == [header, *rows[3::9]]


def test_every_column_is_explained_with_its_unit_in_docs(project: Render) -> None:
    folder = project()
    contract = table(folder).read_text("utf-8")
    columns = re.findall(r"^    (\w+): \w+ = pa\.Field", contract, re.MULTILINE)
    explained = (folder / "docs/data.md").read_text("utf-8")
    assert ",".join(columns) == HEADER
    assert re.findall(r"^\| `(\w+)` \| \w", explained, re.MULTILINE) == columns


# The example's tests tell a wrong analysis from a right one.

MUTATIONS = {
    "filter dropped, sex": ("penguins.sex.notnull(), ", ""),
    "filter dropped, mass": (", penguins.body_mass_g.notnull()", ""),
    "groups swapped": (
        'group["male"].mean_kg - group["female"].mean_kg',
        'group["female"].mean_kg - group["male"].mean_kg',
    ),
    "sign": ("kg - margin, kg + margin", "kg + margin, kg - margin"),
    "unit": ("GRAMS_PER_KILOGRAM = 1_000", "GRAMS_PER_KILOGRAM = 1"),
    "wrong interval, one-sided": ("(1 + confidence) / 2", "confidence"),
    "wrong interval, of the birds": ("variance_kg2 / b.birds", "variance_kg2"),
}


def test_tests_of_the_analysis_pass(study: Path) -> None:
    assert run_tests(study / "tests/test_body_mass.py") == pytest.ExitCode.OK


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_mutation_of_the_analysis_fails_its_tests(study: Path, mutation: str) -> None:
    module = study / "src/penguin_study/body_mass.py"
    edit(module, *MUTATIONS[mutation])
    assert run_tests(study / "tests/test_body_mass.py") == pytest.ExitCode.TESTS_FAILED
