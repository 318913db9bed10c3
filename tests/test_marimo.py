import datetime as dt
import json
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import marimo as mo
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from marimo._plugins.stateless.mime import mime_renderer
from marimo._plugins.stateless.status._progress import ProgressBar

from twobus.notebooks.outputs.display import Display
from twobus.notebooks.outputs.marimo import SHOW, items, unescaped

ui = mo.ui
Make = Callable[[], Any]


def shown(html: str) -> tuple[str, Display]:
    display = Display(Path(), {})
    display.cell = "cell 3"
    return display.html(html), display


def text(html: str) -> str:
    return BeautifulSoup(shown(html)[0], "html.parser").get_text(" ", strip=True)


VALUES: list[tuple[Make, str]] = [
    (lambda: ui.slider(1, 9, value=4, label="n"), "n 4"),
    (lambda: ui.slider(steps=[1, 10, 100], value=10), "10"),
    (lambda: ui.range_slider(1, 9, value=[2, 4]), "2 to 4"),
    (lambda: ui.range_slider(steps=[1, 10, 99], value=[10, 99]), "10 to 99"),
    (lambda: ui.text("<i>", label="t"), "t <i>"),
    (lambda: ui.text_area("two\nlines"), "two\nlines"),
    (lambda: ui.number(1, 5, value=2), "2"),
    (lambda: ui.date(value="2024-01-02"), "2024-01-02"),
    (lambda: ui.datetime(value=dt.datetime(2024, 1, 2, 3, 4)), "2024-01-02 03:04:00"),
    (
        lambda: ui.date_range(value=(dt.date(2024, 1, 2), dt.date(2024, 1, 3))),
        "2024-01-02 to 2024-01-03",
    ),
    (lambda: ui.dropdown(["a", "b"], value="b"), "b"),
    (lambda: ui.multiselect(["a", "b", "c"], value=["a", "c"]), "a c"),
    (lambda: ui.radio(["a", "b"], value="b", label="R"), "R a b"),
    (lambda: ui.checkbox(True, label="yes"), "yes"),
    (lambda: ui.button(label="Go"), "Go"),
    (lambda: ui.run_button(label="Run"), "Run"),
    (lambda: ui.refresh(options=["5s"], default_interval="5s"), "Refresh every 5s"),
    (lambda: ui.code_editor("x = 1", label="c"), "c x = 1"),
    (lambda: ui.array([ui.text("x"), ui.text("y")], label="A"), "A x y"),
    (lambda: ui.dictionary({"k": ui.text("x")}), "k x"),
    (lambda: mo.md("a {x}").batch(x=ui.text("q")), "a q"),
    (lambda: ui.text("x").form(label="F"), "F x"),
    (lambda: ui.matrix([[1, 2]], label="M", row_labels=["r"]), "M r 1 2"),
    (
        lambda: mo.stat(5, "n", "c", "increase", slot=mo.md("**s**")),
        "n 5 ↗ c s",
    ),
    (lambda: ProgressBar("T", "S", 4, False, False), "T S 0 of 4"),
    (lambda: mo.callout(mo.md("**x**"), kind="warn"), "x"),
    (lambda: mo.accordion({"A": mo.md("one"), "B": "two"}), "A one B two"),
    (lambda: ui.tabs({"A": mo.md("one"), "B": "two"}), "A one B two"),
    (lambda: mo.carousel([mo.md("a"), "b"]), "a b"),
    (lambda: mo.sidebar([mo.md("x")], footer="f"), "x f"),
    (lambda: mo.nav_menu({"#/a": "A", "G": {"#/b": "B"}}), "A G B"),
    (lambda: mime_renderer("text/plain", "a<b"), "a<b"),
    (
        lambda: mo.outline(label="O"),
        "O An outline of the notebook stands here in marimo.",
    ),
]


@pytest.mark.parametrize(("make", "words"), VALUES)
def test_an_element_is_shown_as_it_stood(make: Make, words: str) -> None:
    assert text(make().text) == words


def test_every_element_of_marimo_is_known() -> None:
    folder = Path(str(mo.__file__)).parent
    named = re.compile(
        r"""(?:name\b[^"\n]*=\s*|super\(\).__init__\(\s*|\w+\(\s*)"marimo-([\w-]+)\""""
    )
    sources = [*folder.glob("_plugins/**/*.py"), *folder.glob("_output/*.py")]
    names = {it for file in sources for it in named.findall(file.read_text("utf-8"))}
    assert len(names) > 40 and not names - set(SHOW)


def test_an_unknown_element_is_refused_by_name() -> None:
    html, display = shown("<p>a <marimo-hologram></marimo-hologram></p>")
    assert "Not shown" in html and "hologram" in display.problems[0]


@pytest.mark.parametrize(
    "make",
    [
        lambda: ui.file_browser("."),
        lambda: ui.dataframe(pd.DataFrame({"a": [1]})),
        lambda: ui.data_explorer(pd.DataFrame({"a": [1]})),
        lambda: mo.lazy(lambda: mo.md("x")),
        lambda: mo.download(lambda: b"x", filename="a.txt"),
        lambda: mo.icon("lucide:leaf"),
        lambda: mo.Html("<marimo-anywidget data-model-id='\"a\"'></marimo-anywidget>"),
    ],
)
def test_what_needs_marimo_or_a_network_is_refused(make: Make) -> None:
    html, display = shown(make().text)
    assert "Not shown" in html
    assert (
        display.problems[0].startswith("cell 3: ")
        and display.problems[0].count(":") > 1
    )


def test_a_table_has_its_rows_without_what_marimo_adds() -> None:
    frame = pd.DataFrame({"a": [1, None], "b": ["x", "<y>"]}, index=["k", "l"])
    html, _ = shown(ui.table(frame, label="T").text)
    rows = BeautifulSoup(html, "html.parser").select("tr")
    cells = [[it.get_text() for it in row.find_all(["th", "td"])] for row in rows]
    assert cells == [["", "a", "b"], ["k", "1.0", "x"], ["l", "nan", "<y>"]]


def test_a_table_says_how_many_rows_it_has_beyond_those_exported() -> None:
    assert "The first 10 of 30 rows." in text(
        ui.table(pd.DataFrame({"a": range(30)})).text
    )


def test_elements_in_cells_of_a_table_are_shown() -> None:
    made = ui.table([{"a": mo.md("**x**"), "b": ui.slider(1, 9, value=7)}])
    assert text(made.text) == "a b x 7"


def test_a_table_to_edit_is_read_from_its_csv() -> None:
    made = ui.data_editor(pd.DataFrame({"a": [1], "b": ["two\nlines"]}))
    assert text(made.text) == "a b 1 two\nlines"


def test_a_file_to_download_is_in_the_page() -> None:
    html, display = shown(mo.download(b"xyz", filename="a.txt", label="Get").text)
    link = BeautifulSoup(html, "html.parser").a
    assert link and link["href"] == "data:text/plain;base64,eHl6"
    assert (
        link.get_text() == "Get a.txt" and "(3 bytes)" in html and not display.problems
    )


def test_formulas_are_drawn_in_lines_and_as_blocks() -> None:
    html, _ = shown(mo.md(r"a $x^2$ b" + "\n\n" + r"\[ y^2 \]").text)
    assert html.count("<math") == 2 and 'display="block"' in html and "||" not in html


def test_a_password_is_not_on_the_page() -> None:
    html, _ = shown(ui.text("secret", kind="password").text)
    assert "secret" not in html and "•" in html


def test_a_diagram_is_drawn_by_the_page() -> None:
    html, _ = shown(mo.mermaid("graph TD; A-->B").text)
    figure = BeautifulSoup(html, "html.parser").figure
    assert figure and figure["data-kind"] == "mermaid"
    assert json.loads(str(figure["data-spec"])) == "graph TD; A-->B"


def test_what_was_chosen_is_marked() -> None:
    html, _ = shown(ui.radio(["a", "b"], value="b").text)
    ticked = BeautifulSoup(html, "html.parser").select_one("input[checked]")
    assert ticked and ticked.parent and ticked.parent.get_text() == "b"


def test_values_that_json_has_no_way_for_are_read_back() -> None:
    data = ["text/plain+float:2.5", {"text/plain+int:3": "text/plain+set:[1]"}, None]
    html = items(data, Display(Path(), {}))
    assert html == "<pre>[2.5, {3: {1}}, None]</pre>"


def test_plain_json_is_left_to_others() -> None:
    assert items([1, {"a": "b: c"}], Display(Path(), {})) is None


def test_elements_in_lists_are_shown_though_marimo_escapes_them() -> None:
    slider = escape(ui.slider(1, 9, value=4).text)
    data = {"h": "text/html:<b>h</b>", "s": f"text/markdown:{slider}", "f": 1.5}
    html = items(data, Display(Path(), {})) or ""
    words = BeautifulSoup(html, "html.parser").get_text(" ", strip=True)
    assert words == "h h s 4 f 1.5"


def test_only_what_marimo_escaped_is_unescaped() -> None:
    assert unescaped("&lt;marimo-tex&gt;") == "<marimo-tex>"
    assert unescaped("a &lt; b") is None
