"""Serve the promoted versions by a web API, and by a page to try them."""

import gc
import logging
import socket
import sys
from collections.abc import Set
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse

from twobus.models.answers import SEND, Lines, Problem, Problems, as_json, log, refusal
from twobus.models.declaration import ModelError
from twobus.models.guard import BACKLOG, Connection, Guard
from twobus.models.predicting import add_route
from twobus.models.prediction_log import begun
from twobus.models.registry import Version
from twobus.models.served import describe, load, unknown, unready
from twobus.models.shadow import Observer
from twobus.project import here
from twobus.settings import Settings
from twobus.tasks import task

REFUSALS = (400, 403, 404, 405, 408, 413, 422, 503)
PAGE = Path(__file__).with_name("page.html")
# Pages may load nothing from elsewhere, and only the one to try models has a script.
ALONE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
SCRIPT = "; script-src 'unsafe-inline'; connect-src 'self'; frame-src 'self'"
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


class ServingSettings(Settings):
    """By which names a server is asked.

    Attributes:
        allowed_hosts: Names besides localhost, with commas between them. Without any, a
            server of this computer only answers to localhost, and others to all names.
    """

    allowed_hosts: str = ""


@task
def serve(port: int = 8000, host: str = "127.0.0.1") -> None:
    """Serve until told to stop; versions are loaded once, at the start.

    Args:
        port: The port to listen at; 0 for any that is free.
        host: The address to listen at: `0.0.0.0` for other computers, too.

    Raises:
        SystemExit: With a sentence, if nothing can be served.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
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
    try:
        app = make_app(known_hosts(host))
    except ModelError as error:
        raise SystemExit(str(error)) from None
    # What is loaded stays: searching it for garbage would hold up answers.
    gc.collect()
    gc.freeze()
    config = uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        backlog=BACKLOG,
        timeout_graceful_shutdown=10,
        log_config=None,
        access_log=False,
        # There is nothing to do at the end, where a second signal would interrupt it.
        lifespan="off",
    )
    log("listening", url=f"http://{host}:{listening.getsockname()[1]}")
    with suppress(KeyboardInterrupt):
        _Server(config, app.state.observer).run([listening])


class _Server(uvicorn.Server):
    """A server that writes what it has logged before a signal ends its process."""

    def __init__(self, config: uvicorn.Config, observer: Observer) -> None:
        super().__init__(config)
        self.observer = observer

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        await run_in_threadpool(self.observer.close)


def known_hosts(host: str) -> Set[str]:
    """Return the names by which a server may be asked; none: by all.

    Args:
        host: The address that it listens at.
    """
    given = ServingSettings().allowed_hosts.lower().replace(",", " ").split()
    return LOCAL | {*given} if given or host in LOCAL else frozenset()


def make_app(hosts: Set[str] = frozenset()) -> FastAPI:
    """Load every promoted version, and make the web application.

    A model that cannot be used is not served, and says why; the others are.

    Args:
        hosts: The names by which it may be asked; none: by all.

    Raises:
        ModelError: If the registry cannot be read.
    """
    app = FastAPI(
        title=here().root.name,
        description="Models of this project, by their promoted versions.",
        responses={code: {"model": Problems} for code in REFUSALS},
        # Their pages load scripts of others.
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(Guard, hosts=hosts)
    app.add_exception_handler(HTTPException, _refuse)
    app.state.observer = observer = Observer(begun())
    served = load()
    for name, version in served.items():
        if isinstance(version, Version):
            add_route(app, name, version, observer)

    @app.get("/models")
    def models() -> Any:
        """Say which models there are, and which versions answer."""
        return as_json([describe(name, it) for name, it in served.items()])

    html: dict[int | str, Any] = {200: {"content": {"text/html": {}}}}

    @app.get("/models/{name}/card", response_class=Response, responses=html)
    def card(name: str) -> Response:
        """Return the card of the version that answers, as a page."""
        version = served.get(name, unknown(name))
        if isinstance(version, str):
            raise HTTPException(404, version)
        return _page(version.card)

    @app.post("/models/{name}/predict", include_in_schema=False)
    def no_version(name: str) -> None:
        why = str(served.get(name, unknown(name)))
        raise HTTPException(503 if name in served else 404, why)

    @app.get("/health")
    async def health() -> dict[str, str]:
        """Say that the server is alive."""
        return {"status": "alive"}

    @app.get("/ready", responses={503: {"model": Problems}})
    async def ready() -> dict[str, str]:
        """Say whether a promoted version of each model that has one can answer."""
        if why := unready(served):
            raise HTTPException(503, why)
        return {"status": "ready"}

    @app.get("/docs", include_in_schema=False)
    def docs() -> Response:
        return RedirectResponse("./")

    @app.get("/", include_in_schema=False)
    def page() -> Response:
        return _page(PAGE.read_text("utf-8"), ALONE + SCRIPT)

    return app


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    told = f"{error.detail}{SEND}" if error.status_code == 400 else str(error.detail)
    return refusal(error.status_code, Problem(problem=told), headers=error.headers)


def _page(html: str, policy: str = ALONE) -> Response:
    return HTMLResponse(html, headers={"Content-Security-Policy": policy})


if __name__ == "__main__":
    # In a container, which others reach by its own address; at another port if told.
    given = [int(word) for word in sys.argv[1:]]
    serve(given[0] if given else 8000, "0.0.0.0")  # noqa: S104
