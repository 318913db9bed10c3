"""Rooms of the package import downwards only, as `pyproject.toml` says."""

import shutil
from pathlib import Path

import pytest

from template import ROOT, Result, run


def lint(source: Path) -> Result:
    """Check the layers of a package that is in this folder."""
    config = ["--config", str(ROOT / "pyproject.toml"), "--no-cache"]
    return run("lint-imports", *config, cwd=ROOT, PYTHONPATH=str(source))


def test_rooms_import_downwards_only() -> None:
    result = lint(ROOT / "src")
    assert result.code == 0, result.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("data/tables.py", "from twobus.models import Model"),
        ("models/card.py", "from twobus.review import review"),
        ("notebooks/run.py", "import twobus.models.card"),
        ("review/review.py", "from twobus.companion.forge import Forge"),
        ("project.py", "def f() -> None:\n    import twobus.git"),
        ("new_room.py", "import twobus.project"),
    ],
)
def test_an_import_upwards_or_sideways_fails(
    module: str, line: str, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "src", tmp_path / "src")
    with (tmp_path / "src" / "twobus" / module).open("a", encoding="utf-8") as file:
        file.write(f"\n\n{line}\n")
    result = lint(tmp_path / "src")
    assert result.code == 1
    assert Path(module).stem in result.output
