"""HTML of outputs without anything that runs, loads, or reaches the rest of a page."""

import re
import tomllib
from pathlib import Path
from typing import Any

import nh3
from bs4 import BeautifulSoup
from bs4.element import Script, Stylesheet

ALLOWED = tomllib.loads(Path(__file__).with_name("allowed.toml").read_text("utf-8"))
TAGS = nh3.ALLOWED_TAGS | set(" ".join(ALLOWED["tags"].values()).split())
ATTRIBUTES = set(" ".join(ALLOWED["attributes"].values()).split())
LINKS = {"a": {"href", "download"}, "area": {"href", "shape"}}
DRAWN = ("use", "image", "textPath", "linearGradient", "radialGradient", "pattern")
LOADING = {
    **{element: {"src"} for element in ("img", "audio", "video", "source", "embed")},
    **{element: {"href", "xlink:href"} for element in DRAWN},
}
PDF = "data:application/pdf;base64,"
# Names by which pages know their own parts.
OWN = re.compile(r"(?:jp-|celltag_)\S*")
STYLED = re.compile(r"<(?:style|template)\b", re.IGNORECASE)
# Below the styles of an output, which see nothing of the page's.
LOOKS = (
    "table{border-collapse:collapse;font-size:.85em}td,th{padding:.3em .5em}"
    "pre{margin:0}img,svg{max-width:100%}figure.drawn{margin:0}"
)


def safe(text: str) -> str:
    """Return HTML that only shows something.

    Styles of its own go with it behind a border that none crosses (a shadow tree).

    Args:
        text: HTML of an output, or what this function has returned.
    """
    styles: list[str] = []
    if STYLED.search(text):
        soup = parsed(text)
        for tag in soup.find_all("style"):
            styles.append(tag.get_text().replace("</", ""))
            tag.decompose()
        for tag in soup.select("div.styled:has(> template), template"):
            tag.unwrap()
        text = str(soup)
    clean = nh3.clean(
        text,
        tags=TAGS,
        attributes={"*": ATTRIBUTES, **LINKS, **LOADING},
        attribute_filter=_attribute,
        generic_attribute_prefixes={"data-", "aria-"},
        url_schemes={"http", "https", "mailto", "tel", "data"},
        link_rel=None,
    )
    if not styles:
        return clean
    looks = "".join(f"<style>{it}</style>" for it in dict.fromkeys([LOOKS, *styles]))
    shadow = f'<template shadowrootmode="open">{looks}{clean}</template>'
    return f'<div class="styled">{shadow}</div>'


def parsed(text: str) -> BeautifulSoup:
    """Parse HTML of a page so that texts behind such a border count as others."""
    kinds: Any = {"style": Stylesheet, "script": Script}
    return BeautifulSoup(text, "html.parser", string_containers=kinds)


def _attribute(element: str, name: str, value: str) -> str | None:
    if name == "class":
        return OWN.sub("", value).strip()
    if element == "embed" and name in ("src", "type"):
        return value if value.startswith((PDF, PDF[5:20])) else None
    if name == "src" or (element in DRAWN and name.endswith("href")):
        return value if value.startswith(("data:", "#")) else None
    return value
