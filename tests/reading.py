"""What tests of reading need: the table that projects have, and how reading ends."""

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from twobus.data import DataError, source

# Of the table `penguins`.
HEADER = (
    "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year"
)


def count(name: str = "penguins", *, check: bool | None = None) -> int:
    """Count the rows of a table of the project that the test works in."""
    return int(source().read(name, check=check).count().execute())


def refusal(read: Callable[[], object], *secrets: str) -> str:
    """Return the sentence by which reading is refused.

    Args:
        read: What must be refused.
        secrets: What may be shown neither by it nor by the errors before it.
    """
    with pytest.raises(DataError) as refused:
        read()
    shown = "".join(traceback.format_exception(refused.value))
    assert "During handling" not in shown
    assert not [secret for secret in secrets if secret in shown]
    return str(refused.value)


def table(project: Path, name: str = "penguins") -> Path:
    """Return the module of a project's table."""
    (tables,) = project.glob("src/*/tables")
    return tables / f"{name}.py"


def add_table(
    project: Path, name: str, fields: str, sample: str = "", more: str = ""
) -> None:
    """Give a project a table, as a person would."""
    table(project, name).write_text(
        f'"""Rows of {name}."""\n\nimport pandera.ibis as pa\n\n{more}\n\n'
        f"class Contract(pa.DataFrameModel):\n    {fields}\n",
        "utf-8",
    )
    table(project, name).with_suffix(".csv").write_text(sample, "utf-8")


def edit(file: Path, old: str, new: str) -> None:
    """Replace what stands once in a file."""
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
    file.write_text(text.replace(old, new), "utf-8")


def run_tests(file: Path) -> int:
    """Run tests of the project that one works in, and return pytest's exit code."""
    with pytest.MonkeyPatch.context() as patch:
        # Pytest tells itself, and xdist, by variables that it runs already.
        for name in [name for name in os.environ if name.startswith("PYTEST_")]:
            patch.delenv(name)
        # Imported anew for each project.
        patch.delitem(sys.modules, file.stem, raising=False)
        return pytest.main(["-q", "-p", "no:cacheprovider", str(file)])
