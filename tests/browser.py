"""A browser that looks at pages, and notes what they ask a network for."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Opened:
    """A page in a browser.

    Attributes:
        page: The page.
        requests: The addresses that the browser asked for, to show it.
    """

    page: Page
    requests: list[str]


@contextmanager
def started() -> Iterator[Browser]:
    """A browser without a window; a machine that cannot have one skips its tests."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None and "CI" not in os.environ:
        pytest.skip("no Chromium here: install it, such as by apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


@contextmanager
def opened(browser: Browser, file: Path) -> Iterator[Opened]:
    """Open a file, with every request noted and none answered by a network."""
    requests: list[str] = []
    with browser.new_context(viewport={"width": 1000, "height": 800}) as context:
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.route(lambda url: not url.startswith("file:"), lambda route: route.abort())
        page.goto(file.as_uri())
        yield Opened(page, requests)


@contextmanager
def visited(browser: Browser, url: str) -> Iterator[Opened]:
    """Open a page of a server, with every request noted."""
    requests: list[str] = []
    with browser.new_context(viewport={"width": 1000, "height": 800}) as context:
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.goto(url)
        yield Opened(page, requests)
