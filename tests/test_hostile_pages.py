"""Nothing that a stranger's notebook displays gets out of its place on a page."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hostile
import pytest
from playwright.sync_api import Browser, Dialog, Page

from twobus.notebooks.outputs import drawing
from twobus.notebooks.page import render
from twobus.review import before_after, sides
from twobus.review.differences import align
from twobus.review.sides import Side

pytestmark = pytest.mark.slow

# What leads its own frame away is never drawn.
BEGUN = """[...document.querySelectorAll("figure.drawn")].every(
    it => it.offsetParent === null || it.dataset.state)"""
# Whether a sample's own line is seen where it stands.
SEEN = r"""() => [...document.querySelectorAll("pre")].filter((it) => {
    if (!/^sample \d+\.\n$/.test(it.textContent)) return false;
    it.scrollIntoView({ block: "center" });
    const { left, top, height } = it.getBoundingClientRect();
    const found = document.elementFromPoint(left + 20, top + height / 2);
    return found && (it.contains(found) || found.contains(it)) &&
        getComputedStyle(it).visibility === "visible" && it.checkVisibility({
            opacityProperty: true, visibilityProperty: true });
}).map((it) => parseInt(it.textContent.slice(7)))"""
LINKS = "all => all.map((it) => it.getAttribute('href')).filter(Boolean)"


@dataclass
class Looked:
    """What a page did while somebody looked at it.

    Attributes:
        page: The page.
        file: Where it is.
        asked: What it asked for, besides itself, and the policy let through.
        events: Dialogs, windows and downloads.
        met: What the stranger's computer was told.
    """

    page: Page
    file: Path
    asked: list[str]
    events: list[str]
    met: list[str]


def side(name: str, text: str) -> Side:
    """Return what a review reads of a page."""
    held, rest = drawing.held(text)
    cells = sides._cells(rest, Path("/nowhere"))
    return Side(name, {"study": name}, {"study": cells}, set(), "", {"study": held})


def written(kind: str, folder: Path, url: str, udp: str) -> Path:
    """Write the page of a report, or that of a review before and after."""
    script = folder / "study.py"
    script.write_text("# %%\n" * (2 * hostile.COUNT), "utf-8")
    text = render(hostile.notebook(url, udp), script).text
    if kind == "review":
        mild = render(hostile.notebook(url, udp, mild=True), script).text
        before, after = side("mild", mild), side("hostile", text)
        pairs = align(before.pages["study"], after.pages["study"])
        text = before_after.page("study", "changed outputs", before, after, pairs)
    file = folder / "study.html"
    file.write_text(text, "utf-8")
    return file


@pytest.fixture(scope="module", params=["report", "review"])
def looked(
    request: pytest.FixtureRequest,
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Looked]:
    """A page of all samples, after what they try has had its time."""
    folder = tmp_path_factory.mktemp(request.param)
    with (
        hostile.waiting() as (url, udp, met),
        browser.new_context(viewport={"width": 1200, "height": 900}) as context,
    ):
        file = written(request.param, folder, url, udp)
        asked: list[str] = []
        events: list[str] = []
        refused: list[str] = []
        context.on("request", lambda it: asked.append(it.url))
        context.on(
            "requestfailed",
            lambda it: refused.append(it.url) if it.failure == "csp" else None,
        )
        page = context.new_page()

        def dismissed(dialog: Dialog) -> None:
            events.append(f"dialog {dialog.message}")
            dialog.dismiss()

        context.on("page", lambda it: events.append(f"window {it.url}"))
        page.on("dialog", dismissed)
        page.on("download", lambda it: events.append(f"download {it.url}"))
        page.goto("about:blank")
        page.goto(file.as_uri())
        page.wait_for_function(BEGUN, timeout=120_000)
        page.wait_for_timeout(4000)
        own = (file.as_uri(), "about:", "data:", "blob:")
        asked = [it for it in asked if not it.startswith(own) and it not in refused]
        yield Looked(page, file, asked, events, met)


def test_there_are_sixty_samples() -> None:
    assert hostile.COUNT >= 60


def test_nothing_is_asked_for(looked: Looked) -> None:
    assert looked.asked == []
    assert looked.met == []


def test_no_window_is_opened_and_nothing_is_downloaded(looked: Looked) -> None:
    assert looked.events == []


def test_the_page_stays_with_its_title(looked: Looked) -> None:
    assert looked.page.url == looked.file.as_uri()
    titles = {"A study", "study"}
    assert looked.page.locator("h1").first.inner_text().rstrip("¶") in titles
    assert looked.page.title() in titles


def test_owners_are_shown_as_they_are_written(looked: Looked) -> None:
    if "report" in str(looked.file):
        facts = looked.page.locator(".facts")
        assert '@bob, @ann<img src=x onerror="alert(1)">' in facts.inner_text()
        assert facts.is_visible()


def test_every_other_cell_is_seen_in_its_place(looked: Looked) -> None:
    expected = [*range(1, hostile.COUNT - 1)]
    assert looked.page.evaluate(SEEN) == expected


def test_no_link_of_a_figure_leads_anywhere(looked: Looked) -> None:
    before = looked.page.url
    found = looked.page.locator("figure.drawn a[target]")
    assert found.count()
    found.evaluate_all(
        "its => its.forEach(it => it.dispatchEvent("
        "new MouseEvent('click', {bubbles: true, cancelable: true, composed: true})))"
    )
    looked.page.wait_for_timeout(300)
    assert looked.page.url == before
    assert len(looked.page.context.pages) == 1


def test_no_link_runs_anything_or_takes_the_page_along(looked: Looked) -> None:
    links = looked.page.locator("a").evaluate_all(LINKS)
    assert [it for it in links if "script:" in it] == []
    # In figures links are dead, and Vega's place for controls sends nothing.
    links, forms = "a[target]:not(figure.drawn a)", "form:not(.vega-bindings)"
    leading = f"{links}, {forms}, base, object, meta[http-equiv=refresh]"
    assert looked.page.locator(leading).count() == 0
