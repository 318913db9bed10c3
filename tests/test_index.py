"""A package index of one's own, which asks for a password."""

import base64
import http.server
import re
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Render

from template import poe, run, status

pytestmark = pytest.mark.slow

USER, PASSWORD = "reader", "s3cret-w0rd"


@pytest.fixture
def index(ready: Path) -> Iterator[str]:
    """An index on loopback, before the usual one, as `host:port/path`."""
    lock = (ready / "uv.lock").read_text("utf-8")
    usual = re.findall(r'registry = "(http.+?)"', lock)[0]
    pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.headers["Authorization"] != f"Basic {pair}":
                self.answer(401, b"", "text/plain")
                return
            url = usual + self.path.removeprefix("/simple")
            headers = {"Accept": self.headers["Accept"]}
            request = urllib.request.Request(url, headers=headers)  # noqa: S310
            with urllib.request.urlopen(request) as page:  # noqa: S310
                self.answer(200, page.read(), page.headers["Content-Type"])

        def answer(self, code: int, body: bytes, kind: str) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}/simple"
        server.shutdown()


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[str]:
    """A package cache for an index that will never be seen again."""
    folder = tmp_path / "cache"
    yield str(folder)
    shutil.rmtree(folder)


def test_private_index_is_used_and_its_password_kept_out_of_files(
    project: Render, index: str, cache: str
) -> None:
    folder = project(notebooks="none")
    settings = {
        "UV_DEFAULT_INDEX": f"http://{USER}:{PASSWORD}@{index}",
        "UV_CACHE_DIR": cache,
    }
    for task in ("setup", "lint"):
        result = poe(folder, task, **settings)
        assert result.code == 0, result.output
        assert PASSWORD not in result.output
    assert f'registry = "http://{index}"' in (folder / "uv.lock").read_text("utf-8")
    assert status(folder) == ""
    found = run("grep", "-rlF", PASSWORD, ".", cwd=folder)
    assert (found.code, found.output) == (1, "")


def test_private_index_refuses_a_wrong_password(
    project: Render, index: str, cache: str
) -> None:
    folder = project(notebooks="none")
    url = f"http://{USER}:wr0ng-w0rd@{index}"
    result = poe(folder, "setup", UV_DEFAULT_INDEX=url, UV_CACHE_DIR=cache)
    assert result.code != 0
    assert "401 Unauthorized" in result.output
    assert "wr0ng-w0rd" not in result.output
    assert not (folder / "uv.lock").exists()
