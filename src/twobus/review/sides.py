"""The notebooks of a commit that have run, read cell by cell."""

from __future__ import annotations

import re
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path

from bs4 import BeautifulSoup, Tag

from twobus.project import here, visible

# What differs from run to run and means nothing.
NOISE = re.compile(
    r"""\b0x[0-9a-fA-F]{6,}             # addresses of objects
    | \s(?:id|for|aria-\w+)="[^"]*"     # names of elements, and what refers to them
    | (?:href="|url\()\#[^")]*
    | \bT_[0-9a-f]{5}(?=_|\b)           # of tables that pandas has styled
    | [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}
    | (?<=ipykernel_)\d+(?:/\d+)?       # of processes, in messages
    | (?<=In)\s?\[\d+\]                 # of cells, in tracebacks
    | \d+:\d\d&lt;[^\]]*                # times that progress bars show
    | <dc:date>[^<]*                    # and those in figures
    """,
    re.VERBOSE,
)
IMAGE = re.compile(r"data:image/(png|svg\+xml);base64,([\w+/=\s]+)")


@dataclass(frozen=True)
class Part:
    """A cell of a notebook, or an output of a cell.

    Attributes:
        kind: `code` and `text` for cells; what an output is, such as `figure`.
        key: What two parts have in common that are the same to a reader; empty where
            one side does not have the part.
        text: What can be compared word by word: code, or what people read.
        html: What is shown; nothing for code.
        outputs: Those of a code cell.
    """

    kind: str
    key: str = ""
    text: str = ""
    html: str = ""
    outputs: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Side:
    """The notebooks of one commit, and what running them gave.

    Attributes:
        commit: What the commit is called.
        scripts: The text of each notebook, by its name.
        pages: The cells of each notebook that has run.
        failed: The notebooks that stopped at an error.
        problem: Why notebooks could not be run, if so.
    """

    commit: str
    scripts: dict[str, str]
    pages: dict[str, list[Part]]
    failed: set[str]
    problem: str = ""


def read(root: Path, commit: str, output: str) -> Side:
    """Read what a run of the notebooks has left.

    Args:
        root: The project's folder at that commit.
        commit: What the commit is called.
        output: What the run printed if it failed.
    """
    texts, pages = scripts(root), {}
    for name in texts:
        page = root / here().name(here().reports) / f"samples/{name}.html"
        if page.exists():
            pages[name] = _cells(page.read_text("utf-8"), root)
    failed = {*re.findall(r"^notebooks/(.+)\.py failed:", output, re.MULTILINE)}
    problem = ""
    if output and not failed:
        found = re.findall(r"(?im)^.*\b(?:error|failed)\b.*$", output)
        line = found[0] if found else output.strip().split("\n")[-1]
        problem = f"The notebooks of {commit} could not be run: {line.strip()}"
    return Side(commit, texts, pages, failed, problem)


def scripts(root: Path) -> dict[str, str]:
    """Return the text of each notebook below a project's folder, by its name."""
    folder = root / here().name(here().notebooks)
    return {
        script.relative_to(folder).with_suffix("").as_posix(): script.read_text(
            "utf-8", errors="replace"
        )
        for script in visible(folder, ".py")
    }


def _cells(page: str, root: Path) -> list[Part]:
    soup = BeautifulSoup(page, "html.parser")
    for link in soup.select("a.anchor-link"):
        link.decompose()
    # Warnings name files: where the project lies means nothing.
    for text in soup.find_all(string=re.compile(re.escape(str(root)))):
        text.replace_with(text.replace(str(root), here().root.name))
    return [_cell(cell) for cell in soup.select(".jp-Cell")]


def _cell(cell: Tag) -> Part:
    code = cell.select_one(".jp-Cell-inputWrapper .highlight")
    if code is None:
        return _part("text", cell.select_one(".jp-RenderedMarkdown") or cell)
    source = code.get_text().strip("\n")
    outputs = tuple(_part(_kind(it), it) for it in cell.select(".jp-OutputArea-output"))
    return Part("code", f"code {source}", source, outputs=outputs)


def _kind(output: Tag) -> str:
    if output.select_one("img, svg"):
        return "figure"
    if output.table:
        return "table"
    messages = "stderr" in str(output.get("data-mime-type"))
    return "messages" if messages else "result"


def _part(kind: str, shown: Tag) -> Part:
    html = str(shown)
    key = NOISE.sub("", IMAGE.sub(_picture, html))
    return Part(kind, f"{kind} {key}", shown.get_text(" "), html)


def _picture(data: re.Match[str]) -> str:
    """Return an image without what does not show in it."""
    try:
        image = b64decode(data[2])
    except ValueError:
        return data[0]
    if data[1] != "png":
        return image.decode("utf-8", errors="replace")
    # Matplotlib writes its version into each image.
    if (at := image.find(b"tEXtSoftware")) > 0:
        length = int.from_bytes(image[at - 4 : at], "big")
        image = image[: at - 4] + image[at + 8 + length :]
    return image.hex()
