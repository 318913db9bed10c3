"""What people write passes lint and types, as far as it should."""

from pathlib import Path

import pytest
from conftest import Small

from template import choices, run

# Of packages that ship no types, and of some that pyproject.toml lists.
OWN_MODULE = '''"""Ours."""

import ibis
import joblib
import pandas as pd
from latex2mathml.converter import convert
from sklearn.base import BaseEstimator


class Median(BaseEstimator):
    """Predicts the median."""

    def fit(self, rows: pd.DataFrame, target: pd.Series) -> "Median":
        """Learn it."""
        self.median_: float = target.median()
        return self


def shown(table: ibis.Table) -> str:
    """Show something."""
    joblib.hash(table)
    return str(convert("x"))
'''
OWN_TABLE = '''"""Our orders."""

import pandera.ibis as pa


class Contract(pa.DataFrameModel):
    """One order."""

    number: int

    class Config:
        strict = True
'''


@pytest.fixture
def own(small: Small) -> Path:
    """A project with a module and a table of its people's."""
    project = small()
    package = project / "src" / "penguin_study"
    (package / "own.py").write_text(OWN_MODULE, "utf-8")
    (package / "tables" / "orders.py").write_text(OWN_TABLE, "utf-8")
    return project


def test_packages_without_types_are_used_and_subclassed(own: Path) -> None:
    result = run("mypy", cwd=own)
    assert result.code == 0, result.output


def test_code_around_packages_without_types_is_checked(own: Path) -> None:
    with (own / "src" / "penguin_study" / "own.py").open("a", encoding="utf-8") as file:
        file.write("\n\nNUMBER: int = shown\n")
    result = run("mypy", cwd=own)
    assert "Incompatible types in assignment" in result.output
    assert "Found 1 error" in result.output


@pytest.mark.parametrize("kind", choices("kind"))
def test_an_import_of_a_module_that_is_gone_is_found(kind: str, small: Small) -> None:
    """As where the package is installed, which `inside` pretends by PYTHONPATH."""
    project = small(kind=kind)
    text = '"""Ours."""\n\nfrom penguin_study.twobus.pairing import save as save\n'
    # Of another name for each kind, since mypy remembers what it has found in a file.
    (project / "src" / "penguin_study" / f"{kind}.py").write_text(text, "utf-8")
    result = run("mypy", cwd=project)
    assert 'module named "penguin_study.twobus' in result.output


def test_a_contract_needs_no_words_for_its_config(own: Path) -> None:
    result = run("ruff", "check", "--no-cache", "src", cwd=own)
    assert result.code == 0, result.output
