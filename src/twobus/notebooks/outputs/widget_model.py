"""The saved state of one widget of ipywidgets."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from bs4 import BeautifulSoup

from twobus.notebooks.outputs.display import Display

REFERENCE = "IPY_MODEL_"
FORMULA = re.compile(r"(\$\$[^$]+\$\$|\$[^$\n]+\$)")


@dataclass(frozen=True)
class Model:
    """A widget as its notebook keeps it.

    Attributes:
        module: The package of JavaScript that draws it elsewhere.
        name: Its kind, such as `IntSlider`.
        state: Its values.
        buffers: Its bytes as base64, by their path in the state.
        display: What shows the notebook.
    """

    module: str
    name: str
    state: Mapping[str, Any]
    buffers: Mapping[tuple[Any, ...], str]
    display: Display

    @classmethod
    def of(cls, model_id: str, display: Display) -> "Model | None":
        """Return a widget by its id, or None if the notebook does not keep it."""
        saved = display.models.get(model_id.removeprefix(REFERENCE))
        if saved is None:
            return None
        state = saved.get("state", {})
        buffers = {tuple(it["path"]): it["data"] for it in saved.get("buffers") or []}
        name = str(saved.get("model_name") or state.get("_model_name"))
        module = str(saved.get("model_module") or state.get("_model_module"))
        return cls(module, name.removesuffix("Model"), state, buffers, display)

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value of the state, or the default where there is none."""
        value = self.state.get(key)
        return default if value is None else value

    def part(self, key: str) -> "Mapping[str, Any]":
        """Return the state of a widget that this one points at: layout or style."""
        other = Model.of(str(self.get(key, "")), self.display)
        return other.state if other else {}

    @property
    def label(self) -> str:
        """What stands beside the widget, as HTML."""
        words = str(self.get("description", ""))
        if self.get("description_allow_html", False):
            return self.display.html(words)
        return typeset(words, self.display)


def typeset(words: str, display: Display) -> str:
    """Return text as HTML, with its formulas drawn."""
    parts = FORMULA.split(words)
    return "".join(
        _formula(part, display) if odd % 2 else escape(part)
        for odd, part in enumerate(parts)
    )


def typeset_html(html: str, display: Display) -> str:
    """Return HTML with the formulas in its text drawn."""
    soup = BeautifulSoup(html, "html.parser")
    for words in soup.find_all(string=FORMULA):
        drawn = typeset(str(words), display)
        words.replace_with(BeautifulSoup(drawn, "html.parser"))
    return display.html(str(soup))


def _formula(tex: str, display: Display) -> str:
    """Return a formula without the paragraph that Markdown puts around it."""
    drawn = display.markdown(tex).strip()
    inner = drawn.removeprefix("<p>").removesuffix("</p>")
    return drawn if "<p>" in inner else inner


def shown(value: Any, form: str = "") -> str:
    """Return a number in the form that its widget asks for, or as it is."""
    try:
        return format(value, form)
    except (TypeError, ValueError):
        return str(value)
