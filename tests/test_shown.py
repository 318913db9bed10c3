"""Every figure is shown on pages, and a review tells whether it has changed."""

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from browser import Opened, opened
from conftest import Made
from inside import inside
from PIL import Image
from playwright.sync_api import Browser, Locator

from template import commit
from twobus.notebooks.execute import execute
from twobus.notebooks.outputs.display import Display
from twobus.notebooks.page import Page, render
from twobus.review import before_after
from twobus.review.differences import align
from twobus.review.sides import Side, read, unified

pytestmark = pytest.mark.slow

# What a cell of each library shows, by a VALUE.
BOTH = {
    "plotly": "import plotly.express as px\npx.bar(x=['a', 'b'], y=[VALUE, 3])",
    "plotly in a callback": (
        "import plotly.graph_objects as go\n"
        "go.FigureWidget(go.Scatter(x=[1, 2], y=[VALUE, 3]))"
    ),
    "plotly of borders": (
        "import plotly.express as px\n"
        "px.choropleth(locations=['FRA', 'BRA'], color=[VALUE, 50])"
    ),
    "altair": (
        "import altair as alt\nimport pandas as pd\n"
        "alt.Chart(pd.DataFrame({'a': [1, 2], 'b': [VALUE, 3]}))"
        ".mark_bar().encode(x='a:O', y='b')"
    ),
    "folium": "import folium\nm = folium.Map([VALUE, 13])\n"
    "folium.Marker([VALUE, 13], popup='Here').add_to(m)\nm",
    "folium of areas": (
        "import folium\nm = folium.Map([50, 10], tiles=None, zoom_start=5)\n"
        "folium.Rectangle([[VALUE / 2, 5], [55, 15]]).add_to(m)\nm"
    ),
    "bokeh": (
        "from bokeh.plotting import figure\n"
        "p = figure(width=300, height=200)\n_ = p.line([1, 2], [VALUE, 3])\nSHOW(p)"
    ),
    "holoviews": "import holoviews as hv\nhv.extension('bokeh')\n"
    "hv.Bars([('a', VALUE), ('b', 3)])",
    "matplotlib": (
        "import matplotlib.pyplot as plt\nplt.figure(figsize=(3, 2))\n"
        "plt.bar(['a', 'b'], [VALUE, 60])\nplt.gca()"
    ),
    "tqdm": "from tqdm.auto import tqdm\n_ = list(tqdm(range(VALUE)))",
    "pandas styles": (
        "import pandas as pd\n"
        "pd.DataFrame({'a': [VALUE, 50]}).style.background_gradient(vmin=0, vmax=99)"
    ),
    "svg": "from IPython.display import SVG\n"
    'SVG(f\'<svg xmlns="http://www.w3.org/2000/svg" width="120" height="120">'
    '<rect width="{VALUE}" height="90" fill="green"/></svg>\')',
}
JUPYTER = BOTH | {
    "altair by type": (
        "import altair as alt\nimport pandas as pd\n"
        "_ = alt.renderers.enable('mimetype')\n"
        "alt.Chart(pd.DataFrame({'a': [1, 2], 'b': [VALUE, 3]}))"
        ".mark_bar().encode(x='a:O', y='b')"
    ),
    "altair in a widget": (
        "import altair as alt\nimport pandas as pd\n"
        "alt.JupyterChart(alt.Chart(pd.DataFrame({'a': [1, 2], 'b': [VALUE, 3]}))"
        ".mark_bar().encode(x='a:O', y='b'))"
    ),
    "plotly as HTML": (
        "import plotly.express as px\n"
        "px.bar(x=['a', 'b'], y=[VALUE, 3]).show('notebook')"
    ),
    "ipywidgets": "import ipywidgets\n"
    "ipywidgets.IntSlider(VALUE, description='How many')",
    "matplotlib without a window": (
        "import matplotlib\nmatplotlib.use('Agg')\n"
        "import matplotlib.pyplot as plt\nplt.figure(figsize=(3, 2))\n"
        "plt.bar(['a', 'b'], [VALUE, 60])\nplt.show()\n"
    ),
}
MARIMO = {name: text for name, text in BOTH.items() if "callback" not in name} | {
    "plotly as an element": (
        "import plotly.express as px\nmo.ui.plotly(px.bar(x=['a', 'b'], y=[VALUE, 3]))"
    ),
    "altair as an element": (
        "import altair as alt\nimport pandas as pd\n"
        "mo.ui.altair_chart(alt.Chart(pd.DataFrame({'a': [1, 2], 'b': [VALUE, 3]}))"
        ".mark_bar().encode(x='a:O', y='b'))"
    ),
    "callout": "mo.md(f'There are {VALUE}').callout(kind='warn')",
    "slider": "mo.ui.slider(1, 99, value=VALUE, label='How many')",
    "picture": "mo.image(f'public/{VALUE}.png')",
    "mermaid": "mo.mermaid(f'graph TD; A-->B{VALUE}')",
    "table": "mo.ui.table([{'a': VALUE}])",
    "stack": "mo.hstack([mo.stat(VALUE, label='How many'), mo.md('$x^2$')])",
    "tabs": "mo.ui.tabs({'One': mo.md(f'There are {VALUE}'), 'Two': 'Other'})",
}
TEXTS = {
    "mermaid in text": "```mermaid\ngraph TD; A-->B{value}\n```",
    "maths in text": "$$\\frac{{a}}{{{value}}}$$",
    "picture in text": "![A picture](public/{value}.png)",
}
KINDS = {"jupyter": JUPYTER, "marimo": MARIMO}


def jupyter(value: int) -> str:
    """Return a script of Jupyter with a cell for each case."""
    # Bokeh shows on demand.
    start = "from bokeh.io import output_notebook, show as SHOW\noutput_notebook()"
    cells = [f"# %%\n{it}\n" for it in [start, *JUPYTER.values()]]
    texts = [it.format(value=value).replace("\n", "\n# ") for it in TEXTS.values()]
    cells += [f"# %% [markdown]\n# {it}\n" for it in texts]
    return "\n".join(cells).replace("VALUE", str(value))


def marimo(value: int) -> str:
    """Return a script of marimo with a cell for each case, after the one of imports."""
    cells = ["import marimo as mo"]
    for text in MARIMO.values():
        *lines, last = text.replace("SHOW(p)", "p").split("\n")
        # No two cells may define the same name.
        last = last if last.startswith("_ =") else f"return {last}"
        body = "\n    ".join([*lines, last]).replace("VALUE", str(value))
        cells.append(f"def _shown():\n    {body}\n\n_shown()")
    cells += [f'mo.md(r"""\n{it.format(value=value)}\n""")' for it in TEXTS.values()]
    blocks = [it.replace("\n", "\n    ") for it in cells]
    first, *others = [f"def _():\n    {it}\n" for it in blocks]
    first += "    return (mo,)\n"
    others = [it.replace("def _():", "def _(mo):", 1) for it in others]
    functions = "\n".join(f"@app.cell\n{it}" for it in [first, *others])
    return f"import marimo\n\napp = marimo.App()\n\n{functions}"


@dataclass(frozen=True)
class Looked:
    """The pages of a notebook that ran twice, and once more with another value.

    Attributes:
        page: The first page.
        cells: The place of each case's cell, by its name.
        sides: What a review reads of each page: `before`, `same` and `other`.
        file: The first page's file.
    """

    page: Page
    cells: dict[str, int]
    sides: dict[str, Side]
    file: Path


VISIBLE = """[...document.querySelectorAll("figure.drawn")].every(
    it => it.offsetParent === null || it.dataset.state === "drawn")"""
OPEN = "all => all.forEach(it => { it.open = true; })"
SCRIPTS = {"jupyter": jupyter, "marimo": marimo}


@pytest.fixture(scope="module")
def monkeypatch_of_module() -> Iterator[pytest.MonkeyPatch]:
    """A `monkeypatch` that lasts as long as pages that are looked at."""
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module", params=KINDS)
def looked(
    request: pytest.FixtureRequest,
    rendered: Made,
    tmp_path_factory: pytest.TempPathFactory,
) -> Looked:
    """Those of a kind of notebook."""
    kind = request.param
    sides, pages = {}, []
    # What some set for scripts, and what would send figures elsewhere.
    patch = request.getfixturevalue("monkeypatch_of_module")
    patch.setenv("MPLBACKEND", "Agg")
    patch.setenv("PLOTLY_RENDERER", "browser")
    for side, value in (("before", 15), ("same", 15), ("other", 90)):
        project = tmp_path_factory.mktemp(side) / "study é"
        shutil.copytree(rendered({"notebooks": kind}), project)
        file = project / f"notebooks/{kind}.py"
        file.write_text(SCRIPTS[kind](value), "utf-8")
        (file.parent / "public").mkdir()
        for shown in (15, 90):
            picture = Image.linear_gradient("L").resize((100, shown))
            picture.save(file.parent / f"public/{shown}.png")
        with inside(commit(project)):
            notebook, failure = execute(file)
            assert failure is None, failure
            pages.append(render(notebook, file))
            page = project / f"reports/samples/{kind}.html"
            page.parent.mkdir(parents=True)
            page.write_text(pages[-1].text, "utf-8")
            sides[side] = read(project, side, "")
    names = [*KINDS[kind], *TEXTS]
    file = tmp_path_factory.mktemp("page") / "page.html"
    file.write_text(pages[0].text, "utf-8")
    cells = {name: place for place, name in enumerate(names, 1)}
    return Looked(pages[0], cells, sides, file)


@pytest.fixture(scope="module")
def page(looked: Looked, browser: Browser) -> Iterator[Opened]:
    """The first of them in a browser, drawn."""
    with opened(browser, looked.file) as shown:
        shown.page.wait_for_load_state("networkidle")
        drawn = "!document.querySelector('figure.drawn:not([data-state=drawn])')"
        shown.page.wait_for_function(drawn, timeout=30_000)
        yield shown


def test_a_page_with_every_figure_loads_nothing(page: Opened) -> None:
    foreign = [it for it in page.requests if not it.startswith(("data:", "blob:"))]
    assert foreign == [page.page.url]


def test_a_page_shows_all(looked: Looked) -> None:
    assert looked.page.problems == ()


def test_a_page_holds_each_library_once(looked: Looked) -> None:
    names = re.findall('id="library-([^"]+)"', looked.page.text)
    assert {"plotly-js", "bokeh-js", "vega-js", "leaflet-css", "mermaid-js"} <= {*names}
    assert len(names) == len({*names})


def blank(figure: Locator) -> bool:
    """Tell whether a figure shows nothing; a frame is drawn once it is in view."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        grey = Image.open(BytesIO(figure.screenshot())).convert("L").histogram()
        # Of an empty region nearly all pixels have one colour.
        if max(grey) / sum(grey) <= 0.998:
            return False
        time.sleep(0.1)
    return True


def test_each_figure_is_drawn(looked: Looked, page: Opened) -> None:
    # marimo's progress bars are among the messages, which are folded.
    page.page.locator("details:has(.jp-OutputArea-output)").evaluate_all(OPEN)
    cells = page.page.locator(".jp-Cell").all()
    outputs = ".jp-OutputArea-output, .jp-RenderedMarkdown"
    shown = {it: cells[at].locator(outputs).last for it, at in looked.cells.items()}
    assert [name for name, figure in shown.items() if blank(figure)] == []


def changed(looked: Looked, side: str) -> list[str]:
    """Name the cases in which a review sees a change."""
    before, after = (
        looked.sides["before"],
        unified(looked.sides["before"], looked.sides[side]),
    )
    [name] = [it for it in before.pages if it in KINDS]
    pairs = list(zip(before.pages[name], after.pages[name], strict=True))
    return [
        case
        for case, place in looked.cells.items()
        if [it.key for it in pairs[place][0].outputs or pairs[place][:1]]
        != [it.key for it in pairs[place][1].outputs or pairs[place][1:]]
    ]


def test_a_review_sees_no_change_where_there_is_none(looked: Looked) -> None:
    assert changed(looked, "same") == []


def test_a_review_sees_each_change(looked: Looked) -> None:
    assert changed(looked, "other") == [*looked.cells]


def test_both_sides_of_a_comparison_are_drawn(
    looked: Looked, browser: Browser, tmp_path: Path
) -> None:
    before, after = looked.sides["before"], looked.sides["other"]
    [name] = [it for it in before.pages if it in KINDS]
    pairs = align(before.pages[name], after.pages[name])
    file = tmp_path / "page.html"
    text = before_after.page(name, "changed outputs", before, after, pairs)
    file.write_text(text, "utf-8")
    with opened(browser, file) as shown:
        # What is the same is folded, and drawn when it is opened.
        shown.page.wait_for_function(VISIBLE, timeout=30_000)
        figures = shown.page.locator("figure.drawn[data-state=drawn]")
        assert figures.count() >= 2 * 8
        kinds = {str(it.get_attribute("data-kind")) for it in figures.all()}
        assert kinds >= {"plotly", "vega", "bokeh", "mermaid"}
        foreign = [it for it in shown.requests if not it.startswith(("data:", "blob:"))]
        assert foreign == [shown.page.url]
    names = re.findall('id="library-([^"]+)"', text)
    assert len(names) == len({*names})


REFUSED = {
    "a picture of a network": "<img src='https://x.org/a.png'>",
    "a frame of a network": "<iframe src='//x.org'></iframe>",
    "a script of a network": "<script src='https://x.org/a.js'></script>",
    "a module of a network": "<script type='module'>import a from 'https://x.org/a'</script>",
    "a fetch": "<script>fetch('https://x.org/rows')</script>",
    "a style of a network": "<link rel='stylesheet' href='https://x.org/a.css'>",
    "a font of a network": "<style>@import 'https://x.org/a.css';</style>",
    "a missing file": "<img src='nope.png'>",
    "a lost attachment": "<img src='attachment:a.png'>",
    "a frame within a frame": (
        "<iframe srcdoc=\"<img src='https://x.org/a.png'>\"></iframe>"
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_in_the_page_is_refused_with_the_next_step(
    what: str, tmp_path: Path
) -> None:
    display = Display(tmp_path, {})
    display.cell = "cell 3 (line 9)"
    shown = display.html(f"<p>before</p>{REFUSED[what]}<p>after</p>")
    assert "before" in shown
    assert "after" in shown
    [problem] = display.problems
    assert problem.startswith("cell 3 (line 9): ")
    assert ": " in problem.removeprefix("cell 3 (line 9): ")


@pytest.mark.parametrize(
    "text",
    [
        "<a href='https://x.org'>a link</a>",
        "<p onclick='1'>a text of https://x.org/a.png</p>",
        "<svg xmlns='http://www.w3.org/2000/svg'><use href='#a'/></svg>",
        "<img src='data:image/png;base64,AA=='>",
    ],
)
def test_what_needs_no_network_is_left(text: str, tmp_path: Path) -> None:
    display = Display(tmp_path, {})
    display.html(text)
    assert display.problems == []


def test_an_unknown_type_is_refused_by_name(tmp_path: Path) -> None:
    display = Display(tmp_path, {})
    display.bundle({"application/x-odd": "1", "text/plain": "<Odd>"})
    assert "application/x-odd" in display.problems[0]


def test_an_empty_output_is_refused(tmp_path: Path) -> None:
    display = Display(tmp_path, {})
    display.bundle({})
    assert "has no content" in display.problems[0]


@pytest.mark.parametrize(
    "text",
    [
        "<plaintext>a",
        "<PLAINTEXT>a",
        "<textarea>a",
        "<title>a",
        "<!-- a",
        "<div><div>a</div>",
        "</div></div></main>a",
        "<table><tr><td>a",
        "<pre>a",
    ],
)
def test_html_of_an_output_leaves_the_rest_of_the_page_alone(
    text: str, tmp_path: Path, browser: Browser
) -> None:
    held = Display(tmp_path, {}).html(text)
    file = tmp_path / "page.html"
    page = f"<!DOCTYPE html><main><p>before</p>{held}<p id='after'>after</p></main>"
    file.write_text(page, "utf-8")
    with opened(browser, file) as shown:
        after = shown.page.locator("main > p#after")
        assert after.inner_text() == "after"
        assert after.is_visible()
