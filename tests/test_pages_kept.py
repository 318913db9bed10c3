"""Pages of notebooks: one never stops another, and no good page is lost."""

import os
import signal
import time
from pathlib import Path
from threading import Timer

import pytest
from conftest import Small
from inside import inside

from template import whole
from twobus.notebooks import dependencies, pages, run_marimo
from twobus.notebooks.run import check, report
from twobus.project import StopError

FINE = "# %%\nprint('fine')\n"
BAD = {
    "raises": "# %%\n1\n\n# %%\nraise ValueError('on purpose')\n",
    "dies": "# %%\nimport os\n\nos._exit(1)\n",
    "leaves": "# %%\nimport sys\n\nsys.exit(3)\n",
    "no_python": "# %%\nprint('\n",
    "not_shown": "# %%\nfrom IPython.display import IFrame\n\n"
    "IFrame('https://x.org', 9, 9)\n",
    "too_large": "# %%\nprint('x' * 11_000_000)\n",
    "odd_output": "# %%\nfrom IPython.display import display\n\n"
    "display({'application/x-odd': {'a': 1}}, raw=True)\n",
}


def only(project: Path, **scripts: str) -> Path:
    """Give a project these notebooks and no others."""
    folder = project / "notebooks"
    for script in folder.glob("*.py"):
        script.unlink()
    for name, text in scripts.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    return project


def state(page: Path) -> str:
    """Return how a page is."""
    said = pages.mark(page)
    assert said is not None
    return said.state


def told(project: Path) -> str:
    """Return what a check of bad notebooks says at its end."""
    with inside(project), pytest.raises(SystemExit) as stop:
        check()
    return str(stop.value)


@pytest.mark.slow
def test_a_bad_notebook_never_stops_another(small: Small) -> None:
    project = only(small(), **BAD, z_fine=FINE)
    (project / "notebooks/bytes.py").write_bytes(b"# %%\nprint('\xff')\n")
    lines = told(project).splitlines()[-len(BAD) - 1 :]
    names = [line.partition(".py: ")[0].removeprefix("notebooks/") for line in lines]
    assert names == sorted([*BAD, "bytes"])
    assert all("cell" in line for line in lines if "bytes" not in line)
    assert state(project / "reports/samples/z_fine.html") == "current"


@pytest.mark.slow
def test_the_last_good_page_stays_and_says_why_it_is_old(small: Small) -> None:
    project = only(small(), first=FINE)
    check()
    page = project / "reports/samples/first.html"
    only(project, first=BAD["raises"])
    told(project)
    told(project)
    shown = page.read_text("utf-8")
    assert "<pre>fine" in shown
    assert shown.count('id="stale"') == 1
    assert "ValueError: on purpose" in shown
    assert state(page) == "stale"
    attempt = page.with_name("first.failed.html")
    assert "on purpose" in attempt.read_text("utf-8")
    only(project, first=FINE)
    check()
    assert state(page) == "current"
    assert 'id="stale"' not in page.read_text("utf-8")
    assert not attempt.exists()


@pytest.mark.slow
def test_only_what_has_changed_is_run_again(
    small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    project = only(small(), first=FINE, second="# %%\nprint('two')\n")
    check()
    only(project, first=FINE, second="# %%\nprint('three')\n")
    capsys.readouterr()
    check()
    said = capsys.readouterr().out
    assert "notebooks/first.py: nothing has changed since" in said
    assert "notebooks/second.py -> reports/samples/second.html" in said
    assert "<pre>three" in (project / "reports/samples/second.html").read_text("utf-8")
    check(again=True)
    assert "nothing has changed" not in capsys.readouterr().out


@pytest.mark.slow
def test_pages_of_notebooks_that_are_gone_go(small: Small) -> None:
    project = only(small(), first=FINE, second=FINE)
    check()
    report(["second"])
    mine = project / "reports/mine.html"
    mine.write_text("<html><head></head>mine</html>", "utf-8")
    (project / "notebooks/second.py").unlink()
    check()
    report()
    there = {it.name for it in (project / "reports").rglob("*.html")}
    assert {"first.html", "mine.html"} <= there
    assert "second.html" not in there


@pytest.mark.parametrize(
    "change",
    {
        "src/penguin_study/new.py": "A = 1\n",
        "uv.lock": "# other\n",
        "notebooks/media/a.png": "picture",
        "notebooks/helper.py": "A = 2\n",
    }.items(),
    ids=lambda it: it[0],
)
def test_a_notebook_depends_on_code_lock_and_files_beside_it(
    small: Small, change: tuple[str, str]
) -> None:
    project = only(small(), first="# %%\nimport helper\n", other=FINE)
    script = project / "notebooks/first.py"
    before = dependencies.key(script, dependencies.common())
    file = project / change[0]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(change[1], "utf-8")
    assert dependencies.key(script, dependencies.common()) != before


def test_a_notebook_does_not_depend_on_another(small: Small) -> None:
    project = only(small(), first=FINE, other=FINE)
    script = project / "notebooks/first.py"
    before = dependencies.key(script, dependencies.common())
    (project / "notebooks/other.py").write_text("# %%\n2\n", "utf-8")
    assert dependencies.key(script, dependencies.common()) == before


def test_a_page_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.mkdir()
    with pytest.raises(StopError, match="cannot be written"):
        pages.keep(page, "<head>", pages.Mark("k", "now", "notebooks/a.py"))
    assert [it.name for it in tmp_path.iterdir()] == ["page.html"]


def test_a_long_reason_loses_no_good_page(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    said = pages.Mark("k", "now", "notebooks/a.py")
    pages.keep(page, "<head></head><main>good</main>", said)
    for _ in range(2):
        failed = pages.Mark("k", "now", "notebooks/a.py", reason="e" * 10_000)
        pages.fail(page, "<head></head><main>bad</main>", failed)
    assert "good" in page.read_text("utf-8")
    assert state(page) == "stale"


@pytest.mark.parametrize("code", ["open('data/raw/a.csv')", "here().data / 'a.csv'"])
def test_a_notebook_depends_on_data_that_it_names(small: Small, code: str) -> None:
    project = only(small(), first=f"# %%\n{code}\n")
    script = project / "notebooks/first.py"
    before = dependencies.key(script, dependencies.common())
    (project / "data/raw/a.csv").write_text("a\n1\n", "utf-8")
    assert dependencies.key(script, dependencies.common()) != before


def test_a_notebook_does_not_depend_on_sessions_of_marimo(small: Small) -> None:
    project = only(small(), first=FINE)
    script = project / "notebooks/first.py"
    before = dependencies.key(script, dependencies.common())
    file = project / "notebooks/__marimo__/session/first.py.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}", "utf-8")
    assert dependencies.key(script, dependencies.common()) == before


HANGS = {
    "jupyter": "# %%\n1\n\n# %%\nimport time\n\ntime.sleep(600)\n",
    "marimo": "import marimo\n\napp = marimo.App()\n\n\n@app.cell\ndef _():\n"
    "    import time\n\n    time.sleep(600)\n    return\n",
}
# With brackets, as TOML has them.
SETTINGS = "\n[tool.twobus.notebooks]\ntimeout = {}\n"


def setting(project: Path, said: object) -> Path:
    """Set how long notebooks of a project may take."""
    file = project / "pyproject.toml"
    file.write_text(file.read_text("utf-8") + SETTINGS.format(said), "utf-8")
    return project


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["jupyter", whole("marimo")])
def test_a_notebook_that_hangs_is_ended_at_the_limit(small: Small, kind: str) -> None:
    project = setting(only(small(), hangs=HANGS[kind], z_fine=FINE), 8)
    last = told(project).splitlines()[-1]
    assert "notebooks/hangs.py: " in last
    assert "not finished after 8 s" in last
    assert "timeout in [tool.twobus.notebooks]" in last
    assert ("cell 2 (line 4)" in last) == (kind == "jupyter")
    assert state(project / "reports/samples/z_fine.html") == "current"


@pytest.mark.whole
@pytest.mark.slow
def test_a_kernel_of_marimo_that_dies_ends_its_notebook(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_marimo, "GRACE", 1)
    text = HANGS["marimo"].replace("time.sleep(600)", "time.sleep(2)\n    exit(4)")
    project = only(small(), dies=text.replace("exit", "__import__('os')._exit"))
    last = told(project).splitlines()[-1]
    assert "notebooks/dies.py: " in last
    assert "died" in last


@pytest.mark.parametrize("said", ["0", "-1", '"long"', "true"])
def test_a_limit_that_is_no_number_of_seconds_is_named(small: Small, said: str) -> None:
    project = setting(only(small(), fine=FINE), said)
    with inside(project), pytest.raises(SystemExit) as stop:
        check()
    assert "[tool.twobus.notebooks] says timeout" in str(stop.value)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["out", whole("err")])
def test_marimo_cuts_no_output_without_a_word(small: Small, name: str) -> None:
    code = f"import sys\n\n    sys.std{name}.write('x' * 11_000_000)"
    text = HANGS["marimo"].replace("import time\n\n    time.sleep(600)", code)
    last = told(only(small(), large=text)).splitlines()[-1]
    assert "its output has 11 MB" in last


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["jupyter", whole("marimo")])
def test_whoever_stops_a_check_makes_no_page_stale(small: Small, kind: str) -> None:
    project = only(small(), first=HANGS[kind].replace("600", "0"))
    check()
    only(project, first=HANGS[kind])
    timer = Timer(6, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    start = time.monotonic()
    with inside(project), pytest.raises(SystemExit, match="130"):
        check()
    assert time.monotonic() - start < 30
    assert state(project / "reports/samples/first.html") == "current"


@pytest.mark.slow
def test_a_script_that_cannot_be_read_stops_no_other(small: Small) -> None:
    project = only(small(), z_fine=FINE)
    (project / "notebooks/gone.py").symlink_to("nowhere.py")
    last = told(project).splitlines()[-1]
    assert "notebooks/gone.py: " in last
    assert "No such file" in last
    assert state(project / "reports/samples/z_fine.html") == "current"


@pytest.mark.slow
def test_a_page_that_cannot_be_written_stops_no_other(small: Small) -> None:
    project = only(small(), first=FINE, z_fine=FINE)
    (project / "reports/samples/first.html").mkdir(parents=True)
    last = told(project).splitlines()[-1]
    assert "notebooks/first.py: first.html cannot be written" in last
    assert state(project / "reports/samples/z_fine.html") == "current"


def test_a_notebook_depends_on_data_that_code_names(small: Small) -> None:
    project = only(small(), first=FINE)
    before = dependencies.common()
    (project / "data/raw/b.csv").write_text("a\n1\n", "utf-8")
    assert dependencies.common() == before
    code = project / "src/penguin_study/own.py"
    code.write_text("TABLE = open('data/raw/b.csv').read()\n", "utf-8")
    before = dependencies.common()
    (project / "data/raw/b.csv").write_text("a\n1\n2\n", "utf-8")
    assert dependencies.common() != before
