"""Several processes serve as one: they count together, and begin and end together."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest
from bodies import ROW
from modelled import NAME, PATIENCE, address, refused

from template import environment
from twobus.models import cores, serving

pytestmark = pytest.mark.slow


class Running:
    """A server with two workers."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process = process
        self.log = log
        self.url = address(process, log)

    def workers(self) -> dict[int, psutil.Process]:
        """Return its workers by their ids."""
        children = psutil.Process(self.process.pid).children()
        return {
            it.pid: it for it in children if "resource_tracker" not in str(it.cmdline())
        }

    def answers(self) -> int:
        """Ask for a prediction by a connection of its own, and return the status."""
        return httpx.post(
            f"{self.url}/models/{NAME}/predict",
            content=json.dumps({"rows": [ROW]}),
            timeout=PATIENCE,
        ).status_code

    def counted(self) -> float:
        """Return how many requests were answered, as any worker tells."""
        text = httpx.get(f"{self.url}/metrics", timeout=PATIENCE).text
        found = re.search(rf'requests_total{{model="{NAME}".*200.*}} (.*)', text)
        return float(found[1]) if found else 0


@contextmanager
def running(project: Path, log: Path) -> Iterator[Running]:
    """Serve by two workers, and see that nothing of it is left."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "twobus.models.serving", "0", "--workers", "2"],
            cwd=project,
            env=environment(PYTHONPATH=str(project / "src"), TMPDIR=str(log.parent)),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        it = Running(process, log)
        workers = it.workers()
        assert len(workers) == 2
        yield it
        workers |= it.workers() if process.poll() is None else {}
        process.wait(PATIENCE)
        until(lambda: not any(map(psutil.pid_exists, workers)))
    finally:
        with_all = psutil.pid_exists(process.pid)
        if with_all:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert "Traceback" not in log.read_text("utf-8")


def until(done: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.whole
def test_workers_count_together_and_one_that_dies_is_started_again(
    shop: Path, tmp_path: Path
) -> None:
    with running(shop, tmp_path / "log.txt") as it:
        before = it.workers()
        assert [it.answers() for _ in range(20)] == [200] * 20
        assert {it.counted() for _ in range(10)} == {20}
        first, other = before.values()
        first.kill()
        until(lambda: "is started again" in it.log.read_text("utf-8"))
        # Meanwhile the other one answers.
        assert it.answers() == 200
        until(lambda: len(it.workers().keys() - {first.pid}) == 2)
        (new,) = it.workers().keys() - before.keys()
        until(lambda: it.log.read_text("utf-8").count("Started server") == 3)
        other.suspend()
        try:
            assert it.answers() == 200
        finally:
            other.resume()
        assert psutil.pid_exists(new)
        assert {it.counted() for _ in range(10)} == {22}
        it.process.send_signal(signal.SIGTERM)
    assert it.process.returncode == 0
    lines = [json.loads(line) for line in it.log.read_text("utf-8").splitlines()]
    assert len([line for line in lines if line["event"] == "listening"]) == 1
    assert [line["code"] for line in lines if "started again" in line["event"]] == [-9]
    assert [*tmp_path.iterdir()] == [it.log]


@pytest.mark.whole
def test_ctrl_c_ends_all(shop: Path, tmp_path: Path) -> None:
    with running(shop, tmp_path / "log.txt") as it:
        assert it.answers() == 200
        # As a terminal does.
        os.killpg(it.process.pid, signal.SIGINT)


@pytest.mark.whole
def test_no_worker_outlives_its_server(shop: Path, tmp_path: Path) -> None:
    with running(shop, tmp_path / "log.txt") as it:
        it.process.kill()


@pytest.mark.parametrize("number", [0, -1])
def test_a_number_of_workers_that_cannot_be_is_refused(number: int) -> None:
    assert "--workers" in refused(serving.serve, workers=number)


def test_each_worker_has_its_part_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cores.CORES, "7")
    monkeypatch.setattr(cores, "cpu_count", lambda: 7)
    cores.share(3)
    assert os.environ[cores.CORES] == "2"
    cores.share(30)
    assert os.environ[cores.CORES] == "1"


def test_libraries_use_no_more_threads_than_there_are_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[dict[str, int]] = []
    known = [
        {"prefix": "libgomp", "num_threads": 8},
        {"prefix": "mkl", "num_threads": 1},
    ]
    monkeypatch.setattr(cores, "cpu_count", lambda: 2)
    monkeypatch.setattr(cores, "threadpool_info", lambda: known)
    monkeypatch.setattr(cores, "threadpool_limits", told.append)
    cores.limit_threads()
    assert told == [{"libgomp": 2, "mkl": 1}]
