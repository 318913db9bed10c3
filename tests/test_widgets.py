import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import anywidget
import ipywidgets as w
import pytest
import traitlets
from bs4 import BeautifulSoup
from shown import Plain

from twobus.notebooks.outputs.widgets import TABLE, UNSEEN, widget

Make = Callable[[], w.Widget]


def shown(made: w.Widget, **state: Any) -> tuple[str, Plain]:
    """Show a widget from its saved state, with some of its values changed."""
    models = w.Widget.get_manager_state()["state"]
    models[made.model_id]["state"] |= state
    display = Plain(models)
    display.cell = "cell 3"
    return widget(made.model_id, display), display


def text(made: w.Widget) -> str:
    return BeautifulSoup(shown(made)[0], "html.parser").get_text(" ", strip=True)


VALUES: list[tuple[Make, str]] = [
    (lambda: w.IntSlider(5, description="n"), "n 5"),
    (lambda: w.FloatSlider(0.25, readout_format=".1%"), "25.0%"),
    (lambda: w.FloatLogSlider(100, min=0, max=4), "100"),
    (lambda: w.IntRangeSlider(value=(2, 4), description="r"), "r 2 to 4"),
    (lambda: w.FloatRangeSlider(value=(2, 4), min=1, max=5), "2.00 to 4.00"),
    (lambda: w.SelectionSlider(options=["low", "high"], value="high"), "high"),
    (lambda: w.SelectionRangeSlider(options="abc", index=(0, 2)), "a to c"),
    (lambda: w.Text("<i>", description="a < b"), "a < b <i>"),
    (lambda: w.Textarea("two\nlines"), "two\nlines"),
    (lambda: w.Text(placeholder="type here"), "type here"),
    (lambda: w.Combobox(value="x"), "x"),
    (lambda: w.IntText(7), "7"),
    (lambda: w.BoundedFloatText(7.5), "7.5"),
    (lambda: w.Label("plain"), "plain"),
    (lambda: w.HTML("<b>bold</b>", description="d"), "d bold"),
    (lambda: w.Dropdown(options=[("One", 1), ("Two", 2)], value=2), "Two"),
    (lambda: w.Dropdown(options=["a"], value=None), ""),
    (lambda: w.Valid(True, description="ok"), "ok ✔"),
    (lambda: w.Valid(False, readout="bad"), "✘ bad"),
    (lambda: w.Button(description="Go"), "Go"),
    (lambda: w.DatePicker(value=dt.date(2024, 1, 31)), "2024-01-31"),
    (lambda: w.TimePicker(value=dt.time(3, 4, 5)), "03:04:05"),
    (
        lambda: w.DatetimePicker(value=dt.datetime(2024, 1, 2, 3, 4, tzinfo=dt.UTC)),
        "2024-01-02 03:04 UTC",
    ),
    (
        lambda: w.NaiveDatetimePicker(value=dt.datetime(2024, 1, 2, 3, 4)),
        "2024-01-02 03:04",
    ),
    (lambda: w.ColorPicker(value="teal"), "teal"),
    (lambda: w.TagsInput(value=["a", "b"]), "a b"),
    (lambda: w.FloatsInput(value=[1.5], format=".2f"), "1.50"),
    (lambda: w.Play(value=3), "3"),
]


@pytest.mark.parametrize(("make", "words"), VALUES)
def test_a_value_stands_beside_its_description(make: Make, words: str) -> None:
    assert text(make()) == words


def test_every_model_of_ipywidgets_is_shown_or_never_seen() -> None:
    modules = w.widget._registry._registry
    names = {
        name.removesuffix("Model")
        for module, versions in modules.items()
        for models in versions.values()
        for name in models
        if module.startswith("@jupyter-widgets/")
    }
    assert len(names) > 50
    # The base of the others, which shows nothing by itself.
    known = {*TABLE, "DOMWidget"}
    assert not {it for it in names - known if not UNSEEN.fullmatch(it)}


def test_a_password_is_not_on_the_page() -> None:
    assert "secret" not in shown(w.Password(value="secret"))[0]


@pytest.mark.parametrize(
    ("make", "chosen"),
    [
        (lambda: w.Select(options=["a", "b"], value="b"), ["b"]),
        (lambda: w.RadioButtons(options=["a", "b"], value="a"), ["a"]),
        (lambda: w.ToggleButtons(options=["a", "b"], value="b"), ["b"]),
        (lambda: w.SelectMultiple(options="abc", value=("a", "c")), ["a", "c"]),
    ],
)
def test_options_are_listed_with_those_chosen(make: Make, chosen: list[str]) -> None:
    page = BeautifulSoup(shown(make())[0], "html.parser")
    ticked = [it.find_next("span") for it in page.select("input[checked]")]
    assert [it.get_text() for it in ticked if it] == chosen
    assert len(page.select("input")) == len(set("abc" if len(chosen) > 1 else "ab"))


def test_of_many_options_those_chosen_are_listed_and_all_counted() -> None:
    assert text(w.Select(options=range(900), value=7)) == "7 (1 of 900 options)"


def test_tqdm_shows_its_bar_and_both_texts() -> None:
    bar = w.FloatProgress(3, max=3, bar_style="success")
    html, _ = shown(w.HBox([w.HTML("100%"), bar, w.HTML(" 3/3 [00:00<00:00]")]))
    page = BeautifulSoup(html, "html.parser")
    assert page.progress and page.progress["value"] == page.progress["max"] == "3"
    assert "100%" in page.get_text() and "3/3" in page.get_text()


def test_all_panes_are_shown_with_their_titles() -> None:
    for kind in (w.Tab, w.Accordion, w.Stack):
        made = kind([w.Label("one"), w.Label("two")], titles=["A", "B"])
        assert text(made) == "A one B two", kind


def test_titles_of_version_7_are_read() -> None:
    made = w.Tab([w.Label("one"), w.Label("two")])
    html, _ = shown(made, titles=None, _titles={"0": "A", "1": "B"})
    assert ">A</div>" in html and ">B</div>" in html


@pytest.mark.parametrize("layout", [{"visibility": "hidden"}, {"display": "none"}])
def test_a_hidden_widget_is_not_shown(layout: dict[str, str]) -> None:
    assert text(w.VBox([w.Label("a"), w.Label("b", layout=layout)])) == "a"


def test_a_layout_can_load_nothing() -> None:
    html, _ = shown(w.Box(layout={"width": "50%", "border_top": "url(http://x)"}))
    assert "width:50%" in html and "url" not in html


def test_pictures_and_sounds_are_on_the_page() -> None:
    assert "data:image/png;base64,eHk=" in shown(w.Image(value=b"xy"))[0]
    assert "data:audio/wav;base64,eHk=" in shown(w.Audio(value=b"xy", format="wav"))[0]
    assert "data:video/mp4;base64,eHk=" in shown(w.Video(value=b"xy"))[0]


def test_a_file_of_each_version_is_named_with_its_size() -> None:
    new = [{"name": "a.csv", "size": 2000, "type": "", "last_modified": 0}]
    assert "a.csv (2.0 kB)" in shown(w.FileUpload(), value=new)[0]
    old = {"value": {}, "metadata": new}
    assert "a.csv (2.0 kB)" in shown(w.FileUpload(), **old)[0]


def test_formulas_in_descriptions_and_labels_are_drawn() -> None:
    assert "<math>x^2</math> &lt;" in shown(w.Label("$x^2$ <"))[0]
    assert "<math>y</math>" in shown(w.IntSlider(description="$y$"))[0]
    assert "<b><math>z</math></b>" in shown(w.HTMLMath("<b>$z$</b>"))[0]


def test_outputs_in_a_widget_are_shown() -> None:
    html, _ = shown(
        w.Output(),
        outputs=[
            {"output_type": "stream", "name": "stdout", "text": "a<b"},
            {"output_type": "display_data", "data": {"text/plain": "data"}},
            {"output_type": "error", "traceback": ["\x1b[31mE<\x1b[0m", "end"]},
        ],
    )
    assert "<pre>a&lt;b</pre>" in html and "<pre>data</pre>" in html
    assert "E&lt;" in html and "end" in html and "\x1b" not in html


def test_a_widget_that_was_not_saved_is_refused() -> None:
    display = Plain()
    assert "Not shown" in widget("gone", display)
    assert "does not keep" in display.problems[0]


class Counter(anywidget.AnyWidget):
    _esm = "export default { render({ model, el }) { el.innerText = model.get('n') } }"
    n = traitlets.Int(3).tag(sync=True)
    data = traitlets.Bytes(b"xy").tag(sync=True)


def spec(html: str) -> Any:
    figure = BeautifulSoup(html, "html.parser").figure
    assert figure
    return json.loads(str(figure["data-spec"]))


def test_an_anywidget_is_drawn_by_its_own_code() -> None:
    html, display = shown(Counter())
    drawn = spec(html)
    assert drawn["esm"] == Counter._esm and drawn["state"] == {"n": 3}
    assert drawn["buffers"] == [[["data"], "eHk="]] and not display.problems


@pytest.mark.parametrize(
    "code",
    [
        'import x from "https://esm.sh/x";',
        "import{a,b}from'https://esm.sh/x'",
        "import 'http://x.org/a.js'",
        "const x = await import(`https://x.org/a.js`)",
        "https://x.org/a.js",
    ],
)
def test_an_anywidget_with_code_from_a_network_is_refused(code: str) -> None:
    html, display = shown(Counter(), _esm=code)
    assert "Not shown" in html and "from a network" in display.problems[0]
    assert display.problems[0].startswith("cell 3: the widget ")


def test_an_address_that_nothing_is_loaded_from_is_no_reason_to_refuse() -> None:
    code = "const svg = 'http://www.w3.org/2000/svg'; // see https://x.org"
    assert not shown(Counter(), _esm=code)[1].problems


def test_figures_of_plotly_and_altair_are_drawn_as_such() -> None:
    state = {
        "_widget_data": [{"x": {"dtype": "float64", "shape": [1]}, "y": [3]}],
        "_widget_layout": {"title": "T"},
        "_config": {},
    }
    made = Counter()
    models = w.Widget.get_manager_state()["state"]
    models[made.model_id]["state"] |= state
    path = ["_widget_data", 0, "x", "buffer"]
    stale = ["_widget_data", 0, "y", "buffer"]
    models[made.model_id]["buffers"] = [
        {"path": path, "encoding": "base64", "data": "AAAAAAAA8D8="},
        {"path": stale, "encoding": "base64", "data": "AAAA"},
    ]
    drawn = spec(widget(made.model_id, Plain(models)))
    assert drawn["data"] == [{"x": {"dtype": "f8", "bdata": "AAAAAAAA8D8="}, "y": [3]}]
    assert drawn["layout"] == {"title": "T"}
    chart = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "mark": "bar",
    }
    assert 'data-kind="vega"' in shown(Counter(), spec=chart)[0]


def test_an_unknown_widget_is_refused_by_name() -> None:
    made = w.IntSlider()
    models = w.Widget.get_manager_state()["state"]
    models[made.model_id] |= {"model_module": "maps", "model_name": "GlobeModel"}
    display = Plain(models)
    assert "Not shown" in widget(made.model_id, display)
    assert "maps.Globe" in display.problems[0] and "table" in display.problems[0]
