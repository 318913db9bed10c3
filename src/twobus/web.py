"""Asking a forge: what it answers is read with limits, and must have a known shape."""

import json
from collections.abc import Iterable, Mapping
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Annotated, Any, NamedTuple, NoReturn, TypeVar

import httpx
from pydantic import FailFast, Field, TypeAdapter, ValidationError

# One answer: its bytes, the seconds until it is here, how deep and how many its parts.
LARGEST, LONGEST, DEEPEST, MOST = 20_000_000, 60, 60, 1_000_000
# A list: its pages.
PAGES = 100
PAGE = 100
# Tests put a fake forge here.
TRANSPORT: httpx.BaseTransport | None = None
# An answer that is compressed may be a thousand times as large as it seems.
PLAIN = {"Accept-Encoding": "identity"}

Item = TypeVar("Item")
# One thing that is wrong is enough to say.
Items = Annotated[list[Item], FailFast()]
Login = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\[\]-]+$", max_length=255)]


class OddError(Exception):
    """What is odd about an answer: some words that end a sentence."""


class Answer(NamedTuple):
    """What was answered.

    Attributes:
        status: The HTTP status.
        headers: The headers.
        content: The bytes.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether it is what was asked for."""
        return 200 <= self.status < 300


def send(client: httpx.Client, method: str, path: str, **words: Any) -> Answer:
    """Send a request, and wait for all of its answer, but not for ever.

    Raises:
        OddError: If the answer has no end, or none that is near.
        httpx.HTTPError: If there is none.
    """
    box: SimpleQueue[Answer | BaseException] = SimpleQueue()

    def work() -> None:
        try:
            with client.stream(method, path, **words) as answer:
                content = _content(answer.headers, answer.iter_bytes())
                box.put(Answer(answer.status_code, answer.headers, content))
        except BaseException as error:
            box.put(error)

    # The library's own limits begin anew with each byte.
    Thread(target=work, daemon=True).start()
    try:
        answer = box.get(timeout=LONGEST)
    except Empty:
        raise OddError(f"nothing whole within {LONGEST} seconds") from None
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _content(headers: Mapping[str, str], chunks: Iterable[bytes]) -> bytes:
    if headers.get("content-encoding", "identity") != "identity":
        raise OddError("an encoding that was not asked for")
    content = bytearray()
    for chunk in chunks:
        content += chunk
        if len(content) > LARGEST:
            raise OddError(f"more than {LARGEST:,} bytes")
    return bytes(content)


def parsed(content: bytes) -> Any:
    """Read JSON of others.

    Raises:
        OddError: If it is none, or none that anybody needs.
    """
    if sum(map(content.count, (b",", b"[", b"{"))) > MOST:
        raise OddError(f"more than {MOST:,} parts")
    try:
        found = json.loads(content, parse_constant=_refuse)
        # Broken characters could neither be shown nor sent.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise OddError("something that is not JSON") from None
    level, depth = [found], 0
    while level := [inner for one in level for inner in _inner(one)]:
        depth += 1
        if depth > DEEPEST:
            raise OddError("something that is nested too deeply")
    return found


def shaped(shape: Any, found: Any) -> Any:
    """Return what was found, if it has a shape, which may leave fields out.

    Raises:
        OddError: If not.
    """
    try:
        TypeAdapter(shape).validate_python(found, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))[:100]
        where = f"something odd in {where}" if where else "something odd"
        raise OddError(f"{where} ({first['msg']})") from None
    return found


def ask(
    method: str, url: str, shape: Any, headers: Mapping[str, str], **words: Any
) -> Any:
    """Ask for one thing that has a shape.

    Raises:
        OddError: If there is no such answer.
    """
    try:
        with httpx.Client(
            headers={**headers, **PLAIN}, timeout=30, transport=TRANSPORT
        ) as client:
            answer = send(client, method, url, **words)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise OddError(f"no answer ({type(error).__name__})") from None
    if not answer.is_success:
        raise OddError(f"HTTP {answer.status}")
    return shaped(shape, parsed(answer.content))


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def _inner(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
