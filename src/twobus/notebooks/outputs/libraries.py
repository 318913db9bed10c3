"""The JavaScript and styles that pages embed, from packages or from this folder."""

import gzip
import re
import tomllib
from base64 import b64encode
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("libraries")
# What Python packages bring along, in the release that made the figure.
INSTALLED = {
    "plotly": ("plotly", "package_data/plotly.min.js"),
    "bokeh": ("bokeh", "server/static/js/bokeh.min.js"),
    "bokeh-gl": ("bokeh", "server/static/js/bokeh-gl.min.js"),
    "bokeh-widgets": ("bokeh", "server/static/js/bokeh-widgets.min.js"),
    "bokeh-tables": ("bokeh", "server/static/js/bokeh-tables.min.js"),
    "bokeh-mathjax": ("bokeh", "server/static/js/bokeh-mathjax.min.js"),
    "panel": ("panel", "dist/panel.min.js"),
}
# Addresses of those, as notebooks name them.
URLS = {
    "plotly": r"/plotly(?:-[\w.]+)?(?:\.min)?\.js|/npm/plotly\.js",
    "bokeh": r"/bokeh(?:-[\d.]+)?(?:\.min)?\.js",
    "bokeh-gl": r"/bokeh-gl(?:-[\d.]+)?(?:\.min)?\.js",
    "bokeh-widgets": r"/bokeh-widgets(?:-[\d.]+)?(?:\.min)?\.js",
    "bokeh-tables": r"/bokeh-tables(?:-[\d.]+)?(?:\.min)?\.js",
    "bokeh-mathjax": r"/bokeh-mathjax(?:-[\d.]+)?(?:\.min)?\.js",
    "panel": r"/panel(?:\.min)?\.js",
}
# What pages do without: looks of buttons, and code for editors and older browsers.
IDLE = re.compile(
    r"/bootstrap(?:\.bundle)?(?:\.min)?\.(?:js|css)|leaflet\.awesome\.rotate"
    r"|/require(?:\.min)?\.js|/es-module-shims|MathJax\.js|/mathjax"
)


@cache
def _manifest() -> dict[str, dict[str, Any]]:
    return tomllib.loads((FOLDER / "manifest.toml").read_text("utf-8"))


def known(url: str, text: str = "") -> str | None:
    """Return the name of the library that an address asks for.

    Args:
        url: The address of a script or a style.
        text: All that could need it: some are for icons that few have.

    Returns:
        Its name; empty if pages do without it; None if it is not known.
    """
    if IDLE.search(url):
        return ""
    for name, pattern in URLS.items():
        if re.search(pattern, url):
            return name
    for name, entry in _manifest().items():
        if "urls" in entry and re.search(entry["urls"], url):
            return name if re.search(entry.get("only_with", ""), text) else ""
    return None


def texts(names: list[str]) -> dict[str, str]:
    """Return the scripts and styles of libraries, such as `plotly-js`.

    Raises:
        FileNotFoundError: If a package that should bring a library does not.
    """
    return {
        f"{name}-{ending}": _unending(text)
        for name in names
        for ending, text in _texts(name)
    }


def _texts(name: str) -> list[tuple[str, str]]:
    """Return the script and the style of a library, as far as it has them."""
    if name in INSTALLED:
        package, path = INSTALLED[name]
        return [("js", (_place(package) / path).read_text("utf-8"))]
    files = [(it, FOLDER / f"{name}.{it}.gz") for it in ("js", "css")]
    return [
        (ending, gzip.decompress(file.read_bytes()).decode())
        for ending, file in files
        if file.exists()
    ]


def _unending(text: str) -> str:
    """Write a script so that nothing in its texts ends it for a browser."""
    # Whoever reads a page does this with ends of lines.
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(r"<(?=/script)", r"\\x3c", text, flags=re.IGNORECASE)
    return text.replace("<!--", r"\x3c!--")


def inside(url: str) -> str | None:
    """Return what an address of Panel's own files stands for, as one that holds it."""
    found = re.search(r"/panel(?:/[\d.]+|@[^/]+)?/dist/([\w./-]+\.(css|js))", url)
    if found is None or find_spec("panel") is None:
        return None
    file = _place("panel") / "dist" / found[1]
    if not file.resolve().is_relative_to(_place("panel")) or not file.is_file():
        return None
    kind = "text/css" if found[2] == "css" else "text/javascript"
    return f"data:{kind};base64,{b64encode(file.read_bytes()).decode()}"


def _place(package: str) -> Path:
    found = find_spec(package)
    if found is None or found.origin is None:
        raise FileNotFoundError(f"the package {package} is not installed")
    return Path(found.origin).parent.resolve()
