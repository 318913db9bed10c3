"""An element of marimo with what its attributes say, and structures that hold some."""

import json
import pprint
import re
from html import escape, unescape
from typing import Any

from bs4 import Tag

from twobus.notebooks.outputs.anywidgets import PICTURE
from twobus.notebooks.outputs.display import Display

# How marimo writes an element where it means plain text.
ESCAPED = re.compile(r"\s*&lt;(?:marimo-|span|div|p\b|img|a\b|table|style)")
# How marimo writes what JSON has no way for, as a value or as a key.
PLAIN = re.compile(r"text/plain(?:\+(?P<kind>\w+))?:(?P<text>.*)", re.DOTALL)
TYPED = re.compile(
    r"(?P<kind>(?:text|image|video|application)/[\w.+-]+):(?P<text>.*)", re.S
)
READ: dict[str, Any] = {
    "float": float,
    "int": int,
    "bigint": int,
    "bool": lambda text: text == "True",
    "none": lambda text: None,
    "str": str,
    "tuple": lambda text: tuple(json.loads(text)),
    "set": lambda text: set(json.loads(text)),
    "frozenset": lambda text: frozenset(json.loads(text)),
}


class Element:
    """An element of marimo, with its attributes read.

    Attributes:
        tag: The element.
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
        # Within other text, attributes are sometimes escaped twice.
        for form in (str(text), unescape(str(text))):
            try:
                found = json.loads(form)
            except ValueError:
                continue
            return other if found is None else found
        return str(text)

    @property
    def value(self) -> Any:
        """What it was set to."""
        return self.get("initial-value")

    @property
    def label(self) -> str:
        """Its label, as HTML."""
        return self.display.html(str(self.get("label", "")))

    def refuse(self, step: str = PICTURE) -> str:
        """Say that a page cannot show it, and what to do."""
        what = f"marimo's {self.name.replace('-', ' ')} needs marimo itself"
        return self.display.refuse(f"{what}: {step}")


class _Words(str):
    """Text that stands in a structure as it is, without quotes."""

    def __repr__(self) -> str:
        return str(self)


def unescaped(text: str) -> str | None:
    """Return the HTML that marimo wrote as text; None if the text is no such."""
    return unescape(text) if ESCAPED.match(text) else None


def items(data: Any, display: Display) -> str | None:
    """Return a list or a mapping that marimo wrote; None if it is plain JSON."""
    if _holds(data, TYPED, but=PLAIN):
        return _listed(data, display)
    if _holds(data, PLAIN):
        words = pprint.pformat(_plain(data), width=88, sort_dicts=False)
        return f"<pre>{escape(words)}</pre>"
    return None


def bundled(kind: str, content: Any, display: Display) -> str:
    """Return a value of a MIME type as HTML; its text may be escaped HTML."""
    if kind == "text/markdown" and (html := unescaped(str(content))) is not None:
        return display.html(html)
    if kind.startswith("image/") and str(content).startswith("data:"):
        return display.html(f'<img src="{escape(str(content))}" alt="">')
    if kind == "application/vnd.marimo+mimebundle":
        inner = json.loads(content) if isinstance(content, str) else content
        inner = {key: it for key, it in inner.items() if not key.startswith("__")}
        kinds = sorted(inner, key=lambda it: not it.startswith("image/"))
        return bundled(kinds[0], inner[kinds[0]], display) if kinds else ""
    return display.bundle({kind: content})


def _holds(
    data: Any, form: re.Pattern[str], but: re.Pattern[str] | None = None
) -> bool:
    if isinstance(data, dict):
        return any(_holds(it, form, but) for pair in data.items() for it in pair)
    if isinstance(data, list):
        return any(_holds(it, form, but) for it in data)
    if not isinstance(data, str) or (but and but.match(data)):
        return False
    return bool(form.match(data))


def _listed(data: Any, display: Display) -> str:
    if isinstance(data, dict):
        rows = (
            f"<dt>{escape(str(_plain(key)))}</dt><dd>{_listed(inner, display)}</dd>"
            for key, inner in data.items()
        )
        return f'<dl class="marimo-items">{"".join(rows)}</dl>'
    if isinstance(data, list):
        rows = (f"<li>{_listed(inner, display)}</li>" for inner in data)
        return f'<ul class="marimo-items">{"".join(rows)}</ul>'
    if isinstance(data, str) and not PLAIN.match(data) and (it := TYPED.match(data)):
        return bundled(it["kind"], it["text"], display)
    return f"<code>{escape(repr(_plain(data)))}</code>"


def _plain(data: Any) -> Any:
    """Return a structure with the values that JSON has no way for."""
    if isinstance(data, dict):
        return {_plain(key): _plain(inner) for key, inner in data.items()}
    if isinstance(data, list):
        return [_plain(inner) for inner in data]
    if not isinstance(data, str) or (found := PLAIN.fullmatch(data)) is None:
        return data
    try:
        return READ[found["kind"]](found["text"])
    except (KeyError, TypeError, ValueError):
        return _Words(found["text"])
