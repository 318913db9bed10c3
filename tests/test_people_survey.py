"""What `poe people` says of a project."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_people import change

from template import commit, git
from twobus.people import Change
from twobus.people.handover import meant, steps
from twobus.people.history import History
from twobus.people.knowledge import DAY
from twobus.people.page import render, render_handover
from twobus.people.settings import Settings, settings
from twobus.people.survey import Row, Survey, Surveyor, known_to
from twobus.people.tasks import name_alone, people
from twobus.people.things import Thing, things
from twobus.people.words import alone, trend, verdict
from twobus.project import Project, StopError
from twobus.review.handover import handover

MODEL, TABLE = "src/acme/models/churn.py", "src/acme/tables/orders.py"


def surveyed(
    *changes: Change, day: float = 100, paths: str = "", said: Settings | None = None
) -> Survey:
    """Return a survey of a history of people who are called by their keys."""
    known = {it for one in changes for it in (*one.authors, *one.readers)}
    there = paths.split() or [move.path for one in changes for move in one.files]
    found = History(
        list(changes),
        {it: it.title() for it in known},
        {it: [it, f"{it}@acme.example"] for it in known},
        list(dict.fromkeys(there)),
    )
    now = datetime.fromtimestamp(day * DAY, UTC)
    return Surveyor(found, said or Settings(), now).survey()


def row(found: Survey, name: str) -> Row:
    """Return the row of a part."""
    return next(it for it in found.rows if it.name == name)


def pair() -> list[Change]:
    """Ann and Bob; Ann alone knows the model, and Bob one of two beside it."""
    beside = "src/acme/models/price.py"
    return [
        change(0, "ann", f"A {MODEL}"),
        change(1, "ann", f"A {beside}", readers="bob"),
        change(2, "ann", f"A {TABLE}", readers="bob"),
    ]


def test_parts_are_models_tables_notebooks_and_folders() -> None:
    paths = [
        MODEL,
        "docs/models/churn.md",
        "docs/models/gone.md",
        TABLE,
        "src/acme/tables/orders.csv",
        "src/acme/tables/__init__.py",
        "notebooks/deep/a.py",
        "notebooks/jupytext.toml",
        "README.md",
    ]
    found = {(it.kind, it.name): it.paths for it in things(paths)}
    assert found["model", "churn"] == ("docs/models/churn.md", MODEL)
    assert found["table", "orders"] == ("src/acme/tables/orders.csv", TABLE)
    assert found["notebook", "deep/a"] == ("notebooks/deep/a.py",)
    assert found["folder", "(top folder)"] == ("README.md",)
    assert len(found["folder", "src/acme/tables"]) == 3
    assert [it for it in found if it[0] != "folder"] == [
        ("model", "churn"),
        ("table", "orders"),
        ("notebook", "deep/a"),
    ]
    assert things([]) == list[Thing]()


def test_what_one_person_knows_is_at_risk_and_the_nearest_is_named() -> None:
    found = surveyed(*pair())
    churn = row(found, "churn")
    assert (churn.files, churn.at_risk, churn.bus_factor) == (1, 1, 1)
    assert (churn.known_to, churn.nearest) == (("Ann",), "Bob")
    assert churn.reason == "knows 1 of 2 files beside it"
    assert row(found, "orders").at_risk == 0
    assert row(found, "orders").nearest == ""
    assert [(it.path, it.known_to) for it in found.at_risk] == [(MODEL, "Ann")]
    assert found.leaving == {"Ann": (MODEL,)}


def test_who_read_it_long_ago_is_nearest() -> None:
    found = surveyed(
        change(0, "ann", f"A {MODEL}", readers="eve"),
        change(400, "ann", f"M {MODEL}"),
        change(400, "bob", "A src/acme/models/price.py"),
        change(400, "eve", "A README.md"),
        day=401,
    )
    assert row(found, "churn").nearest == "Eve"
    assert row(found, "churn").reason == "wrote or read it some time ago"


def test_who_has_left_knows_nothing() -> None:
    for word in ("bob", "@Bob", "bob@acme.example"):
        found = surveyed(*pair(), said=Settings(left=(word,)))
        assert found.here == ("Ann",)
        assert len(found.at_risk) == 3


def test_what_a_template_wrote_is_not_counted_until_people_change_it() -> None:
    start = change(0, "ann", "A a.py", "A b.py", teaches=False)
    assert surveyed(start, change(1, "bob", "M b.py")).files == 1


def test_what_came_with_a_mass_change_is_known_to_nobody() -> None:
    many = change(0, "ann", *(f"A {number}.py" for number in range(60)))
    found = surveyed(many, change(0, "bob", "A b.py"))
    assert sum(not it.known_to for it in found.at_risk) == 60


def test_what_is_gone_or_left_out_is_not_counted() -> None:
    changes = [change(0, "ann", "A a.py", "A data/b.csv", "A c.py", "A uv.lock")]
    said = Settings(ignore=("data/*",))
    assert surveyed(*changes, paths="a.py data/b.csv uv.lock", said=said).files == 1


def test_what_only_a_merge_brought_is_known_to_nobody() -> None:
    found = surveyed(change(0, "ann", "A a.py"), paths="a.py b.py")
    assert [it.path for it in found.at_risk if not it.known_to] == ["b.py"]


def test_a_day_in_the_past_has_the_files_of_that_day() -> None:
    changes = [change(0, "ann", "A a.py"), change(9, "ann", "R a.py b.py", "A c.py")]
    found = surveyed(*changes, day=5, paths="b.py c.py")
    assert [it.path for it in found.at_risk] == ["a.py"]


def test_a_year_ago_is_compared_with_today() -> None:
    changes = [
        change(0, "ann", f"A {MODEL}", f"A {TABLE}"),
        change(390, "ann", f"M {TABLE}", f"M {MODEL}"),
        change(390, "bob", f"M {MODEL}"),
    ]
    found = surveyed(*changes, day=400)
    assert (found.before, len(found.at_risk)) == (2, 1)
    churn, orders = (row(found, name) for name in ("churn", "orders"))
    assert trend(churn.before, churn.at_risk) == "-1"
    assert trend(orders.before, orders.at_risk) == "same"
    young = row(surveyed(*changes, day=364), "churn")
    assert trend(young.before, young.at_risk) == "new"


@pytest.mark.parametrize(
    ("changes", "day", "said"),
    [
        ([], 1, "changed nothing yet"),
        ([change(0, "ann", "A a.py")], 1, "Ann is the only one here"),
        ([change(0, "ann", "A a.py")], 200, "Nobody has worked here"),
        (pair(), 3, "One person alone knows 1 file of 3"),
    ],
)
def test_a_sentence_says_how_it_is(
    changes: list[Change], day: float, said: str
) -> None:
    assert said in next(verdict(surveyed(*changes, day=day)))


def test_persons_stand_in_the_order_of_the_alphabet() -> None:
    found = surveyed(
        change(0, "zoe", "A a.py", "A b.py", "A c.py"), change(0, "ann", "A d.py")
    )
    assert list(found.leaving) == list(found.here) == ["Ann", "Zoe"]


def test_a_page_shows_it_without_a_network_and_without_trusting_names() -> None:
    found = surveyed(*pair(), change(3, "<b>eve", "A evil<script>.py"))
    page = render(found, "study <é>")
    assert "evil&lt;script&gt;.py" in page
    assert "study &lt;é&gt;" in page
    assert "<b>eve" not in page.lower().replace("<b>bob", "")
    assert "://" not in page
    assert "which only Ann knows" in page


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("limt = 3", "limt, which means nothing"),
        ("limit = true", "whole number"),
        ("limit = -1", "whole number"),
        ('left = "ann"', "list of texts"),
    ],
)
def test_settings_that_mean_nothing_are_refused(
    tmp_path: Path, text: str, said: str
) -> None:
    toml = f"[tool.twobus.people]\n{text}\n"
    (tmp_path / "pyproject.toml").write_text(toml, "utf-8")
    with pytest.raises(StopError, match=said):
        settings(Project(tmp_path))


def study(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a small project of one commit."""
    folder.mkdir()
    (folder / "pyproject.toml").write_text("[tool.twobus]\n", "utf-8")
    commit(folder)
    monkeypatch.chdir(folder)
    for module in ("people.tasks", "review.handover"):
        monkeypatch.setattr(f"twobus.{module}.here", lambda: Project(folder))
    return folder


def test_the_task_prints_a_table_and_writes_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = study(tmp_path / "study", monkeypatch)
    people()
    printed = capsys.readouterr().out
    assert "Test is the only one here" in printed
    assert "1 of 1" in printed
    assert printed.endswith("Page: reports/people.html\n")
    assert "Test is the only one here" in (folder / "reports/people.html").read_text()


def test_the_task_prints_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = study(tmp_path / "study", monkeypatch)
    people(as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["leaving"] == {"Test": ["pyproject.toml"]}
    assert not (folder / "reports").exists()
    assert not git("status", "--porcelain", cwd=folder)


def test_a_day_that_is_none_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study(tmp_path / "study", monkeypatch)
    with pytest.raises(SystemExit, match="write it as 2026-01-31"):
        people(on="yesterday")


def older(folder: Path, days: int, text: str) -> None:
    """Let a project be so old, and say something of its people."""
    toml = f"[tool.twobus.people]\n{text}\n"
    (folder / "pyproject.toml").write_text(toml, "utf-8")
    git("add", "--all", cwd=folder)
    date = f"{datetime.now(UTC).timestamp() - days * DAY:.0f} +0000"
    git("commit", "--quiet", "--amend", "--no-edit", "--date", date, cwd=folder)


def test_pages_ask_who_knows_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(study(tmp_path / "study", monkeypatch))
    assert known_to(project, "pyproject.toml") == ("Test",)
    assert known_to(project, "other.py") == ()
    assert known_to(Project(tmp_path), "other.py") == ()


def test_check_says_in_a_line_what_rests_on_one_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study(tmp_path / "study", monkeypatch)
    name_alone()
    line = "One person alone knows 1 file of 1: uv run poe people.\n"
    assert capsys.readouterr().out == line


def test_a_limit_fails_a_project_that_is_older_than_a_month(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = study(tmp_path / "study", monkeypatch)
    older(folder, 40, "limit = 0")
    with pytest.raises(SystemExit, match=r"1 file, and limit in .* allows 0"):
        name_alone()


@pytest.mark.parametrize(
    ("days", "text"), [(20, "limit = 0"), (40, "limit = 1"), (40, "")]
)
def test_nothing_fails_below_the_limit_or_in_a_young_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, text: str
) -> None:
    older(study(tmp_path / "study", monkeypatch), days, text)
    name_alone()


def test_check_goes_on_where_git_cannot_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("twobus.people.tasks.here", lambda: Project(tmp_path))
    name_alone()
    assert capsys.readouterr().out.startswith("Who knows what is not counted. ")


def test_the_line_of_check_names_tables_and_models() -> None:
    changes = [change(0, "ann", f"A {MODEL}", f"A {TABLE}"), change(0, "bob", "A a.py")]
    words = "One person alone knows 3 files of 3 (1 table, 1 model among them)"
    assert alone(surveyed(*changes)) == words


def surveyor(*changes: Change, day: float = 100, left: str = "") -> Surveyor:
    """Return what a survey of a history needs."""
    known = sorted({it for one in changes for it in (*one.authors, *one.readers)})
    found = History(
        list(changes),
        {it: it.title() for it in known},
        {it: [it] for it in known},
        list(dict.fromkeys(move.path for one in changes for move in one.files)),
    )
    now = datetime.fromtimestamp(day * DAY, UTC)
    return Surveyor(found, Settings(left=(left,)), now)


def test_a_handover_lists_what_nobody_else_knows_by_importance(tmp_path: Path) -> None:
    other = "src/acme/tables/visits.py"
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "a.py").write_text('read("visits")\n', "utf-8")
    changes = [
        change(0, "ann", "A b.py", "A notebooks/a.py", f"A {TABLE}", f"A {other}"),
        change(0, "ann", f"A {MODEL}", "A c.py"),
        change(0, "bob", "A d.py", "M c.py"),
    ]
    found = steps(surveyor(*changes), "ann", tmp_path)
    assert [(it.kind, it.name, it.use) for it in found] == [
        ("model", "churn", ""),
        ("table", "visits", "read by 1 file"),
        ("table", "orders", ""),
        ("notebook", "a", ""),
        ("folder", "(top folder)", ""),
    ]
    assert found[-1].paths == ("b.py",)
    assert {it.second for it in found} == {"Bob"}
    assert "poe train churn" in found[0].first
    # It becomes shorter as it is worked off.
    changes.append(change(1, "bob", f"M {MODEL}"))
    assert (
        next(it.name for it in steps(surveyor(*changes), "ann", tmp_path)) == "visits"
    )


def test_what_serves_and_what_runs_on_a_schedule_comes_first(tmp_path: Path) -> None:
    notebooks = ["notebooks/a.py", "notebooks/a_b.py", "notebooks/weekly.py"]
    models = [f"src/acme/models/{name}.py" for name in ("churn", "price")]
    changes = [change(0, "ann", *(f"A {it}" for it in (*notebooks, *models)))]
    jobs = tmp_path / ".github" / "workflows"
    jobs.mkdir(parents=True)
    text = (
        "on:\n  schedule:\n    - cron: '0 5 * * 1'\n      - run: uv run poe report {}\n"
    )
    (jobs / "weekly.yml").write_text(text.format("weekly"), "utf-8")
    (jobs / "ci.yml").write_text("on: push\nrun: uv run poe report a\n", "utf-8")
    found = steps(surveyor(*changes), "ann", tmp_path, served=["price"])
    assert [(it.name, it.use) for it in found] == [
        ("price", "serves"),
        ("churn", ""),
        ("weekly", "run on a schedule by weekly.yml"),
        ("a", ""),
        ("a_b", ""),
    ]
    (jobs / "weekly.yml").write_text(text.format(""), "utf-8")
    found = steps(surveyor(*changes), "ann", tmp_path)
    assert [it.use for it in found if it.kind == "notebook"] == [
        "run on a schedule by weekly.yml"
    ] * 3


def test_who_has_left_can_still_be_handed_over(tmp_path: Path) -> None:
    changes = [change(0, "ann", f"A {MODEL}"), change(0, "bob", "A d.py")]
    found = steps(surveyor(*changes, left="ann"), "ann", tmp_path)
    assert [(it.name, it.second) for it in found] == [("churn", "Bob")]


def test_the_page_of_a_handover_is_for_those_who_do_it(tmp_path: Path) -> None:
    alone = steps(surveyor(change(0, "ann", f"A {MODEL}")), "ann", tmp_path)
    page = render_handover(alone, "Ann <x>", "study", "2026-01-31")
    assert "nobody else is here: somebody new" in page
    assert "Ann &lt;x&gt;" in page
    assert "Nothing: somebody else" in render_handover([], "Ann", "study", "2026-01-31")


def test_a_person_is_found_by_login_name_or_address() -> None:
    logins = {
        "a": ["ann", "ann example", "ann@x.example"],
        "b": ["ann", "ann@y.example"],
    }
    found = History([], {"a": "Ann Example", "b": "Ann"}, logins, [])
    assert meant("Ann Example", found) == meant("ann@x.example", found) == "a"
    with pytest.raises(StopError, match="write the address"):
        meant("@ann", found)
    with pytest.raises(StopError, match="Git knows Ann, Ann Example"):
        meant("@eve", found)


def test_the_task_writes_the_page_of_a_handover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = study(tmp_path / "study", monkeypatch)
    handover("@test")
    assert "[ ] folder (top folder): somebody new. First:" in capsys.readouterr().out
    assert "pyproject.toml" in (folder / "reports" / "handover-test.html").read_text()
