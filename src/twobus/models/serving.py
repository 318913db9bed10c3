"""Serve the promoted versions by a web API, and by a page to try them."""

import asyncio
import gc
import json
import logging
import socket
import sys
from collections.abc import Callable, Coroutine, Set
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, RedirectResponse

from twobus.models.answers import SEND, Lines, Problem, Problems, as_json, log, refusal
from twobus.models.declaration import ModelError, explain, find, names
from twobus.models.gate import faults
from twobus.models.guard import BACKLOG, LARGE, Connection, Guard
from twobus.models.registry import Version, champion, fetch
from twobus.models.requests import RequestError, read
from twobus.models.rows import RowError, predict
from twobus.models.schema import (
    answer_type,
    request_type,
    row_type,
    to_answer,
    to_frame,
)
from twobus.models.store import readable
from twobus.project import here
from twobus.settings import Settings
from twobus.tasks import task

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
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
        uvicorn.Server(config).run([listening])


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
    readable()
    served = {name: _load(name) for name in names()}
    large = asyncio.Semaphore(2)
    for name, version in served.items():
        if isinstance(version, Version):
            _add_route(app, name, version, large)
    if not any(isinstance(version, Version) for version in served.values()):
        log("no version can answer yet: uv run poe train, then promote")

    @app.get("/models")
    def models() -> Any:
        """Say which models there are, and which versions answer."""
        return as_json([_describe(name, it) for name, it in served.items()])

    html: dict[int | str, Any] = {200: {"content": {"text/html": {}}}}

    @app.get("/models/{name}/card", response_class=Response, responses=html)
    def card(name: str) -> Response:
        """Return the card of the version that answers, as a page."""
        version = served.get(name, _unknown(name))
        if isinstance(version, str):
            raise HTTPException(404, version)
        return _page(version.card)

    @app.post("/models/{name}/predict", include_in_schema=False)
    def no_version(name: str) -> None:
        why = str(served.get(name, _unknown(name)))
        raise HTTPException(503 if name in served else 404, why)

    @app.get("/health")
    def health() -> dict[str, str]:
        """Say that the server is alive."""
        return {"status": "alive"}

    @app.get("/ready", responses={503: {"model": Problems}})
    def ready() -> dict[str, str]:
        """Say whether a promoted version of each model that has one can answer."""
        whys = {name: it for name, it in served.items() if isinstance(it, str)}
        wrong = [why for name, why in whys.items() if why != _unpromoted(name)]
        if wrong or len(whys) == len(served):
            raise HTTPException(503, " ".join(wrong) or "No version is promoted yet.")
        return {"status": "ready"}

    @app.get("/docs", include_in_schema=False)
    def docs() -> Response:
        return RedirectResponse("./")

    @app.get("/", include_in_schema=False)
    def page() -> Response:
        return _page(PAGE.read_text("utf-8"), ALONE + SCRIPT)

    return app


def _load(name: str) -> Version | str:
    """Return the promoted version or, where there is none to be had, why."""
    try:
        if (number := champion(name)) is None:
            log("not promoted", model=name)
            return _unpromoted(name)
        version = fetch(name, number)
        if reasons := faults(version):
            # Somebody has set the alias in the registry itself.
            told = f"Version {number} of {name} must not serve. {' '.join(reasons)}"
            raise ModelError(told)
        # What can be shown now can be shown to whoever asks for all models.
        _describe(name, version)
    except (Exception, SystemExit) as error:
        # Whatever is wrong with one model, the others serve.
        ours = isinstance(error, ModelError)
        told = str(error) if ours else f"{name} cannot be used: {explain(error)}"
        problem = _wrong_today(name) or told
        log("cannot be used", model=name, problem=problem)
        return problem
    log("loaded", model=name, version=number)
    return version


def _wrong_today(name: str) -> str:
    """Return what is wrong with a model's module, if it is."""
    try:
        find(name)
    except (ModelError, SystemExit) as error:
        return str(error) if isinstance(error, ModelError) else explain(error)
    return ""


def _add_route(
    app: FastAPI, name: str, version: Version, large: asyncio.Semaphore
) -> None:
    model = version.model
    row = row_type(name, model, version.example)
    facts = {"model": name, "version": version.number}

    def predicted(sent: bytes) -> Response:
        try:
            rows = predict(model, version.fitted, to_frame(read(sent, row), model))
        except RequestError as error:
            return refusal(error.status, *error.problems)
        except RowError as error:
            return refusal(422, Problem(row=error.row, problem=str(error)))
        return as_json({**facts, "predictions": to_answer(model, rows)})

    async def answer(request: Request) -> Response:
        request.state.version = facts
        try:
            sent = await request.body()
        except ClientDisconnect:
            raise HTTPException(400, "There is only a part of the request") from None
        # Large ones are read by two at a time.
        async with large if len(sent) > LARGE else nullcontext():
            return await run_in_threadpool(predicted, sent)

    class Route(APIRoute):
        # What is sent is described as FastAPI does, and read by ourselves.
        def get_route_handler(self) -> Handler:
            return answer

    def described(body: Any) -> None: ...

    described.__annotations__["body"] = request_type(name, row)
    app.router.add_api_route(
        f"/models/{name}/predict",
        described,
        methods=["POST"],
        name=f"Predict {model.target} by {name}",
        response_model=answer_type(name, model),
        route_class_override=Route,
    )


def _describe(name: str, version: Version | str) -> dict[str, Any]:
    if isinstance(version, str):
        return {"name": name, "version": None, "problem": version}
    row = row_type(name, version.model, version.example)
    return {
        "name": name,
        "version": version.number,
        "target": version.model.target,
        "example": version.example,
        "row": row.model_json_schema(),
        # JSON has no NaN, and pandas writes null for it.
        "scores": json.loads(pd.DataFrame(version.scores).to_json(orient="records")),
        "facts": version.facts,
    }


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    told = f"{error.detail}{SEND}" if error.status_code == 400 else str(error.detail)
    return refusal(error.status_code, Problem(problem=told), headers=error.headers)


def _unknown(name: str) -> str:
    return f"There is no model {name[:100]!r}."


def _unpromoted(name: str) -> str:
    return f"No version of {name} is promoted yet."


def _page(html: str, policy: str = ALONE) -> Response:
    return HTMLResponse(html, headers={"Content-Security-Policy": policy})


if __name__ == "__main__":
    # In a container, which others reach by its own address; at another port if told.
    given = [int(word) for word in sys.argv[1:]]
    serve(given[0] if given else 8000, "0.0.0.0")  # noqa: S104
