"""Work in notebooks reaches git, notebooks run, and what CI shows is samples only."""

import hashlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Render

from template import Result, environment, git, lend, poe, run, status

pytestmark = pytest.mark.slow

SCRIPT = "notebooks/02_pair.py"
NOTEBOOK = "notebooks/02_pair.ipynb"
SOURCE = """# %% [markdown]
# # Numbers
#
# There are **some**.

# %%
one = 1
one

# %%
two = 2
two

# %%
three = 3
three
"""
OPEN_ALL = "from analysis_project.twobus.pairing import open_all; open_all()"
Checked = tuple[Result, dict[str, str]]

WRITTEN = (
    f"{SCRIPT} was written from its newer notebook: look at the change, git add it, "
    "and go on.\n"
)
BOTH = f"{SCRIPT} and its notebook have both changed, so neither was touched: "


@pytest.fixture
def written(study: Path) -> Path:
    """The default project, where somebody has committed another script."""
    add_script(study)
    return study


@pytest.fixture(scope="module")
def opened(ready: Path) -> dict[str, bytes]:
    """What `poe lab` writes before it opens JupyterLab."""
    with lend(ready):
        add_script(ready)
        open_all(ready)
        return {
            name: (ready / name).read_bytes()
            for name in (NOTEBOOK, "notebooks/.agreed.json")
        }


@pytest.fixture
def paired(written: Path, opened: dict[str, bytes]) -> Path:
    """That project, where somebody has opened the script as a notebook."""
    for name, content in opened.items():
        (written / name).write_bytes(content)
    return written


@pytest.fixture
def marimo(marimo_ready: Path) -> Iterator[Path]:
    """The project with marimo notebooks, given back as it was."""
    with lend(marimo_ready):
        yield marimo_ready


def add_script(project: Path) -> None:
    """Commit a script that is a notebook."""
    (project / SCRIPT).write_text(SOURCE)
    git("add", SCRIPT, cwd=project)
    git("commit", "--quiet", "--no-verify", "--message", "Add", cwd=project)


def open_all(project: Path) -> Result:
    """Do what `poe lab` does before it starts the server."""
    return run("uv", "run", "python", "-c", OPEN_ALL, cwd=project)


def save(project: Path) -> Result:
    """Save changed notebooks to their scripts, as `poe check` does first."""
    return poe(project, "--quiet", "save")


def commit(project: Path, *words: str) -> Result:
    """Commit as a person would, hooks included."""
    return run("git", "commit", "--message", "Change", *words, cwd=project)


def replace(file: Path, old: str, new: str) -> None:
    """Change a text file in one place, which must be there."""
    text = file.read_text("utf-8")
    assert text.count(old) == 1, f"{old!r} is {text.count(old)} times in {file}"
    file.write_text(text.replace(old, new), "utf-8", newline="\n")


def edit_notebook(project: Path) -> None:
    """Change a notebook as an editor does that does not know of its script."""
    replace(project / NOTEBOOK, "two = 2", "two = 22")
    assert "two = 22" not in (project / SCRIPT).read_text("utf-8")


def write_notebook(file: Path, *cells: tuple[str, str, list[str]]) -> None:
    """Write a notebook from cells: their types, sources and tags."""
    content = {
        "cells": [
            {
                "cell_type": kind,
                "id": f"cell-{number}",
                "metadata": {"tags": tags} if tags else {},
                "source": source,
            }
            | ({"outputs": [], "execution_count": None} if kind == "code" else {})
            for number, (kind, source, tags) in enumerate(cells)
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    file.write_text(json.dumps(content), "utf-8")


def cells(file: Path) -> list[tuple[str, str, list[str]]]:
    """Read the types, sources and tags of a notebook's cells."""
    return [
        (cell["cell_type"], "".join(cell["source"]), cell["metadata"].get("tags", []))
        for cell in json.loads(file.read_text("utf-8"))["cells"]
    ]


def contents(project: Path, *names: str) -> list[bytes]:
    """Read files of a project, to see later that nobody touched them."""
    return [(project / name).read_bytes() for name in names]


# Work in a notebook reaches git.


@pytest.mark.parametrize("command", ["open_all", "--sync", "--to=ipynb"])
def test_a_commit_stops_and_writes_back_a_notebook_edited_alone(
    written: Path, command: str
) -> None:
    if command == "open_all":
        open_all(written)
    else:
        run("uv", "run", "jupytext", command, SCRIPT, cwd=written)
    edit_notebook(written)

    stopped = commit(written, "--all")
    assert stopped.code == 1
    assert WRITTEN in stopped.output
    assert git("diff", "--stat", cwd=written).splitlines()[0].split()[0] == SCRIPT

    git("add", SCRIPT, cwd=written)
    committed = commit(written)
    assert committed.code == 0, committed.output
    shown = git("show", "--unified=0", "--format=", cwd=written)
    changes = re.findall(r"^([+-][^+-].*)", shown, re.MULTILINE)
    assert changes == ["-two = 2", "+two = 22"]


def test_check_stops_and_writes_back_a_notebook_edited_alone(paired: Path) -> None:
    edit_notebook(paired)
    result = poe(paired, "check")
    assert result.code == 1
    assert WRITTEN in result.output
    assert "pytest" not in result.output
    assert "two = 22" in (paired / SCRIPT).read_text("utf-8")


def test_a_notebook_edited_again_is_written_back_again(paired: Path) -> None:
    edit_notebook(paired)
    save(paired)
    replace(paired / NOTEBOOK, "three = 3", "three = 33")
    assert save(paired).output == WRITTEN
    assert save(paired) == Result(0, "")
    script = (paired / SCRIPT).read_text("utf-8")
    assert script == SOURCE.replace("two = 2", "two = 22").replace(" = 3", " = 33")


def test_both_sides_changed_gives_one_sentence_and_touches_neither(
    paired: Path,
) -> None:
    edit_notebook(paired)
    replace(paired / SCRIPT, "two = 2", "two = 222")
    before = contents(paired, NOTEBOOK, SCRIPT)
    for stopped in [save(paired), commit(paired, "--all")]:
        assert stopped.code == 1
        assert BOTH in stopped.output
        assert "Traceback" not in stopped.output
        assert contents(paired, NOTEBOOK, SCRIPT) == before


@pytest.mark.parametrize("kept", ["script", "notebook"])
def test_both_sides_changed_is_settled_as_the_sentence_says(
    paired: Path, kept: str
) -> None:
    edit_notebook(paired)
    replace(paired / SCRIPT, "two = 2", "two = 222")
    match = re.search(r"`uv run jupytext (.*) \"(.*)\"`", save(paired).output)
    assert match
    if kept == "script":
        (paired / NOTEBOOK).unlink()
    else:
        run("uv", "run", "jupytext", *match[1].split(), match[2], cwd=paired)
    assert save(paired) == Result(0, "")
    expected = "two = 222\n" if kept == "script" else "two = 22\n"
    assert expected in (paired / SCRIPT).read_text("utf-8")
    assert git("diff", "--shortstat", cwd=paired).split()[3:] == [
        *("1", "insertion(+),", "1", "deletion(-)")
    ]


def test_a_pulled_script_is_never_overwritten(paired: Path) -> None:
    replace(paired / SCRIPT, "two = 2", "two = 222")
    before = contents(paired, NOTEBOOK, SCRIPT)
    assert save(paired) == Result(0, "")
    assert contents(paired, NOTEBOOK, SCRIPT) == before


def test_lab_takes_a_pulled_script_over_and_keeps_outputs_that_still_hold(
    paired: Path,
) -> None:
    content = json.loads((paired / NOTEBOOK).read_text("utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            stream = {"output_type": "stream", "name": "stdout", "text": "ran"}
            cell["outputs"] = [stream]
    (paired / NOTEBOOK).write_text(json.dumps(content), "utf-8")
    replace(paired / SCRIPT, "two = 2", "two = 222")

    assert open_all(paired).code == 0
    outputs = {
        "".join(cell["source"]): json.dumps(cell["outputs"])
        for cell in json.loads((paired / NOTEBOOK).read_text("utf-8"))["cells"]
        if cell["cell_type"] == "code"
    }
    assert outputs.pop("two = 222\ntwo") == "[]"
    assert len(outputs) == 2
    assert all('"ran"' in shown for shown in outputs.values())


def test_formatting_a_script_is_not_mistaken_for_a_change(paired: Path) -> None:
    replace(paired / SCRIPT, "two = 2", "two=2")
    replace(paired / NOTEBOOK, "three = 3", "three = 33")
    assert save(paired).output == WRITTEN


def test_a_script_deleted_on_purpose_does_not_come_back(paired: Path) -> None:
    (paired / SCRIPT).unlink()
    for command in (save, open_all):
        assert command(paired) == Result(0, "")
        assert not (paired / SCRIPT).exists()


def test_a_new_notebook_gets_its_script(study: Path) -> None:
    folder = study / "notebooks/more notebooks"
    folder.mkdir()
    write_notebook(folder / "new é.ipynb", ("code", "1 + 1", []))
    result = save(study)
    assert result.code == 1
    assert "notebooks/more notebooks/new é.py was written" in result.output
    assert (folder / "new é.py").read_text("utf-8") == "# %%\n1 + 1\n"


@pytest.mark.parametrize("text", ["{", '{"cells": 1}'])
def test_an_unreadable_notebook_gives_one_sentence(study: Path, text: str) -> None:
    (study / "notebooks/damaged.ipynb").write_text(text)
    result = save(study)
    assert result.code == 1
    assert "notebooks/damaged.ipynb cannot be read as a notebook" in result.output
    assert len(result.output.splitlines()) == 1


def test_an_unreadable_notebook_does_not_hide_what_another_changed(
    paired: Path,
) -> None:
    edit_notebook(paired)
    (paired / "notebooks/01_damaged.ipynb").write_text("{")
    assert WRITTEN in save(paired).output


def test_an_empty_notebook_as_editors_make_them_is_left_alone(study: Path) -> None:
    (study / "notebooks/new.ipynb").touch()
    assert save(study) == Result(0, "")


def test_cells_survive_the_way_to_a_script_and_back(study: Path) -> None:
    given = [
        ("markdown", "# Title 😀\n\n* a\n* b\n\n| a |\n|---|\n| $x_1$ |", []),
        ("code", "%matplotlib inline\n!ls\nx = 1", []),
        ("code", '%%bash\necho "é"', ["slow"]),
        ("code", 'text = "日本 😀"', ["slow", "a b"]),
        ("markdown", "tagged", ["remove"]),
        ("raw", "raw", []),
        ("code", "", []),
        ("code", "def f():\n    return 1\n\n\nf()", []),
    ]
    notebook = study / "notebooks/02_cells.ipynb"
    write_notebook(notebook, *given)
    save(study)
    assert save(study) == Result(0, "")
    notebook.unlink()
    open_all(study)
    assert cells(notebook) == given


def test_unfinished_cells_do_not_look_like_a_change_forever(study: Path) -> None:
    write_notebook(
        study / "notebooks/02_rough.ipynb",
        ("code", "x = (\n\t", []),
        ("markdown", "text\n\n   \n", []),
    )
    assert save(study).code == 1
    assert save(study) == Result(0, "")


def test_windows_line_ends_are_not_a_change(paired: Path) -> None:
    script = paired / SCRIPT
    crlf = script.read_bytes().replace(b"\n", b"\r\n")
    script.write_bytes(crlf)
    assert save(paired) == Result(0, "")
    assert script.read_bytes() == crlf
    replace(paired / NOTEBOOK, "three = 3", "three = 33")
    assert save(paired).output == WRITTEN


def test_a_commit_in_another_worktree_writes_back_too(
    paired: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other worktree"
    git("worktree", "add", "--quiet", "--detach", str(other), cwd=paired)
    try:
        assert run("uv", "sync", "--quiet", cwd=other).code == 0
        run("uv", "run", "jupytext", "--to=ipynb", SCRIPT, cwd=other)
        edit_notebook(other)
        assert WRITTEN in commit(other).output
    finally:
        git("worktree", "remove", "--force", str(other), cwd=paired)


# Committing other files: pre-commit hides unstaged changes while its hooks run.


def commit_other_file(project: Path) -> None:
    """Commit a file that is no notebook, with at most one stop on the way."""
    (project / "docs/question.md").write_text("# Question\n\nWhy?\n")
    git("add", "docs/question.md", cwd=project)
    results = [commit(project)]
    if results[0].code:
        results.append(commit(project))
    assert results[-1].code == 0, "\n".join(result.output for result in results)
    assert git("show", "--format=", "--name-only", cwd=project) == "docs/question.md\n"


def edit_both_alike(project: Path) -> None:
    """Change notebook and script in the same way, as JupyterLab does."""
    for name in (NOTEBOOK, SCRIPT):
        replace(project / name, "two = 2", "two = 22")


@pytest.mark.parametrize("with_record", [True, False])
def test_a_partial_commit_keeps_a_pair_that_is_not_added(
    paired: Path, with_record: bool
) -> None:
    if not with_record:
        (paired / "notebooks/.agreed.json").unlink()
    edit_both_alike(paired)
    before = contents(paired, NOTEBOOK, SCRIPT)
    commit_other_file(paired)
    assert contents(paired, NOTEBOOK, SCRIPT) == before
    assert save(paired) == Result(0, "")


def test_a_partial_commit_keeps_a_notebook_edited_alone(paired: Path) -> None:
    edit_notebook(paired)
    notebook = contents(paired, NOTEBOOK)
    commit_other_file(paired)
    assert contents(paired, NOTEBOOK) == notebook
    assert "two = 22" in (paired / SCRIPT).read_text("utf-8")


def test_a_partial_commit_keeps_a_script_edited_alone(paired: Path) -> None:
    replace(paired / SCRIPT, "two = 2", "two = 222")
    before = contents(paired, NOTEBOOK, SCRIPT)
    commit_other_file(paired)
    assert contents(paired, NOTEBOOK, SCRIPT) == before
    assert open_all(paired).code == 0
    assert "two = 222" in (paired / NOTEBOOK).read_text("utf-8")


def test_a_partial_commit_keeps_both_sides_of_a_conflict(paired: Path) -> None:
    edit_notebook(paired)
    replace(paired / SCRIPT, "two = 2", "two = 222")
    before = contents(paired, NOTEBOOK, SCRIPT)
    commit_other_file(paired)
    for command in (save, open_all):
        assert BOTH in command(paired).output
        assert contents(paired, NOTEBOOK, SCRIPT) == before


def test_a_pair_edited_again_after_it_was_added_can_be_committed(paired: Path) -> None:
    edit_both_alike(paired)
    git("add", SCRIPT, cwd=paired)
    for name in (NOTEBOOK, SCRIPT):
        replace(paired / name, "three = 3", "three = 33")
    before = contents(paired, NOTEBOOK, SCRIPT)
    if commit(paired).code:
        assert commit(paired).code == 0
    assert contents(paired, NOTEBOOK, SCRIPT) == before
    assert "three = 3\n" in git("show", f"HEAD:{SCRIPT}", cwd=paired)
    assert save(paired) == Result(0, "")


def test_a_change_taken_back_in_the_script_stays_in_the_notebook(paired: Path) -> None:
    edit_notebook(paired)
    assert commit(paired).code == 1
    git("checkout", "--quiet", "--", SCRIPT, cwd=paired)
    open_all(paired)
    assert "two = 22" in (paired / NOTEBOOK).read_text("utf-8")


# JupyterLab pairs both ways.


class Lab:
    """JupyterLab on loopback, as `poe lab` starts it."""

    def __init__(self, project: Path, folder: Path) -> None:
        """Start it, and wait until it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/api/"
        settings = {
            **{"allow_root": True, "open_browser": False},
            **{"ip": "127.0.0.1", "port": port, "port_retries": 0},
        }
        (folder / "jupyter_server_config.json").write_text(
            json.dumps({"ServerApp": settings})
        )
        self.token = secrets.token_hex()
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["uv", "run", "poe", "lab"],
                cwd=project,
                env=environment(JUPYTER_TOKEN=self.token)
                | {f"JUPYTER_{key}_DIR": str(folder) for key in ("CONFIG", "RUNTIME")},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        for _ in range(600):
            try:
                listing = self.ask("GET", "contents/notebooks")["content"]
            except OSError:
                assert self.process.poll() is None, self.log.read_text()
                time.sleep(0.1)
            else:
                self.listed = {file["name"] for file in listing}
                return
        self.stop()
        pytest.fail(self.log.read_text())

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Call the interface that JupyterLab's pages call."""
        request = urllib.request.Request(  # noqa: S310
            self.url + path,
            data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"token {self.token}"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.load(answer)

    def stop(self) -> None:
        """End the server and what it started."""
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(20)


@pytest.fixture(scope="module")
def lab(ready: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """JupyterLab on the default project."""
    with lend(ready):
        server = Lab(ready, tmp_path_factory.mktemp("lab"))
    yield server
    server.stop()


def test_lab_gives_every_script_its_notebook(lab: Lab) -> None:
    scripts = {Path(name).stem for name in lab.listed if name.endswith(".py")}
    notebooks = {Path(name).stem for name in lab.listed if name.endswith(".ipynb")}
    assert scripts == notebooks != set()


def test_saving_in_lab_changes_the_script_and_nothing_else(
    paired: Path, lab: Lab
) -> None:
    model = lab.ask("GET", f"contents/{NOTEBOOK}")
    two = model["content"]["cells"][2]
    two["source"], two["metadata"]["tags"] = "two = 22\ntwo", ["slow"]
    lab.ask("PUT", f"contents/{NOTEBOOK}", model)
    expected = SOURCE.replace("# %%\ntwo = 2", '# %% tags=["slow"]\ntwo = 22')
    assert (paired / SCRIPT).read_text("utf-8") == expected
    assert save(paired) == Result(0, "")


def test_a_notebook_made_in_lab_gets_a_script_without_header(
    study: Path, lab: Lab
) -> None:
    write_notebook(study / "new.ipynb", ("code", "1 + 1", ["slow"]))
    content = json.loads((study / "new.ipynb").read_text("utf-8"))
    content["metadata"]["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    model = {"type": "notebook", "format": "json", "content": content}
    lab.ask("PUT", "contents/notebooks/new.ipynb", model)
    script = (study / "notebooks/new.py").read_text("utf-8")
    assert script == '# %% tags=["slow"]\n1 + 1\n'
    assert save(study) == Result(0, "")


def test_lab_shows_a_script_that_was_pulled_while_it_was_open(
    paired: Path, lab: Lab
) -> None:
    replace(paired / SCRIPT, "three = 3", "three = 33")
    model = lab.ask("GET", f"contents/{NOTEBOOK}")
    assert model["content"]["cells"][3]["source"] == "three = 33\nthree"


def test_lab_opens_a_notebook_run_elsewhere_after_its_script_was_formatted(
    paired: Path, lab: Lab
) -> None:
    replace(paired / NOTEBOOK, "two = 2", "two=2")
    hour_ago = time.time() - 3600
    os.utime(paired / SCRIPT, (hour_ago, hour_ago))
    assert open_all(paired) == Result(0, "")
    lab.ask("GET", f"contents/{NOTEBOOK}")


# Notebooks run from top to bottom.


@pytest.fixture(scope="module")
def checked(ready: Path) -> Checked:
    """What `poe check` says of two bad notebooks, and the pages that it renders."""
    with lend(ready):
        (ready / "notebooks/02_fails.py").write_text(
            '# %%\nprint("before")\n\n# %%\nraise RuntimeError("on purpose")\n\n'
            '# %%\nprint("after")\n'
        )
        (ready / "notebooks/03_slow.py").write_text(
            '# %% [markdown]\n# Text\n\n# %% tags=["slow"]\nimport os\n\nprint("ran")\n'
        )
        result = poe(ready, "check")
        pages = ready / "reports/samples"
        return result, {page.name: page.read_text("utf-8") for page in pages.iterdir()}


def test_check_fails_and_names_a_notebook_that_raises(checked: Checked) -> None:
    result, _ = checked
    assert result.code == 1
    assert "notebooks/02_fails.py failed:" in result.output
    assert "RuntimeError" in result.output
    assert result.output.count(" failed:") == 1


def test_check_runs_a_notebook_to_the_first_cell_that_raises(checked: Checked) -> None:
    _, pages = checked
    assert re.search(r"<pre>before\n</pre>", pages["02_fails.html"])
    assert not re.search(r"<pre>after\n</pre>", pages["02_fails.html"])


def test_check_lints_notebooks_even_slow_ones(checked: Checked) -> None:
    result, _ = checked
    assert re.search(r"F401.*\n.*notebooks/03_slow\.py", result.output)


def test_check_says_that_a_slow_notebook_was_not_run(checked: Checked) -> None:
    result, pages = checked
    assert "notebooks/03_slow.py is tagged slow: not run here" in result.output
    assert "03_slow.html" not in pages


def test_a_kernel_that_dies_is_a_failure_of_its_notebook(study: Path) -> None:
    (study / "notebooks/02_dies.py").write_text("# %%\nimport os\n\nos._exit(1)\n")
    result = poe(study, "notebooks")
    assert result.code == 1
    assert "notebooks/02_dies.py failed:" in result.output
    assert "Traceback" not in result.output


def test_report_runs_a_slow_notebook(study: Path) -> None:
    (study / "notebooks/02_slow.py").write_text(
        '# %% tags=["slow"]\nprint("It took", 2 * 3600, "s")\n'
    )
    result = poe(study, "report", "02_slow")
    assert result.code == 0, result.output
    assert "It took 7200 s" in (study / "reports/02_slow.html").read_text("utf-8")


def test_report_names_the_notebooks_where_it_does_not_know_one(study: Path) -> None:
    result = poe(study, "report", "no such")
    assert result.code == 1
    known = ", ".join(sorted(file.stem for file in (study / "notebooks").glob("*.py")))
    assert f"There is no notebook 'no such'; known: {known}." in result.output


# What reports leave behind, and what they say.


def test_check_and_report_leave_git_status_as_it_was(study: Path) -> None:
    (study / "README.md").write_text("# Mine\n")
    (study / "docs/new.md").write_text("# New\n")
    before = status(study)
    assert len(before.splitlines()) == 2
    for task in ("check", "report"):
        result = poe(study, task)
        assert result.code == 0, result.output
    assert status(study) == before


def footer(page: Path) -> str:
    """Return the foot of a report, without its tags."""
    (foot,) = re.findall(r"<footer>(.*?)</footer>", page.read_text("utf-8"), re.DOTALL)
    return re.sub(r"<.*?>", "\n", foot)


def digest(file: Path) -> str:
    """Return how a footer names the content of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:12]


def test_the_footer_says_which_commit_lock_and_data(written: Path) -> None:
    poe(written, "report", "02_pair")
    foot = footer(written / "reports/02_pair.html")
    head = git("rev-parse", "HEAD", cwd=written)[:12]
    assert f"from commit {head}.\n" in foot
    assert f"Packages: uv.lock {digest(written / 'uv.lock')}.\n" in foot
    data = "data/raw/penguins.csv"
    assert f"Data: {data} {digest(written / data)}.\n" in foot


def test_the_footer_says_that_changes_were_not_committed(study: Path) -> None:
    (study / "notebooks/02_new.py").write_text("# %%\n1 + 1\n")
    poe(study, "report", "02_new")
    foot = footer(study / "reports/02_new.html")
    head = git("rev-parse", "HEAD", cwd=study)[:12]
    assert f"from commit {head} and changes that are not committed.\n" in foot


# Samples in public view.


CANARY = "98765.4321"
PEEK = """# %%
from analysis_project.data import read

print(read("penguins").bill_length_mm.max().execute())
"""
PEEK_MARIMO = """import marimo

__generated_with = "0.25.2"
app = marimo.App()


@app.cell
def _():
    from analysis_project.data import read

    print(read("penguins").bill_length_mm.max().execute())
    return


if __name__ == "__main__":
    app.run()
"""
CREATE = """
import sys
import duckdb
sql = f"CREATE TABLE penguins AS FROM read_csv('{sys.argv[2]}', nullstr='NA')"
duckdb.connect(sys.argv[1]).execute(sql)
"""


def plant_canary(project: Path, folder: Path) -> None:
    """Put a canary into the raw file, and into a database that `.env` names."""
    raw, database = project / "data/raw/penguins.csv", folder / "real é.db"
    with raw.open("a", newline="\n") as rows:
        rows.write(f"Gentoo,Biscoe,{CANARY},13.2,211,4500,female,2007\n")
    made = run(
        *("uv", "run", "python", "-c", CREATE, str(database), str(raw)), cwd=project
    )
    assert made.code == 0, made.output
    (project / ".env").write_text(f"DATA_URL=duckdb://{database}\n", "utf-8")


def published(project: Path) -> dict[str, str]:
    """Return what CI publishes, without times, commits and random names of cells."""
    folder = project / "reports/samples"
    return {
        page.relative_to(folder).as_posix(): re.sub(
            r"<p>Made .*?</p>|\bcell-id=\w+", "", page.read_text("utf-8")
        )
        for page in folder.rglob("*")
    }


def test_check_shows_nothing_of_the_real_data(study: Path, tmp_path: Path) -> None:
    (study / "notebooks/02_peek.py").write_text(PEEK)
    assert poe(study, "notebooks").code == 0
    before = published(study)
    plant_canary(study, tmp_path)

    result = poe(study, "check")
    assert result.code == 0, result.output
    assert CANARY not in result.output
    assert "02_peek.html" in before
    assert published(study) == before


def test_check_of_marimo_shows_nothing_of_the_real_data(
    marimo: Path, tmp_path: Path
) -> None:
    (marimo / "notebooks/body_mass.py").write_text(PEEK_MARIMO)
    plant_canary(marimo, tmp_path)
    result = poe(marimo, "notebooks")
    assert result.code == 0, result.output
    assert CANARY not in result.output
    (page,) = published(marimo).values()
    assert re.search(r"<pre>\d+\.\d\n</pre>", page)
    assert CANARY not in page


@pytest.mark.parametrize("source", ["penguins.csv", "real é.db"])
def test_report_shows_the_real_data_and_says_where_it_is_from(
    study: Path, tmp_path: Path, source: str
) -> None:
    (study / "notebooks/02_peek.py").write_text(PEEK)
    plant_canary(study, tmp_path)
    changes = {"DATA_URL": "duckdb://"} if source == "penguins.csv" else {}
    result = poe(study, "report", "02_peek", **changes)
    assert result.code == 0, result.output
    page = study / "reports/02_peek.html"
    assert CANARY in page.read_text("utf-8")
    assert re.search(rf"Data: .*{source}", footer(page))


# The other kinds of notebooks.


MARIMO_FAILS = PEEK_MARIMO.replace(
    'print(read("penguins").bill_length_mm.max().execute())',
    'print(read("no such table"))',
)


def test_check_of_marimo_is_green_and_leaves_git_status_as_it_was(
    marimo: Path,
) -> None:
    result = poe(marimo, "check")
    assert result.code == 0, result.output
    assert (marimo / "reports/samples/body_mass.html").exists()
    assert status(marimo) == ""


def test_check_of_marimo_fails_on_a_cell_that_raises(marimo: Path) -> None:
    (marimo / "notebooks/fails.py").write_text(MARIMO_FAILS)
    result = poe(marimo, "notebooks")
    assert result.code == 1
    assert "notebooks/fails.py failed:" in result.output
    assert "There is no table 'no such table'" in result.output


def test_a_marimo_notebook_that_is_no_python_is_a_failure_of_its_own(
    marimo: Path,
) -> None:
    (marimo / "notebooks/broken.py").write_text(MARIMO_FAILS.replace("))", "("))
    result = poe(marimo, "notebooks")
    assert result.code == 1
    assert "notebooks/broken.py failed:" in result.output
    assert "Traceback" not in result.output


def test_a_marimo_report_is_in_the_order_of_its_notebook(marimo: Path) -> None:
    (marimo / "notebooks/order.py").write_text(
        "import marimo\n\napp = marimo.App()\n\n\n"
        '@app.cell\ndef _(word):\n    print("top", word)\n    return\n\n\n'
        '@app.cell\ndef _():\n    word = "level"\n    print("bottom")\n'
        "    return (word,)\n"
    )
    result = poe(marimo, "report", "order")
    assert result.code == 0, result.output
    page = (marimo / "reports/order.html").read_text("utf-8")
    assert page.index("<pre>top level") < page.index("<pre>bottom")


def test_a_project_without_notebooks_has_no_tasks_for_them(project: Render) -> None:
    study = project(notebooks="none")
    listed = poe(study).output
    assert re.search(r"^  check ", listed, re.MULTILINE)
    assert not re.search(r"^  (lab|notebooks|report|save) ", listed, re.MULTILINE)
    assert not (study / "notebooks").exists()


# What else people run into.


def test_notebook_edited_again_after_it_was_saved_is_saved_again(paired: Path) -> None:
    edit_notebook(paired)
    assert WRITTEN in commit(paired, "--all").output
    replace(paired / NOTEBOOK, "two = 22", "two = 222")
    assert WRITTEN in commit(paired, "--all").output
    assert "two = 222" in (paired / SCRIPT).read_text("utf-8")
    assert commit(paired, "--all").code == 0


def test_damaged_record_is_made_anew(paired: Path) -> None:
    (paired / "notebooks/.agreed.json").write_text('{"notebooks/')
    assert save(paired) == Result(0, "")


def test_report_on_samples_says_so(written: Path) -> None:
    result = poe(written, "report", "01_body_mass", DATA_URL="samples")
    assert result.code == 0, result.output
    page = (written / "reports/01_body_mass.html").read_text("utf-8")
    assert "its numbers are not results" in page


@pytest.mark.parametrize("name", ["01_body_mass", "notebooks/01_body_mass.py"])
def test_report_takes_names_and_paths(written: Path, name: str) -> None:
    result = poe(written, "report", name)
    assert result.code == 0, result.output
    assert [page.name for page in written.glob("reports/*.html")] == [
        "01_body_mass.html"
    ]
