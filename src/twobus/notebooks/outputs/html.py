"""HTML that outputs bring along: figures in scripts, frames, pictures, styles."""

from __future__ import annotations

import mimetypes
import re
from base64 import b64decode, b64encode
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from bs4 import BeautifulSoup, Tag

from twobus.notebooks.outputs import bokeh, marimo, plotly, vega
from twobus.notebooks.outputs.display import NO_TILES
from twobus.notebooks.outputs.libraries import known
from twobus.notebooks.outputs.safe import PDF, safe

if TYPE_CHECKING:
    from twobus.notebooks.outputs.display import Display

# Whatever may ask for something; all other HTML stays as it is.
ASKING = re.compile(
    r"<(?:script|iframe|img|image|link|marimo-|iconify-|embed|object|video|audio|source|base|meta)"
    r"|url\(|@import|notebook-logo|\bon\w+\s*=",
    re.IGNORECASE,
)
# marimo draws icons by an element of Iconify.
MARIMO = re.compile("^(?:marimo-|iconify-icon$)")
REMOTE = re.compile(r"(?:[a-z]+:)?//", re.IGNORECASE)
# What a script would fetch. Tiles of maps, with places for numbers, are told apart.
FETCHED = re.compile(
    r"""(?:\bfrom\s*|\bimport\s*\(?\s*|\bfetch\(\s*|\.(?:ajax|getJSON|json|csv|get)\(\s*
    |\.(?:src|href)\s*=\s*)['"`](?P<loaded>(?:https?:)?//[^'"`\s]+)
    |['"`](?P<file>(?:https?:)?//[^'"`\s{}<>]+
        \.(?:m?js|css|geojson|topojson|json|csv|png|jpe?g|gif|webp|svg|woff2?))['"`?#]""",
    re.VERBOSE,
)
TILES = re.compile(r"""tileLayer(?:\.wms)?\(\s*["']""")
# Types of scripts that only hold something.
IDLE = re.compile("json|plain")
# A library itself may name addresses that it does not use.
LIBRARY = 300_000
# What prepares a notebook for figures, which pages do by themselves.
PREPARING = re.compile(
    r"PyViz|_bokeh_onload_callbacks|^\s*Bokeh\.set_log_level\("
    r"|^\s*window\.PlotlyConfig = \{[^{}]*\};\s*$"
)
STYLED = re.compile(r"""url\(\s*['"]?([^'")]+)['"]?\s*\)|@import\s+['"]([^'"]+)['"]""")
FILES = {"img": "src", "video": "src", "audio": "src", "source": "src", "embed": "src",
         "object": "data", "image": "href", "input": "src", "track": "src"}  # fmt: skip


def shown(text: str, display: Display, runs: bool) -> str:
    """Return HTML that needs no network and no server; see `Display.html`."""
    if not ASKING.search(text):
        return safe(text)
    piece = _Html(BeautifulSoup(text, "html.parser"), display)
    piece.clean()
    return piece.framed() if runs and piece.runs() else safe(str(piece.soup))


def held(text: str, display: Display) -> str:
    """Return HTML or SVG with what it asks for in it, for a picture of its own."""
    if not ASKING.search(text):
        return text
    piece = _Html(BeautifulSoup(text, "html.parser"), display)
    piece.clean()
    return str(piece.soup)


class _Html:
    """One piece of HTML, which is changed until it needs nothing but the page."""

    def __init__(self, soup: BeautifulSoup, display: Display) -> None:
        self.soup = soup
        self.display = display
        self.libraries: list[str] = []

    def clean(self) -> None:
        # Signs of Bokeh and HoloViews that they are loaded, or will be.
        for sign in self.soup.select(".logo-block, div:has(> .bk-notebook-logo)"):
            sign.decompose()
        self._marimo()
        self._styles()
        self._scripts()
        self._frames()
        self._files()

    def runs(self) -> bool:
        """Tell whether something in it runs."""
        return any(
            any(name.startswith("on") for name in tag.attrs)
            or (tag.name == "script" and not IDLE.search(str(tag.get("type", ""))))
            for tag in self.soup.find_all()
        )

    def framed(self, style: str = "") -> str:
        """Return it as a figure, which the page shows in a frame.

        Args:
            style: That of the frame, if it is not as high as what is in it.
        """
        drawn = self.soup.select("figure.drawn")
        needs = " ".join(str(it.get("data-needs", "")) for it in drawn).split()
        needs = list(dict.fromkeys([*needs, *self.libraries]))
        spec = {"html": str(self.soup), "style": style, "loads": self.libraries}
        return self.display.figure("html", spec, *needs)

    def replace(self, tag: Tag, text: str) -> None:
        tag.replace_with(BeautifulSoup(text, "html.parser"))

    def _marimo(self) -> None:
        for tag in self.soup.find_all(MARIMO):
            # One within another goes with that.
            if not tag.decomposed and tag.find_parent(MARIMO) is None:
                self.replace(tag, marimo.element(tag, self.display))

    def _styles(self) -> None:
        for tag in self.soup.find_all("link"):
            if "stylesheet" not in (tag.get("rel") or []):
                tag.decompose()
                continue
            url = str(tag.get("href", ""))
            if (text := self._own_text(url)) is not None:
                self.replace(tag, f"<style>{text}</style>")
            elif (name := known(url, str(self.soup))) is not None:
                self._load(name)
                tag.decompose()
            else:
                self.replace(tag, self.display.refuse(_loads("style", url)))
        for tag in self.soup.find_all("style"):
            tag.string = self._style(str(tag.string or ""))
        for tag in self.soup.find_all(style=STYLED):
            tag["style"] = self._style(str(tag["style"]))

    def _style(self, text: str) -> str:
        def held(found: re.Match[str]) -> str:
            url = found[1] or found[2]
            if url.startswith(("data:", "#")):
                return found[0]
            if (known(url)) == "":
                return ""
            address = self._data(url)
            if address is None:
                self.display.refuse(_loads("style", url))
                return 'url("")'
            return f'url("{address}")'

        return STYLED.sub(held, text)

    def _scripts(self) -> None:
        tags = self.soup.find_all("script")
        elements = {str(it["id"]): it.get_text() for it in tags if it.get("id")}
        for tag in tags:
            kind = str(tag.get("type", ""))
            if tag.decomposed:
                continue
            if kind in {"esms-options", "importmap"}:
                tag.decompose()
            elif not IDLE.search(kind):
                self._script(tag, elements)

    def _script(self, tag: Tag, elements: dict[str, str]) -> None:
        """Replace a script by its figure, or see that it loads nothing."""
        url = str(tag.get("src", ""))
        if url.startswith("data:"):
            tag["src"] = ""
            del tag["src"]
            tag.string = b64decode(url.partition(",")[2]).decode("utf-8", "replace")
        elif url:
            self._linked(tag, url)
            return
        text = tag.get_text()
        if figure := self._figure(tag, text, elements):
            self.replace(tag, figure)
            return
        if PREPARING.search(text):
            tag.decompose()
            return
        if len(text) > LIBRARY:
            name = next((it for it in ("plotly", "bokeh") if it in text[:2000]), "")
            if name:
                self._load(name)
                tag.decompose()
            return
        if TILES.search(text):
            self._note(NO_TILES)
        for found in FETCHED.finditer(text):
            address = found["loaded"] or found["file"]
            if not re.search(r"\{\w+\}", address):
                self.replace(tag, self.display.refuse(_loads("script", address)))
                return

    def _linked(self, tag: Tag, url: str) -> None:
        if (text := self._own_text(url)) is not None:
            del tag["src"]
            tag.string = text
        elif (name := known(url, str(self.soup))) is not None:
            self._load(name)
            tag.decompose()
        else:
            self.replace(tag, self.display.refuse(_loads("script", url)))

    def _figure(self, tag: Tag, text: str, elements: dict[str, str]) -> str:
        """Return the figure that a script draws; nothing if it draws none we know."""
        if found := plotly.taken(text):
            self._forget(found[0])
            return plotly.figure(found[1], self.display)
        if drawn := vega.taken(text):
            for place in self.soup.find_all(id=re.compile("^(altair-viz-|vis$)")):
                place.decompose()
            for style in self.soup.find_all("style", string=re.compile("vega-embed")):
                style.decompose()
            return vega.figure(drawn[0], self.display, drawn[1])
        if document := bokeh.taken(text, elements):
            for item in document["render_items"]:
                for name in item.get("roots", {}).values():
                    self._forget(str(name))
            # A document without anything to see leaves nothing.
            return bokeh.figure(document, self.display) or "<!-- -->"
        return ""

    def _forget(self, name: str) -> None:
        """Take away the empty element that a figure was to be drawn into."""
        if (place := self.soup.find(id=name)) is not None:
            place.decompose()

    def _load(self, name: str) -> None:
        if name and name not in self.libraries:
            self.libraries.append(name)

    def _note(self, text: str) -> None:
        note = BeautifulSoup(text, "html.parser")
        top = self.soup.find("body") or self.soup
        top.insert(0, note)

    def _frames(self) -> None:
        for tag in self.soup.find_all("iframe"):
            inner = tag.get("srcdoc")
            url = str(tag.get("src", ""))
            if inner is None and url.startswith("data:text/html"):
                content = url.partition(",")[2]
                inner = (
                    b64decode(content).decode("utf-8", "replace")
                    if ";base64" in url.partition(",")[0]
                    else unquote(content)
                )
            if inner is None and url and (file := self._file(url)) is not None:
                inner = file.read_text("utf-8", "replace")
            if inner is None:
                words = f"a frame shows {url}, which is not in the page"
                self.replace(tag, self.display.refuse(f"{words}: show a picture of it"))
                continue
            self._frame(tag, str(inner))

    def _frame(self, tag: Tag, inner: str) -> None:
        frame = _Html(BeautifulSoup(inner, "html.parser"), self.display)
        frame.clean()
        if (note := frame.soup.find("p", class_="note")) is not None:
            self.soup.insert(0, note.extract())
        # What is drawn has a frame of its own, as high as it needs.
        if not frame.runs() and frame.soup.find("figure", class_="drawn"):
            body = frame.soup.find("body") or frame.soup
            tag.replace_with(*[it.extract() for it in list(body.children)])
            return
        self.replace(tag, frame.framed(_place(tag)))
        # Folium says below its maps that they need trust, for the time before.
        for hint in self.soup.find_all("span", string=re.compile("Notebook Trusted")):
            hint.decompose()

    def _files(self) -> None:
        for tag in self.soup.find_all(list(FILES)):
            name = "xlink:href" if tag.get("xlink:href") else FILES[tag.name]
            url = str(tag.get(name) or "")
            del tag["srcset"]
            address = url if url.startswith(("data:", "#")) else self._data(url)
            if url and address is None:
                self.replace(tag, self.display.refuse(_missing(tag, url)))
            elif address and tag.name in ("object", "embed"):
                self._plugin(tag, address)
            elif address:
                tag[name] = address

    def _plugin(self, tag: Tag, address: str) -> None:
        """Show an object as the picture or the document that it is."""
        if address.startswith("data:image/"):
            self.replace(tag, f'<img src="{escape(address)}" alt="">')
        elif address.startswith(PDF):
            self.replace(tag, document(address))
        else:
            kind = address.partition(",")[0].removeprefix("data:")[:80] or "no type"
            words = f"an <{tag.name}> of the output shows {kind}"
            self.replace(tag, self.display.refuse(f"{words}: show a picture of it"))

    def _own_text(self, url: str) -> str | None:
        file = self._file(url)
        return None if file is None else file.read_text("utf-8", "replace")

    def _data(self, url: str) -> str | None:
        """Return a file of the project as an address that holds it."""
        file = self._file(url)
        if file is None:
            return None
        kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return f"data:{kind};base64,{b64encode(file.read_bytes()).decode()}"

    def _file(self, url: str) -> Path | None:
        if not url or REMOTE.match(url) or re.match(r"[a-z]{2,}:", url):
            return None
        for name in (unquote(re.sub(r"[?#].*", "", url)), url):
            file = self.display.folder / name
            if file.is_file():
                return file
        return None


def document(address: str) -> str:
    """Return a PDF that a page holds."""
    return f'<embed src="{escape(address)}" type="application/pdf" class="pdf">'


def _place(tag: Tag) -> str:
    """Return the style of a frame that has a height of its own."""
    sizes = [(name, str(tag.get(name, ""))) for name in ("width", "height")]
    own = [
        f"{name}:{size}{'px' * size.isdigit()}"
        for name, size in sizes
        if re.fullmatch(r"\d+(?:px|%)?", size)
    ]
    style = ";".join([*own, str(tag.get("style", ""))]).strip(";")
    return style if re.search(r"(?<![\w-])height\s*:", style) else ""


def _loads(what: str, url: str) -> str:
    words = f"a {what} of the output loads {url}, which a page cannot"
    return f"{words}: leave that part out, or show a picture of the whole"


def _missing(tag: Tag, url: str) -> str:
    if url.startswith("attachment:"):
        name = url.partition(":")[2]
        return (
            f"the pasted picture {name} is lost: paste it again, then uv run poe save"
        )
    if REMOTE.match(url):
        words = f"a picture is on a network, {url}"
        return f"{words}: save it in media/ beside the notebook, and link that"
    return f"{url} is missing: put it there, or take the <{tag.name}> out"
