"""What `poe people` says of many projects."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from committed import ANN, BOB, START, Repository
from inside import poe_inside

from twobus.people.knowledge import DAY
from twobus.people.many import Many, survey_all
from twobus.people.page import render_many
from twobus.people.tasks import people
from twobus.project import Project

# Ann, as she commits elsewhere.
ALSO_ANN = "Ann Example <ann@other.example>"
TODAY = int((datetime.now(UTC).timestamp() - START) / DAY)


@pytest.fixture
def both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two projects: ann alone knows all of one, and a file of the other."""
    first, second = Repository(tmp_path / "first"), Repository(tmp_path / "second")
    first.commit(ANN, {"a.py": "1", "b.py": "1"}, day=TODAY - 2)
    second.commit(ALSO_ANN, {"c.py": "1", "d.py": "1"}, day=TODAY - 2)
    second.commit(BOB, {"c.py": "2"}, day=TODAY - 1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POE_PWD", raising=False)
    monkeypatch.setattr("twobus.people.tasks.here", lambda: Project(tmp_path))
    return tmp_path


def surveyed(*folders: str) -> Many:
    """Return what is known of projects today."""
    roots = {folder: Path(folder).resolve() for folder in folders}
    return survey_all(roots, datetime.now(UTC))


def test_a_person_is_one_in_all_projects(both: Path) -> None:
    found = surveyed("second", "first")
    assert found.leaving == {
        "Ann Example": {"second": ("d.py",), "first": ("a.py", "b.py")}
    }


def test_projects_with_most_at_risk_come_first(both: Path) -> None:
    assert [*surveyed("second", "first").projects] == ["first", "second"]


def test_each_project_says_whom_to_leave_out(both: Path) -> None:
    text = '[tool.twobus.people]\nleft = ["@bob"]\n'
    (both / "second" / "pyproject.toml").write_text(text, "utf-8")
    found = surveyed("second", "first").projects
    assert found["second"].here == ("Ann Example",)
    assert len(found["second"].at_risk) == 2


def test_a_folder_of_which_git_knows_nothing_stops_no_other(
    both: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (both / "third").mkdir()
    with pytest.raises(SystemExit, match="Nothing is known of 2 of them"):
        people(["third", "nowhere", "second"])
    printed = capsys.readouterr().out
    assert "second  1 of 2" in printed
    assert "\nthird: " in printed
    assert "\nnowhere: " in printed


def test_the_task_prints_json_of_all(
    both: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people(["first", "second"], as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["leaving"]["Ann Example"]["second"] == ["d.py"]
    assert found["projects"]["first"]["bus_factor"] == 1
    assert not (both / "reports").exists()


def test_a_page_shows_many_projects_without_trusting_names(both: Path) -> None:
    (both / "first").rename(both / "<b>x")
    page = render_many(surveyed("second", "<b>x", "nowhere"), "2026-01-31")
    assert "<title>Who knows what in 2 projects</title>" in page
    assert "<b>x" not in page
    assert "1 of 2" in page
    assert "://" not in page


def test_folders_are_given_on_the_command_line(both: Path) -> None:
    text = '[tool.twobus]\n[tool.poe]\ninclude_script = "twobus.tasks:tasks()"\n'
    (both / "pyproject.toml").write_text(text, "utf-8")
    result = poe_inside(both, "people", "first", "second")
    assert result.code == 0, result.output
    assert "If Ann Example leaves, nobody here knows 2 files of first" in result.output
    assert (both / "reports" / "people-of-many.html").is_file()
