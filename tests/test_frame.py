"""Pages are for people who decide: what matters comes first, and who to ask."""

import re
import shutil
import zlib
from collections.abc import Iterator
from pathlib import Path

import jupytext
import pytest
from browser import opened
from conftest import Made, Small
from inside import inside
from playwright.sync_api import Browser

from template import commit, git
from twobus.notebooks import frame, pdf
from twobus.notebooks.page import render
from twobus.notebooks.pages import Mark
from twobus.notebooks.run import report
from twobus.project import StopError

SECTIONS = "".join(f"# ## Part {n}\n# Text.\n#\n" for n in range(1, 6))
JUPYTER = f"""# %% [markdown]
# # How heavy are penguins?

# %% [markdown] tags=["summary"]
# **Gentoos** are the heaviest.

# %%
import plotly.express as px

px.bar(x=["a", "b"], y=[1, 3])

# %% [markdown]
{SECTIONS}"""
MARIMO = f"""import marimo

app = marimo.App()


@app.cell
def _():
    import marimo as mo
    import plotly.express as px

    mo.md("# How heavy are penguins?")
    return mo, px


@app.cell
def summary(mo):
    mo.md("**Gentoos** are the heaviest.")
    return


@app.cell
def _(px):
    px.bar(x=["a", "b"], y=[1, 3])
    return


@app.cell
def _(mo):
    mo.md(r\"\"\"
    {"".join(f"## Part {n}{chr(10)}    Text.{chr(10)}    " for n in range(1, 6))}
    \"\"\")
    return
"""
REMOTE = "https://user:secret@github.com/acme/study.git"


@pytest.fixture(scope="module", params=["jupyter", "marimo"])
def reports(
    request: pytest.FixtureRequest,
    rendered: Made,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    """The reports of a project of each kind of notebook."""
    project = tmp_path_factory.mktemp("framed") / "penguin study é"
    answers = {"notebooks": request.param, "code_owners": "@ann @bob"}
    shutil.copytree(rendered(answers), project)
    commit(project)
    for script in (project / "notebooks").glob("*.py"):
        script.unlink()
    text = JUPYTER if request.param == "jupyter" else MARIMO
    (project / "notebooks/penguins.py").write_text(text, "utf-8")
    commit(project)
    git("remote", "add", "origin", REMOTE, cwd=project)
    with inside(project):
        report()
    yield project / "reports"


def test_a_page_begins_with_its_title_and_summary(
    reports: Path, browser: Browser
) -> None:
    with opened(browser, reports / "penguins.html") as shown:
        cells = shown.page.locator(".jp-Cell")
        assert "How heavy are penguins?" in cells.nth(0).inner_text()
        assert cells.nth(1).inner_text().strip().startswith("Gentoos are the heaviest")
        assert shown.page.get_by_text("are the heaviest").count() == 1


def test_a_page_says_who_owns_it_and_of_which_commit_it_is(
    reports: Path, browser: Browser
) -> None:
    with opened(browser, reports / "penguins.html") as shown:
        facts = shown.page.locator(".facts")
        assert "Owners: @ann, @bob. Known to: Test." in facts.inner_text()
        link = str(facts.locator("a").get_attribute("href"))
        assert link.startswith("https://github.com/acme/study/commit/")
        assert shown.page.title() == "How heavy are penguins?"


def test_a_long_page_lists_its_headings(reports: Path, browser: Browser) -> None:
    with opened(browser, reports / "penguins.html") as shown:
        links = shown.page.locator(".contents a")
        assert links.all_inner_texts() == [f"Part {n}" for n in range(1, 6)]
        target = str(links.last.get_attribute("href"))
        assert shown.page.locator(f"[id='{target[1:]}']").count() == 1


@pytest.mark.parametrize("width", [1200, 390])
def test_a_page_is_as_wide_as_its_screen(
    reports: Path, browser: Browser, width: int
) -> None:
    for name in ("penguins", "index"):
        with opened(browser, reports / f"{name}.html") as shown:
            shown.page.set_viewport_size({"width": width, "height": 800})
            inner = shown.page.evaluate("document.documentElement.scrollWidth")
            assert inner <= width, name


def test_an_index_lists_the_reports_with_date_and_state(
    reports: Path, browser: Browser
) -> None:
    with opened(browser, reports / "index.html") as shown:
        row = shown.page.locator("tbody tr")
        assert row.count() == 1
        text = row.inner_text()
        assert "How heavy are penguins?" in text
        assert "current" in text
        assert "UTC" in text


def test_a_page_is_printed_with_its_figures(reports: Path) -> None:
    file = pdf.write(reports / "penguins.html")
    content = file.read_bytes()
    assert content.startswith(b"%PDF")
    found = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", content, re.DOTALL)
    drawn = b"".join(
        zlib.decompressobj().decompress(it) for it in found if it[:1] == b"x"
    )
    # The colour of Plotly's bars, within their frame.
    assert re.search(rb"\.388\d* \.431\d* \.980\d* rg", drawn)


def test_windows_has_browsers_where_its_environment_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "my programs/Microsoft/Edge/Application/msedge.exe"
    program.parent.mkdir(parents=True)
    program.touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "my programs"))
    assert pdf.browser() == str(program)


@pytest.mark.slow
def test_a_failed_notebook_costs_no_other_its_pdf(
    small: Small, capsys: pytest.CaptureFixture[str]
) -> None:
    project = small()
    for script in (project / "notebooks").glob("*.py"):
        script.unlink()
    (project / "notebooks/bad.py").write_text("# %%\n1 / 0\n", "utf-8")
    (project / "notebooks/good.py").write_text("# %%\n1\n", "utf-8")
    with pytest.raises(SystemExit, match="ZeroDivisionError"):
        report(kind="pdf")
    assert "reports/good.pdf" in capsys.readouterr().out
    assert not (project / "reports/bad.pdf").exists()
    (project / "notebooks/good.py").unlink()
    (project / "notebooks/bad.py").write_text("# %%\n1\n", "utf-8")
    report()
    assert not (project / "reports/good.pdf").exists()


def test_a_page_that_cannot_be_printed_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pdf, "browser", lambda: shutil.which("false"))
    with pytest.raises(StopError, match="open it in a browser and print it as PDF"):
        pdf.write(tmp_path / "page.html")


def test_headings_of_the_same_words_have_anchors_of_their_own(tmp_path: Path) -> None:
    script = tmp_path / "a.py"
    cell = "# %% [markdown]\n# ## Same\n#\n# ## Same\n\n"
    script.write_text(cell * 2, "utf-8")
    text = render(jupytext.read(script, fmt="py:percent"), script).text
    heading = r'<h2 id="([^"]*)">Same<a class="anchor-link" href="#(.*?)"'
    found = re.findall(heading, text)
    assert found == [(it, it) for it in ("Same", "Same-1", "Same-2", "Same-3")]
    assert [it for it, _ in found] == re.findall(r'<a href="#(.*?)">Same</a>', text)


def test_a_summary_keeps_its_other_tags() -> None:
    text = '# %% [markdown] tags=["mine", "summary"]\n# It is.\n'
    cells = jupytext.reads(text, fmt="py:percent").cells
    (there,) = frame.arranged(cells, [["<p>It is.</p>"]])
    assert there.metadata["tags"] == ["mine", "summary"]


def test_without_a_browser_a_sentence_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in pdf.PROGRAMS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pdf, "MAC", ())
    with pytest.raises(StopError, match="install Chromium, Chrome or Edge"):
        pdf.browser()


@pytest.mark.parametrize(
    ("remote", "link"),
    {
        REMOTE: "https://github.com/acme/study/commit/abc",
        "git@github.com:acme/study.git": "https://github.com/acme/study/commit/abc",
        "ssh://git@gitlab.acme.org:2222/a/b/study.git": (
            "https://gitlab.acme.org/a/b/study/-/commit/abc"
        ),
        "https://gitlab-bot:p@word@gitlab.com/a/study.git": (
            "https://gitlab.com/a/study/-/commit/abc"
        ),
        "https://github-bot:word@[::1]/acme/study": "",
        "https://github-bot:wo/rd@github.com/acme/study": "",
        "/srv/git/study.git": "",
        "": "",
    }.items(),
)
def test_a_commit_is_linked_without_a_login(remote: str, link: str) -> None:
    assert frame._link(remote, "abc") == link


def test_an_index_says_whose_a_report_is_and_why_it_is_old(small: Small) -> None:
    project = small()
    (project / ".github/CODEOWNERS").write_text("* @ann\n/notebooks/ @bob\n", "utf-8")
    said = Mark("k", "yesterday", "notebooks/a.py", "stale", "ValueError: <b>")
    text = frame.index([("a.html", "A & B", said)])
    assert "<small>@bob</small>" in text
    assert "ValueError: &lt;b&gt;" in text
    assert "A &amp; B" in text
