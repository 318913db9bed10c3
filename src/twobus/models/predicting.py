"""The route by which a server predicts: reads a request, and answers it."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from twobus.models.answers import Problem, as_json, refusal
from twobus.models.guard import LARGE
from twobus.models.registry import Version
from twobus.models.requests import RequestError, read
from twobus.models.rows import RowError
from twobus.models.schema import answer_type, request_type, row_type
from twobus.models.shadow import Observer
from twobus.models.together import Answer, Asked, BusyError, Together

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
# Bytes of a request that is read at once: going to another thread would take longer.
SMALL = 2**12


def add_route(
    app: FastAPI, name: str, version: Version, observer: Observer | None = None
) -> None:
    """Let a web application predict by a version.

    Args:
        app: The application.
        name: The model's name.
        version: The version.
        observer: What is shown the requests that are answered.
    """
    model = version.model
    row = row_type(name, model, version.example)
    facts = {"model": name, "version": version.number}
    together = Together(version, observer)

    async def predicted(number: str, sent: bytes) -> Answer:
        if len(sent) > LARGE:
            return await together.by_itself(
                lambda: together.answer_now(Asked(number, read(sent, row), len(sent)))
            )
        few = len(sent) <= SMALL
        rows = read(sent, row) if few else await run_in_threadpool(read, sent, row)
        return await together.answer(Asked(number, rows, len(sent)))

    async def answer(request: Request) -> Response:
        request.state.version = facts
        try:
            sent = await request.body()
            predictions = await predicted(request.state.number, sent)
        except ClientDisconnect:
            raise HTTPException(400, "There is only a part of the request") from None
        except RequestError as error:
            return refusal(error.status, *error.problems)
        except RowError as error:
            return refusal(422, Problem(row=error.row, problem=str(error)))
        except BusyError:
            busy = "There are too many requests now: ask again."
            raise HTTPException(503, busy, {"Retry-After": "1"}) from None
        return as_json({**facts, "predictions": predictions})

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
