"""A PostgreSQL of our own: a private cluster in a folder, on a free port."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PLANTED = "planted-Passw0rd"
BOSS, POOR = "boss", "poor"
# Debian keeps what only a server needs out of PATH.
PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


@dataclass(frozen=True)
class Server:
    """A server that may be killed and started again.

    Attributes:
        folder: Where its data is.
        port: Where it listens, on the loopback.
    """

    folder: Path
    port: int

    def url(self, user: str = BOSS, password: str = PLANTED) -> str:
        """Return what `DATA_URL` is for somebody."""
        return f"postgres://{user}:{password}@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1"
        log = self.folder / "log"
        data = self.folder / "data"
        program("pg_ctl", "-D", data, "-o", options, "-l", log, "-w", "start")

    def kill(self) -> None:
        """Stop it as a loss of power would."""
        running = self.folder / "data/postmaster.pid"
        process = int(running.read_text().split()[0])
        children = f"/proc/{process}/task/{process}/children"
        own = [process, *map(int, Path(children).read_text().split())]
        for one in own:
            os.kill(one, signal.SIGKILL)
        while any(Path(f"/proc/{one}/stat").exists() for one in own):
            time.sleep(0.05)
        running.unlink(missing_ok=True)

    def sql(self, text: str) -> None:
        """Run statements as the owner."""
        words = ["-h", "127.0.0.1", "-p", str(self.port), "-U", BOSS, "postgres"]
        program("psql", *words, "-v", "ON_ERROR_STOP=1", "-qc", text)


def offered() -> bool:
    """Tell whether this machine has PostgreSQL."""
    return bool(PROGRAMS) or shutil.which("initdb") is not None


def program(name: str, *words: str | Path) -> None:
    """Run one of PostgreSQL's programs, which refuse to be run by root."""
    path = PROGRAMS[-1] / name if PROGRAMS else Path(name)
    root = os.getuid() == 0
    user = ["runuser", "-u", "postgres", "--"] if root else []
    subprocess.run(
        [*user, path, *words],
        check=True,
        cwd="/",
        env={**os.environ, "PGPASSWORD": PLANTED},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    """Yield a server with two people, one of whom may read nothing.

    Args:
        folder: An empty folder whose path is short: it holds a socket.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        server = Server(folder, probe.getsockname()[1])
    secret = folder / "password"
    secret.write_text(PLANTED, "utf-8")
    if os.getuid() == 0:
        for path in (folder, secret):
            shutil.chown(path, "postgres")
    data = folder / "data"
    words = ["-A", "scram-sha-256", "-U", BOSS, f"--pwfile={secret}", "--no-sync"]
    program("initdb", "-D", data, *words)
    server.start()
    try:
        server.sql(f"create role {POOR} login password '{PLANTED}'")
        yield server
    finally:
        program("pg_ctl", "-D", data, "-m", "immediate", "stop")
