"""The route by which a server predicts: reads a request, and answers it."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request, Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from twobus.models.answers import Problem, as_json, refusal
from twobus.models.guard import LARGE
from twobus.models.prometheus import Counts
from twobus.models.registry import Version
from twobus.models.requests import MOST_PROBLEMS, Found, RequestError, read, read_partly
from twobus.models.rows import RowError, unpredictable
from twobus.models.schema import answer_type, request_type, row_type
from twobus.models.shadow import Observer
from twobus.models.together import Answer, Asked, BusyError, Together

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
# Bytes of a request that is read at once: going to another thread would take longer.
SMALL = 2**12


NO_OPTION = "There is no such option; ?partial=true is the only one"
PARTIAL = Query(description="answer the rows that are right, and name the others")


def add_route(
    app: FastAPI, name: str, version: Version, observer: Observer, counts: Counts
) -> None:
    """Let a web application predict by a version.

    Args:
        app: The application.
        name: The model's name.
        version: The version.
        observer: What is shown the requests that are answered.
        counts: Where requests are counted.
    """
    model = version.model
    row = row_type(name, model, version.example)
    facts = {"model": name, "version": version.number}
    together = Together(version, observer, counts)
    counts.serves.labels(name, version.number).set(1)
    in_flight = counts.in_flight.labels(name, version.number)

    def found_in(sent: bytes, partly: bool) -> Found:
        return read_partly(sent, row) if partly else Found([*read(sent, row)])

    def answer_now(number: str, sent: bytes, partly: bool) -> tuple[Found, Answer]:
        found = found_in(sent, partly)
        asked = Asked(number, found.right(), len(sent), partly, found.places())
        return found, together.answer_now(asked)

    async def predicted(number: str, sent: bytes, partly: bool) -> tuple[Found, Answer]:
        if len(sent) > LARGE:
            return await together.by_itself(lambda: answer_now(number, sent, partly))
        if len(sent) <= SMALL:
            found = found_in(sent, partly)
        else:
            found = await run_in_threadpool(found_in, sent, partly)
        asked = Asked(number, found.right(), len(sent), partly, found.places())
        return found, await together.answer(asked)

    async def answer(request: Request) -> Response:
        request.state.version = facts
        try:
            partly = _partly(request)
            sent = await request.body()
            with in_flight.track_inprogress():
                found, answer = await predicted(request.state.number, sent, partly)
        except ClientDisconnect:
            raise HTTPException(400, "There is only a part of the request") from None
        except RequestError as error:
            return refusal(error.status, *error.problems)
        except RowError as error:
            few = Problem(
                problem=f"More than {MOST_PROBLEMS} rows cannot be predicted."
            )
            one = Problem(row=error.row, problem=str(error))
            return refusal(422, few if partly else one)
        except BusyError:
            busy = "There are too many requests now: ask again."
            raise HTTPException(503, busy, {"Retry-After": "1"}) from None
        if partly:
            return as_json({**facts, **_partial(found, answer)})
        return as_json({**facts, "predictions": answer})

    class Route(APIRoute):
        # What is sent is described as FastAPI does, and read by ourselves.
        def get_route_handler(self) -> Handler:
            return answer

    def described(body: Any, partial: Annotated[bool, PARTIAL] = False) -> None: ...

    described.__annotations__["body"] = request_type(name, row)
    app.router.add_api_route(
        f"/models/{name}/predict",
        described,
        methods=["POST"],
        name=f"Predict {model.target} by {name}",
        response_model=answer_type(name, model),
        route_class_override=Route,
    )


def _partly(request: Request) -> bool:
    """Whether the rows that are right are to be answered, if others are wrong."""
    given = request.query_params.multi_items()
    if strange := sorted({name for name, _ in given} - {"partial"}):
        # A name with a mistake in it would change nothing, without a word.
        named = [Problem(field=name[:100], problem=NO_OPTION) for name in strange]
        raise RequestError(named[:MOST_PROBLEMS])
    values = {value.lower() for _, value in given}
    if len(values) > 1 or not values <= {"true", "false"}:
        told = Problem(field="partial", problem="It must be true or false")
        raise RequestError([told])
    return values == {"true"}


def _partial(found: Found, answer: Answer) -> dict[str, Any]:
    """Return a prediction or nothing for each row, and why there is none."""
    left = iter(answer)
    predictions = [None if row is None else next(left) for row in found.rows]
    for number, (row, told) in enumerate(zip(found.rows, predictions, strict=True)):
        if row is not None and told is None:
            found.add([Problem(row=number, problem=unpredictable(number))], 1)
    problems = sorted(found.problems, key=lambda it: it.row or 0)
    return {
        "predictions": predictions,
        "problems": [it.model_dump() for it in problems],
        "problem_count": found.count,
    }
