"""Render a notebook that has run as a page for readers."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbconvert import HTMLExporter

from twobus.notebooks.cells import cell_names
from twobus.notebooks.frame import arranged, contents, headings, with_anchors
from twobus.notebooks.outputs import drawing, libraries
from twobus.notebooks.outputs.display import Display

TEMPLATE = Path(__file__).with_name("report.html.j2")
STATE = "application/vnd.jupyter.widget-state+json"
MEGA = 1_000_000
# More makes pages that browsers are slow to show, and that nobody reads.
LARGEST = 10 * MEGA


@dataclass(frozen=True)
class Page:
    """A page for readers.

    Attributes:
        text: The page, which needs no other file and no network.
        problems: What it cannot show, each with its cell and the next step.
    """

    text: str
    problems: tuple[str, ...] = ()


def render(notebook: Any, script: Path) -> Page:
    """Return the page of a notebook that has run.

    Args:
        notebook: The notebook with its outputs, which are changed to what the page
            shows; its metadata may hold a `notice` and `facts` for the top, and lines
            `made_from` for the foot.
        script: The notebook's file, from which its links and images start.
    """
    states = notebook.metadata.pop("widgets", {}).get(STATE, {})
    display = Display(script.parent, states.get("state", {}))
    texts, anchors = dict[str, str](), set[str]()
    for cell, name in zip(notebook.cells, cell_names(notebook, script), strict=True):
        display.cell = name
        if cell.cell_type == "markdown":
            text = display.markdown(cell.source)
            # By its place, since two cells may say the same.
            cell.source = str(len(texts))
            texts[cell.source] = with_anchors(text, anchors)
        outputs = cell.get("outputs", [])
        # HoloViews displays nothing, too, beside its figures.
        full = [it for it in outputs if it.get("data") or it.get("text")]
        for output in full or outputs:
            _show(output, display)
            if html := output.get("data", {}).get("text/html"):
                output.data["text/html"] = with_anchors(html, anchors)
        # What is empty now only prepared a notebook for its figures.
        if "outputs" in cell:
            cell.outputs = [it for it in cell.outputs if it.get("data", True)]

    # As nothing in particular, since strict checks refuse calls without types.
    exporters: Any = HTMLExporter
    exporter = exporters(raw_template=TEMPLATE.read_text("utf-8"))
    exporter.register_filter("markdown2html", texts.__getitem__)
    found = headings(it for cell in _read(notebook, texts) for it in cell)
    title = next((it.text for it in found if it.level == 1), script.stem)
    notebook.cells = arranged(notebook.cells, [*_read(notebook, texts)])
    texts_of = libraries.texts(display.libraries)
    policy, drawn_by = drawing.head(texts_of, display.drawn)
    resources = {
        "metadata": {"name": title},
        "policy": policy,
        "drawing": drawn_by,
        "contents": contents(found),
    }
    text, _ = exporter.from_notebook_node(notebook, resources=resources)
    return Page(text, tuple(display.problems))


def _read(notebook: Any, texts: dict[str, str]) -> Iterator[list[str]]:
    """Yield what readers see of each cell, in order."""
    for cell in notebook.cells:
        shown = [texts[cell.source]] if cell.cell_type == "markdown" else []
        outputs = cell.get("outputs", [])
        yield [*shown, *(it.get("data", {}).get("text/html", "") for it in outputs)]


def _show(output: Any, display: Display) -> None:
    """Replace an output by what the page shows for it."""
    size = _size(output)
    if size > LARGEST:
        words = display.refuse(
            f"its output has {size / MEGA:.0f} MB, and a page takes {LARGEST // MEGA} "
            "MB of one: show fewer rows or points, or a figure as PNG"
        )
        output.pop("text", None)
        output |= {"output_type": "display_data", "data": {"text/html": words}}
        output.setdefault("metadata", {})
        return
    if output.output_type not in ("display_data", "execute_result"):
        return
    try:
        html = display.bundle(output.data)
    except Exception as error:
        # Libraries may write anything: one odd output must not cost the others.
        what = f"its output cannot be read ({type(error).__name__}: {error})"
        html = display.refuse(f"{what}: show a table or a picture of it")
    if html.startswith("<img"):
        html = html.replace("<img", f"<img{_given(output)}", 1)
    if {*output.data} - {"text/plain", "text/llm+plain"} or not output.data:
        output.data = {"text/html": html} if html else {}


def _given(output: Any) -> str:
    """Return the size that a notebook gave a picture, as attributes."""
    sizes = next((it for it in output.metadata.values() if isinstance(it, dict)), {})
    return "".join(
        f' {name}="{sizes[name]:.0f}"'
        for name in ("width", "height")
        if isinstance(sizes.get(name), int | float)
    )


def _size(output: Any) -> int:
    """Return about how many bytes an output has, of whatever type."""
    parts = [output.get("text", ""), *output.get("data", {}).values()]
    return sum(
        len(it) if isinstance(it, str) else len(json.dumps(it, default=str))
        for it in parts
    )
