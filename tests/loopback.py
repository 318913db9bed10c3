"""An index of packages on this machine, for computers that reach nothing else."""

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urljoin

import httpx

UPSTREAM = os.environ.get("UV_DEFAULT_INDEX") or "https://pypi.org/simple"
JSON = "application/vnd.pypi.simple.v1+json"


class Index(ThreadingHTTPServer):
    """Offers the wheels of a folder, and what the index of this machine has.

    Attributes:
        wheels: The folder.
        upstream: A client of that index.
    """

    def __init__(self, wheels: Path) -> None:
        """Start on a free port."""
        super().__init__(("127.0.0.1", 0), Handler)
        self.wheels = wheels
        self.upstream = httpx.Client(follow_redirects=True, timeout=60)

    @property
    def url(self) -> str:
        """What uv is told."""
        return f"http://127.0.0.1:{self.server_address[1]}/simple"

    def only(self) -> dict[str, str]:
        """Return variables by which a computer reaches this machine only."""
        # Nobody listens at port 9.
        dead = dict.fromkeys(
            ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"], "http://127.0.0.1:9"
        )
        small = {name.lower(): value for name, value in dead.items()}
        near = dict.fromkeys(["NO_PROXY", "no_proxy"], "localhost,127.0.0.1")
        return {**dead, **small, **near, "UV_DEFAULT_INDEX": self.url}


class Handler(BaseHTTPRequestHandler):
    """Answers from the folder, else from upstream, by addresses of this machine."""

    server: Index
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        _, room, *rest = self.path.split("/")
        if room == "wheels":
            self.reply(200, {}, (self.server.wheels / rest[0]).read_bytes())
        elif room == "files":
            folder = urlsafe_b64decode(rest[0]).decode()
            wanted = self.headers.get("Range")
            self.relay(f"{folder}/{rest[1]}", {"Range": wanted} if wanted else {})
        elif own := sorted(self.server.wheels.glob(f"{rest[0].replace('-', '_')}-*")):
            files = [_file(f"/wheels/{wheel.name}", wheel.name) for wheel in own]
            self.page({"name": rest[0], "files": files})
        else:
            place = f"{UPSTREAM.rstrip('/')}/{rest[0]}/"
            found = self.server.upstream.get(place, headers={"Accept": JSON})
            if found.is_error:
                self.reply(found.status_code, {}, b"")
                return
            answer = found.json()
            for file in answer["files"]:
                folder, _, name = urljoin(place, file["url"]).rpartition("/")
                hidden = urlsafe_b64encode(folder.encode()).decode()
                file["url"] = f"/files/{hidden}/{name}"
            self.page(answer)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def page(self, answer: dict[str, Any]) -> None:
        """Send a package's page."""
        answer["meta"] = {"api-version": "1.0"}
        self.reply(200, {"Content-Type": JSON}, json.dumps(answer).encode())

    def relay(self, url: str, headers: dict[str, str]) -> None:
        """Send what upstream has."""
        found = self.server.upstream.get(url, headers=headers)
        kept = {"Content-Range", "Accept-Ranges"} & {*map(str.title, found.headers)}
        named = {name: found.headers[name] for name in kept}
        self.reply(found.status_code, named, found.content)

    def reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
        """Send an answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


@contextmanager
def offered(wheels: Path) -> Iterator[Index]:
    """Offer a folder of wheels until the end of a block."""
    with Index(wheels) as index:
        Thread(target=index.serve_forever, daemon=True).start()
        yield index
        index.shutdown()


def _file(url: str, name: str) -> dict[str, Any]:
    return {"filename": name, "url": url, "hashes": {}}
