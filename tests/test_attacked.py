"""Whoever asks, a server goes on to answer: `pytest -s` prints what it costs."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import at_work
import httpx
import psutil
import pytest
from bodies import ROW, hostile
from modelled import NAME, Server, refusal, server

from twobus.models.guard import MOST_BYTES

pytestmark = pytest.mark.slow
# What a request may cost, in bytes of memory.
MOST_MEMORY = 300 * 2**20


@pytest.fixture(scope="module")
def hasty(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits for a fraction of a second, and has room for few."""
    with server(shop, tmp_path_factory.mktemp("hasty"), at_work.hasty) as running:
        yield running


@pytest.mark.parametrize("query", ["", "?partial=true"])
@pytest.mark.parametrize("which", hostile(100))
def test_a_hostile_body_costs_little_and_others_are_answered(
    which: str, query: str, served: Server
) -> None:
    process = psutil.Process(served.task.process.pid)
    before, end = process.memory_info().rss, threading.Event()
    worst, most = [0.0], [before]

    def ask() -> None:
        with httpx.Client(base_url=served.url, timeout=60) as client:
            while not end.wait(0.005):
                start = time.perf_counter()
                client.get("/health").raise_for_status()
                most[0] = max(most[0], process.memory_info().rss)
                worst[0] = max(worst[0], time.perf_counter() - start)

    asking = threading.Thread(target=ask)
    asking.start()
    start = time.perf_counter()
    response = served.post(NAME, hostile(MOST_BYTES)[which], query)
    seconds = time.perf_counter() - start
    end.set()
    asking.join()
    more = most[0] - before
    print(
        f"{which}{query}: {response.status_code} after {seconds:.2f} s, others within "
        f"{worst[0] * 1000:.0f} ms, {more / 2**20:.0f} MB more"
    )
    assert response.status_code in (400, 413, 422, *([200] if query else []))
    assert more < MOST_MEMORY
    # Far above what is measured: a machine may be busy. It was 17 s.
    assert worst[0] < 5


def test_thousands_of_half_sent_requests_keep_nobody_out(served: Server) -> None:
    size = len(served.log())
    with ExitStack() as stack:
        for _ in range(2_000):
            half = socket.create_connection(("127.0.0.1", served.port))
            stack.enter_context(half)
            half.send(b"GET /health HTTP/1.1\r\n")
        assert served.get("/health").status_code == 200
        assert psutil.Process(served.task.process.pid).num_fds() < 1_000
    assert len(served.log()) - size < 10


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b"GET /hea",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\nGET /hea",
    ],
)
def test_a_request_that_never_ends_is_closed(part: bytes, hasty: Server) -> None:
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=20) as half:
        half.send(part)
        # Nothing, where no request was whole; it ends, or the time is over.
        assert (b"alive" in _all_of(half)) == (b"\r\n\r\n" in part)


def test_a_body_that_never_ends_is_refused(hasty: Server) -> None:
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=20) as half:
        half.send(_head(1_000) + b'{"rows":')
        assert b" 408 " in _all_of(half)


def test_a_request_that_is_sent_is_not_closed_for_new_connections(
    hasty: Server,
) -> None:
    body = json.dumps({"rows": [ROW]}).encode()
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=20) as used:
        used.send(_head(len(body), "Expect: 100-continue\r\n"))
        # The server has seen it.
        assert b" 100 " in used.recv(65_536)
        with ExitStack() as stack:
            for _ in range(60):
                idle = socket.create_connection(("127.0.0.1", hasty.port))
                stack.enter_context(idle)
            used.send(body)
            assert b" 200 " in used.recv(65_536)


def test_large_requests_keep_no_small_one_out(hasty: Server) -> None:
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=20) as large:
        large.sendall(_head(2**20) + b" " * (2**20 - 10))
        again = hasty.post(NAME, b" " * 900_000)
        assert (again.status_code, again.headers["retry-after"]) == (503, "1")
        assert hasty.post(NAME, {"rows": [ROW]}).status_code == 200


def test_an_answer_that_is_taken_slowly_is_whole(hasty: Server) -> None:
    body = json.dumps({"rows": [ROW] * 7_000}).encode()
    with _narrow(hasty) as slow:
        slow.sendall(_head(len(body)) + body)
        found = b""
        # It takes longer than the patience of the server, and never stands still.
        while not found.endswith(b"]}"):
            time.sleep(0.03)
            piece = slow.recv(16_384)
            assert piece, "it was cut off"
            found += piece
    answer = json.loads(found.partition(b"\r\n\r\n")[2])
    assert len(answer["predictions"]) == 7_000


def test_who_takes_nothing_of_an_answer_is_closed(hasty: Server) -> None:
    body = json.dumps({"rows": [ROW] * 7_000}).encode()
    process = psutil.Process(hasty.task.process.pid)
    with _narrow(hasty) as still:
        still.sendall(_head(len(body)) + body)
        port = still.getsockname()[1]
        answered = len(hasty.log())
        for _ in range(200):
            time.sleep(0.1)
            open_ = [it.raddr.port for it in process.net_connections() if it.raddr]
            if len(hasty.log()) > answered and port not in open_:
                return
    pytest.fail("it is still open")


def test_a_page_of_another_address_may_not_ask(served: Server) -> None:
    response = served.post(NAME, {"rows": [ROW]}, **{"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 403
    assert "other addresses" in refusal(response)["problem"]


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example:8000", ""])
def test_a_name_that_is_not_this_computer_s_is_refused(
    host: str, served: Server
) -> None:
    response = served.post(NAME, {"rows": [ROW]}, Host=host)
    assert response.status_code == 403
    assert "localhost" in refusal(response)["problem"]


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:80", "127.0.0.1:1", "[::1]:9"]
)
def test_this_computer_is_asked_by_each_of_its_names(host: str, served: Server) -> None:
    assert served.post(NAME, {"rows": [ROW]}, Host=host).status_code == 200


def test_the_page_of_the_description_leads_to_the_one_that_loads_nothing(
    served: Server,
) -> None:
    response = httpx.get(f"{served.url}/docs", follow_redirects=True)
    assert str(response.url) == f"{served.url}/"
    assert "cdn" not in response.text


def _head(size: int, more: str = "") -> bytes:
    return (
        f"POST /models/{NAME}/predict HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Length: {size}\r\n{more}\r\n"
    ).encode()


def _narrow(running: Server) -> socket.socket:
    """Connect, with little room for what comes."""
    made = socket.socket()
    made.settimeout(20)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
    made.connect(("127.0.0.1", running.port))
    return made


def _all_of(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    found = b""
    while True:
        try:
            piece = connection.recv(65_536)
        except ConnectionResetError:
            return found
        if not piece:
            return found
        found += piece
