"""Render a notebook that has run as a page for readers."""

from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert as mathml
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

# How the converter of formulas writes a command that it does not know.
UNKNOWN = "<mi>\\"
TEMPLATE = Path(__file__).with_name("report.html.j2")


@dataclass(frozen=True)
class Page:
    """A page for readers.

    Attributes:
        text: The page, which needs no other file and no network.
        problems: What it cannot show, each with its cell and the next step.
    """

    text: str
    problems: tuple[str, ...] = ()


class _Renderer(IPythonRenderer):
    """Markdown with formulas as MathML, which browsers show without a library."""

    def inline_math(self, body: str) -> str:
        return _formula(body, "inline")

    def block_math(self, body: str) -> str:
        return _formula(body, "block")


def render(notebook: Any, script: Path) -> Page:
    """Return the page of a notebook that has run.

    Args:
        notebook: The notebook with its outputs; its metadata may hold a `notice` for
            the top, and lines `made_from` for the foot.
        script: The notebook's file, from which its links and images start.
    """

    def markdown(source: str) -> str:
        renderer = _Renderer(escape=False, embed_images=True, path=str(script.parent))
        return MarkdownWithMath(renderer=renderer).render(source)

    # As nothing in particular, since strict checks refuse calls without types.
    exporters: Any = HTMLExporter
    template = TEMPLATE.read_text("utf-8")
    exporter = exporters(raw_template=template, embed_images=True)
    exporter.register_filter("markdown2html", markdown)
    text, _ = exporter.from_notebook_node(
        notebook, resources={"metadata": {"name": script.stem}}
    )
    return Page(text)


def _formula(tex: str, display: str) -> str:
    """Return a formula as MathML, or as it was written where that is not possible."""
    try:
        formula = mathml(tex.replace("{aligned}", "{align*}"), display=display)
    except Exception:
        formula = UNKNOWN
    return f"<code>{escape(tex)}</code>" if UNKNOWN in formula else formula
