"""Markdown of notebooks: formulas, diagrams and pictures."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from latex2mathml.converter import convert as mathml
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

if TYPE_CHECKING:
    from twobus.notebooks.outputs.display import Display

# How the converter of formulas writes a command that it does not know.
UNKNOWN = "<mi>\\"


class _Renderer(IPythonRenderer):
    """Markdown with formulas as MathML, which browsers show without a library."""

    def __init__(self, display: Display) -> None:
        super().__init__(escape=False)
        self.display = display

    def inline_math(self, body: str) -> str:
        return _formula(body, "inline")

    def block_math(self, body: str) -> str:
        return _formula(body, "block")

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Return a picture, whose file `Display.html` puts into the page."""
        more = f' title="{escape(title)}"' if title else ""
        return f'<img src="{escape(url)}" alt="{escape(text)}"{more}>'

    def block_mermaidjs(self, code: str) -> str:
        return self.display.figure("mermaid", code, "mermaid")


def shown(text: str, display: Display) -> str:
    """Return Markdown as HTML; see `Display.markdown`."""
    # As nothing in particular, since strict checks refuse calls without types.
    renderer: Any = _Renderer(display)
    html = str(MarkdownWithMath(renderer=renderer).render(text))
    return display.html(html, runs=False)


def _formula(tex: str, display: str) -> str:
    """Return a formula as MathML, or as it was written where that is not possible."""
    try:
        formula = mathml(tex.replace("{aligned}", "{align*}"), display=display)
    except Exception:
        formula = UNKNOWN
    return f"<code>{escape(tex)}</code>" if UNKNOWN in formula else formula
