"""Write pages that show notebooks before and after a change, side by side."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from difflib import unified_diff
from itertools import count, groupby
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from bs4.element import NavigableString
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from twobus.notebooks.outputs import drawing
from twobus.notebooks.outputs.safe import parsed
from twobus.notebooks.run import ON_SAMPLES
from twobus.review.differences import Pair, align, changes, edits, number
from twobus.review.sides import Part, Side

# Longer texts take too long to compare word by word.
MOST_WORDS = 3000
PAGES = Path(__file__).with_name("pages")


@dataclass(frozen=True)
class Row:
    """A row of a page.

    Attributes:
        kind: `same` for parts that fold into a line, `code` for a cell whose code or
            outputs differ; else what has become of a part, which both sides show.
        label: What it is called.
        parts: What is the same, or what was before and what is after.
        outputs: The rows of what a code cell gives.
    """

    kind: str
    label: str
    parts: tuple[Part, ...]
    outputs: tuple["Row", ...] = ()

    @property
    def classes(self) -> str:
        """What style sheets know it by."""
        cell = self.parts[0].kind in ("code", "text")
        return f"{self.kind} cell" if cell else self.kind


def address(name: str) -> str:
    """Return where a notebook's page is, which must not be where the index is."""
    return f"{name}_.html" if name.lower() == "index" else f"{name}.html"


def index(said: dict[str, str], before: Side, after: Side) -> str:
    """Return the page that lists the others.

    Args:
        said: What has changed in each notebook that has a page.
        before: The notebooks before.
        after: The notebooks after.
    """
    scripts = {*before.scripts, *after.scripts}
    return _rendered(
        "index.html.j2",
        title="What changes in the notebooks",
        before=before,
        after=after,
        said=said,
        not_run=sorted(scripts - said.keys() - {*before.pages, *after.pages}),
    )


def page(name: str, what: str, before: Side, after: Side, pairs: list[Pair]) -> str:
    """Return one notebook's page, which needs no other file and no network.

    Args:
        name: The notebook's name.
        what: What has changed in it.
        before: The notebooks before.
        after: The notebooks after.
        pairs: The notebook's cells.
    """
    both = name in before.pages and name in after.pages
    scripts = [side.scripts[name] for side in (before, after) if name in side.scripts]
    return _rendered(
        "notebook.html.j2",
        title=name,
        before=before,
        after=after,
        index=f"{'../' * name.count('/')}index.html",
        what=what,
        both=both,
        # Where a side has no outputs, the scripts tell what differs.
        scripts=scripts if len(scripts) == 2 and not both else (),
        rows=[*_rows(pairs, "cell")],
        # What is in both need be in the page but once.
        drawn_by=before.libraries.get(name, {}) | after.libraries.get(name, {}),
    )


def _rendered(
    template: str, drawn_by: dict[str, str] | None = None, **values: Any
) -> str:
    environment = Environment(
        loader=FileSystemLoader(PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shared: dict[str, Any] = {"address": address, "changed_lines": _changed_lines}
    page = environment.get_template(template)
    policy, held = drawing.head(drawn_by or {}, drawn=drawn_by is not None)
    shared |= {"policy": policy, "drawing": held, "on_samples": ON_SAMPLES}
    return page.render(**shared, **values)


def _rows(pairs: list[Pair], noun: str) -> Iterator[Row]:
    """Yield a row for each pair that differs; what is the same folds into one."""
    for same, group in groupby(pairs, lambda pair: not changes([pair])):
        run = list(group)
        if same:
            verb = "is" if len(run) == 1 else "are"
            label = f"{number(len(run), noun)} {verb} the same"
            yield Row("same", label, tuple(after for _, after in run))
        else:
            yield from (_row(*pair) for pair in run)


def _row(before: Part, after: Part) -> Row:
    kind = before.kind
    if not (before.key and after.key):
        state = "removed" if before.key else "new"
        noun = "cell" if kind == "code" else kind
        return Row(state, f"{state.title()} {noun}", (before, after))
    if kind == "code":
        outputs = _rows(align(before.outputs, after.outputs), "output")
        return Row("code", "", (before, after), tuple(outputs))
    label = "Text changed" if kind == "text" else f"Output changed: {kind}"
    marked = _marked(before.html, after.html)
    parts = (replace(before, html=marked[0]), replace(after, html=marked[1]))
    return Row("changed", label, parts)


def _changed_lines(before: str, after: str) -> list[tuple[str, str]]:
    """Return the lines of a diff, each with what style sheets know it by."""
    lines = [*unified_diff(before.split("\n"), after.split("\n"), lineterm="")][3:]
    classes = {"+": "plus", "-": "minus"}
    return [(classes.get(line[:1], ""), line) for line in lines]


def _marked(before: str, after: str) -> tuple[str, str]:
    """Mark the words that differ, in text and tables, in two pieces of HTML."""
    soups = [parsed(html) for html in (before, after)]
    texts = [[*filter(_is_text, soup.find_all(string=True))] for soup in soups]
    words = [[word for text in side for word in text.split()] for side in texts]
    if max(map(len, words)) > MOST_WORDS:
        return before, after
    differing: tuple[set[int], set[int]] = set(), set()
    for tag, a, b, c, d in edits(*words):
        if tag != "equal":
            differing[0].update(range(a, b))
            differing[1].update(range(c, d))
    return (
        _with_words(soups[0], texts[0], differing[0], "del"),
        _with_words(soups[1], texts[1], differing[1], "ins"),
    )


def _is_text(string: NavigableString) -> bool:
    # Style sheets and comments are of types of their own.
    return type(string) is NavigableString and not string.find_parent("svg")


def _with_words(
    soup: BeautifulSoup, texts: list[NavigableString], places: set[int], tag: str
) -> str:
    """Return a piece of HTML in which the words at some places stand in a tag."""
    index = count()

    def mark(word: re.Match[str]) -> str:
        # Signs that are no characters stand for the tag until all is HTML.
        return f"\ufdd0{word[0]}\ufdd1" if next(index) in places else word[0]

    for text in texts:
        text.replace_with(re.sub(r"\S+", mark, text))
    marked = re.sub("\ufdd1(\\s+)\ufdd0", r"\1", str(soup))
    return marked.replace("\ufdd0", f"<{tag}>").replace("\ufdd1", f"</{tag}>")
