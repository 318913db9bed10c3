"""Figures of Bokeh, and of HoloViews and Panel, which build on it."""

import json
import re
from typing import Any

from twobus.notebooks.outputs.display import NO_TILES, Display
from twobus.notebooks.outputs.libraries import inside

DOCUMENTS = re.compile(r"\bdocs_json\s*=\s*")
ITEMS = re.compile(r"\brender_items\s*=\s*")
ELEMENT = re.compile(r"document\.getElementById\((['\"])(.+?)\1\)")
# What HoloViews and Panel put into a notebook to talk with a kernel.
TALK = ("CommManager", "BrowserInfo", "Location", "NotificationArea")
# Models of Panel that other libraries draw; Plotly's and Vega's are at hand.
DRAWN_ELSEWHERE = re.compile(
    r'"name":\s*"panel\.models\.(deckgl|echarts|ace|vizzu|vtk|perspective|tabulator'
    r"|katex|mathjax|terminal|jsoneditor|quill|ipywidget|reactive_html|esm|terminal)\."
)
EMPTY_TILE = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="


def figure(spec: dict[str, Any], display: Display) -> str:
    """Return a figure of Bokeh.

    Args:
        spec: `docs_json` and `render_items`, as Bokeh writes both.
        display: Where it is shown.
    """
    documents = spec["docs_json"]
    roots = [root for it in documents.values() for root in _roots(it)]
    if roots and all(str(it.get("name", "")).endswith(TALK) for it in roots):
        return ""
    text = json.dumps(documents)
    if found := DRAWN_ELSEWHERE.search(text):
        return display.refuse(
            f"Panel's {found[1]} needs more than this page can hold: show a table, or "
            "a figure of Bokeh, Plotly or Matplotlib"
        )
    note = ""
    text, tiles = re.subn(
        r'"url":\s*"https?://[^"]*\{[xXqQ][^"]*"', f'"url": "{EMPTY_TILE}"', text
    )
    if tiles:
        note = NO_TILES
    for url in {*re.findall(r'"(https?://[^"\s]+\.(?:css|js)(?:\?[^"]*)?)"', text)}:
        if (held := inside(url)) is None:
            return display.refuse(f"a figure of Bokeh loads {url}: leave that out")
        text = text.replace(json.dumps(url), json.dumps(held))
    if found := re.search(r'"(https?://[^"\s]+\.(?:png|jpe?g|gif|svg|webp))"', text):
        return display.refuse(
            f"a figure of Bokeh shows the picture {found[1]} of a network: give it "
            "the picture itself"
        )
    items = [{**it, "notebook_comms_target": None} for it in spec["render_items"]]
    drawn = {"docs_json": json.loads(text), "render_items": items}
    return note + display.figure("bokeh", drawn, *_libraries(text))


def taken(script: str, elements: dict[str, str]) -> dict[str, Any] | None:
    """Return the figure of a script that draws one, if it does.

    Args:
        script: The script.
        elements: The texts of other scripts by their ids, where Bokeh keeps it, too.
    """
    documents = _value(script, DOCUMENTS, elements)
    items = _value(script, ITEMS, elements)
    if not isinstance(documents, dict) or not isinstance(items, list):
        return None
    return {"docs_json": documents, "render_items": items}


def _value(script: str, name: re.Pattern[str], elements: dict[str, str]) -> Any:
    found = name.search(script)
    if found is None:
        return None
    if element := ELEMENT.match(script, found.end()):
        return json.loads(elements.get(element[2], "null"))
    try:
        if script[found.end()] == "'":
            text = re.compile(r"'((?:[^'\\]|\\.)*)'").match(script, found.end())
            # Bokeh quotes JSON for a script so.
            return json.loads(re.sub(r"\\(['\\])", r"\1", text[1])) if text else None
        return json.JSONDecoder().raw_decode(script, found.end())[0]
    except ValueError:
        return None


def _roots(document: dict[str, Any]) -> list[dict[str, Any]]:
    roots = document.get("roots", [])
    # Bokeh 2 told them otherwise.
    found = roots.get("references", []) if isinstance(roots, dict) else roots
    return [it for it in found if isinstance(it, dict)]


def _libraries(text: str) -> list[str]:
    """Name the parts of Bokeh that a figure needs."""
    from bokeh.model import Model  # type: ignore[import-not-found,unused-ignore]

    names = {*re.findall(r'"name":\s*"([\w.]+)"', text)}
    known = Model.model_class_reverse_map
    modules = {known[name].__module__ for name in names if name in known}
    panel = any(name.startswith("panel.") for name in names)
    tables = panel or any(".widgets.tables" in it for it in modules)
    widgets = tables or any(".models.widgets" in it for it in modules)
    wanted = {
        "bokeh": True,
        "bokeh-gl": panel or '"webgl"' in text,
        "bokeh-widgets": widgets,
        "bokeh-tables": tables,
        "bokeh-mathjax": bool(re.search(r'\$\$|\\\\\[|"(?:TeX|MathML)"', text)),
        "plotly": "panel.models.plotly" in text,
        "vega": "panel.models.vega" in text,
        "vega-lite": "panel.models.vega" in text,
        "vega-embed": "panel.models.vega" in text,
        "panel": panel,
    }
    return [name for name, needed in wanted.items() if needed]
