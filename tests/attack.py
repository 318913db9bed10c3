"""Attack a model's server on one core for a minute: `uv run python tests/attack.py`.

Four clients send bodies of all sorts and sizes, one after another; others ask for
predictions, or hold requests that they never end. Meanwhile `/health` is asked. Each
kind of body is sent alone first. The server has the first core; who asks has the rest.
"""

import json
import multiprocessing
import os
import random
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import cycle
from multiprocessing.connection import Connection
from pathlib import Path

import httpx
import psutil
from bench_models import promoted
from bodies import BODIES, ROW, hostile
from modelled import NAME, Server, server

from template import snapshot
from twobus.models.guard import MOST_BYTES

SECONDS, HALF_OPEN, CLIENTS = 60, 2_000, 4
SIZES = (2_000, 60_000, 1_000_000, MOST_BYTES)


def bodies() -> dict[str, bytes]:
    """Return what is sent: each kind in each size, and each of the small ones."""
    found = {
        f"{which}, {size} bytes": body
        for size in SIZES
        for which, body in hostile(size).items()
    }
    return found | {which: body for which, (body, *_) in BODIES.items()}


class Tally:
    """How requests were answered."""

    def __init__(self) -> None:
        """Begin with none."""
        self.count: Counter[int | str] = Counter()
        self.worst: dict[int | str, tuple[float, str]] = {}

    def send(
        self, client: httpx.Client, which: str, body: bytes | Iterator[bytes]
    ) -> None:
        """Send a body, and keep how long the answer took."""
        start = time.perf_counter()
        try:
            status: int | str = client.post(
                f"/models/{NAME}/predict", content=body
            ).status_code
        except httpx.HTTPError as error:
            status = type(error).__name__
        took = time.perf_counter() - start
        self.count[status] += 1
        self.worst[status] = max(self.worst.get(status, (0.0, "")), (took, which))

    def tell(self, what: str) -> None:
        """Print it."""
        for status, count in sorted(self.count.items(), key=str):
            took, which = self.worst[status]
            print(f"{what}: {count} of {status}, at most {took:.2f} s ({which})")


def in_pieces(body: bytes) -> Iterator[bytes]:
    """Yield a body in pieces, so that its length is not said before."""
    for start in range(0, len(body), 50_000):
        yield body[start : start + 50_000]


def health(url: str, told: Connection) -> None:
    """Ask for `/health` until told to end, and tell how long each answer took."""
    # Else it is measured how busy the clients are.
    with suppress(PermissionError):
        os.nice(-10)
    took = []
    with httpx.Client(base_url=url, timeout=60) as client:
        while not told.poll():
            start = time.perf_counter()
            client.get("/health").raise_for_status()
            took.append(time.perf_counter() - start)
            time.sleep(0.01)
    told.send(took)


def attack(served: Server) -> None:
    """Do all at once for a minute, and print what came of it."""
    process, end = psutil.Process(served.task.process.pid), time.monotonic() + SECONDS
    tallies = {"a hostile body": Tally(), "a good row": Tally()}
    odd, good = tallies.values()
    everything = [*bodies().items()]
    half: list[int] = [0]

    def hostile_client(seed: int) -> None:
        order = random.Random(seed).sample(everything, len(everything))
        with httpx.Client(base_url=served.url, timeout=60) as client:
            for number, (which, body) in enumerate(cycle(order)):
                if time.monotonic() > end:
                    return
                odd.send(client, which, in_pieces(body) if number % 3 == 0 else body)

    def good_client() -> None:
        body = json.dumps({"rows": [ROW]}).encode()
        with httpx.Client(base_url=served.url, timeout=60) as client:
            while time.monotonic() < end:
                good.send(client, "one row", body)
                time.sleep(0.05)

    def half_open() -> None:
        with ExitStack() as stack:
            while time.monotonic() < end:
                if half[0] < HALF_OPEN:
                    made = socket.create_connection(("127.0.0.1", served.port))
                    stack.enter_context(made)
                    made.send(b"POST /models/x/predict HTTP/1.1\r\nContent-Le")
                    half[0] += 1
                time.sleep(0.005)

    work = [threading.Thread(target=hostile_client, args=[it]) for it in range(CLIENTS)]
    work += [threading.Thread(target=it) for it in (good_client, half_open)]
    ours, theirs = multiprocessing.Pipe()
    asking = multiprocessing.Process(target=health, args=[served.url, theirs])
    before, most = process.memory_info().rss, 0
    asking.start()
    for thread in work:
        thread.start()
    while time.monotonic() < end:
        most = max(most, process.memory_info().rss)
        time.sleep(0.1)
    for thread in work:
        thread.join()
    ours.send("end")
    took = sorted(ours.recv())
    asking.join()
    for what, tally in tallies.items():
        tally.tell(what)
    print(
        f"/health: {len(took)} times, half within {took[len(took) // 2] * 1e3:.0f} ms, "
        f"99 % within {took[len(took) * 99 // 100] * 1e3:.0f} ms, "
        f"all within {took[-1] * 1e3:.0f} ms"
    )
    time.sleep(2)
    after = process.memory_info().rss
    print(
        f"memory: {before / 2**20:.0f} MB before, {most / 2**20:.0f} MB at most, "
        f"{after / 2**20:.0f} MB after; {half[0]} half-sent requests"
    )


def main() -> None:
    """Print what an attack comes to."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        project = promoted(snapshot(place / "template"), place / "study")
        with server(project, place) as served:
            first, *others = sorted(os.sched_getaffinity(0))
            for thread in Path(f"/proc/{served.task.process.pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {first})
            os.sched_setaffinity(0, set(others) or {first})
            alone = Tally()
            with httpx.Client(base_url=served.url, timeout=60) as client:
                for which, body in bodies().items():
                    alone.send(client, which, body)
            alone.tell("alone")
            attack(served)


if __name__ == "__main__":
    main()
