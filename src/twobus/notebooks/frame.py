"""What stands around the cells of a page: for people who decide, not for coders."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape, unescape
from itertools import chain, count
from pathlib import Path
from typing import Any

from jinja2 import Environment

from twobus import content_policy, git
from twobus.notebooks.pages import Mark
from twobus.owning import owners_of
from twobus.people.survey import known_to
from twobus.project import here

HEADING = re.compile(r'<h([1-6]) id="([^"]*)">(.*?)<a class="anchor-link"', re.DOTALL)
ANCHOR = re.compile(
    r'(<h[1-6] id=")([^"]*)(">.*?<a class="anchor-link" href="#)\2"', re.DOTALL
)
# Fewer headings are seen without a list of them.
FEWEST = 4
# Where a forge is, in what git calls a remote. A login ends at the last `@`, so nothing
# after it may hold one: else a login could be read as the host, and be shown.
PLACE = re.compile(
    r"(?:https?://|ssh://|git\+)?(?:[^/]*@)?([\w.-]+)(?::\d+)?[:/]([^@]+)"
)
INDEX = """<!DOCTYPE html>
<html lang="en"><head>{{ policy | safe }}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title><style>
body { font-family: system-ui, sans-serif; margin: 2rem auto; max-width: 52rem;
  padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { border-bottom: 1px solid #ddd; padding: 0.5rem; text-align: left;
  vertical-align: top; }
.stale { color: #8a6100; } .failed { color: #b00020; }
small { color: #666; display: block; overflow-wrap: anywhere; }
@media (max-width: 30rem) { thead { display: none; } td { display: block; border: 0; }
  tr { border-bottom: 1px solid #ddd; display: block; } }
</style></head><body><h1>{{ title }}</h1>
<table><thead><tr><th>Report</th><th>State</th><th>Made</th></tr></thead><tbody>
{%- for page, name, said in entries %}
<tr><td><a href="{{ page }}">{{ name }}</a><small>{{ said.notebook }}</small>
<small>{{ owners[said.notebook] | join(", ") }}</small></td>
<td class="{{ said.state }}">{{ said.state }}<small>{{ said.reason }}</small></td>
<td>{{ said.made }}</td></tr>
{%- endfor %}
</tbody></table>
</body></html>
"""


@dataclass(frozen=True)
class Heading:
    """A heading of a page.

    Attributes:
        level: From 1 for the largest to 6.
        anchor: What a link to it ends with.
        text: What it says, without tags.
    """

    level: int
    anchor: str
    text: str


def facts(script: Path) -> dict[str, Any]:
    """Return who owns and who knows a notebook, and its commit with an address."""
    root = here().root
    commit, _ = git.head(root)
    remote = git.ask("remote", "get-url", "origin", cwd=root) or ""
    return {
        "owners": owners_of(root, here().name(script)),
        "known_to": known_to(here(), here().name(script)),
        "commit": commit[:12],
        "link": _link(remote, commit) if commit else "",
    }


def headings(texts: Iterable[str]) -> list[Heading]:
    """Return the headings of a page, in order.

    Args:
        texts: The HTML of each cell of text.
    """
    return [
        Heading(int(found[1]), found[2], unescape(re.sub("<[^>]*>", "", found[3])))
        for text in texts
        for found in HEADING.finditer(text)
    ]


def with_anchors(text: str, seen: set[str]) -> str:
    """Return HTML in which headings of the same words have anchors of their own.

    Args:
        text: The HTML of a cell.
        seen: The anchors of the cells before, to which its own are added.
    """

    def one(found: re.Match[str]) -> str:
        names = (f"{found[2]}-{number}" for number in count(1))
        anchor = next(it for it in chain([found[2]], names) if it not in seen)
        seen.add(anchor)
        return f'{found[1]}{anchor}{found[3]}{anchor}"'

    return ANCHOR.sub(one, text)


def contents(found: Sequence[Heading]) -> list[Heading]:
    """Return the headings to list at the top; none if there are few."""
    below = [it for it in found if it.level in (2, 3)]
    return below if len(below) >= FEWEST else []


def arranged(cells: list[Any], shown: list[list[str]]) -> list[Any]:
    """Return cells with the title first, then what the notebook says in short.

    Args:
        cells: The cells; the one that is a summary gets that tag.
        shown: What readers see of each, as HTML.
    """
    titled = next((n for n, it in enumerate(shown) if "<h1" in "".join(it)), None)
    order = []
    for place, cell in enumerate(cells):
        if _is_summary(cell):
            tags = cell.metadata.get("tags", [])
            cell.metadata["tags"] = [*tags, *["summary"] * ("summary" not in tags)]
            order.append((1, place))
        else:
            order.append((0 if place == titled else 2, place))
    if all(rank != 1 for rank, _ in order):
        return cells
    return [cells[place] for _, place in sorted(order)]


def _is_summary(cell: Any) -> bool:
    # In Jupyter it has that tag, in marimo that name.
    tags = cell.metadata.get("tags", [])
    return "summary" in tags or (
        cell.metadata.get("marimo", {}).get("name") == "summary"
    )


def index(entries: Sequence[tuple[str, str, Mark]]) -> str:
    """Return the page that lists all others.

    Args:
        entries: For each page its address, its title, and what it says of itself.
    """
    names = {said.notebook for _, _, said in entries}
    return (
        Environment(autoescape=True)
        .from_string(INDEX)
        .render(
            policy=content_policy.head(),
            title=f"Reports of {here().root.name}",
            entries=entries,
            owners={name: owners_of(here().root, name) for name in names},
        )
    )


def title(page: Path) -> str:
    """Return the title of a page."""
    found = re.search(
        "<title>(.*?)</title>", page.read_text("utf-8")[:50_000], re.DOTALL
    )
    return unescape(found[1]) if found else page.stem


def _link(remote: str, commit: str) -> str:
    """Return a commit's address at GitHub or GitLab; nothing for other places."""
    found = PLACE.fullmatch(remote.strip())
    if found is None or not re.search("github|gitlab", found[1]):
        return ""
    path = escape(found[2].removesuffix("/").removesuffix(".git").strip("/"))
    between = "commit" if "github" in found[1] else "-/commit"
    return f"https://{found[1]}/{path}/{between}/{commit}"
