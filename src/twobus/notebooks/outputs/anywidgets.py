"""Widgets that bring their own JavaScript along, as `anywidget` makes them."""

import re
from collections.abc import Mapping
from typing import Any

from twobus.notebooks.outputs.display import Display

# What makes code need more than the page: a module or a style of an address.
LOADS = re.compile(
    r"""(?:\bfrom|\bimport|\bimport\s*\(|@import(?:\s+url\s*\()?|importScripts\s*\()"""
    r"""\s*["'`(]?\s*["'`]?((?:https?:)?//[^\s"'`)]+)"""
)
# What is of the widget's machinery, and not of what it shows.
OWN = ("_esm", "_css", "_dom_classes", "_anywidget_id", "layout", "tabbable", "tooltip")
PICTURE = "show a picture or a table of it in a further cell"

Buffers = list[tuple[list[Any], str]]


def figure(
    name: str, state: Mapping[str, Any], buffers: Buffers, display: Display
) -> str:
    """Return a widget that its own code draws, or say why the page cannot.

    Args:
        name: What people call the widget.
        state: Its state, with its code in `_esm`.
        buffers: Where bytes belong in the state, and the bytes as base64.
        display: What shows the notebook.
    """
    code, style = str(state.get("_esm") or ""), str(state.get("_css") or "")
    address = next((it for it in (code, style) if _is_address(it)), None)
    found = LOADS.search(code) or LOADS.search(style)
    if address or found:
        where = address or (found[1] if found else "")
        what = f"the widget {name} loads {where} from a network"
        return display.refuse(f"{what}: {PICTURE}")
    shown = {
        key: value
        for key, value in state.items()
        if key not in OWN and not key.startswith(("_model_", "_view_"))
    }
    if "IPY_MODEL_" in str(shown):
        return display.refuse(
            f"the widget {name}, which holds other widgets: {PICTURE}"
        )
    spec: dict[str, Any] = {"esm": code, "css": style, "state": shown}
    if buffers:
        spec["buffers"] = [list(pair) for pair in buffers]
    return display.figure("anywidget", spec)


def _is_address(text: str) -> bool:
    return text.startswith(("http://", "https://", "//")) and "\n" not in text.strip()
