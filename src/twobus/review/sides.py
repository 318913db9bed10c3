"""The notebooks of a commit that have run, read cell by cell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from bs4 import Tag

from twobus.notebooks.outputs import drawing
from twobus.notebooks.outputs.safe import parsed, safe
from twobus.project import here, visible
from twobus.review.keys import alike, frame, key


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
        pictures: Those that it shows.
    """

    kind: str
    key: str = ""
    text: str = ""
    html: str = ""
    outputs: tuple[Part, ...] = ()
    pictures: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Side:
    """The notebooks of one commit, and what running them gave.

    Attributes:
        commit: What the commit is called.
        scripts: The text of each notebook, by its name.
        pages: The cells of each notebook that has run.
        failed: The notebooks that stopped at an error.
        problem: Why notebooks could not be run, if so.
        libraries: The libraries that draw the figures of each notebook's page.
    """

    commit: str
    scripts: dict[str, str]
    pages: dict[str, list[Part]]
    failed: set[str]
    problem: str = ""
    libraries: dict[str, dict[str, str]] = field(default_factory=dict)


def read(root: Path, commit: str, output: str) -> Side:
    """Read what a run of the notebooks has left.

    Args:
        root: The project's folder at that commit.
        commit: What the commit is called.
        output: What the run printed if it failed.
    """
    texts, pages, libraries = scripts(root), {}, {}
    for name in texts:
        page = root / here().name(here().reports) / f"samples/{name}.html"
        # Beside the last good page is the attempt that failed.
        attempt = page.with_name(f"{page.stem}.failed.html")
        page = attempt if attempt.exists() else page
        if page.exists():
            text = page.read_text("utf-8")
            # Libraries have no cells, and are large.
            libraries[name], text = drawing.held(text)
            pages[name] = _cells(text, root)
    failed = {*re.findall(r"^notebooks/(.+)\.py failed:", output, re.MULTILINE)}
    problem = ""
    if output and not failed:
        found = re.findall(r"(?im)^.*\b(?:error|failed)\b.*$", output)
        line = found[0] if found else output.strip().split("\n")[-1]
        problem = f"The notebooks of {commit} could not be run: {line.strip()}"
    return Side(commit, texts, pages, failed, problem, libraries)


def unified(before: Side, after: Side) -> Side:
    """Return a side whose pictures count as those before if they look the same."""
    pages = {}
    for name, parts in after.pages.items():
        known = _pictured(before.pages.get(name, []))
        pages[name] = [_unified(part, known) for part in parts]
    return replace(after, pages=pages)


def _unified(part: Part, known: dict[str, list[Part]]) -> Part:
    outputs = tuple(_unified(output, known) for output in part.outputs)
    for other in known.get(frame(part.key), []) if part.pictures else ():
        pairs = zip(other.pictures, part.pictures, strict=True)
        if other.key == part.key or all(alike(*pair) for pair in pairs):
            return replace(part, key=other.key, outputs=outputs)
    return replace(part, outputs=outputs)


def _pictured(parts: list[Part]) -> dict[str, list[Part]]:
    """Return the parts that show pictures, by their keys without these."""
    found: dict[str, list[Part]] = {}
    for part in _all(parts):
        if part.pictures:
            found.setdefault(frame(part.key), []).append(part)
    return found


def _all(parts: list[Part]) -> Iterator[Part]:
    for part in parts:
        yield from (part, *part.outputs)


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
    soup = parsed(page)
    for figure in soup.select("figure.drawn:has(> script)"):
        # As releases before 0.10 wrote it.
        figure["data-spec"] = "".join(it.get_text() for it in figure("script"))
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
    if output.select_one("img, svg, iframe, figure.drawn"):
        return "figure"
    if output.table:
        return "table"
    messages = "stderr" in str(output.get("data-mime-type"))
    return "messages" if messages else "result"


def _part(kind: str, shown: Tag) -> Part:
    # Whoever made the page may have written anything into it.
    html = safe(shown.decode_contents())
    found, pictures = key(html)
    text = shown.get_text(" ")
    return Part(kind, f"{kind} {found}", text, html, pictures=pictures)
