"""Figures of Plotly."""

import json
import re
from typing import Any

from twobus.notebooks.outputs.display import Display

CALL = re.compile(r"Plotly\.(?:newPlot|react|plot)\(\s*(['\"])(?P<id>.+?)\1\s*,\s*")
FRAMES = re.compile(r"Plotly\.addFrames\(\s*(['\"]).+?\1\s*,\s*")
NEXT = re.compile(r"\s*,?\s*")
GEO = {"choropleth", "scattergeo"}
TILES = re.compile(r"(?:scatter|choropleth|density)map(?:box)?")
PARTS = ("data", "layout", "config", "frames")
READ_FIRST = "read it in the cell before, so that the figure holds it"


def figure(spec: dict[str, Any], display: Display) -> str:
    """Return a figure of Plotly.

    Args:
        spec: `data`, `layout`, and perhaps `config` and `frames`, as Plotly's JSON.
        display: Where it is shown.
    """
    spec = {part: spec.get(part) or ([] if part == "data" else {}) for part in PARTS}
    spec["frames"] = spec["frames"] or []
    traces, layout = spec["data"], spec["layout"]
    kinds = {str(trace.get("type", "scatter")) for trace in traces}
    for address in _fetched(traces, layout):
        return display.refuse(f"Plotly's figure fetches {address}: {READ_FIRST}")
    if tiles := sorted(filter(TILES.fullmatch, kinds)):
        return display.refuse(
            f"Plotly's {tiles[0]} needs tiles of a network: draw it with scatter_geo "
            "or choropleth, whose borders a page has"
        )
    libraries, note = ["plotly"], ""
    if kinds & GEO or any(re.fullmatch(r"geo\d*", name) for name in layout):
        libraries.append("plotly-geo")
        note = _coarse(layout)
    return note + display.figure("plotly", spec, *libraries)


def taken(script: str) -> tuple[str, dict[str, Any]] | None:
    """Return the element and the figure of a script that draws one, if it does."""
    found = CALL.search(script)
    if found is None:
        return None
    decode, spec, at = json.JSONDecoder().raw_decode, {}, found.end()
    try:
        for part in ("data", "layout", "config"):
            # The last ones may be left out.
            if part != "data" and script[at] != "{":
                break
            spec[part], at = decode(script, at)
            at = NEXT.match(script, at).end()  # type: ignore[union-attr]
        if more := FRAMES.search(script, at):
            spec["frames"] = decode(script, more.end())[0]
    except ValueError:
        return None
    return found["id"], spec


def _fetched(traces: list[dict[str, Any]], layout: dict[str, Any]) -> list[str]:
    """List what a figure would ask a network for."""
    asked = [trace.get("geojson") for trace in traces]
    asked += [it.get("source") for it in [*traces, *(layout.get("images") or [])]]
    return [it for it in asked if isinstance(it, str) and re.match(r"https?:|//", it)]


def _coarse(layout: dict[str, Any]) -> str:
    """Draw borders in the resolution that pages have; say so if it is another one."""
    fine = [
        part
        for name, part in layout.items()
        if re.fullmatch(r"geo\d*", name) and part.get("resolution") == 50
    ]
    for part in fine:
        part["resolution"] = 110
    words = "Borders are drawn in the coarse resolution, 1:110,000,000."
    return f'<p class="note">{words}</p>' if fine else ""
