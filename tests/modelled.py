"""What tests need of a project with models: one that is trained, and processes."""

import json
import multiprocessing
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from functools import cache
from io import StringIO
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from inside import forget, inside

from template import FOREIGN, Result, environment
from twobus.models import serving, store

NAME = "penguin_sex"
PACKAGE = "penguin_study"
MODELS = Path("src", PACKAGE, "models")
PATIENCE = 120
# For schemathesis: who asks for a part of the answers may send rows that are wrong.
ALL_OR_NOTHING = """
[parameters]
"query.partial" = "false"
"""


def edit(project: Path, file: Path | str, old: str, new: str) -> None:
    """Replace what stands once in a file, and forget what it said."""
    text = (project / file).read_text("utf-8")
    assert text.count(old) == 1, old
    (project / file).write_text(text.replace(old, new), "utf-8")
    forget(project)


def version_files(number: int = 1, name: str = NAME) -> Path:
    """Return the folder of a version's files."""
    title = f"{PACKAGE}.{name}"
    place = store.client().get_model_version(title, str(number)).source
    assert place.startswith("file://")
    return Path(unquote(urlsplit(place).path))


def refused(task: Callable[..., Any], *given: Any, **named: Any) -> str:
    """Call a task that must stop with one sentence, and return that."""
    printed = StringIO()
    with (
        redirect_stdout(printed),
        redirect_stderr(printed),
        pytest.raises(SystemExit) as stopped,
    ):
        task(*given, **named)
    said = stopped.value.code
    assert isinstance(said, str)
    assert "\n" not in said
    assert said.endswith(".") or ": uv run " in said, said
    # What comes before it, steps and how a server says that it begins.
    assert all(is_step(line) for line in printed.getvalue().splitlines())
    return said


def is_step(line: str) -> bool:
    """Whether a line only tells which step of training begins."""
    name, colon, step = line.partition(": ")
    return bool(colon) and step.split(" ")[0].endswith("ing") and " " not in name


def refusal(response: Any) -> dict[str, Any]:
    """Return the first reason of a refusal, which has the form of all of them."""
    assert response.headers["content-type"] == "application/json"
    (first, *_) = response.json()["detail"]
    assert first.keys() == {"row", "field", "problem"}
    assert first["problem"]
    return dict(first)


@dataclass
class Task:
    """A function that works in a process of its own.

    Attributes:
        process: The process.
        output: The file of all that it prints.
    """

    process: ForkServerProcess
    output: Path

    def wait(self) -> Result:
        """Wait for its end."""
        self.process.join(PATIENCE)
        assert self.process.exitcode is not None, self.output.read_text("utf-8")
        return Result(self.process.exitcode, self.output.read_text("utf-8"))

    def stop(self, number: int = signal.SIGTERM) -> Result:
        """Send a signal, if it has not ended yet, and wait for its end."""
        assert self.process.pid
        with suppress(ProcessLookupError):
            os.kill(self.process.pid, number)
        return self.wait()

    def wait_for(self, text: str) -> str:
        """Wait until it has printed a text, and return all that it has printed."""
        end = time.monotonic() + PATIENCE
        while text not in (told := self.output.read_text("utf-8")):
            assert time.monotonic() < end, told
            assert self.process.is_alive(), self.output.read_text("utf-8")
            time.sleep(0.05)
        return told


def start(
    project: Path, output: Path, function: Callable[..., None], *given: Any, **env: str
) -> Task:
    """Let a function of `at_work` or of the package work in a project.

    It is a process of its own, which can be killed, and need not load anything.

    Args:
        project: The project.
        output: A folder for what it prints.
        function: What it does.
        *given: What the function gets.
        **env: Variables of the process.
    """
    number = len(list(output.glob("process-*.txt")))
    file = output / f"process-{number}.txt"
    file.touch()
    words = (project, file, function, given, env)
    process = _loaded().Process(target=_work, args=words, daemon=True)
    process.start()
    return Task(process, file)


def ran(
    project: Path, output: Path, function: Callable[..., None], *given: Any, **env: str
) -> Result:
    """Let a function work in a process of its own, to its end: see `start`."""
    return start(project, output, function, *given, **env).wait()


@cache
def _loaded() -> multiprocessing.context.ForkServerContext:
    """Start the process from which the others begin, once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["loaded", "modelled"])
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(FOREIGN)]:
            patch.delenv(name)
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        patch.setenv("PYTHONUTF8", "1")
        forkserver.ensure_running()
    return context


def _work(
    project: Path,
    file: Path,
    function: Callable[..., None],
    given: Sequence[Any],
    env: dict[str, str],
) -> None:
    output = os.open(file, os.O_WRONLY | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    # What runs in the background may have been told to ignore Ctrl+C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with inside(project, **env):
        function(*given)


@dataclass
class Server:
    """A server that runs.

    Attributes:
        task: Its process.
        url: Its address.
    """

    task: Task
    url: str

    @property
    def port(self) -> int:
        """Its port."""
        return int(self.url.rpartition(":")[2])

    def log(self) -> list[dict[str, Any]]:
        """Return its log; each line must be JSON."""
        lines = self.task.output.read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]

    def get(self, path: str) -> httpx.Response:
        """Ask for a page."""
        return httpx.get(self.url + path, timeout=PATIENCE)

    def post(
        self, name: str, content: Any, query: str = "", **headers: str
    ) -> httpx.Response:
        """Ask a model for predictions, by bytes or by what JSON is made of."""
        sent = content if isinstance(content, bytes) else json.dumps(content).encode()
        return httpx.post(
            f"{self.url}/models/{name}/predict{query}",
            content=sent,
            headers={"Content-Type": "application/json", **headers},
            timeout=PATIENCE,
        )


@contextmanager
def server(
    project: Path, output: Path, function: Callable[..., None] = serving.serve
) -> Iterator[Server]:
    """Serve at a free port, by a process.

    Args:
        project: The project.
        output: A folder for its log.
        function: What serves, at the port that it gets.
    """
    task = start(project, output, function, 0)
    told = task.wait_for('"listening"')
    yield Server(task, re.findall(r"http://[^ \"]+", told)[0])
    if task.process.is_alive():
        task.stop()


@contextmanager
def served_by(
    command: Sequence[str], project: Path, log: Path, **changes: str
) -> Iterator[str]:
    """Serve by a command, yield the address, and press Ctrl+C."""
    with log.open("wb") as file:
        process = subprocess.Popen(
            command,
            cwd=project,
            env=environment(**changes),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield address(process, log)
    finally:
        # As a terminal does: to the server, and to what has started it.
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
    assert "Traceback" not in log.read_text("utf-8")


def address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until a server has started, and return where it listens."""
    end = time.monotonic() + PATIENCE
    while '"listening"' not in (told := log.read_text("utf-8")):
        assert process.poll() is None, told
        assert time.monotonic() < end, told
        time.sleep(0.05)
    return str(re.findall(r"http://[^ \"]+", told)[0])
