"""Choose what stands for an output among its MIME types, the richest first."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING, Any

from nbconvert.filters.ansi import ansi2html

from twobus.notebooks.outputs import bokeh, html, marimo, plotly, vega, widgets

if TYPE_CHECKING:
    from twobus.notebooks.outputs.display import Data, Display

# Beside an output that says more.
BESIDE = re.compile(r"application/vnd\.\w+_exec\.v0\+json|text/plain|text/llm\+plain")


def shown(data: Data, display: Display) -> str:
    """Return an output as HTML; see `Display.bundle`."""
    # It prepares a notebook for figures, which pages do by themselves.
    if any(re.fullmatch(r"application/vnd\.\w+_load\.v0\+json", it) for it in data):
        return ""
    if not data:
        return display.refuse(
            "the cell displayed something that has no content: display it once it has"
        )
    for pattern, show in WAYS:
        for kind in data:
            if re.fullmatch(pattern, kind):
                return show(data, kind, display)
    rich = [kind for kind in data if not BESIDE.fullmatch(kind)]
    if rich:
        return display.refuse(
            f"an output of the type {rich[0]}, which no page knows: display a table, a "
            "picture or HTML of it"
        )
    text = _text(data.get("text/plain", ""))
    colours: Any = ansi2html
    return f"<pre>{colours(text)}</pre>" if text else ""


def _text(content: Any) -> str:
    return "".join(content) if isinstance(content, list) else str(content)


def _json(content: Any) -> Any:
    return json.loads(_text(content)) if isinstance(content, str) else content


def _plotly(data: Data, kind: str, display: Display) -> str:
    return plotly.figure(_json(data[kind]), display)


def _vega(data: Data, kind: str, display: Display) -> str:
    return vega.figure(_json(data[kind]), display)


def _widget(data: Data, kind: str, display: Display) -> str:
    return widgets.widget(_json(data[kind])["model_id"], display)


def _html(data: Data, kind: str, display: Display) -> str:
    text = _text(data[kind])
    script = _text(data.get("application/javascript", ""))
    if (document := bokeh.taken(script, {})) is not None:
        return display.html(text) + bokeh.figure(document, display)
    # Both in one frame, since such a script looks for elements.
    return display.html(text + _script(script) if script else text)


def _markdown(data: Data, kind: str, display: Display) -> str:
    text = _text(data[kind])
    # marimo writes its elements so.
    if (unescaped := marimo.unescaped(text)) is not None:
        return display.html(unescaped)
    return display.markdown(text)


def _javascript(data: Data, kind: str, display: Display) -> str:
    text = _text(data[kind])
    document = bokeh.taken(text, {})
    if document is not None:
        return bokeh.figure(document, display)
    return display.html(_script(text))


def _script(text: str) -> str:
    """Return a script as HTML; it may expect an element to write into."""
    text = re.sub(r"<(?=/script)", r"\\x3c", text, flags=re.IGNORECASE)
    within = f"(function(element){{{text}\n}})(document.currentScript.parentElement)"
    return f"<div><script>{within}</script></div>"


def _picture(data: Data, kind: str, display: Display) -> str:
    content = re.sub(r"\s", "", _text(data[kind]))
    words = escape(_text(data.get("text/plain", "")))
    return f'<img src="data:{kind};base64,{content}" alt="{words}">'


def _svg(data: Data, kind: str, display: Display) -> str:
    text = html.held(_text(data[kind]), display)
    # As a picture of its own, so that its names and styles reach nothing else.
    content = b64encode(text.encode()).decode()
    return f'<img src="data:{kind};base64,{content}" alt="">'


def _mermaid(data: Data, kind: str, display: Display) -> str:
    return display.figure("mermaid", _text(data[kind]), "mermaid")


def _latex(data: Data, kind: str, display: Display) -> str:
    return display.markdown(_text(data[kind]))


def _data(data: Data, kind: str, display: Display) -> str:
    content = _json(data[kind])
    if (items := marimo.items(content, display)) is not None:
        return items
    text = json.dumps(content, indent=2, ensure_ascii=False)
    return f"<pre>{escape(text)}</pre>"


def _pdf(data: Data, kind: str, display: Display) -> str:
    content = re.sub(r"\s", "", _text(data[kind]))
    return html.document(f"data:{kind};base64,{content}")


# As notebooks choose, so that a page shows what its author saw.
WAYS: list[tuple[str, Callable[[Data, str, Display], str]]] = [
    (r"application/vnd\.plotly\.v\d+\+json", _plotly),
    (r"application/vnd\.vega(?:lite)?\.v\d+[.+]json", _vega),
    (r"application/vnd\.jupyter\.widget-view\+json", _widget),
    (r"text/html", _html),
    (r"text/markdown", _markdown),
    (r"text/latex", _latex),
    (r"image/svg\+xml", _svg),
    (r"image/(?:png|jpeg|gif|webp|avif|bmp)", _picture),
    (r"application/pdf", _pdf),
    (r"application/javascript", _javascript),
    (r"text/vnd\.mermaid", _mermaid),
    (r"application/(?:ld\+)?json", _data),
]
