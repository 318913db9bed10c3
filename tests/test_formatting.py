"""What people type in notebooks stops no commit, and formatting loses nothing."""

import sys
from pathlib import Path

import pytest
from conftest import Made, Small
from inside import at_hand, poe_inside

from template import Result, run, status

HABITS = """# %%
import pandas as pd, os
from matplotlib.pyplot import *
import json
x = 1; x
for i in [1, 2]: print(f"done")
import json

# %% [markdown]
# # \u0422 \u03b1 \u2018quotes\u2019, and a line that is longer than a linter of code
# wants: LONG

# %%
rows = await ready()
rows == None
display(x)  # a long comment, which goes on and on and on until it is longer than a line
data = open("a.txt").read()


# %%
async def ready(): return [l for l in "ab"]
""".replace("LONG", "long " * 30)
MARIMO_HABITS = """import marimo

app = marimo.App()


@app.cell
def _():
    import pandas as pd, os
    return


@app.cell
def _():
    x = 1
    x == None
    return
"""
BROKEN = """# %%
x  =1

# %% [markdown]
# Text

# %%
y = (

# %%
z  =3
"""


def write(project: Path, text: str, name: str = "02 名前 😀") -> Path:
    """Write a notebook of another name than the example's."""
    script = project / f"notebooks/{name}.py"
    script.write_text(text, "utf-8", newline="")
    return script


def lint(project: Path, script: Path) -> list[Result]:
    """Do what the hooks do."""
    words = (["check"], ["format", "--check"])
    more = ["--force-exclude", "--no-cache", str(script)]
    return [run("ruff", *it, *more, cwd=project) for it in words]


@pytest.mark.parametrize(
    ("kind", "text"), [("jupyter", HABITS), ("marimo", MARIMO_HABITS)]
)
def test_what_people_type_in_notebooks_stops_no_commit(
    kind: str, text: str, small: Small
) -> None:
    project = small(notebooks=kind)
    for result in lint(project, write(project, text)):
        assert result.code == 0, result.output


@pytest.mark.parametrize(
    "line",
    ["tottal", "import duckdb", 'password = "hunter2hunter2"', "def f(a=[]): a"],
)
def test_what_is_likely_a_mistake_is_named(line: str, small: Small) -> None:
    project = small()
    assert lint(project, write(project, f"# %%\n{line}\n"))[0].code == 1


def test_rules_that_people_add_hold_in_notebooks_too(small: Small) -> None:
    project = small()
    file = project / "pyproject.toml"
    text = file.read_text("utf-8")
    line = 'pydocstyle.convention = "google"\n'
    file.write_text(text.replace(line, f'{line}extend-select = ["PD"]\n'), "utf-8")
    script = write(
        project, "# %%\nimport pandas as pd\n\ndf = pd.DataFrame()\ndf.values\n"
    )
    assert "PD011" in lint(project, script)[0].output


@pytest.mark.parametrize(
    ("kind", "text"), [("jupyter", HABITS), ("marimo", MARIMO_HABITS)]
)
def test_format_deletes_no_import(kind: str, text: str, small: Small) -> None:
    project = small(notebooks=kind)
    script = write(project, text)
    result = poe_inside(project, "format")
    assert result.code == 0, result.output
    after = script.read_text("utf-8")
    assert "import pandas as pd" in after
    assert after.count("import json") == text.count("import json")
    assert after != text


def test_format_goes_on_after_a_broken_cell_and_names_it(small: Small) -> None:
    project = small()
    script = write(project, BROKEN)
    other = write(project, "# %%\na  =1\n", "03")
    module = project / "src/penguin_study/more.py"
    module.write_text("def f(:\n")
    result = poe_inside(project, "format")
    assert result.code != 0
    assert "notebooks/02 名前 😀.py, cell 3, line 8: " in result.output
    assert script.read_text("utf-8") == BROKEN.replace("  =", " = ")
    assert other.read_text("utf-8") == "# %%\na = 1\n"


def test_a_broken_cell_of_marimo_is_named(small: Small) -> None:
    project = small(notebooks="marimo")
    text = MARIMO_HABITS.replace("x = 1", "x  =1")
    script = write(project, text.replace("import pandas as pd, os", "import pandas as"))
    result = poe_inside(project, "format")
    assert result.code == 1
    assert ".py, cell 1, line 8: " in result.output
    after = script.read_text("utf-8")
    assert "    x = 1\n" in after
    assert "    import pandas as\n" in after


def test_windows_line_ends_stay(small: Small) -> None:
    project = small()
    script = write(project, "# %%\r\na  =1\r\n")
    assert poe_inside(project, "format").code == 0
    assert script.read_bytes() == b"# %%\r\na = 1\r\n"


def test_the_example_is_formatted(rendered: Made) -> None:
    for kind in ("jupyter", "marimo"):
        project = rendered({"notebooks": kind})
        words = ["ruff", "format", "--diff", *map(str, project.glob("notebooks/*.py"))]
        assert run(*words, cwd=project).code == 0


PROGRAM = """#!{python}
import os, sys
open({file!r}, "w").write(repr(sys.argv[1:]))
"""


@pytest.fixture
def instead(tmp_path: Path) -> dict[str, str]:
    """Variables by which programs are started that only note their words."""
    text = PROGRAM.format(python=sys.executable, file=str(tmp_path / "noted"))
    folder = tmp_path / "first"
    folder.mkdir()
    for name in ("marimo", "jupyterlab.py"):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    paths = at_hand()
    paths["PATH"] = f"{folder}:{paths['PATH']}"
    return {**paths, "PYTHONPATH": str(folder)}


@pytest.mark.parametrize("kind", ["jupyter", "marimo"])
def test_lab_passes_options_on(
    kind: str, small: Small, tmp_path: Path, instead: dict[str, str]
) -> None:
    project = small(notebooks=kind)
    words = ["--no-browser", "--port=9999"]
    result = run("poe", "lab", *words, cwd=project, **instead)
    assert result.code == 0, result.output
    noted = (tmp_path / "noted").read_text()
    assert noted.endswith("'--no-browser', '--port=9999']")
    assert status(project) == ""


def test_lab_opens_although_one_notebook_is_damaged_and_names_it_at_the_end(
    small: Small, tmp_path: Path, instead: dict[str, str]
) -> None:
    project = small()
    (project / "notebooks/00.ipynb").write_text("{")
    write(project, "# %%\n1\n")
    result = run("poe", "lab", cwd=project, **instead)
    assert result.code == 1
    assert (tmp_path / "noted").exists()
    assert (project / "notebooks/02 名前 😀.ipynb").exists()
    last = result.output.strip().splitlines()[-1]
    assert "notebooks/00.ipynb cannot be read as a notebook" in last
