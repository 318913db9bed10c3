"""Elements of marimo as they stood at the end of a run, as static HTML."""

import csv
import json
import re
from base64 import b64decode
from collections.abc import Callable
from html import escape, unescape
from typing import Any

from bs4 import BeautifulSoup, Tag

from twobus.notebooks.outputs import bokeh, controls, plotly, vega
from twobus.notebooks.outputs.anywidgets import PICTURE
from twobus.notebooks.outputs.display import Display

# How marimo writes an element where it means plain text, and HTML within lists.
ESCAPED = re.compile(r"\s*&lt;(?:marimo-|span|div|p\b|img|a\b|table|style)")
TYPED = re.compile(r"text/(html|markdown|plain):")
TEX = re.compile(r"\|\|([(\[])(.*)\|\|[)\]]", re.DOTALL)
MOST_ROWS = 200


class Element:
    """An element of marimo, with its attributes read.

    Attributes:
        display: Where it is shown.
        name: Its name after `marimo-`.
        inner: The HTML between its tags.
    """

    def __init__(self, tag: Tag, display: Display) -> None:
        """Begin with a tag of a parsed page."""
        self.tag = tag
        self.display = display
        self.name = tag.name.removeprefix("marimo-")
        self.inner = tag.decode_contents()

    def get(self, name: str, other: Any = None) -> Any:
        """Return an attribute's value, or another if it has none."""
        text = self.tag.get(f"data-{name}")
        if text is None:
            return other
        try:
            found = json.loads(str(text))
        except ValueError:
            return str(text)
        return other if found is None else found

    @property
    def value(self) -> Any:
        """What it was set to."""
        return self.get("initial-value")

    @property
    def label(self) -> str:
        """Its label, as HTML."""
        return self.display.html(str(self.get("label", "")))

    def refuse(self) -> str:
        """Say that a page cannot show it."""
        what = f"marimo's {self.name.replace('-', ' ')} needs marimo itself"
        return self.display.refuse(f"{what}: {PICTURE}")


def element(tag: Tag, display: Display) -> str:
    """Return one of marimo's elements as HTML, or say by name why it is not shown.

    Args:
        tag: The element, whose name begins with `marimo-`.
        display: Where it is shown.
    """
    it = Element(tag, display)
    show = SHOW.get(it.name)
    return show(it) if show else it.refuse()


def unescaped(text: str) -> str | None:
    """Return the HTML that marimo wrote as text; None if the text is no such."""
    return unescape(text) if ESCAPED.match(text) else None


def items(data: Any, display: Display) -> str | None:
    """Return a list or a mapping that holds elements; None if it holds none."""
    return _item(data, display) if _holds_elements(data) else None


def _holds_elements(data: Any) -> bool:
    if isinstance(data, dict):
        return any(map(_holds_elements, data.values()))
    if isinstance(data, list):
        return any(map(_holds_elements, data))
    return isinstance(data, str) and bool(TYPED.match(data))


def _item(data: Any, display: Display) -> str:
    if isinstance(data, dict):
        rows = (
            f"<dt>{escape(str(key))}</dt><dd>{_item(inner, display)}</dd>"
            for key, inner in data.items()
        )
        return f'<dl class="marimo-items">{"".join(rows)}</dl>'
    if isinstance(data, list):
        rows = (f"<li>{_item(inner, display)}</li>" for inner in data)
        return f'<ul class="marimo-items">{"".join(rows)}</ul>'
    if isinstance(data, str) and (found := TYPED.match(data)):
        text = data[found.end() :]
        if found[1] == "html":
            return display.html(text)
        if found[1] == "markdown":
            html = unescaped(text)
            return display.markdown(text) if html is None else display.html(html)
        return f"<pre>{escape(text)}</pre>"
    return f"<code>{escape(json.dumps(data, ensure_ascii=False))}</code>"


def _within(it: Element) -> str:
    return it.display.html(it.inner)


def _callout(it: Element) -> str:
    kind = re.sub(r"\W", "", str(it.get("kind", "neutral")))
    inner = it.display.html(str(it.get("html", "")))
    return f'<div class="marimo-callout marimo-{kind}">{inner}</div>'


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
    if it.get("kind") == "password" and value:
        value = "•" * 8
    return controls.text(it.label, value, str(it.get("placeholder", "")))


def _dates(it: Element) -> str:
    ends = it.value if isinstance(it.value, list) else [it.value]
    words = [str(end).replace("T", " ") for end in ends if end]
    return controls.text(it.label, " to ".join(words))


def _choices(it: Element) -> str:
    value = it.value if isinstance(it.value, list) else [it.value]
    chosen = [(str(option), option in value) for option in it.get("options", [])]
    many = it.name == "multiselect"
    return controls.choices(it.label, chosen, many, bool(it.get("inline", False)))


def _check(it: Element) -> str:
    return controls.check(it.label, bool(it.value))


def _button(it: Element) -> str:
    return controls.button(it.label or "Button")


def _files(it: Element) -> str:
    names = [
        file[0] if isinstance(file, list) else file.get("name", file)
        for file in it.value or []
    ]
    return controls.tags(it.label or "Files", names)


def _stat(it: Element) -> str:
    parts = [
        ("label", it.label),
        ("value", escape(str(it.get("value", "")))),
        ("caption", escape(str(it.get("caption", "")))),
    ]
    lines = (f'<div class="marimo-{name}">{text}</div>' for name, text in parts if text)
    return f'<div class="marimo-stat">{"".join(lines)}</div>'


def _progress(it: Element) -> str:
    words = [str(it.get(name, "")) for name in ("title", "subtitle")]
    label = " ".join(it.display.html(word) for word in words if word)
    total, done = it.get("total"), it.get("progress")
    if not isinstance(done, int | float) or isinstance(done, bool):
        return controls.progress(label, None, 0, 1)
    bar = controls.progress(label, done, 0, total or 1)
    return f"{bar} <output>{done} of {total}</output>"


def _panes(it: Element) -> str:
    titles = it.get("labels") or it.get("tabs") or []
    pane = controls.fold if it.name == "accordion" else controls.pane
    soup = BeautifulSoup(it.inner, "html.parser")
    inner = [child.decode_contents() for child in soup.find_all("div", recursive=False)]
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
    marks = "$$" if found[1] == "[" else "$"
    formula = it.display.markdown(f"{marks}{found[2].strip()}{marks}").strip()
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


def _table(it: Element) -> str:
    data = it.get("data")
    rows = _rows(data) if isinstance(data, str) else data
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        return it.refuse()
    names = list(rows[0]) if rows else []
    head = "".join(f"<th>{escape(str(name))}</th>" for name in names)
    lines = (
        "".join(f"<td>{escape(str(row.get(name, '')))}</td>" for name in names)
        for row in rows[:MOST_ROWS]
    )
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    left = len(rows) - MOST_ROWS
    more = f"<p>And {left} more rows.</p>" if left > 0 else ""
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f"{it.label}{table}{more}"


def _rows(text: str) -> Any:
    """Return the rows of a table that is an address, as CSV or JSON, or a text."""
    if text.startswith("data:"):
        kind, _, content = text.partition(",")
        text = b64decode(content).decode("utf-8") if "base64" in kind else content
        if "csv" in kind:
            return [*csv.DictReader(text.splitlines())]
    try:
        return json.loads(text)
    except ValueError:
        return None


def _matrix(it: Element) -> str:
    rows = it.value if isinstance(it.value, list) else []
    lines = (
        "".join(f"<td>{escape(str(cell))}</td>" for cell in row)
        for row in (row if isinstance(row, list) else [row] for row in rows)
    )
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"{it.label}<table><tbody>{body}</tbody></table>"


def _download(it: Element) -> str:
    address, name = str(it.get("data", "")), str(it.get("filename", "data"))
    if not address.startswith("data:"):
        return it.display.refuse(
            f"the file {name} for download is not in the page: give mo.download the "
            "data themselves"
        )
    size = controls.size(len(address.partition(",")[2]) * 3 // 4)
    words = f"{it.label or escape(name)} ({size})"
    return f'<a download="{escape(name)}" href="{escape(address)}">{words}</a>'


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
    said = (it.value or {}).get("messages", [])
    lines = (
        f"<dt>{escape(str(one.get('role', '')))}</dt>"
        f"<dd>{escape(str(one.get('content', '')))}</dd>"
        for one in said
    )
    return f"<dl>{''.join(lines)}</dl>"


def _mime(it: Element) -> str:
    data = it.get("data", "")
    return it.display.bundle({str(it.get("mime", "text/plain")): data})


SHOW: dict[str, Callable[[Element], str]] = {
    **dict.fromkeys(
        ("ui-element", "form", "dict", "carousel", "lazy", "routes"), _within
    ),
    **dict.fromkeys(("sidebar", "cell-output"), _within),
    **dict.fromkeys(("text", "text-area", "number"), _text),
    **dict.fromkeys(("date", "datetime", "date-range"), _dates),
    **dict.fromkeys(("dropdown", "multiselect", "radio"), _choices),
    **dict.fromkeys(("checkbox", "switch"), _check),
    **dict.fromkeys(("button", "refresh"), _button),
    **dict.fromkeys(("file", "file-browser"), _files),
    **dict.fromkeys(("accordion", "tabs"), _panes),
    **dict.fromkeys(("table", "data-editor"), _table),
    # What shows nothing of its own on a page.
    **dict.fromkeys(("outline", "microphone"), lambda it: it.label),
    "callout-output": _callout,
    "slider": _slider,
    "range-slider": _range,
    "stat": _stat,
    "progress": _progress,
    "mermaid": _mermaid,
    "tex": _tex,
    "json-output": _json,
    "matrix": _matrix,
    "download": _download,
    "plotly": _plotly,
    "vega": _vega,
    "panel": _panel,
    "image-comparison": _pictures,
    "nav-menu": _menu,
    "code-editor": _code,
    "chatbot": _chat,
    "mime-renderer": _mime,
}
