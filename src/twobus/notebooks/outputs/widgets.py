"""Widgets of ipywidgets as they stood at the end of a run, as static HTML."""

import copy
import re
from collections.abc import Mapping
from html import escape
from typing import Any

from nbconvert.filters import ansi2html

from twobus.notebooks.outputs import anywidgets, controls, plotly, vega
from twobus.notebooks.outputs.anywidgets import PICTURE
from twobus.notebooks.outputs.display import Display
from twobus.notebooks.outputs.widget_model import Model, typeset
from twobus.notebooks.outputs.widget_values import VALUES, Draw

# What a layout says and a page can follow. Heights and overflow would hide things.
LAYOUT = re.compile(
    r"(align|justify|grid|border|flex|margin|padding)(_\w+)?|(min_|max_)?width|order"
)
# Nothing that ends the declaration, or loads something.
PLAIN = re.compile(r"(?!.*url\()[\w\s.,%#()'+*/-]+", re.IGNORECASE)
# Widgets that other widgets use, and that never stand on a page.
UNSEEN = re.compile(r"Layout|.*Style|Link|DirectionalLink")


def widget(model_id: str, display: Display) -> str:
    """Return a widget as HTML, or say by name why it is not shown.

    Args:
        model_id: The id of its model.
        display: What shows the notebook, with the states of all widgets.
    """
    model = Model.of(model_id, display)
    if model is None:
        return display.refuse(
            "a widget whose state the notebook does not keep: show its values by "
            "print or as a table in a further cell"
        )
    if model.state.get("_closed"):
        return ""
    layout = model.part("layout")
    if layout.get("visibility") == "hidden" or layout.get("display") == "none":
        return ""
    draw = TABLE.get(model.name) if _is_core(model) else _foreign
    if draw is None:
        return "" if UNSEEN.fullmatch(model.name) else _unknown(model)
    kind = f"widget {_BOXES.get(model.name, '')}".strip()
    return f'<div class="{kind}"{_style(layout)}>{draw(model)}</div>'


def _is_core(model: Model) -> bool:
    return model.module.startswith("@jupyter-widgets/")


def _style(layout: Mapping[str, Any]) -> str:
    rules = [
        f"{key.replace('_', '-')}:{value}"
        for key, value in layout.items()
        if value and LAYOUT.fullmatch(key) and PLAIN.fullmatch(str(value))
    ]
    return f' style="{escape(";".join(rules))}"' if rules else ""


def _children(it: Model) -> list[str]:
    return [widget(child, it.display) for child in it.get("children", [])]


def _box(it: Model) -> str:
    return "".join(_children(it))


def _panes(it: Model) -> str:
    # Version 7 keeps titles by number.
    old = it.get("_titles", {})
    titles = it.get("titles") or [old.get(str(i), "") for i in range(len(old))]
    pane = controls.fold if it.name == "Accordion" else controls.pane
    contents = _children(it)
    titles = [*titles, *[""] * len(contents)]
    return "".join(
        pane(typeset(title or "", it.display), content)
        for title, content in zip(titles, contents, strict=False)
    )


def _output(it: Model) -> str:
    return "".join(_one(output, it.display) for output in it.get("outputs", []))


def _one(output: Mapping[str, Any], display: Display) -> str:
    kind = output.get("output_type")
    if kind == "stream":
        return _pre("".join(output.get("text", "")))
    if kind == "error":
        return _pre("\n".join(output.get("traceback", [])))
    return display.bundle(output.get("data", {}))


def _pre(text: str) -> str:
    # As nothing in particular: it has no types.
    coloured: Any = ansi2html
    return f"<pre>{coloured(text)}</pre>"


def _foreign(it: Model) -> str:
    """Return a widget of another package."""
    state = it.state
    for data, layout in (("_widget_data", "_widget_layout"), ("_data", "_layout")):
        if isinstance(state.get(data), list) and layout in state:
            return _plotly(it, data, layout)
    if isinstance(state.get("spec"), dict) and "vega" in str(
        state["spec"].get("$schema")
    ):
        return vega.figure(state["spec"], it.display)
    # ipympl draws pictures, and keeps the last one.
    if str(state.get("_data_url")).startswith("data:image/"):
        return it.display.html(f'<img src="{escape(state["_data_url"])}" alt="">')
    if "_esm" in state:
        buffers = [(list(path), data) for path, data in it.buffers.items()]
        return anywidgets.figure(_name(it), state, buffers, it.display)
    return _unknown(it)


def _plotly(it: Model, data: str, layout: str) -> str:
    figure = copy.deepcopy({key: it.state.get(key) for key in (data, layout)})
    for path, content in it.buffers.items():
        _put(figure, path, content)
    spec = {
        "data": figure[data],
        "layout": figure[layout],
        "config": it.get("_config", {}),
    }
    return plotly.figure(spec, it.display)


def _put(figure: Any, path: tuple[Any, ...], content: str) -> None:
    """Put bytes where they belong, in the form that Plotly reads."""
    try:
        *way, last, _ = path
        for step in way:
            figure = figure[step]
        array = figure[last]
        if isinstance(array, dict) and "dtype" in array:
            figure[last] = {"dtype": _kind(array["dtype"]), "bdata": content}
    except (KeyError, IndexError, TypeError, ValueError):
        # Bytes of an earlier state: later values were sent without any.
        return


def _kind(dtype: str) -> str:
    """Return `f8` for `float64`, and the like."""
    name = re.fullmatch(r"(float|uint|int)(\d+)", dtype)
    if name is None:
        return dtype
    return f"{ {'float': 'f', 'uint': 'u', 'int': 'i'}[name[1]] }{int(name[2]) // 8}"


def _name(it: Model) -> str:
    return str(it.get("_anywidget_id") or f"{it.module}.{it.name}")


def _unknown(it: Model) -> str:
    return it.display.refuse(
        f"the widget {_name(it)}, which is not known here: {PICTURE}"
    )


_BOXES = {
    "Box": "widget-row",
    "HBox": "widget-row",
    "VBox": "widget-column",
    "GridBox": "widget-grid",
}
TABLE: dict[str, Draw] = {
    **VALUES,
    **dict.fromkeys(_BOXES, _box),
    **dict.fromkeys(("Accordion", "Tab", "Stack", "Stacked"), _panes),
    "Output": _output,
}
