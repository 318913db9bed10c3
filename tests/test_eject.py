"""Ejecting a room: a project gets common code of its own, and stays green."""

import shutil
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
from conftest import Small
from inside import forget
from reading import run_tests

from template import git, status, whole
from twobus import at_once, eject
from twobus.project import StopError
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


# One room, and in the test below all, show how; the others differ in their files alone.
@pytest.mark.parametrize("room", ["data", whole("notebooks"), whole("review")])
def test_an_analysis_with_a_room_of_its_own_is_green(small: Small, room: str) -> None:
    project = locked(small())
    eject.main([room])
    assert (project / f"src/penguin_study/twobus/{room}/__init__.py").exists()
    assert tool(project, "ruff", "check") == ""
    assert tool(project, "ruff", "format", "--check") == ""
    assert tool(project, "mypy") == ""
    assert tool(project, "pytest") == ""


@pytest.mark.whole
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
    listed = tomllib.loads(text)["tool"]["twobus"]["ejected"]
    assert listed == ["data", "new", "notebooks"]
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
    assert '[tool.twobus]\nejected = ["review"]\ndata = "acme.data"\n' in (
        file.read_text("utf-8")
    )


FORMS = {
    "a list of several lines": """[tool.twobus]
ejected = [
  'notebooks',  # ours since May
]
""",
    "an inline table": "[tool]\ntwobus = { ejected = ['notebooks'] } # ours\n",
    "dotted names": "[tool]\ntwobus.ejected = ['notebooks'] # ours\n",
    "a table in parts": """[tool.twobus.review]
warn_added = 1  # ours

[tool.other]
a = 1

[tool.twobus]
"ejected" = ["notebooks"]
""",
    "nothing of it": "[project]\nname = 'x'  # ours\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_the_list_is_found_in_whatever_form_it_is_written(form: str) -> None:
    before = FORMS[form]
    already = ["notebooks"] if "notebooks" in before else []
    text = eject._listed(before, ["review"])
    assert tomllib.loads(text)["tool"]["twobus"]["ejected"] == ["review", *already]
    comments = [line.partition("#")[2] for line in before.splitlines() if "#" in line]
    assert all(comment in text for comment in comments)


def test_a_form_that_cannot_be_extended_is_refused() -> None:
    with pytest.raises(StopError, match='Write ejected = \\["review"\\] into'):
        eject._listed("[tool]\ntwobus = { data = 'acme.data' }\n", ["review"])


def test_a_room_says_what_release_it_came_from(model: Path) -> None:
    eject.main(["review"])
    text = (model / "src/penguin_study/twobus/review/__init__.py").read_text("utf-8")
    assert text.endswith(f"\n\n# From Twobus {version('twobus')}.\n")


def killed(monkeypatch: pytest.MonkeyPatch, after: int, rooms: list[str]) -> None:
    """Eject rooms in a process that is killed after so many moves, or before them."""
    done: list[Path] = []
    move = Path.replace

    def replace(file: Path, target: Path) -> Path:
        if len(done) == after:
            raise SystemError("killed")
        done.append(file)
        return move(file, target)

    def touch(file: Path) -> None:
        raise SystemError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        if after < 0:
            patch.setattr(Path, "touch", touch)
        # Neither is there time to tidy up.
        patch.setattr(at_once, "_put_back", lambda *_: None)
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(SystemError):
            eject.main(rooms)


def test_a_run_that_was_killed_halfway_is_completed_by_the_next(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    killed(monkeypatch, 5, ["review"])
    eject.main(["review"])
    said = capsys.readouterr().out
    assert said == "An eject that was stopped halfway is complete now.\n"
    assert '"review"' in (model / "pyproject.toml").read_text("utf-8")
    assert (model / "src/penguin_study/twobus/review/tasks.py").is_file()
    assert not (model / ".eject").exists()


def test_a_run_that_was_killed_before_its_first_move_is_undone(
    model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    killed(monkeypatch, -1, ["notebooks"])
    assert status(model) == "?? uv.lock\n"
    eject.main(["review"])
    assert "had changed nothing, and begins anew" in capsys.readouterr().out
    assert not (model / "src/penguin_study/twobus/notebooks").exists()
    assert not (model / ".eject").exists()


def test_what_people_wrote_since_a_run_was_killed_is_kept(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(monkeypatch, 0, ["review"])
    file = model / "pyproject.toml"
    file.write_text(file.read_text("utf-8") + "# ours\n", "utf-8")
    assert "pyproject.toml has changed since" in refused("review")
    assert file.read_text("utf-8").endswith("# ours\n")


def test_a_disk_that_is_full_leaves_all_as_it_was(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, move = status(model), Path.replace

    def replace(file: Path, target: Path) -> Path:
        if file.name == "tasks.py":
            raise OSError("No space left on device")
        return move(file, target)

    monkeypatch.setattr(Path, "replace", replace)
    assert refused("review") == "Nothing has changed: No space left on device."
    assert status(model) == before
    assert not (model / "src/penguin_study/twobus").exists()


def test_all_code_that_git_knows_is_led_to_the_own_room(model: Path) -> None:
    scripts = model / "scripts"
    scripts.mkdir()
    texts = {
        "first.py": "import twobus.data\n\nx = twobus.data.digest\n",
        "second.py": "from twobus import data, project\n\nprint(data, project)\n",
    }
    for name, text in texts.items():
        (scripts / name).write_text(text, "utf-8")
    eject.main(["data"])
    assert (scripts / "first.py").read_text("utf-8") == (
        "import penguin_study.twobus.data\n\nx = penguin_study.twobus.data.digest\n"
    )
    second = (scripts / "second.py").read_text("utf-8")
    assert "from penguin_study.twobus import data\n" in second
    assert "from twobus import project\n" in second


def test_rooms_in_strings_are_named(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (model / "own.py").write_text(
        '"""Of `twobus.models`."""\n\nNAME = "twobus.models.checks"\n', "utf-8"
    )
    (model / "broken.py").write_text("from twobus.models import (\n", "utf-8")
    eject.main(["models"])
    said = capsys.readouterr().out
    assert "own.py:3 twobus.models\n" in said
    assert "own.py:1" not in said
    assert "broken.py:1 twobus.models\n" in said
    assert "Dockerfile:21 twobus.models\n" in said
    assert "pyproject.toml" not in said


@pytest.mark.parametrize("room", ["models", "library"])
def test_a_room_of_another_kind_is_refused(small: Small, room: str) -> None:
    project = locked(small())
    assert refused(room).startswith("This project is of the kind 'analysis', which")
    assert status(project) == "?? uv.lock\n"


def test_notebooks_are_refused_where_there_are_none(small: Small) -> None:
    locked(small(notebooks="none"))
    assert refused("notebooks").startswith("This project has no notebooks")


def test_a_librarys_checks_come_along_with_its_data(small: Small) -> None:
    project = locked(small(kind="library"))
    eject.main(["data"])
    said = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    assert said["tool"]["twobus"]["ejected"] == ["data", "library", "new"]
    assert run_tests(project / "tests/test_data.py") == 0


def test_a_new_model_imports_the_projects_own_room(model: Path) -> None:
    eject.main(["models"])
    poe = tasks()["tasks"]["new-model"]["script"]
    assert poe == "penguin_study.twobus.new.model:new_model"
    forget(model)
    import_module("penguin_study.twobus.new.model").new_model("churn")
    text = (model / "src/penguin_study/models/churn.py").read_text("utf-8")
    assert "from penguin_study.twobus.models import Model\n" in text
    test = (model / "tests/test_churn.py").read_text("utf-8")
    assert "from penguin_study.twobus.models.rows import conform\n" in test
    assert tool(model, "ruff", "check") == ""


def test_a_project_inside_another_repository_is_refused(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = locked(small())
    shutil.rmtree(project / ".git")
    git("init", "--quiet", cwd=project.parent)
    said = refused("review")
    assert said.startswith("This folder lies inside another git repository, ")
    assert str(project.parent) in said
