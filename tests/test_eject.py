"""Ejecting a room: a project gets common code of its own, and stays green."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import Small

from template import status
from twobus import eject
from twobus.tasks import tasks

LOCK = '[[package]]\nname = "twobus"\nversion = "{}"\n'


@pytest.fixture
def model(small: Small) -> Path:
    """A repository of models, with a lock that names this release."""
    return locked(small(kind="model"))


def locked(project: Path) -> Path:
    (project / "uv.lock").write_text(LOCK.format(version("twobus")), "utf-8")
    return project


def tool(project: Path, *words: str) -> str:
    """Run a tool of this environment in a project; return what it says if it fails."""
    command = [sys.executable, "-m", *words]
    done = subprocess.run(command, cwd=project, capture_output=True, encoding="utf-8")
    return done.stdout + done.stderr if done.returncode else ""


def refused(*rooms: str) -> str:
    """Return the sentence that refuses to eject rooms."""
    with pytest.raises(SystemExit) as stopped:
        eject.main([*rooms])
    return str(stopped.value)


@pytest.mark.parametrize("room", ["data", "notebooks", "review"])
def test_an_analysis_with_a_room_of_its_own_is_green(small: Small, room: str) -> None:
    project = locked(small())
    eject.main([room])
    assert (project / f"src/penguin_study/twobus/{room}/__init__.py").exists()
    assert tool(project, "ruff", "check") == ""
    assert tool(project, "ruff", "format", "--check") == ""
    assert tool(project, "mypy") == ""
    assert tool(project, "pytest") == ""


@pytest.mark.slow
def test_all_rooms_of_a_model_are_green(model: Path) -> None:
    eject.main(["data", "models", "notebooks"])
    assert tool(model, "ruff", "check") == ""
    assert tool(model, "mypy") == ""
    assert tool(model, "pytest") == ""


@pytest.mark.slow
def test_a_library_with_rooms_of_its_own_is_green(small: Small) -> None:
    project = locked(small(kind="library"))
    eject.main(["library", "data", "new"])
    assert tool(project, "ruff", "check") == ""
    assert tool(project, "mypy") == ""
    assert tool(project, "pytest") == ""


def test_tasks_call_the_projects_own_code(model: Path) -> None:
    eject.main(["review"])
    found = tasks()["tasks"]
    assert found["review"]["script"].startswith("penguin_study.twobus.review.")
    assert found["report"]["script"].startswith("twobus.notebooks.")


def test_whatever_asks_for_models_comes_along(model: Path) -> None:
    eject.main(["models"])
    rooms = {path.name for path in (model / "src/penguin_study/twobus").glob("*/")}
    assert {"models", "new", "review"} <= rooms
    text = (model / "src/penguin_study/models/penguin_sex.py").read_text("utf-8")
    assert "from penguin_study.twobus.models import Model" in text


def test_a_second_room_joins_the_first(model: Path) -> None:
    eject.main(["notebooks"])
    eject.main(["data"])
    text = (model / "pyproject.toml").read_text("utf-8")
    assert 'ejected = ["data", "notebooks"]' in text
    run = (model / "src/penguin_study/twobus/notebooks/run.py").read_text("utf-8")
    assert "from penguin_study.twobus.data import" in run


def test_what_people_import_is_led_to_their_own(model: Path) -> None:
    ours = model / "tests" / "test_ours.py"
    ours.write_text(
        '"""`twobus.data` stays what it is in words."""\n\n'
        "from twobus.data import (\n    DataError,\n)\n\nassert DataError\n",
        "utf-8",
    )
    eject.main(["data"])
    text = ours.read_text("utf-8")
    assert "from penguin_study.twobus.data import" in text
    assert '"""`twobus.data` stays' in text


def test_rooms_that_there_are_not_are_refused_with_those_that_there_are(
    model: Path,
) -> None:
    assert "no room 'kitchen'" in refused("kitchen")
    assert "data, library, models" in refused("kitchen")
    assert "src/penguin_study" not in status(model)


def test_a_room_is_ejected_once(model: Path) -> None:
    eject.main(["data"])
    assert "Ejected already: data" in refused("data")


def test_code_in_the_way_is_kept(model: Path) -> None:
    mine = model / "src/penguin_study/twobus/data/mine.py"
    mine.parent.mkdir(parents=True)
    mine.write_text("MINE = 1\n", "utf-8")
    assert "src/penguin_study/twobus/data is there already" in refused("data")
    assert sorted(mine.parent.iterdir()) == [mine]


def test_another_release_than_the_locked_one_is_refused(model: Path) -> None:
    (model / "uv.lock").write_text(LOCK.format("0.1.0"), "utf-8")
    assert "not the release that uv.lock names" in refused("data")
    assert not (model / "src/penguin_study/twobus").exists()


def test_a_projects_own_table_of_settings_stays(model: Path) -> None:
    file = model / "pyproject.toml"
    text = file.read_text("utf-8") + '\n[tool.twobus]\ndata = "acme.data"\n'
    file.write_text(text, "utf-8")
    eject.main(["review"])
    assert '[tool.twobus]\nejected = ["review"]\ndata = "acme.data"' in file.read_text(
        "utf-8"
    )
