"""A forge on this machine: a fake's API and a real git repository, over https."""

import os
import ssl
import subprocess
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import certifi
import httpx
from forges import Forge


class Server(ThreadingHTTPServer):
    """Serves one fake, and the repositories in a folder.

    Attributes:
        fake: Who answers below /api.
        root: Where the repositories are.
        logins: What git said to log in, by request; empty where it said nothing.
        public: Whether anybody may read.
        elsewhere: A login that is valid, but not for the repositories here: as on a
            real forge, git is not asked for another one.
        reader: A login that may read.
        certificate: A file of what is to be trusted: this server.
    """

    fake: Forge
    root: Path
    public = False
    elsewhere = ""
    reader = ""

    def __init__(self, folder: Path) -> None:
        """Start on a free port."""
        super().__init__(("localhost", 0), Handler)
        self.logins: list[tuple[str, str]] = []
        own, key = folder / "own.pem", folder / "key.pem"
        words = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "9",
        ]
        names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
        files = ["-out", str(own), "-keyout", str(key)]
        subprocess.run([*words, *names, *files], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own, key)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.certificate = own

    @property
    def host(self) -> str:
        """The host with its port."""
        return f"localhost:{self.server_address[1]}"

    def trusted(self) -> dict[str, str]:
        """Return variables by which programs trust this server, and no other."""
        own = str(self.certificate)
        return {"SSL_CERT_FILE": own, "GIT_SSL_CAINFO": own}

    def trusted_too(self) -> dict[str, str]:
        """Return variables by which they trust others as before, an index for one."""
        before = Path(os.environ.get("SSL_CERT_FILE", certifi.where())).read_text()
        both = self.certificate.with_name("both.pem")
        both.write_text(before + self.certificate.read_text())
        return {**self.trusted(), "SSL_CERT_FILE": str(both)}


class Handler(BaseHTTPRequestHandler):
    """Hands a request to the fake, or to git."""

    server: Server
    protocol_version = "HTTP/1.1"
    # Head and body are two writes, and the second would wait for an answer.
    disable_nagle_algorithm = True

    def handle_any(self) -> None:
        """Answer."""
        body = self.body()
        if self.path.startswith("/api/"):
            self.ask(body)
        else:
            self.git(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def body(self) -> bytes:
        """Read what was sent."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def ask(self, body: bytes) -> None:
        """Let the fake answer."""
        url = f"https://{self.server.host}{self.path}"
        headers = dict(self.headers)
        answer = self.server.fake(
            httpx.Request(self.command, url, headers=headers, content=body)
        )
        kind = answer.headers.get("content-type", "text/plain")
        self.reply(answer.status_code, {"Content-Type": kind}, answer.content)

    def git(self, body: bytes) -> None:
        """Let git answer, to those who log in."""
        kind, _, secret = self.headers.get("Authorization", "").partition(" ")
        login = b64decode(secret).decode() if kind == "Basic" else secret
        self.server.logins.append((f"{self.command} {self.path}", login))
        fake = self.server.fake
        if login and login == self.server.elsewhere:
            self.reply(404, {}, b"Repository not found.")
            return
        anybody = self.server.public or login == (self.server.reader or None)
        reads = anybody and "receive-pack" not in self.path
        if not reads and login != f"x-access-token:{fake.token}":
            realm = {"WWW-Authenticate": 'Basic realm="git"'}
            self.reply(401, realm, b"HTTP Basic: Access denied")
            return
        path, _, query = self.path.partition("?")
        variables = {
            "GIT_PROJECT_ROOT": str(self.server.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REMOTE_USER": "somebody",
            "REQUEST_METHOD": self.command,
        }
        done = subprocess.run(
            ["git", "http-backend"],
            env={"PATH": os.environ["PATH"], **variables},
            input=body,
            stdout=subprocess.PIPE,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        message = message_from_bytes(head)
        headers = {name: str(value) for name, value in message.items()}
        status = int(headers.pop("Status", "200").split()[0])
        self.reply(status, headers, content)

    def reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
        """Send an answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def served(folder: Path) -> Iterator[Server]:
    """Serve until the end of a block."""
    with Server(folder) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
