"""Elements of marimo as they stood at the end of a run, as static HTML."""

import json
import re
from collections.abc import Callable
from html import escape
from typing import Any

from bs4 import BeautifulSoup, Tag

from twobus.notebooks.outputs import bokeh, controls, plotly, vega, widgets
from twobus.notebooks.outputs.display import Display
from twobus.notebooks.outputs.marimo_element import Element, bundled, items, unescaped
from twobus.notebooks.outputs.marimo_tables import download, matrix, table

__all__ = ["element", "items", "unescaped"]

TEX = re.compile(r"\|\|([(\[])(.*)\|\|[)\]]", re.DOTALL)
OUTLINE = '<p class="note">An outline of the notebook stands here in marimo.</p>'


def element(tag: Tag, display: Display) -> str:
    """Return one of marimo's elements as HTML, or say by name why it is not shown.

    Args:
        tag: The element, whose name begins with `marimo-`.
        display: Where it is shown.
    """
    it = Element(tag, display)
    show = SHOW.get(it.name)
    return show(it) if show else it.refuse()


def _within(it: Element) -> str:
    label = f'<div class="widget-title">{it.label}</div>' if it.label else ""
    return label + it.display.html(it.inner)


def _lazy(it: Element) -> str:
    if it.inner.strip():
        return it.display.html(it.inner)
    return it.refuse("give mo.lazy what it shows, or a function that is not async")


def _anywidget(it: Element) -> str:
    return widgets.widget(str(it.get("model-id", "")), it.display)


def _icon(it: Element) -> str:
    name = str(it.tag.get("icon", ""))
    return it.display.refuse(
        f"the icon {name} is loaded from a network: write an emoji in its place"
    )


def _callout(it: Element) -> str:
    kind = re.sub(r"\W", "", str(it.get("kind", "neutral")))
    inner = it.display.html(str(it.get("html", "")))
    title = escape(str(it.get("title", "")))
    head = f'<div class="widget-title">{title}</div>' if title else ""
    return f'<div class="marimo-callout marimo-{kind}">{head}{inner}</div>'


def _slider(it: Element) -> str:
    steps, value = it.get("steps", []), it.value
    shown = steps[value] if steps and isinstance(value, int) else value
    low, high = it.get("start", 0), it.get("stop", 1)
    return controls.slider(it.label, value, low, high, str(shown))


def _range(it: Element) -> str:
    steps, ends = it.get("steps", []), it.value
    shown = [steps[end] for end in ends] if steps else ends
    low, high = it.get("start", 0), it.get("stop", 1)
    return controls.span(it.label, ends, low, high, " to ".join(map(str, shown)))


def _text(it: Element) -> str:
    value = it.value
    if it.get("kind") == "password" and (value or it.get("password-has-value")):
        value = "•" * 8
    return controls.text(it.label, value, str(it.get("placeholder", "")))


def _dates(it: Element) -> str:
    ends = it.value if isinstance(it.value, list) else [it.value]
    words = [str(end).replace("T", " ") for end in ends if end]
    return controls.text(it.label, " to ".join(words))


def _radio(it: Element) -> str:
    chosen = [(str(option), option == it.value) for option in it.get("options", [])]
    row = bool(it.get("inline", False))
    return controls.choices(it.label, chosen, many=False, row=row)


def _dropdown(it: Element) -> str:
    return controls.text(it.label, ", ".join(map(str, it.value or [])))


def _multiselect(it: Element) -> str:
    return controls.tags(it.label, it.value or [])


def _check(it: Element) -> str:
    return controls.check(it.label, bool(it.value))


def _button(it: Element) -> str:
    return controls.button(it.label or "Button")


def _refresh(it: Element) -> str:
    every = it.get("default-interval")
    return controls.text(it.label or "Refresh", f"every {every}" if every else "off")


def _files(it: Element) -> str:
    names = [
        file[0] if isinstance(file, list) else file.get("name", file)
        for file in it.value or []
    ]
    return controls.tags(it.label or "Files", names)


def _stat(it: Element) -> str:
    arrow = {"increase": "↗ ", "decrease": "↘ "}.get(str(it.get("direction")), "")
    caption = escape(str(it.get("caption", "")))
    parts = [
        ("label", escape(str(it.get("label", "")))),
        ("value", escape(str(it.get("value", "")))),
        ("caption", arrow + caption),
        ("slot", _slot(it)),
    ]
    lines = (f'<div class="marimo-{name}">{text}</div>' for name, text in parts if text)
    return f'<div class="marimo-stat">{"".join(lines)}</div>'


def _slot(it: Element) -> str:
    held = it.get("slot", {}).get("_serialized_mime_bundle")
    return bundled(held["mimetype"], held["data"], it.display) if held else ""


def _progress(it: Element) -> str:
    words = [str(it.get(name, "")) for name in ("title", "subtitle")]
    label = " ".join(it.display.html(word) for word in words if word)
    total, done = it.get("total"), it.get("progress")
    if not isinstance(done, int | float) or isinstance(done, bool):
        return controls.progress(label, None, 0, 1)
    bar = controls.progress(label, done, 0, total or 1)
    return f"{bar}<output>{done} of {total}</output>"


def _panes(it: Element) -> str:
    titles = it.get("labels") or it.get("tabs") or []
    pane = controls.fold if it.name == "accordion" else controls.pane
    soup = BeautifulSoup(it.inner, "html.parser")
    inner = [child.decode_contents() for child in soup.find_all("div", recursive=False)]
    titles = [*titles, *[""] * len(inner)]
    return "".join(
        pane(it.display.html(str(title)), it.display.html(content))
        for title, content in zip(titles, inner, strict=False)
    )


def _mermaid(it: Element) -> str:
    return it.display.figure("mermaid", it.get("diagram", ""), "mermaid")


def _tex(it: Element) -> str:
    found = TEX.search(it.tag.get_text())
    if found is None:
        return escape(it.tag.get_text())
    # Formulas on a line of their own within a text come in two pairs of marks.
    within = TEX.fullmatch(found[2])
    marks = "$$" if found[1] == "[" or within else "$"
    tex = (within or found)[2].strip()
    formula = it.display.markdown(f"{marks}{tex}{marks}").strip()
    if marks == "$":
        # It stands in a line of text.
        formula = formula.removeprefix("<p>").removesuffix("</p>")
    return formula


def _json(it: Element) -> str:
    data = it.get("json-data")
    if (html := items(data, it.display)) is not None:
        return html
    text = json.dumps(data, indent=2, ensure_ascii=False)
    return f"<pre>{escape(text)}</pre>"


def _plotly(it: Element) -> str:
    figure = it.get("figure", {})
    return plotly.figure({**figure, "config": it.get("config", {})}, it.display)


def _vega(it: Element) -> str:
    return vega.figure(it.get("spec", {}), it.display, it.get("embed-options", {}))


def _panel(it: Element) -> str:
    items = it.get("render_json", {})
    documents = it.get("docs_json", {})
    # It names one item, and Bokeh takes a list.
    listed = items if isinstance(items, list) else [items]
    return bokeh.figure({"docs_json": documents, "render_items": listed}, it.display)


def _pictures(it: Element) -> str:
    names = ("before-src", "after-src")
    sources = [escape(str(it.get(name, ""))) for name in names]
    return "".join(it.display.html(f'<img src="{url}" alt="">') for url in sources)


def _menu(it: Element) -> str:
    def line(entry: dict[str, Any]) -> str:
        label = it.display.html(str(entry.get("label", "")))
        href = escape(str(entry.get("href", "#")))
        inner = "".join(line(more) for more in entry.get("items", []))
        link = f'<a href="{href}">{label}</a>' if "href" in entry else label
        return f"<li>{link}{f'<ul>{inner}</ul>' if inner else ''}</li>"

    return f"<ul>{''.join(line(entry) for entry in it.get('items', []))}</ul>"


def _code(it: Element) -> str:
    return f"{it.label}<pre>{escape(str(it.value or ''))}</pre>"


def _chat(it: Element) -> str:
    lines = (
        f"<dt>{escape(str(one.get('role', '')))}</dt><dd>{escape(_said(one))}</dd>"
        for one in (it.value or {}).get("messages", [])
    )
    return f"<dl>{''.join(lines)}</dl>"


def _said(message: dict[str, Any]) -> str:
    """Return what a message says; newer ones come in parts."""
    parts = message.get("parts") or []
    words = [str(part.get("text", part)) for part in parts if isinstance(part, dict)]
    return "\n".join(words) or str(message.get("content") or "")


def _matplotlib(it: Element) -> str:
    address = escape(str(it.get("chart-base64", "")))
    return it.display.html(f'<img src="{address}" alt="">')


def _mime(it: Element) -> str:
    data = it.get("data", "")
    return bundled(str(it.get("mime", "text/plain")), data, it.display)


SHOW: dict[str, Callable[[Element], str]] = {
    **dict.fromkeys(("ui-element", "form", "dict", "carousel", "routes"), _within),
    **dict.fromkeys(("sidebar", "cell-output"), _within),
    **dict.fromkeys(("text", "text-area", "number"), _text),
    **dict.fromkeys(("date", "datetime", "date-range"), _dates),
    **dict.fromkeys(("checkbox", "switch"), _check),
    **dict.fromkeys(("accordion", "tabs"), _panes),
    **dict.fromkeys(("table", "data-editor"), table),
    "anywidget": _anywidget,
    "button": _button,
    "callout-output": _callout,
    "chatbot": _chat,
    "code-editor": _code,
    "data-explorer": lambda it: it.refuse("show a figure of the data"),
    "dataframe": lambda it: it.refuse("end the cell with the frame itself"),
    "download": download,
    "dropdown": _dropdown,
    "file": _files,
    "file-browser": lambda it: it.refuse("show the names of the files by print"),
    "iconify-icon": _icon,
    "image-comparison": _pictures,
    "json-output": _json,
    "lazy": _lazy,
    "matplotlib": _matplotlib,
    "matrix": matrix,
    "mermaid": _mermaid,
    "microphone": lambda it: controls.button(it.label or "Microphone"),
    "mime-renderer": _mime,
    "mpl-interactive": lambda it: it.refuse("show the figure itself"),
    "multiselect": _multiselect,
    "nav-menu": _menu,
    "outline": lambda it: it.label + OUTLINE,
    "panel": _panel,
    "plotly": _plotly,
    "progress": _progress,
    "radio": _radio,
    "range-slider": _range,
    "refresh": _refresh,
    "slider": _slider,
    "stat": _stat,
    "tex": _tex,
    "vega": _vega,
}
