"""Notebooks run from top to bottom, and what CI shows of them is samples only."""

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from conftest import Made, Small
from inside import another_owner, inside, poe_inside

from template import commit, git, run, status
from twobus.notebooks.run import check, report

slow = pytest.mark.slow

Output = pytest.CaptureFixture[str]

SLOW = '# %% tags=["slow"]\nprint("It took", 2 * 3600, "s")\n'
NO_TABLE = """# %%
from penguin_study.data import read

read("penguins")
"""


def only(project: Path, **scripts: str) -> Path:
    """Give a project these notebooks and no others."""
    folder = project / "notebooks"
    for script in folder.glob("*.py"):
        script.unlink()
    for name, text in scripts.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    return project


def page(project: Path, name: str) -> str:
    """Return a page that was rendered."""
    return (project / f"reports/{name}.html").read_text("utf-8")


def footer(project: Path, name: str) -> str:
    """Return the foot of a report, without its tags."""
    (foot,) = re.findall(r"<footer>(.*?)</footer>", page(project, name), re.DOTALL)
    return re.sub(r"<.*?>", "\n", foot)


def digest(file: Path) -> str:
    """Return how a footer names the content of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


# Notebooks run from top to bottom.


@pytest.fixture(scope="module")
def failed(rendered: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with bad notebooks that `check` has run; `told` is what it said."""
    project = tmp_path_factory.mktemp("failed") / "penguin study é"
    shutil.copytree(rendered({}), project)
    fails = (
        '# %%\nprint("before")\n\n# %%\nraise RuntimeError("on purpose")\n\n'
        '# %%\nprint("after")\n'
    )
    dies = "# %%\nimport os\n\nos._exit(1)\n"
    late = '# %% [markdown]\n# Text\n\n# %% tags=["slow"]\ntottal\n'
    only(commit(project), a_fails=fails, b_dies=dies, c_slow=late, d_fine="# %%\n1\n")
    with inside(project), pytest.raises(SystemExit) as stop:
        check()
    (project / "told").write_text(str(stop.value), "utf-8")
    return project


@slow
def test_check_names_each_notebook_that_raises(failed: Path) -> None:
    told = (failed / "told").read_text("utf-8")
    assert re.findall(r"notebooks/(.*)\.py failed:", told) == ["a_fails", "b_dies"]
    assert "Traceback (most recent call last)" in told


@slow
def test_check_ends_with_a_line_for_each_of_them(failed: Path) -> None:
    told = (failed / "told").read_text("utf-8")
    first, second = told.splitlines()[-2:]
    assert first == "notebooks/a_fails.py: cell 2 (line 4): RuntimeError: on purpose"
    # A kernel that dies has no traceback.
    assert second == "notebooks/b_dies.py: cell 1 (line 1): Kernel died"


@slow
def test_check_runs_a_notebook_to_the_first_cell_that_raises(failed: Path) -> None:
    shown = page(failed, "samples/a_fails")
    assert re.search(r"<pre>before\n</pre>", shown)
    assert not re.search(r"<pre>after\n</pre>", shown)


@slow
def test_check_runs_what_comes_after_a_notebook_that_raises(failed: Path) -> None:
    assert "<footer>" in page(failed, "samples/d_fine")


@slow
def test_lint_reads_notebooks_even_slow_ones(failed: Path) -> None:
    linted = run("ruff", "check", "--no-cache", cwd=failed)
    assert re.search(r"F821.*\n.*notebooks/c_slow\.py", linted.output)


def test_check_says_that_a_slow_notebook_was_not_run(
    small: Small, capsys: Output
) -> None:
    project = only(small(), long=SLOW)
    check()
    told = capsys.readouterr().out
    assert "notebooks/long.py is tagged slow: not run here" in told
    assert "No notebook to run." in told
    assert not (project / "reports/samples").exists()


@slow
def test_report_runs_a_slow_notebook(small: Small) -> None:
    project = only(small(), long=SLOW)
    report(["long"])
    assert "It took 7200 s" in page(project, "long")


def test_report_names_the_notebooks_where_it_does_not_know_one(small: Small) -> None:
    project = only(small(), b="", a="")
    told = poe_inside(project, "report", "no such")
    assert told.code == 1
    assert "There is no notebook 'no such'; known: a, b." in told.output


@slow
def test_report_takes_names_and_paths(small: Small) -> None:
    cells = dict.fromkeys(("first", "second", "third"), "# %%\n1\n")
    project = only(small(), **cells)
    told = poe_inside(project, "report", "first", "notebooks/third.py")
    assert told.code == 0, told.output
    names = {it.name for it in project.glob("reports/*.html")}
    assert names == {"first.html", "third.html", "index.html"}


@slow
def test_report_runs_all_where_none_is_named(small: Small) -> None:
    project = only(small(), first="# %%\n1\n", second="# %%\n2\n")
    report()
    names = {it.name for it in project.glob("reports/*.html")}
    assert names == {"first.html", "second.html", "index.html"}


@slow
def test_a_missing_raw_file_ends_in_a_line_with_the_next_step(small: Small) -> None:
    project = only(small(), first=NO_TABLE)
    (project / "data/raw/penguins.csv").unlink()
    with pytest.raises(SystemExit) as stop:
        report()
    last = str(stop.value).splitlines()[-1]
    line = "notebooks/first.py: cell 1 (line 1): DataError: The table 'penguins' has no"
    assert last.startswith(line)
    assert "`uv run poe data`" in last


# What reports leave behind, and what they say.


@slow
def test_check_and_report_leave_git_status_as_it_was(small: Small) -> None:
    project = small()
    (project / "README.md").write_text("# Mine\n")
    (project / "docs/new.md").write_text("# New\n")
    before = status(project)
    assert len(before.splitlines()) == 2
    check()
    report()
    assert page(project, "samples/01_body_mass")
    assert page(project, "01_body_mass")
    assert status(project) == before


@slow
def test_the_footer_says_which_commit_lock_and_data(small: Small) -> None:
    project = only(small(), first="# %%\n1\n")
    (project / "uv.lock").write_text("version = 1\n")
    commit(project)
    report(["first"])
    foot = footer(project, "first")
    head = git("rev-parse", "HEAD", cwd=project)[:12]
    assert f"from commit {head}.\n" in foot
    assert f"Packages: uv.lock {digest(project / 'uv.lock')}.\n" in foot
    data = "data/raw/penguins.csv"
    assert f"Data: {data} {digest(project / data)}.\n" in foot


@slow
def test_the_footer_says_that_changes_were_not_committed(small: Small) -> None:
    project = only(small(), first="# %%\n1\n")
    report(["first"])
    head = git("rev-parse", "HEAD", cwd=project)[:12]
    line = f"from commit {head} and changes that are not committed.\n"
    assert line in footer(project, "first")


@pytest.mark.parametrize("task", [check, report])
def test_a_repository_of_another_user_is_named_and_nothing_run(
    small: Small, task: Callable[[], None]
) -> None:
    project = small()
    with another_owner(), pytest.raises(SystemExit, match="safe\\.directory"):
        task()
    assert not [*project.glob("reports/**/*.html")]


@slow
def test_report_on_samples_says_so(small: Small) -> None:
    project = only(small(env={"DATA_URL": "samples"}), first="# %%\n1\n")
    report()
    assert "its numbers are not results" in page(project, "first")


# Samples in public view.


CANARY = "98765.4321"
PEEK = """# %%
from penguin_study.data import read

print(read("penguins").bill_length_mm.max().execute())
"""
PEEK_MARIMO = """import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def _():
    from penguin_study.data import read

    print(read("penguins").bill_length_mm.max().execute())
    return


if __name__ == "__main__":
    app.run()
"""


def plant_canary(project: Path, folder: Path) -> None:
    """Put a canary into the raw file, and into a database that `.env` names."""
    raw, database = project / "data/raw/penguins.csv", folder / "real é.db"
    with raw.open("a", newline="\n") as rows:
        rows.write(f"Gentoo,Biscoe,{CANARY},13.2,211,4500,female,2007\n")
    with duckdb.connect(database) as connection:
        rows_of = f"read_csv('{raw}', nullstr='NA')"
        connection.execute(f"CREATE TABLE penguins AS FROM {rows_of}")
    (project / ".env").write_text(f"DATA_URL=duckdb://{database}\n", "utf-8")


def published(project: Path) -> dict[str, str]:
    """Return what CI publishes, without times, commits and random names of cells."""
    folder = project / "reports/samples"
    return {
        page.relative_to(folder).as_posix(): re.sub(
            r"<p>Made .*?</p>|&quot;made&quot;: &quot;[^&]*|\bcell-id=\w+",
            "",
            page.read_text("utf-8"),
        )
        for page in folder.rglob("*")
    }


@slow
def test_check_shows_nothing_of_the_real_data(
    small: Small, tmp_path: Path, capsys: Output
) -> None:
    project = only(small(), peek=PEEK)
    check()
    before = published(project)
    plant_canary(project, tmp_path)
    check()
    assert re.search(r"<pre>\d+\.\d\n</pre>", before["peek.html"])
    assert published(project) == before
    # What else `poe check` runs that reads data.
    tested = poe_inside(project, "test")
    assert tested.code == 0, tested.output
    assert CANARY not in "".join([*capsys.readouterr(), tested.output])


@slow
def test_check_leaves_what_this_process_reads_as_it_was(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(small(), first="# %%\n1\n")
    check()
    assert os.environ["DATA_URL"] == ""
    monkeypatch.delenv("DATA_URL")
    check()
    assert "DATA_URL" not in os.environ


@slow
def test_check_of_marimo_shows_nothing_of_the_real_data(
    small: Small, tmp_path: Path, capsys: Output
) -> None:
    project = only(small(notebooks="marimo"), body_mass=PEEK_MARIMO)
    plant_canary(project, tmp_path)
    check()
    assert CANARY not in "".join(capsys.readouterr())
    (shown,) = published(project).values()
    assert re.search(r"<pre>\d+\.\d\n</pre>", shown)
    assert CANARY not in shown


@slow
@pytest.mark.parametrize("source", ["penguins.csv", "real é.db"])
def test_report_shows_the_real_data_and_says_where_it_is_from(
    small: Small, tmp_path: Path, source: str
) -> None:
    url = {"DATA_URL": "duckdb://"} if source == "penguins.csv" else {}
    project = only(small(env=url), peek=PEEK)
    plant_canary(project, tmp_path)
    report(["peek"])
    assert CANARY in page(project, "peek")
    assert re.search(rf"Data: .*{source}", footer(project, "peek"))


# The other kinds of notebooks.


MARIMO_FAILS = PEEK_MARIMO.replace(
    'print(read("penguins").bill_length_mm.max().execute())',
    'print(read("no such table"))',
)
ORDER = (
    "import marimo\n\napp = marimo.App()\n\n\n"
    '@app.cell\ndef _(word):\n    print("top", word)\n    return\n\n\n'
    '@app.cell\ndef _():\n    word = "level"\n    print("bottom")\n'
    "    return (word,)\n"
)


@slow
def test_check_of_marimo_leaves_git_status_as_it_was(small: Small) -> None:
    project = small(notebooks="marimo")
    check()
    assert page(project, "samples/body_mass")
    assert status(project) == ""


@slow
def test_check_of_marimo_ends_with_a_line_for_each_notebook_that_fails(
    small: Small,
) -> None:
    # The second is no Python.
    broken = MARIMO_FAILS.replace("))", "(")
    only(small(notebooks="marimo"), fails=MARIMO_FAILS, broken=broken)
    with pytest.raises(SystemExit) as stop:
        check()
    told = str(stop.value)
    assert re.findall(r"notebooks/(.*)\.py failed:", told) == ["broken", "fails"]
    first, second = told.splitlines()[-2:]
    assert first.startswith("notebooks/broken.py: ")
    assert "'(' was never closed" in first
    line = r"notebooks/fails\.py: cell \d+ \(line \d+\): DataError: There is no table"
    assert re.match(f"{line} 'no such table'", second)


@slow
def test_a_marimo_report_is_in_the_order_of_its_notebook(small: Small) -> None:
    project = only(small(notebooks="marimo"), order=ORDER)
    report(["order"])
    shown = page(project, "order")
    assert shown.index("<pre>top level") < shown.index("<pre>bottom")


def test_a_project_without_notebooks_has_no_tasks_for_them(small: Small) -> None:
    project = small(notebooks="none")
    listed = poe_inside(project).output
    assert re.search(r"^  check ", listed, re.MULTILINE)
    assert not re.search(r"^  (lab|notebooks|report|save) ", listed, re.MULTILINE)
    assert not (project / "notebooks").exists()
