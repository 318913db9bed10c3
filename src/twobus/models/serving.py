"""Serve the promoted versions by a web API, and by a page to try them."""

import argparse
import gc
import socket
import sys
from collections.abc import Set
from contextlib import suppress
from typing import Any

import uvicorn

from twobus.models.answers import log
from twobus.models.app import make_app
from twobus.models.declaration import ModelError
from twobus.models.guard import BACKLOG, Connection
from twobus.models.prediction_log import begun
from twobus.models.served import load
from twobus.models.shadow import Observer
from twobus.models.workers import Server, run, write_log
from twobus.settings import Settings
from twobus.tasks import task

__all__ = ["ServingSettings", "known_hosts", "make_app", "serve"]

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class ServingSettings(Settings):
    """By which names a server is asked.

    Attributes:
        allowed_hosts: Names besides localhost, with commas between them. Without any, a
            server of this computer only answers to localhost, and others to all names.
    """

    allowed_hosts: str = ""


@task
def serve(port: int = 8000, host: str = "127.0.0.1", workers: int = 1) -> None:
    """Serve until told to stop; versions are loaded once, at the start.

    Args:
        port: The port to listen at; 0 for any that is free.
        host: The address to listen at: `0.0.0.0` for other computers, too.
        workers: How many processes answer; each has its part of the cores.

    Raises:
        SystemExit: With a sentence, if nothing can be served.
    """
    if workers < 1 or (workers > 1 and sys.platform == "win32"):
        raise SystemExit(
            "A server has one worker at least, and on Windows one at most: choose "
            "another number by --workers."
        )
    write_log()
    listening = _listen(host, port)
    # There is nothing to do at the end, where a second signal would interrupt it.
    settings: dict[str, Any] = {
        "http": Connection,
        "ws": "none",
        "backlog": BACKLOG,
        "timeout_graceful_shutdown": 10,
        "log_config": None,
        "access_log": False,
        "lifespan": "off",
    }
    try:
        if workers > 1:
            # What they would refuse is refused before there are any.
            Observer(begun()).close()
            run(workers, load(), known_hosts(host), listening, settings)
            return
        app = make_app(known_hosts(host))
    except ModelError as error:
        raise SystemExit(str(error)) from None
    # What is loaded stays: searching it for garbage would hold up answers.
    gc.collect()
    gc.freeze()
    config = uvicorn.Config(app, **settings)
    log("listening", url=f"http://{host}:{listening.getsockname()[1]}")
    with suppress(KeyboardInterrupt):
        Server(config).run([listening])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
        # Else each answer's body waits 40 ms, until the client confirms its head.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except Exception as error:
        # Names that are none and ports that cannot be are several kinds of errors.
        reason = getattr(error, "strerror", None) or error
        raise SystemExit(
            f"Nothing can listen at {host}, port {port} ({reason}): choose another "
            "by --port or --host."
        ) from None
    return listening


def known_hosts(host: str) -> Set[str]:
    """Return the names by which a server may be asked; none: by all.

    Args:
        host: The address that it listens at.
    """
    given = ServingSettings().allowed_hosts.lower().replace(",", " ").split()
    return LOCAL | {*given} if given or host in LOCAL else frozenset()


if __name__ == "__main__":
    # In a container, which others reach by its own address.
    words = argparse.ArgumentParser()
    words.add_argument("port", nargs="?", type=int, default=8000)
    words.add_argument("--workers", type=int, default=1)
    given = words.parse_args()
    serve(given.port, "0.0.0.0", given.workers)  # noqa: S104
