"""What two outputs have in common that are the same to a reader."""

import hashlib
import json
import re
import struct
from base64 import b64decode
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from bs4 import BeautifulSoup, Tag
from PIL import Image, ImageChops

from twobus.notebooks.outputs.safe import parsed

# What differs from run to run and means nothing.
NOISE = re.compile(
    r"""\b0x[0-9a-fA-F]{6,}             # addresses of objects
    | \s(?:id|for|aria-\w+)="[^"]*"     # names of elements, and what refers to them
    | (?:href="|url\()\#[^")]*
    | \bT_[0-9a-f]{5}(?=_|\b)           # of tables that pandas has styled
    | (?<=ipykernel_)\d+(?:/\d+)?       # of processes, in messages
    | (?<=In)\s?\[\d+\]                 # of cells, in tracebacks
    | \d+:\d\d&lt;[^\]]*                # times that progress bars show
    | <dc:date>[^<]*                    # and those in figures
    """,
    re.VERBOSE,
)
# Names that libraries make up: the first to come is the same in each run.
MADE_UP = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b|(?<=_)[0-9a-f]{32}\b"
    r"|\b(?:view|param|layer|concat|altair-viz)[_-]\d+\b"
)
PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp);base64,([\w+/=\s]+)")
DRAWING = re.compile(r"data:image/svg\+xml;base64,([\w+/=\s]+)")
# What no reader sees of a figure.
UNSEEN = {"uid", "uirevision", "$schema", "version", "notebook_comms_target", "esm"}
# How many digits count, so that sums in another order are the same.
DIGITS = 12
# How Plotly calls types of numbers that it packs, and how `struct` does.
PACKED = {"i1": "b", "u1": "B", "i2": "h", "u2": "H", "i4": "i", "u4": "I",
          "f4": "f", "f8": "d", "u1c": "B"}  # fmt: skip
# Anti-aliasing: of 255 steps, how far any pixel may be off, and how far each may be,
# but for one in a hundred.
FAR, NEAR, SHARE = 64, 2, 0.01


def key(shown: str) -> tuple[str, tuple[bytes, ...]]:
    """Return what a reader sees of a piece of HTML.

    Args:
        shown: The piece, as a page has it.

    Returns:
        The key, with the pixels' digest for each picture, and the pictures.
    """
    soup = parsed(shown)
    _reduce(soup)
    pictures: list[bytes] = []

    def digest(found: re.Match[str]) -> str:
        try:
            pictures.append(b64decode(found[2]))
        except ValueError:
            return found[0]
        return f"picture:{_digest(pictures[-1])}"

    text = PICTURE.sub(digest, str(soup))
    text = DRAWING.sub(_drawing, text)
    return _renamed(MADE_UP, NOISE.sub("", text)), tuple(pictures)


def _drawing(found: re.Match[str]) -> str:
    try:
        return b64decode(found[1]).decode("utf-8", "replace")
    except ValueError:
        return found[0]


def frame(key: str) -> str:
    """Return a key without the digests of its pictures."""
    return re.sub("picture:[0-9a-f]+", "picture", key)


def alike(before: bytes, after: bytes) -> bool:
    """Tell whether two pictures are the same but for anti-aliasing."""
    try:
        images = [Image.open(BytesIO(it)).convert("RGBA") for it in (before, after)]
    except (OSError, SyntaxError):
        return before == after
    if images[0].size != images[1].size:
        return False
    difference = ImageChops.difference(*images)
    # Of each pixel the channel that is off most.
    most, *channels = difference.split()
    for channel in channels:
        most = ImageChops.lighter(most, channel)
    counts = most.histogram()
    return not any(counts[FAR:]) and sum(counts[NEAR + 1 :]) <= SHARE * sum(counts)


def _digest(picture: bytes) -> str:
    """Return the digest of a picture's pixels: its file also names who wrote it."""
    try:
        image = Image.open(BytesIO(picture)).convert("RGBA")
        picture = f"{image.size}".encode() + image.tobytes()
    except (OSError, SyntaxError):
        pass
    return hashlib.sha256(picture).hexdigest()


def _reduce(soup: BeautifulSoup) -> None:
    """Replace figures, frames and tables by what readers see of them."""
    for figure in soup.select("figure.drawn"):
        try:
            spec = json.loads(str(figure.get("data-spec")))
        except ValueError:
            spec = None
        if isinstance(spec, dict) and isinstance(spec.get("html"), str):
            spec = {**spec, "html": key(spec["html"])[0]}
        figure.replace_with(f"{figure.get('data-kind')} {_spec(spec)}")
    for table in soup.find_all("table"):
        if table.find_parent("table") is None:
            table.replace_with("\n".join(_rows(table)))


def _rows(table: Tag) -> Iterator[str]:
    for row in table.find_all("tr"):
        cells = row.find_all(["td", "th"])
        yield " | ".join(" ".join(_cell(cell).split()) for cell in cells)


def _cell(cell: Tag) -> str:
    # It may hold a picture, and what it looks like may tell something.
    held = [str(it) for it in cell.find_all(["img", "svg", "input", "progress"])]
    return " ".join([cell.get_text(" "), str(cell.get("style", "")), *held])


def _spec(spec: Any) -> str:
    """Return the specification of a figure as text, in one way for each."""
    ids = {it: f"id{number}" for number, it in enumerate(_ids(spec))}
    text = json.dumps(_seen(spec, ids), sort_keys=True, ensure_ascii=False)
    return text.replace("<", "&lt;")


def _ids(part: Any) -> Iterator[str]:
    """Yield the ids that a figure's parts have, such as those of Bokeh."""
    if isinstance(part, dict):
        if isinstance(part.get("id"), str):
            yield part["id"]
        for name, inner in part.items():
            if name != "id":
                yield from _ids(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _ids(inner)


def _seen(part: Any, ids: dict[str, str]) -> Any:
    if isinstance(part, dict):
        if {"dtype", "bdata"} <= part.keys() and part["dtype"] in PACKED:
            return [_seen(it, ids) for it in _numbers(part)] + [part.get("shape")]
        return {
            ids.get(name, name): _seen(inner, ids)
            for name, inner in part.items()
            if name not in UNSEEN
        }
    if isinstance(part, list):
        return [_seen(it, ids) for it in part]
    if isinstance(part, float):
        return float(f"{part:.{DIGITS}g}")
    return ids.get(part, part) if isinstance(part, str) else part


def _numbers(packed: dict[str, Any]) -> list[float]:
    """Return numbers that Plotly has packed."""
    content = b64decode(packed["bdata"])
    kind = PACKED[packed["dtype"]]
    count = len(content) // struct.calcsize(f"<{kind}")
    return [float(it) for it in struct.unpack(f"<{count}{kind}", content)]


def _renamed(pattern: re.Pattern[str], text: str) -> str:
    """Give names that were made up the numbers in which they come."""
    known: dict[str, str] = {}

    def name(found: re.Match[str]) -> str:
        return known.setdefault(found[0], f"name{len(known)}")

    return pattern.sub(name, text)
