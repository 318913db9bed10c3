"""What stands between a server and who asks: limits of size, time and number."""

import asyncio
import re
import sys
import time
import traceback
from collections.abc import Iterator, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit
from uuid import uuid4

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from twobus.models.answers import Problem, log, refusal
from twobus.models.prometheus import Counts

# Of one request, and of all that are being sent.
MOST_BYTES = 4 * 2**20
MOST_BYTES_OF_ALL = 16 * MOST_BYTES
# A request of more bytes than this may have to wait, or to come again.
LARGE = 2**16
# Seconds until a request must have come: its head, its body; and until whoever takes
# nothing of an answer is given up.
HEAD, BODY, ANSWER = 10.0, 30.0, 30.0
# Connections that may wait to be accepted, and open ones.
BACKLOG, MOST_CONNECTIONS = 128, 500
# Files that are open beside them.
OTHERS = 128


class Guard:
    """Give each request an id, limits and a line in the log, and count it."""

    def __init__(self, app: ASGIApp, counts: Counts, hosts: Set[str]) -> None:
        """Stand before an application.

        Args:
            app: The application.
            counts: Where requests are counted.
            hosts: The names of this computer by which it may be asked; none: any.
        """
        self.app = app
        self.counts = counts
        self.hosts = hosts
        self.held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
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
        state["number"] = number
        start, status = time.perf_counter(), 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", number.encode()),
                ]
            await send(message)

        told = {}
        try:
            with self._limited(receive) as limited:
                if why := _unwelcome(method, headers, self.hosts):
                    await refusal(403, Problem(problem=why))(scope, receive, answer)
                else:
                    await self.app(scope, limited, answer)
        except Exception as error:
            # Messages may hold values of the data; places in the code do not.
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{Path(last.filename).name}:{last.lineno}"
            told = {"problem": f"{type(error).__name__} at {place}"}
            if not status:
                sorry = f"The server failed; its log tells more by {number}."
                await refusal(500, Problem(problem=sorry))(scope, receive, answer)
        seconds = time.perf_counter() - start
        version = state.get("version", {})
        self.counts.request(version, status, seconds)
        log(
            "request",
            id=number,
            method=method,
            path=scope["path"][:200],
            status=status,
            milliseconds=round(seconds * 1000, 1),
            **version,
            **told,
        )

    @contextmanager
    def _limited(self, receive: Receive) -> Iterator[Receive]:
        """Return what receives the body of a request, as far as there is room."""
        received, done, end = 0, False, time.monotonic() + BODY

        async def limited() -> Message:
            nonlocal received, done
            # Whoever waits here for the client to go away has all of the body.
            left = None if done else max(0.0, end - time.monotonic())
            try:
                async with asyncio.timeout(left):
                    message = await receive()
            except TimeoutError:
                slow = f"A request must have come after {BODY:.0f} seconds."
                raise HTTPException(408, slow) from None
            size = len(message.get("body", b""))
            received += size
            self.held += size
            if received > MOST_BYTES:
                large = f"A request may have {MOST_BYTES} bytes at most."
                raise HTTPException(413, large)
            # Small ones are answered, however many large ones there are.
            if self.held > MOST_BYTES_OF_ALL and received > LARGE:
                busy = "There are too many large requests now: ask again."
                raise HTTPException(503, busy, {"Retry-After": "1"})
            done = not message.get("more_body")
            return message

        try:
            yield limited
        finally:
            self.held -= received


class Connection(H11Protocol):
    """A connection that is closed where it asks or takes too slowly.

    There are `MOST_CONNECTIONS` at most: a new one takes the place of the one that has
    waited longest without a request, so that idle ones cannot keep others out.
    """

    # In the order in which they began to wait.
    waiting: ClassVar[dict["Connection", None]] = {}
    deadline: asyncio.TimerHandle | None = None
    # Bytes of an answer that had not been taken when it was last looked.
    left = 0

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > room():
            oldest = next(iter(self.waiting))
            oldest._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._go_on()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Wait no longer, once there is a request."""
        super().handle_events()
        if self.cycle and not self.cycle.response_complete:
            self._go_on()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        self._wait()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """Give who takes an answer slowly some time."""
        super().pause_writing()
        self._limit(ANSWER)

    def resume_writing(self) -> None:
        """Go on to send an answer."""
        super().resume_writing()
        if self not in self.waiting:
            self._go_on()

    def _wait(self) -> None:
        self.waiting[self] = None
        self._limit(HEAD)

    def _go_on(self) -> None:
        self.waiting.pop(self, None)
        if self.deadline:
            self.deadline.cancel()
            self.deadline = None

    def _limit(self, seconds: float) -> None:
        if self.deadline:
            self.deadline.cancel()
        self.left = self.transport.get_write_buffer_size()
        self.deadline = self.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        """Give more time to who takes an answer slowly, and stop who does nothing."""
        if self.transport.get_write_buffer_size() < self.left:
            self._limit(ANSWER)
        else:
            self._stop()

    def _stop(self) -> None:
        self._go_on()
        self.transport.abort()


def room() -> int:
    """Return how many connections may be open, of what the system allows."""
    if sys.platform == "win32":
        return MOST_CONNECTIONS
    import resource

    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(16, min(MOST_CONNECTIONS, files - OTHERS - BACKLOG))


def _unwelcome(method: str, headers: dict[bytes, bytes], hosts: Set[str]) -> str:
    """Return why who asks is not answered, or nothing."""
    # Browsers say so; a name that somebody else has given this computer is theirs, too.
    site = headers.get(b"sec-fetch-site", b"same-origin")
    if method == "POST" and site not in (b"same-origin", b"none"):
        return "Pages of other addresses may not ask this server."
    host = headers.get(b"host", b"").decode("latin-1")
    if hosts and urlsplit(f"//{host}").hostname not in hosts:
        return (
            "This server answers to localhost only: behind a proxy, set ALLOWED_HOSTS "
            "to the names that it is asked by."
        )
    return ""
