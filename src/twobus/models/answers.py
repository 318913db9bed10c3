"""Answers in JSON, the form of every refusal, and the lines of a server's log."""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

SEND = '; send JSON in UTF-8 such as {"rows": [{…}]}'


class Problem(BaseModel):
    """What is wrong with a request, and where."""

    row: int | None = Field(default=None, description="the first one is 0")
    field: str | None = None
    problem: str


class Problems(BaseModel):
    """What is wrong with a request; the answer of every refusal."""

    detail: list[Problem]


class Lines(logging.Formatter):
    """One line of JSON for each event, this server's and uvicorn's."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a line with the time, the event and its facts."""
        stamp = datetime.fromtimestamp(record.created, UTC).isoformat()
        known = {"time": stamp, "level": record.levelname, "event": record.getMessage()}
        return json.dumps(known | getattr(record, "facts", {}))


def log(event: str, **facts: Any) -> None:
    """Write a line to the log."""
    logging.getLogger(__name__).info(event, extra={"facts": facts})


def as_json(
    content: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer."""
    # As ASCII: names of fields that were sent may hold what UTF-8 cannot.
    text = json.dumps(content)
    return Response(text, status, headers, media_type="application/json")


def refusal(
    status: int, *problems: Problem, headers: Mapping[str, str] | None = None
) -> Response:
    """Return the answer of a refusal."""
    return as_json({"detail": [it.model_dump() for it in problems]}, status, headers)


def problem(place: Sequence[Any], message: str) -> Problem:
    """Tell row and field from a place such as `("rows", 3, "sex")`."""
    row, rest = None, [*place]
    if rest[:1] == ["rows"] and len(rest) > 1:
        _, row, *rest = rest
    field = next((part[:100] for part in rest if isinstance(part, str)), None)
    told = message if field or row is not None else f"{message}{SEND}"
    return Problem(row=row, field=field, problem=told)
