"""A reviewer sees side by side what a change does to the notebooks."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from browser import Opened, opened
from conftest import Made, Small
from inside import inside
from playwright.sync_api import Page, expect

import template
from template import environment, git, poe, run, status
from twobus.review import notebooks

pytestmark = pytest.mark.slow

CANARY = "98765.4321"
SHAPE = "WIDTH = 2\n"
# Draws what the package says, beside a table that says the same before and after.
FIGURE = """# %%
import matplotlib.pyplot as plt
import pandas as pd

from penguin_study.data import read
from penguin_study.shape import WIDTH

# %%
penguins = read("penguins")
pd.DataFrame({"longest": [penguins.bill_length_mm.max().execute()]})

# %%
figure, axes = plt.subplots(figsize=(5, 2))
axes.barh(["a"], [WIDTH])
axes.set_xlim(0, 5)
"""
EDITED = """# %% [markdown]
# There are **seven** bridges.

# %%
print("as it was")

# %%
print("to be removed")

# %% [markdown]
# A text that stays.

# %%
bridges = 7
print(f"There are {3 + 4} bridges")
"""
# Runs differ in what it prints, and in nothing that anybody wants to know.
SAME = """# %%
import warnings

print(object())
warnings.warn("Watch out", stacklevel=1)
"""
BEFORE = {
    "figure": FIGURE,
    "edited": EDITED,
    "same": SAME,
    "gone": "# %%\nprint('once')\n",
    "mended": "# %%\nprint('so far')\n\n# %%\n1 / 0\n",
    "broken": "# %%\nprint('fine')\n",
    "part/long": '# %% tags=["slow"]\nprint("for hours")\n',
}
AFTER = BEFORE | {
    "edited": EDITED.replace("seven", "eight")
    .replace('# %%\nprint("to be removed")\n\n', "")
    .replace("bridges = 7", "bridges = 8")
    .replace("A text that stays.\n", "A text that stays.\n\n# %%\nprint('added')\n"),
    "mended": "# %%\nprint('so far')\n\n# %%\n1 / 1\n",
    "broken": "# %%\nraise RuntimeError('on purpose')\n",
    "new": "# %%\nprint('never before')\n",
    "part/long": '# %% tags=["slow"]\nprint("for days")\n',
}
del AFTER["gone"]

MARIMO = """import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo

    return (mo,)


@app.cell
def _(mo):
    mo.md("There are seven bridges.")
    return


@app.cell
def _():
    from penguin_study.shape import WIDTH

    print("width", WIDTH)
    return
"""


@dataclass(frozen=True)
class Compared:
    """What a comparison gave.

    Attributes:
        folder: Where its pages are.
        lines: What it returned.
        left: What it left behind in the project's repository.
    """

    folder: Path
    lines: list[str]
    left: str


def write(
    project: Path,
    scripts: dict[str, str],
    shape: str = SHAPE,
    package: str = "penguin_study",
) -> None:
    """Give a project these notebooks and no others, and what they draw."""
    folder = project / "notebooks"
    for script in folder.rglob("*.py"):
        script.unlink()
    for name, text in scripts.items():
        script = folder / f"{name}.py"
        script.parent.mkdir(exist_ok=True)
        script.write_text(text, "utf-8")
    (project / "src" / package / "shape.py").write_text(shape)


def commit(project: Path) -> None:
    """Commit all there is."""
    template.commit(project)
    message = ["--message", "Before é"]
    git("commit", "--quiet", "--amend", "--no-verify", *message, cwd=project)


def in_this_environment(tree: Path, *words: str, **environment: str) -> tuple[int, str]:
    """Run a task of another folder as `uv_run` does, without installing its lock."""
    name, *task = words
    assert name == "poe"
    path = {"PYTHONPATH": str(tree / "src")}
    command = str(Path(sys.executable).with_name(name))
    result = run(command, *task, cwd=tree, **path, **environment)
    return result.code, result.output


def compare(project: Path, folder: Path, base: str = "HEAD") -> Compared:
    """Compare a project as it is with a commit; both run in this environment."""
    before = left_behind(project)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notebooks, "uv_run", in_this_environment)
        lines = notebooks.compare(base, folder)
    after = left_behind(project)
    return Compared(folder, lines, "" if before == after else after)


def left_behind(project: Path) -> str:
    """Return all that git knows of besides the history."""
    trees = git("worktree", "list", "--porcelain", cwd=project)
    return trees + git("branch", "--all", cwd=project) + status(project)


@pytest.fixture(scope="module")
def compared(rendered: Made, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """One change of many kinds, compared on a machine where the real data lies."""
    project = tmp_path_factory.mktemp("project") / "penguin study é"
    shutil.copytree(rendered({}), project)
    with (project / "data/raw/penguins.csv").open("a", newline="\n") as rows:
        rows.write(f"Gentoo,Biscoe,{CANARY},13.2,211,4500,female,2007\n")
    write(project, BEFORE)
    commit(project)
    write(project, AFTER, SHAPE.replace("2", "4"))
    with inside(project):
        return compare(project, tmp_path_factory.mktemp("compared") / "review é")


@pytest.fixture
def index(request: pytest.FixtureRequest, compared: Compared) -> Iterator[Opened]:
    """The comparison's index, opened, as wide as a reviewer's window."""
    file = compared.folder / "index.html"
    with opened(request.getfixturevalue("browser"), file) as page:
        page.page.set_viewport_size({"width": 1400, "height": 900})
        yield page


@pytest.fixture
def page(index: Opened, compared: Compared) -> Callable[[str], Page]:
    """Open another page of the comparison."""

    def go(name: str) -> Page:
        index.page.goto((compared.folder / f"{name}.html").as_uri())
        return index.page

    return go


def said(compared: Compared, name: str) -> str | None:
    """Return what was said of a notebook."""
    found = [line for line in compared.lines if line.startswith(f"{name}: ")]
    return found[0].split(": ", 1)[1] if found else None


def test_a_figure_that_only_the_package_moved_is_said(compared: Compared) -> None:
    assert said(compared, "figure") == "changed outputs (1 figure)"


def test_figures_are_next_to_each_other(page: Callable[[str], Page]) -> None:
    row = page("figure").locator("section section", has_text="Output changed: figure")
    before, after = (image.bounding_box() for image in row.locator("img").all())
    assert before
    assert after
    assert before["x"] + before["width"] <= after["x"]
    assert abs(before["y"] - after["y"]) < 2
    assert before["width"] > 300


def test_figures_are_the_ones_before_and_after(page: Callable[[str], Page]) -> None:
    images = page("figure").locator("section section img")
    expect(images).to_have_count(2)
    assert images.first.get_attribute("src") != images.last.get_attribute("src")


def test_cells_that_are_the_same_fold_into_a_line(page: Callable[[str], Page]) -> None:
    figure = page("figure")
    table = figure.locator("table", has_text="longest")
    expect(table).to_be_hidden()
    figure.get_by_text("2 cells are the same").click()
    expect(table).to_be_visible()


def test_changed_words_are_marked(page: Callable[[str], Page]) -> None:
    edited = page("edited")
    row = edited.locator("section", has_text="Text changed")
    expect(row.locator("del")).to_have_text("seven")
    expect(row.locator("ins")).to_have_text("eight")


def test_changed_code_is_one_click_away(page: Callable[[str], Page]) -> None:
    edited = page("edited")
    lines = edited.locator(".minus, .plus")
    expect(lines).to_have_text(["-bridges = 7", "+bridges = 8"])
    expect(lines.first).to_be_hidden()
    edited.get_by_text("Code changed").click()
    expect(lines.first).to_be_visible()


@pytest.mark.parametrize(
    ("label", "printed", "side"),
    [("New cell", "added", 1), ("Removed cell", "to be removed", 0)],
)
def test_a_cell_on_one_side_only_is_shown_so(
    page: Callable[[str], Page], label: str, printed: str, side: int
) -> None:
    sides = page("edited").locator("section", has_text=label).locator(".side")
    expect(sides.nth(side).locator("pre").last).to_have_text(f"{printed}\n")
    expect(sides.nth(1 - side)).to_be_empty()


def test_what_has_changed_in_a_notebook_is_said(compared: Compared) -> None:
    what = "changed code, changed text"
    assert said(compared, "edited") == f"{what}, changed outputs (2 results)"


def test_noise_is_no_difference(compared: Compared) -> None:
    assert said(compared, "same") is None
    assert not (compared.folder / "same.html").exists()


def test_a_new_notebook_is_shown(
    compared: Compared, page: Callable[[str], Page]
) -> None:
    assert said(compared, "new") == "new"
    expect(page("new").get_by_text("never before").last).to_be_visible()


def test_a_removed_notebook_is_shown(
    compared: Compared, page: Callable[[str], Page]
) -> None:
    assert said(compared, "gone") == "removed"
    expect(page("gone").get_by_text("once").last).to_be_visible()


def test_a_notebook_that_failed_before_is_said(compared: Compared) -> None:
    what = said(compared, "mended")
    assert what == "failed before, changed code, changed outputs (1 message, 1 result)"


def test_a_notebook_that_fails_now_shows_how(
    compared: Compared, page: Callable[[str], Page]
) -> None:
    assert (said(compared, "broken") or "").startswith("failed after, ")
    expect(page("broken").get_by_text("on purpose").last).to_be_visible()


def test_a_changed_notebook_that_was_not_run_is_said(compared: Compared) -> None:
    what = "changed code, not run before, not run after"
    assert said(compared, "part/long") == what
    shown = (compared.folder / "part/long.html").read_text("utf-8")
    assert "for days" in shown
    assert 'href="../index.html"' in shown


def test_the_index_lists_what_was_said(
    compared: Compared, page: Callable[[str], Page]
) -> None:
    rows = page("index").locator("tr").all()
    assert [": ".join(row.locator("td").all_inner_texts()) for row in rows] == (
        compared.lines
    )
    assert compared.lines == sorted(compared.lines)


def test_links_of_the_index_lead_to_the_pages(page: Callable[[str], Page]) -> None:
    listed = page("index")
    listed.get_by_role("link", name="part/long").click()
    expect(listed.get_by_role("heading", name="part/long")).to_be_visible()


def test_pages_say_which_commits_are_compared(page: Callable[[str], Page]) -> None:
    top = page("figure").locator("p", has_text="Before: ")
    expect(top).to_contain_text(re.compile(r"Before: [0-9a-f]{7,} Before é"))
    expect(top).to_contain_text("and changes that are not committed")


@pytest.mark.parametrize("name", ["index", "figure"])
def test_pages_load_nothing_but_themselves(
    index: Opened, page: Callable[[str], Page], name: str
) -> None:
    index.requests.clear()
    shown = page(name)
    shown.wait_for_load_state("networkidle")
    loaded = [url for url in index.requests if not url.startswith("data:")]
    assert loaded == [shown.url]


@pytest.mark.parametrize("width", [1400, 700])
def test_pages_are_no_wider_than_the_window(
    page: Callable[[str], Page], width: int
) -> None:
    shown = page("edited")
    shown.set_viewport_size({"width": width, "height": 900})
    assert shown.evaluate("document.documentElement.scrollWidth") <= width


def test_nothing_of_the_real_data_is_shown(compared: Compared) -> None:
    pages = [file.read_text("utf-8") for file in compared.folder.rglob("*.html")]
    assert any(re.search(r"<td>\d+\.\d</td>", text) for text in pages)
    assert not any(CANARY in text for text in pages)


def test_a_comparison_leaves_nothing_behind(compared: Compared) -> None:
    assert compared.left == ""


@pytest.mark.parametrize(
    ("base", "reason", "what"),
    [
        ("HEAD", "Unable to find lockfile", "not run before"),
        ("v0", "no such commit", "not compared"),
    ],
)
def test_a_base_that_cannot_be_run_is_said(
    small: Small, tmp_path: Path, base: str, reason: str, what: str
) -> None:
    project = small()
    write(project, {"same": SAME})
    # There is no lock at the base, so that the real uv refuses it.
    commit(project)
    before = left_behind(project)
    problem, line = notebooks.compare(base, tmp_path / "review")
    assert reason in problem
    assert line == f"same: {what}"
    for name in ("index", "same"):
        assert reason in (tmp_path / f"review/{name}.html").read_text("utf-8")
    assert left_behind(project) == before


def test_marimo_notebooks_are_compared(small: Small, tmp_path: Path) -> None:
    project = small(notebooks="marimo")
    write(project, {"bridges": MARIMO})
    commit(project)
    changed = {"bridges": MARIMO.replace("seven", "eight")}
    write(project, changed, "WIDTH = 4\n")
    compared = compare(project, tmp_path / "review")
    assert compared.lines == ["bridges: changed text, changed outputs (1 result)"]
    shown = (compared.folder / "bridges.html").read_text("utf-8")
    assert "<ins>eight</ins>" in shown
    assert "<ins>4</ins>" in shown


# As people run it: the base with its own lock.


def test_review_compares_with_the_base_by_its_own_code_and_lock(study: Path) -> None:
    package = study / "src/analysis_project"
    figure = FIGURE.replace("penguin_study", package.name)
    write(study, {"figure": figure, "same": SAME}, package=package.name)
    commit(study)
    (package / "shape.py").write_text("WIDTH = 4\n")
    before = left_behind(study)
    result = poe(study, "review", "--base", "HEAD")
    assert re.search(r"figure.*changed outputs \(1 figure\)", result.output)
    assert (study / "reports/review/figure.html").exists()
    assert not (study / "reports/review/same.html").exists()
    assert left_behind(study) == before


@pytest.mark.whole
def test_an_interrupted_comparison_leaves_nothing_behind(
    study: Path, tmp_path: Path
) -> None:
    write(study, {"same": SAME}, package="analysis_project")
    commit(study)
    before = left_behind(study)
    process = subprocess.Popen(
        ["uv", "run", "poe", "review", "--base", "HEAD"],
        cwd=study,
        env=environment(TMPDIR=str(tmp_path)),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not [*tmp_path.glob("*/*/.venv")] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left_behind(study) != before
    os.killpg(process.pid, signal.SIGINT)
    process.wait(60)
    assert left_behind(study) == before
    assert not [*tmp_path.glob("*/*/pyproject.toml")]
