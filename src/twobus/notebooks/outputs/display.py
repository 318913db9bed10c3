"""Show the outputs of a notebook's cells, or say what cannot be shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from twobus.notebooks.outputs.safe import safe

Data = Mapping[str, Any]
NO_TILES = '<p class="note">The background map is left out: it needs a network.</p>'


class Display:
    """Turns outputs into HTML that needs no network, and notes what cannot be.

    Attributes:
        folder: Where a notebook's links and pictures start.
        models: The state of each widget of `ipywidgets` by its model's id, as the
            notebook's metadata keep it.
        problems: What cannot be shown, each with its cell and the next step.
        drawn: Whether the page's own script has something to do.
        libraries: Names of the JavaScript and style libraries that the page needs, in
            the order in which they must be loaded.
    """

    def __init__(self, folder: Path, models: Mapping[str, Any]) -> None:
        """Begin with a notebook's folder and the states of its widgets."""
        self.folder = folder
        self.models = models
        self.cell = ""
        self.problems: list[str] = []
        self.drawn = False
        self.libraries: list[str] = []

    def need(self, *libraries: str) -> None:
        """Have libraries on the page: once, whoever asks for them."""
        self.drawn = True
        self.libraries += [it for it in libraries if it not in self.libraries]

    def refuse(self, what: str) -> str:
        """Note what the page cannot show, and return what stands in its place.

        Args:
            what: A sentence without a full stop: what cannot be shown, a colon, and
                the next step.
        """
        self.problems.append(f"{self.cell}: {what}")
        return f'<p class="missing">Not shown: {escape(what)}.</p>'

    def figure(self, kind: str, spec: Any, *libraries: str) -> str:
        """Return a figure that the page's own script shows: in a frame, if it can run.

        Args:
            kind: What draws it, such as `plotly`; see runtime.js.
            spec: What it needs for that, as JSON.
            libraries: What must be loaded first, in this order.
        """
        self.need(*libraries)
        text = json.dumps(spec, ensure_ascii=False, separators=(",", ":"))
        needs = " ".join(libraries)
        return (
            f'<figure class="drawn" data-kind="{kind}" data-needs="{needs}" '
            f'data-spec="{escape(text)}"></figure>'
        )

    def bundle(self, data: Data) -> str:
        """Return one output, given in several MIME types, as HTML.

        Args:
            data: What it is, by MIME type.
        """
        from twobus.notebooks.outputs import mime

        return safe(mime.shown(data, self))

    def html(self, text: str, runs: bool = True) -> str:
        """Return HTML of an output so that it needs no network and no server.

        Args:
            text: The HTML.
            runs: Whether its scripts run, in a frame with all of it.
        """
        from twobus.notebooks.outputs import html

        return html.shown(text, self, runs)

    def markdown(self, text: str) -> str:
        """Return Markdown, with formulas and Mermaid diagrams, as HTML.

        As in JupyterLab, scripts in it do not run.
        """
        from twobus.notebooks.outputs import markdown

        return markdown.shown(text, self)
