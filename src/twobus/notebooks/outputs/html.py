"""HTML that outputs bring along: figures in scripts, frames, pictures, styles."""

from __future__ import annotations

import mimetypes
import re
from base64 import b64decode, b64encode
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from bs4 import BeautifulSoup, Tag

from twobus.notebooks.outputs import bokeh, marimo, plotly, vega
from twobus.notebooks.outputs.display import NO_TILES
from twobus.notebooks.outputs.libraries import known

if TYPE_CHECKING:
    from twobus.notebooks.outputs.display import Display

# Whatever may ask for something; all other HTML stays as it is.
ASKING = re.compile(
    r"<(?:script|iframe|img|image|link|marimo-|iconify-|embed|object|video|audio|source|base|meta)"
    r"|url\(|@import|notebook-logo",
    re.IGNORECASE,
)
# What would swallow the rest of a page, and what must be closed again.
ENDLESS = ("plaintext", "xmp", "noembed", "noframes", "textarea", "title", "select")
SWALLOWS = re.compile(rf"<(?:{'|'.join(ENDLESS)}|!--)", re.IGNORECASE)
CLOSED = ("div", "span", "table", "details", "section", "main", "svg", "pre", "ul")
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
# A library itself may name addresses that it does not use.
LIBRARY = 300_000
# What prepares a notebook for figures, which pages do by themselves.
PREPARING = re.compile(r"PyViz|_bokeh_onload_callbacks|^\s*Bokeh\.set_log_level\(")
STYLED = re.compile(r"""url\(\s*['"]?([^'")]+)['"]?\s*\)|@import\s+['"]([^'"]+)['"]""")
FILES = {"img": "src", "video": "src", "audio": "src", "source": "src", "embed": "src",
         "object": "data", "image": "href", "input": "src", "track": "src"}  # fmt: skip


def shown(text: str, display: Display) -> str:
    """Return HTML that needs no network and no server; see `Display.html`."""
    if not ASKING.search(text) and _is_closed(text):
        return text
    soup = BeautifulSoup(text, "html.parser")
    _Html(soup, display).clean()
    return str(soup)


def _is_closed(text: str) -> bool:
    """Tell whether HTML ends where it ends, and leaves the page around it alone."""
    lower = text.lower()
    return not SWALLOWS.search(text) and all(
        lower.count(f"<{name}") == lower.count(f"</{name}") for name in CLOSED
    )


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
        for tag in self.soup.find_all("plaintext"):
            # No browser ever ends it.
            tag.name = "pre"

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
        first: Tag | None = None
        for tag in tags:
            kind = str(tag.get("type", ""))
            if tag.find_parent("figure", class_="drawn") or tag.decomposed:
                continue
            if kind in {"esms-options", "importmap"}:
                tag.decompose()
            elif "json" not in kind and "plain" not in kind:
                kept = self._script(tag, elements)
                first = first or (tag if kept else None)
        if self.libraries and first is not None:
            names = ",".join(f'"{name}"' for name in self.libraries)
            load = self.soup.new_tag("script")
            # In a frame, the page's own script is the parent's.
            load.string = f"(window.drawn||parent.drawn).load(window,[{names}])"
            first.insert_before(load)
            self.display.need(*self.libraries)

    def _script(self, tag: Tag, elements: dict[str, str]) -> bool:
        """Replace a script by its figure, or see that it loads nothing.

        Returns:
            Whether the script stays.
        """
        url = str(tag.get("src", ""))
        if url.startswith("data:"):
            tag["src"] = ""
            del tag["src"]
            tag.string = b64decode(url.partition(",")[2]).decode("utf-8", "replace")
        elif url:
            return self._linked(tag, url)
        text = tag.get_text()
        if figure := self._figure(tag, text, elements):
            self.replace(tag, figure)
            return False
        if PREPARING.search(text):
            tag.decompose()
            return False
        if len(text) > LIBRARY:
            name = next((it for it in ("plotly", "bokeh") if it in text[:2000]), "")
            if name:
                self._load(name)
                tag.decompose()
            return not name
        if TILES.search(text):
            self._note(NO_TILES)
        for found in FETCHED.finditer(text):
            address = found["loaded"] or found["file"]
            if not re.search(r"\{\w+\}", address):
                self.replace(tag, self.display.refuse(_loads("script", address)))
                return False
        return True

    def _linked(self, tag: Tag, url: str) -> bool:
        if (text := self._own_text(url)) is not None:
            del tag["src"]
            tag.string = text
            return True
        name = known(url, str(self.soup))
        if name is None:
            self.replace(tag, self.display.refuse(_loads("script", url)))
            return False
        self._load(name)
        tag.decompose()
        return False

    def _figure(self, tag: Tag, text: str, elements: dict[str, str]) -> str:
        """Return the figure that a script draws; nothing if it draws none we know."""
        if found := plotly.taken(text):
            self._forget(found[0])
            return plotly.figure(found[1], self.display)
        if drawn := vega.taken(text):
            for place in self.soup.find_all(id=re.compile("^(altair-viz-|vis$)")):
                place.decompose()
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
        frame = BeautifulSoup(inner, "html.parser")
        _Html(frame, self.display).clean()
        if (note := frame.find("p", class_="note")) is not None:
            self.soup.insert(0, note.extract())
        # The page draws figures, and none that is in a frame.
        if frame.find("figure", class_="drawn"):
            body = frame.find("body") or frame
            tag.replace_with(*[it.extract() for it in list(body.children)])
            return
        for name in ("src", "sandbox", "loading"):
            del tag[name]
        tag["srcdoc"] = str(frame)
        if "__resizeIframe" in str(tag.get("onload", "")):
            # marimo's own script would do it.
            tag["onload"] = (
                "this.style.height=this.contentDocument.body.scrollHeight+20+'px'"
            )
        # Folium says below its maps that they need trust, for the time before.
        for hint in self.soup.find_all("span", string=re.compile("Notebook Trusted")):
            hint.decompose()

    def _files(self) -> None:
        for tag in self.soup.find_all(list(FILES)):
            name = "xlink:href" if tag.get("xlink:href") else FILES[tag.name]
            url = str(tag.get(name) or "")
            del tag["srcset"]
            if not url or url.startswith(("data:", "#")):
                continue
            if (address := self._data(url)) is not None:
                tag[name] = address
            else:
                self.replace(tag, self.display.refuse(_missing(tag, url)))

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
