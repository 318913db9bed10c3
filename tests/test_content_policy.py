"""Each page says what it may load and run, and cleaned HTML only shows something."""

from base64 import b64encode
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from string import Template

import pytest
from bs4 import BeautifulSoup
from conftest import Small

from template import ROOT
from twobus import content_policy
from twobus.data.checks.page import page as data_page
from twobus.models import card
from twobus.notebooks import frame, run
from twobus.notebooks.outputs import drawing
from twobus.notebooks.outputs.safe import safe
from twobus.people.page import render_handover
from twobus.review import before_after, sides
from twobus.review.sides import Side


def policy(page: str) -> dict[str, str]:
    """Return the rules of a page, which must come before all that they are about."""
    found = BeautifulSoup(page, "html.parser").find(
        lambda tag: tag.name not in ("html", "head") and tag.get("charset") is None
    )
    assert found is not None
    assert found.get("http-equiv") == "Content-Security-Policy"
    rules = (it.split(maxsplit=1) for it in str(found["content"]).split("; "))
    return dict(rules)


NO_SIDE = Side("none", {}, {}, set())
PAGES = {
    "reports": lambda: frame.index([]),
    "a notebook that did not begin": lambda: run._nothing(Path("a.py"), "why"),
    "handover": lambda: render_handover([], "Ann", "a study", "today"),
    "data": lambda: data_page([], "a", "b", datetime(2026, 1, 1)),
    "review": lambda: before_after.index({}, NO_SIDE, NO_SIDE),
    "before and after": lambda: before_after.page("a", "new", NO_SIDE, NO_SIDE, []),
    "card": lambda: Template(card.PAGE.read_text("utf-8")).safe_substitute(
        policy=content_policy.head()
    ),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_nothing_from_elsewhere(name: str, small: Small) -> None:
    small()
    rules = policy(PAGES[name]())
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert {"http", "*", "'self'"} & {*" ".join(rules.values()).split()} == set()


def test_no_page_is_without_a_policy() -> None:
    pages = [
        it for it in (ROOT / "src").rglob("*.html*") if "<html" in it.read_text("utf-8")
    ]
    # A server says its policy beside its page.
    without = [it.parent.name for it in pages if "policy" not in it.read_text("utf-8")]
    assert without == ["models"]
    assert len(pages) >= 6


def test_a_page_runs_nothing_but_its_own_script() -> None:
    head, end = drawing.head({"plotly-js": "var a;"}, drawn=True)
    own = end.rpartition("<script>")[2].removesuffix("</script>")
    sums = [b64encode(sha256(it.encode()).digest()).decode() for it in (own, "var a;")]
    script = policy(f"<head>{head}")["script-src"]
    assert script.split() == [
        *(f"'sha256-{it}'" for it in sums),
        "blob:",
        "'unsafe-eval'",
    ]


def test_a_page_without_figures_runs_nothing() -> None:
    assert "script-src" not in policy(f"<head>{drawing.head({}, drawn=False)[0]}")


@pytest.mark.parametrize(
    "text",
    [
        '<table border="1" class="x"><thead><tr><th>a</th></tr></thead></table>',
        '<p style="color: red">a <math display="block"><mfrac><mi>a</mi><mn>2</mn>'
        "</mfrac></math></p>",
        '<svg viewBox="0 0 9 9"><linearGradient id="a"><stop offset="1"></stop>'
        '</linearGradient><use xlink:href="#a"></use></svg>',
        '<details open=""><summary>a</summary><progress max="3" value="1"></progress>'
        "</details>",
        '<a href="https://example.com">a</a><a href="#b">b</a>',
        '<img alt="a" src="data:image/png;base64,AA==">',
    ],
)
def test_what_only_shows_something_stays_as_it_is(text: str) -> None:
    assert safe(text) == text


def test_styles_of_an_output_are_behind_a_border_of_its_own() -> None:
    shown = safe("<style>p { color: red }</style><p>a</p>")
    soup = BeautifulSoup(shown, "html.parser")
    template = soup.select_one('div.styled > template[shadowrootmode="open"]')
    assert template is not None
    assert [it for it in soup("style") if it.find_parent("template") is None] == []
    assert "p { color: red }" in str(template)


def test_what_is_clean_is_not_changed_again() -> None:
    once = safe("<style>p { color: red }</style><p>a</p><script>1</script>")
    assert safe(once) == once


def test_figures_of_pages_that_an_earlier_release_wrote_are_compared() -> None:
    old = (
        '<figure class="drawn" data-kind="mermaid" data-needs="mermaid">'
        '<script type="application/json">"graph TD; A--\\u003eB"</script></figure>'
    )
    new = (
        '<figure class="drawn" data-kind="mermaid" data-needs="mermaid" '
        'data-spec="&quot;graph TD; A--&gt;B&quot;"></figure>'
    )
    cell = '<div class="jp-Cell"><div class="jp-RenderedMarkdown">{}</div></div>'
    (before,), (after,) = (
        sides._cells(cell.format(it), Path("/x")) for it in (old, new)
    )
    assert before.key == after.key
    assert "graph TD" in before.html
