"""Whoever asks, a server goes on to answer: `pytest -s` prints what it costs."""

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
def served(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that many tests share; it answers until the end."""
    with server(shop, tmp_path_factory.mktemp("served")) as running:
        yield running
        assert running.get("/health").status_code == 200
        assert not [line for line in running.log() if line.get("status") == 500]


@pytest.fixture(scope="module")
def hasty(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that waits for a fraction of a second, and has room for few."""
    with server(shop, tmp_path_factory.mktemp("hasty"), at_work.hasty) as running:
        yield running


@pytest.mark.parametrize("which", hostile(100))
def test_a_hostile_body_costs_little_and_others_are_answered(
    which: str, served: Server
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
    response = served.post(NAME, hostile(MOST_BYTES)[which])
    seconds = time.perf_counter() - start
    end.set()
    asking.join()
    more = most[0] - before
    print(
        f"{which}: {response.status_code} after {seconds:.2f} s, others within "
        f"{worst[0] * 1000:.0f} ms, {more / 2**20:.0f} MB more"
    )
    assert response.status_code in (400, 413, 422)
    assert more < MOST_MEMORY
    # Far above what is measured: a machine may be busy. It was 17 s.
    assert worst[0] < 2


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
        assert _all_of(half) is not None


def test_a_body_that_never_ends_is_refused(hasty: Server) -> None:
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=20) as half:
        head = f"POST /models/{NAME}/predict HTTP/1.1\r\nHost: localhost\r\n"
        half.send(f'{head}Content-Length: 1000\r\n\r\n{{"rows":'.encode())
        assert b" 408 " in _all_of(half)


def test_a_connection_in_use_is_not_closed_for_new_ones(hasty: Server) -> None:
    with httpx.Client(base_url=hasty.url, timeout=20) as client, ExitStack() as stack:
        for _ in range(60):
            idle = socket.create_connection(("127.0.0.1", hasty.port))
            stack.enter_context(idle)
        assert client.get("/health").status_code == 200


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
