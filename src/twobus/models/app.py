"""The web API of the versions that serve, and the page to try them."""

from collections.abc import Set
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse

from twobus.models.answers import SEND, Problem, Problems, as_json, refusal
from twobus.models.guard import Guard
from twobus.models.predicting import add_route
from twobus.models.prediction_log import begun
from twobus.models.prometheus import FORM, Counts
from twobus.models.registry import Version
from twobus.models.served import Served, describe, load, unknown, unready
from twobus.models.shadow import Observer, shadow
from twobus.project import here

REFUSALS = (400, 403, 404, 405, 408, 413, 422, 503)
PAGE = Path(__file__).with_name("page.html")
# Pages may load nothing from elsewhere, and only the one to try models has a script.
ALONE = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
SCRIPT = "; script-src 'unsafe-inline'; connect-src 'self'; frame-src 'self'"


def make_app(hosts: Set[str] = frozenset(), served: Served | None = None) -> FastAPI:
    """Make the web application.

    Args:
        hosts: The names by which it may be asked; none: by all.
        served: The versions; without them, every promoted one is loaded.

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
    counts = Counts()
    app.add_middleware(Guard, hosts=hosts, counts=counts)
    app.add_exception_handler(HTTPException, _refuse)
    kept = begun()
    served = load() if served is None else served
    app.state.observer = observer = Observer(kept, shadow(kept, served))
    for name, version in served.items():
        if isinstance(version, Version):
            add_route(app, name, version, observer, counts)

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

    @app.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> Response:
        """Tell Prometheus how many requests came, and how they were answered."""
        return PlainTextResponse(counts.page(), media_type=FORM)

    @app.get("/docs", include_in_schema=False)
    def docs() -> Response:
        return RedirectResponse("./")

    @app.get("/", include_in_schema=False)
    def page() -> Response:
        return _page(PAGE.read_text("utf-8"), ALONE + SCRIPT)

    return app


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    told = str(error.detail)
    if error.status_code == 400:
        told += SEND
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        told = f"This address takes {allowed}, not {request.method}: / shows how."
    return refusal(error.status_code, Problem(problem=told), headers=error.headers)


def _page(html: str, policy: str = ALONE) -> Response:
    return HTMLResponse(html, headers={"Content-Security-Policy": policy})
