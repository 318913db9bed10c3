"""Figures of Altair, Vega-Lite and Vega."""

import json
import re
from base64 import b64decode
from collections.abc import Iterator
from importlib import import_module
from typing import Any
from urllib.parse import unquote_to_bytes

from twobus.notebooks.outputs.display import Display

# How pages of Altair, and what is made after them, hold a figure.
START = re.compile(r"(?:\}\)\(|\bspec\s*=\s*)\s*(?=\{)")
OPTIONS = re.compile(r"\s*[,;]\s*(?:var\s+embedOpt\s*=\s*)?(?=\{)")
REMOTE = re.compile(r"(?:https?:)?//|vega_datasets")


def figure(
    spec: dict[str, Any], display: Display, options: dict[str, Any] | None = None
) -> str:
    """Return a figure of Vega-Lite or Vega.

    Args:
        spec: Its specification; data in files beside the notebook are put into it.
        display: Where it is shown.
        options: Those of vega-embed.
    """
    spec = json.loads(json.dumps(spec))
    for data in _files(spec):
        url = data["url"]
        if str(url).startswith("data:"):
            _hold(data)
            continue
        if not isinstance(url, str) or REMOTE.match(url):
            return display.refuse(
                f"a figure of Vega reads {url}: read it in the cell before, such as "
                f"with pandas.read_csv, and give it the frame"
            )
        file = display.folder / url
        if not file.is_file():
            return display.refuse(
                f"a figure of Vega reads {url}: there is no such file"
            )
        ending = file.suffix.lstrip(".").lower()
        data.pop("url")
        data["format"] = {"type": ending, **data.get("format", {})}
        data["values"] = file.read_text("utf-8-sig")
    if picture := next(_pictures(spec), None):
        return display.refuse(
            f"a figure of Vega shows the picture {picture} of a network: use points, "
            "or its data address (data:image/png;base64,…)"
        )
    drawn = {"spec": spec, "options": options or {}}
    return display.figure("vega", drawn, "vega", "vega-lite", "vega-embed")


def taken(script: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the figure and the options of a script that draws one, if it does."""
    decode = json.JSONDecoder().raw_decode
    for found in START.finditer(script):
        try:
            spec, at = decode(script, found.end())
            if "vega" not in str(spec.get("$schema", "")):
                continue
            more = OPTIONS.match(script, at)
            options = decode(script, more.end())[0] if more else {}
        except ValueError:
            continue
        return spec, options
    return None


def _files(part: Any) -> Iterator[dict[str, Any]]:
    """Find the parts that name a file or an address of data."""
    if isinstance(part, dict):
        for name, inner in part.items():
            if name == "data" and isinstance(inner, dict) and "url" in inner:
                yield inner
            # Vega lists its data.
            elif name == "data" and isinstance(inner, list):
                yield from (it for it in inner if isinstance(it, dict) and "url" in it)
            elif name not in {"datasets", "values"}:
                yield from _files(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _files(inner)


def _hold(data: dict[str, Any]) -> None:
    """Put data that an address holds, as marimo writes them, where Vega reads them."""
    kind, _, content = data.pop("url").partition(",")
    text = b64decode(content) if kind.endswith("base64") else unquote_to_bytes(content)
    if "arrow" in kind:
        ipc = import_module("pyarrow.ipc")
        opened = ipc.open_file if text.startswith(b"ARROW1") else ipc.open_stream
        rows = opened(text).read_all().to_pylist()
        text = json.dumps(rows, default=str).encode()
    ending = "csv" if "csv" in kind else "json"
    data["values"] = text.decode()
    data["format"] = {**data.get("format", {}), "type": ending}


def _pictures(spec: dict[str, Any]) -> Iterator[str]:
    """Find the addresses of pictures that a figure shows."""
    text = json.dumps(spec)
    if re.search(r'"(?:mark|type)": (?:\{[^{}]*"type": )?"image"', text):
        yield from re.findall(r'"((?:https?:)?//[^"]+)"', _without_schema(text))


def _without_schema(text: str) -> str:
    return re.sub(r'"\$schema": "[^"]*"', "", text)
