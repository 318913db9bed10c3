"""Serve the promoted versions by a web API, and by a page to try them."""

import json
import logging
import re
import socket
import sys
import time
import traceback
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from twobus.models.declaration import ModelError, explain, find, names
from twobus.models.gate import faults
from twobus.models.registry import Version, champion, fetch, readable
from twobus.models.rows import RowError, predict
from twobus.models.schema import answer_type, request_type, to_answer, to_frame
from twobus.project import here
from twobus.tasks import task

MOST_BYTES = 16 * 2**20
MOST_PROBLEMS = 100
SEND = '; send JSON in UTF-8 such as {"rows": [{…}]}'
PAGE = Path(__file__).with_name("page.html")
# Pages may load nothing from elsewhere, and only the one to try models has a script.
ALONE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
SCRIPT = "; script-src 'unsafe-inline'; connect-src 'self'; frame-src 'self'"


class Problem(BaseModel):
    """What is wrong with a request, and where."""

    row: int | None = Field(default=None, description="the first one is 0")
    field: str | None = None
    problem: str


class Problems(BaseModel):
    """What is wrong with a request; the answer of every refusal."""

    detail: list[Problem]


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
    handler.setFormatter(_Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(True)
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family)
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
        app = make_app()
    except ModelError as error:
        raise SystemExit(str(error)) from None
    config = uvicorn.Config(
        app,
        timeout_graceful_shutdown=10,
        log_config=None,
        access_log=False,
        # There is nothing to do at the end, where a second signal would interrupt it.
        lifespan="off",
    )
    _log("listening", url=f"http://{host}:{listening.getsockname()[1]}")
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run([listening])


def make_app() -> FastAPI:
    """Load every promoted version, and make the web application.

    A model that cannot be used is not served, and says why; the others are.

    Raises:
        ModelError: If the registry cannot be read.
    """
    app = FastAPI(
        title=here().root.name,
        description="Models of this project, by their promoted versions.",
        responses={code: {"model": Problems} for code in (400, 404, 405, 413, 422)},
    )
    app.add_middleware(_Guard)
    app.add_exception_handler(RequestValidationError, _refuse)
    app.add_exception_handler(HTTPException, _refuse)
    readable()
    served = {name: _load(name) for name in names()}
    for name, version in served.items():
        if isinstance(version, Version):
            _add_route(app, name, version)
    if not any(isinstance(version, Version) for version in served.values()):
        _log("no version can answer yet: uv run poe train, then promote")

    @app.get("/models")
    def models() -> Any:
        """Say which models there are, and which versions answer."""
        return _json([_describe(name, it) for name, it in served.items()])

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

    @app.get("/", include_in_schema=False)
    def page() -> Response:
        return _page(PAGE.read_text("utf-8"), ALONE + SCRIPT)

    return app


def _load(name: str) -> Version | str:
    """Return the promoted version or, where there is none to be had, why."""
    try:
        if (number := champion(name)) is None:
            _log("not promoted", model=name)
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
        _log("cannot be used", model=name, problem=problem)
        return problem
    _log("loaded", model=name, version=number)
    return version


def _wrong_today(name: str) -> str:
    """Return what is wrong with a model's module, if it is."""
    try:
        find(name)
    except (ModelError, SystemExit) as error:
        return str(error) if isinstance(error, ModelError) else explain(error)
    return ""


def _add_route(app: FastAPI, name: str, version: Version) -> None:
    model = version.model

    def answer(body: Any, request: Request) -> Response:
        request.state.version = {"model": name, "version": version.number}
        try:
            predicted = predict(model, version.fitted, to_frame(body.rows, model))
        except RowError as error:
            return _refusal(422, str(error), error.row)
        return _json(
            {**request.state.version, "predictions": to_answer(model, predicted)}
        )

    answer.__annotations__["body"] = request_type(name, model, version.example)
    app.post(
        f"/models/{name}/predict",
        name=f"Predict {model.target} by {name}",
        response_model=answer_type(name, model),
    )(answer)


def _describe(name: str, version: Version | str) -> dict[str, Any]:
    if isinstance(version, str):
        return {"name": name, "version": None, "problem": version}
    row = request_type(name, version.model, version.example).model_json_schema()
    return {
        "name": name,
        "version": version.number,
        "target": version.model.target,
        "example": version.example,
        "row": row["$defs"][f"{name}_row"],
        # JSON has no NaN, and pandas writes null for it.
        "scores": json.loads(pd.DataFrame(version.scores).to_json(orient="records")),
        "facts": version.facts,
    }


async def _refuse(request: Request, error: Exception) -> Response:
    """Say what is wrong with a request, without repeating any of its values."""
    if isinstance(error, RequestValidationError):
        found = error.errors()[:MOST_PROBLEMS]
        return _json({"detail": [_problem(it["loc"], it["msg"]) for it in found]}, 422)
    assert isinstance(error, HTTPException)
    told = f"{error.detail}{SEND}" if error.status_code == 400 else str(error.detail)
    return _refusal(error.status_code, told, headers=error.headers)


def _problem(place: tuple[Any, ...], message: str) -> dict[str, Any]:
    """Tell row and field from a place such as `("body", "rows", 3, "sex")`."""
    _, *rest = place
    row = None
    if rest[:1] == ["rows"] and len(rest) > 1:
        _, row, *rest = rest
    field = next((part[:100] for part in rest if isinstance(part, str)), None)
    told = message if field or row is not None else f"{message}{SEND}"
    return Problem(row=row, field=field, problem=told).model_dump()


def _refusal(
    status: int,
    problem: str,
    row: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    detail = [Problem(row=row, problem=problem).model_dump()]
    return _json({"detail": detail}, status, headers)


def _unknown(name: str) -> str:
    return f"There is no model {name[:100]!r}."


def _unpromoted(name: str) -> str:
    return f"No version of {name} is promoted yet."


def _json(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    # As ASCII: names of fields that were sent may hold what UTF-8 cannot.
    text = json.dumps(content)
    return Response(text, status, headers, media_type="application/json")


def _page(html: str, policy: str = ALONE) -> Response:
    return HTMLResponse(html, headers={"Content-Security-Policy": policy})


def _log(event: str, **facts: Any) -> None:
    logging.getLogger(__name__).info(event, extra={"facts": facts})


class _Lines(logging.Formatter):
    """One line of JSON for each event, this server's and uvicorn's."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = datetime.fromtimestamp(record.created, UTC).isoformat()
        known = {"time": stamp, "level": record.levelname, "event": record.getMessage()}
        return json.dumps(known | getattr(record, "facts", {}))


class _Guard:
    """Give each request an id, a limit and a line in the log."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Monitors ask by HEAD; the server leaves the body of the answer out.
        method = scope["method"]
        scope = {**scope, "method": "GET" if method == "HEAD" else method}
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        known = re.fullmatch(r"[\w.-]{1,64}", given, re.ASCII)
        number = given if known else uuid4().hex
        # What is sent is JSON, whatever `curl --data` calls it.
        headers[b"content-type"] = b"application/json"
        scope["headers"] = [*headers.items()]
        state = scope.setdefault("state", {})
        start, status, received = time.perf_counter(), 0, 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", number.encode()),
                ]
            await send(message)

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > MOST_BYTES:
                large = f"A request may have {MOST_BYTES} bytes at most."
                raise HTTPException(413, large)
            return message

        problem = {}
        try:
            await self.app(scope, limited, answer)
        except Exception as error:
            # Messages may hold values of the data; places in the code do not.
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(last.filename).name}:{last.lineno}"
            problem = {"problem": f"{type(error).__name__} at {place}"}
            if not status:
                sorry = f"The server failed; its log tells more by {number}."
                await _refusal(500, sorry)(scope, receive, answer)
        _log(
            "request",
            id=number,
            method=method,
            path=scope["path"][:200],
            status=status,
            milliseconds=round((time.perf_counter() - start) * 1000, 1),
            **state.get("version", {}),
            **problem,
        )


if __name__ == "__main__":
    # In a container, which others reach by its own address; at another port if told.
    given = [int(word) for word in sys.argv[1:]]
    serve(given[0] if given else 8000, "0.0.0.0")  # noqa: S104
