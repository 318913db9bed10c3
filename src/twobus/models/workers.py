"""Serve by several processes, which share one listening socket."""

import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from uvicorn.supervisors.multiprocess import Multiprocess, Process

from twobus.models.answers import Lines, log
from twobus.models.app import make_app
from twobus.models.cores import share
from twobus.models.declaration import explain
from twobus.models.prometheus import PLACE, has_ended
from twobus.models.registry import Version, fetch
from twobus.models.served import Served


def write_log() -> None:
    """Write lines of JSON from now on, whoever logs in this process."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)


def run(
    number: int,
    served: Served,
    hosts: Set[str],
    listening: socket.socket,
    settings: Mapping[str, Any],
) -> None:
    """Serve by several processes until told to stop.

    Each loads the versions that this one has loaded, also one that takes the place of
    another: so all answer alike, whatever is promoted meanwhile.

    Args:
        number: How many.
        served: The versions.
        hosts: The names by which the server may be asked; none: by all.
        listening: Where it listens.
        settings: Of uvicorn.
    """
    told = {
        name: it.number if isinstance(it, Version) else it
        for name, it in served.items()
    }
    with tempfile.TemporaryDirectory(
        prefix="twobus-counts-", ignore_cleanup_errors=True
    ) as place:
        os.environ[PLACE] = place
        share(number)
        made = partial(_worker, told, hosts)
        config = uvicorn.Config(made, workers=number, **settings)
        _Workers(config, [listening]).run()


class Server(uvicorn.Server):
    """A server that writes what it has logged before a signal ends its process."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End, and write what is left."""
        await super().shutdown(sockets)
        app: Any = self.config.app
        if observer := getattr(app.state, "observer", None):
            await run_in_threadpool(observer.close)


class _Worker(Process):
    """A process that makes its web application by itself."""

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        made: Any = self.config.app
        self.config.app = made()
        self._server = Server(self.config)
        super().target(sockets)


class _Workers(Multiprocess):
    """Starts workers, and again those that end without being told to."""

    def init_processes(self) -> None:
        for _ in range(self.processes_num):
            self.processes.append(self._started())
        while not all(it.is_ready(timeout=0.1) for it in self.processes):
            self.handle_signals()
            if self.should_exit.is_set():
                return
            self.keep_subprocess_alive()
            time.sleep(0.1)
        host, port, *_ = self.sockets[0].getsockname()
        log("listening", url=f"http://{host}:{port}", workers=self.processes_num)

    def keep_subprocess_alive(self) -> None:
        for place, worker in enumerate(self.processes):
            if worker.process.is_alive():
                continue
            worker.process.join()
            has_ended(worker.pid)
            log("a worker ended, and is started again", code=worker.exitcode)
            self.processes[place] = self._started()

    def _started(self) -> Process:
        worker = _Worker(self.config, self.sockets)
        with _deaf():
            worker.start()
        return worker


@contextmanager
def _deaf() -> Iterator[None]:
    """Let Ctrl+C end no process that has only just begun: its parent tells it to."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _worker(told: Mapping[str, int | str], hosts: Set[str]) -> FastAPI:
    """Make the web application of a worker."""
    write_log()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        served = {
            name: fetch(name, it) if isinstance(it, int) else it
            for name, it in told.items()
        }
    except Exception as error:
        # It is tried again, and others answer meanwhile.
        log("a worker cannot begin", problem=explain(error))
        raise SystemExit(1) from None
    return make_app(hosts, served)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os.kill(os.getpid(), signal.SIGTERM)
