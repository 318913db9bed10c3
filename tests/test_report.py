"""Reports, opened in a browser, are for people who do not want to see code."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Opened, opened
from conftest import Made
from inside import inside
from playwright.sync_api import Browser, expect

from template import commit
from twobus.notebooks.run import check
from twobus.notebooks.run import report as report_all

pytestmark = pytest.mark.slow

REPORTS = [
    "jupyter/01_body_mass",
    "jupyter/samples/01_body_mass",
    "marimo/samples/body_mass",
]
COLOURS = """image => {
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    const {data} = context.getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
}"""
ODD = r"""# %% [markdown]
# Right: $$\begin{aligned} a &= b \\ c &= d \end{aligned}$$ Not known: $\nope{x}$
# Broken: $\frac{1}{$

# %%
import warnings

import numpy as np
import pandas as pd

warnings.warn("Watch out", stacklevel=1)

# %%
pd.DataFrame(np.ones((3, 19))).add_prefix("a_long_name_")

# %%
for number in range(1000):
    print("line", number)
"""


@pytest.fixture(scope="module")
def jupyter(rendered: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default project's reports, and one of an odd notebook."""
    project = tmp_path_factory.mktemp("jupyter") / "penguin study é"
    shutil.copytree(rendered({}), project)
    (project / "notebooks/02_odd.py").write_text(ODD)
    with inside(commit(project)):
        report_all()
        check()
    return project / "reports"


@pytest.fixture(scope="module")
def marimo(rendered: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reports of a project with marimo notebooks."""
    project = tmp_path_factory.mktemp("marimo") / "penguin study é"
    shutil.copytree(rendered({"notebooks": "marimo"}), project)
    with inside(commit(project)):
        check()
    return project / "reports"


@pytest.fixture(params=REPORTS)
def report(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Opened]:
    """The worked example's report, by each kind of notebook, opened."""
    kind, name = request.param.split("/", 1)
    with opened(browser, request.getfixturevalue(kind) / f"{name}.html") as page:
        yield page


@pytest.fixture
def odd(browser: Browser, jupyter: Path) -> Iterator[Opened]:
    """The report of the odd notebook, opened."""
    with opened(browser, jupyter / "02_odd.html") as page:
        yield page


def test_a_report_loads_nothing_but_itself(report: Opened) -> None:
    report.page.wait_for_load_state("networkidle")
    loaded = [url for url in report.requests if not url.startswith("data:")]
    assert loaded == [report.page.url]


def test_a_report_shows_its_figure(report: Opened) -> None:
    figure = report.page.locator("main img").first
    expect(figure).to_be_visible()
    assert figure.evaluate("image => image.naturalWidth") > 400
    assert figure.evaluate(COLOURS) > 10


def test_a_report_shows_its_tables(report: Opened) -> None:
    expect(report.page.get_by_role("cell", name="Gentoo").first).to_be_visible()


def test_code_is_folded_and_one_click_away(report: Opened) -> None:
    code = report.page.locator(".highlight")
    assert code.count() >= 4
    for cell in code.all():
        expect(cell).to_be_hidden()
    imports = code.filter(has_text="import matplotlib")
    report.page.locator("details", has=imports).locator("summary").click()
    expect(imports).to_be_visible()


def test_formulas_are_shown_without_a_library(report: Opened) -> None:
    expect(report.page.locator("p math[display=inline]").first).to_be_visible()
    expect(report.page.locator("math[display=block] msqrt")).to_be_visible()
    assert "$" not in report.page.locator("main").inner_text()


def test_the_footer_is_visible(report: Opened) -> None:
    lines = report.page.locator("footer p")
    expect(lines).to_contain_text(["Made 20", "Packages: uv.lock", "Data: "])
    for line in lines.all():
        expect(line).to_be_visible()


def test_a_page_made_from_samples_says_so_at_its_top(report: Opened) -> None:
    notice = report.page.get_by_text("This page was made from small samples")
    if "samples" in report.page.url:
        expect(notice).to_be_in_viewport()
    else:
        expect(notice).to_have_count(0)


def test_warnings_are_folded(odd: Opened) -> None:
    warning = odd.page.get_by_text("UserWarning: Watch out")
    expect(warning).to_be_hidden()
    odd.page.get_by_text("Messages").click()
    expect(warning).to_be_visible()


@pytest.mark.parametrize("width", [1000, 400])
def test_a_wide_table_scrolls_within_the_page(odd: Opened, width: int) -> None:
    odd.page.set_viewport_size({"width": width, "height": 800})
    assert odd.page.evaluate("document.documentElement.scrollWidth") <= width
    odd.page.get_by_text("a_long_name_18").scroll_into_view_if_needed()
    expect(odd.page.get_by_text("a_long_name_18")).to_be_in_viewport()


def test_a_long_output_does_not_fill_the_page(odd: Opened) -> None:
    box = odd.page.locator("pre", has_text="line 999").bounding_box()
    assert box
    assert box["height"] < 600


def test_formulas_that_cannot_be_shown_stay_as_they_were_written(odd: Opened) -> None:
    expect(odd.page.locator("p code")).to_have_text([r"\nope{x}", r"\frac{1}{"])
    expect(odd.page.locator("math[display=block] mtr")).to_have_count(2)
