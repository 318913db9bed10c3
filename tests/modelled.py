"""What tests need of a project with models: its tasks, quickly, and its server."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from template import Result, environment

PATIENCE = 120
# Loads once what takes seconds to load; each task is then a process of its own.
NURSERY = """
import json, os, sys, tempfile, traceback
from pathlib import Path
from twobus.models import batch, registry, serving, tasks, training
with tempfile.TemporaryDirectory() as place:
    folder, registry.folder = registry.folder, lambda: Path(place)
    registry.store().search_registered_models()
    registry.folder = folder
    registry.store.cache_clear()
print("ready", flush=True)
for line in sys.stdin:
    task = json.loads(line)
    if "wait" in task:
        _, status = os.waitpid(task["wait"], 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
        continue
    child = os.fork()
    if child:
        print(child, flush=True)
        continue
    os.setsid()
    output = os.open(task["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(task["changes"])
    code = 0
    try:
        exec(task["code"], globals())
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(bool(error.code))
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except BaseException:
        code = 1
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
"""


@dataclass
class Task:
    """A task that was started.

    Attributes:
        nursery: Who waits for it.
        pid: Its process.
        output: The file of all that it prints.
    """

    nursery: "Nursery"
    pid: int
    output: Path

    def wait(self) -> Result:
        """Wait for its end."""
        code = int(self.nursery.ask({"wait": self.pid}))
        return Result(code, self.output.read_text("utf-8"))

    def stop(self, number: int = signal.SIGTERM) -> Result:
        """Send a signal, and wait for its end."""
        os.kill(self.pid, number)
        return self.wait()

    def alive(self) -> bool:
        """Whether it has not ended."""
        words = ["ps", "-o", "state=", "-p", str(self.pid)]
        state = subprocess.run(words, capture_output=True, encoding="utf-8").stdout
        return bool(state.strip("Z \n"))

    def wait_for(self, text: str) -> str:
        """Wait until it has printed a text, and return all that it has printed."""
        end = time.monotonic() + PATIENCE
        while text not in (told := self.output.read_text("utf-8")):
            assert time.monotonic() < end, told
            assert self.alive(), told
            time.sleep(0.05)
        return told


class Nursery:
    """Runs a project's tasks as processes that need not load anything."""

    def __init__(self, project: Path, outputs: Path, **changes: str) -> None:
        """Load the project's code.

        Args:
            project: A project that is set up.
            outputs: A folder for what tasks print.
            **changes: To the environment.
        """
        self.project, self.outputs, self.count = project, outputs, 0
        self.package = next(project.glob("src/*/models")).parent.name
        self.process = subprocess.Popen(
            [sys.executable, "-c", NURSERY],
            cwd=project,
            # Without compiled files, which the next edit might be too soon for.
            env=environment(
                PYTHONDONTWRITEBYTECODE="1",
                PYTHONPATH=str(project / "src"),
                **changes,
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        assert self._answer() == "ready"

    def ask(self, task: dict[str, Any]) -> str:
        """Ask for a task, and return the answer."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def start(self, code: str, **changes: str) -> Task:
        """Start a task: Python that finds `tasks`, `registry`, `serving` and so on."""
        self.count += 1
        output = self.outputs / f"{self.count}.txt"
        output.touch()
        asked = {"code": code, "output": str(output), "changes": changes}
        return Task(self, int(self.ask(asked)), output)

    def run(self, code: str, **changes: str) -> Result:
        """Run a task to its end."""
        return self.start(code, **changes).wait()

    def good(self, code: str, **changes: str) -> str:
        """Run a task that must succeed, and return what it printed."""
        result = self.run(code, **changes)
        assert result.code == 0, result.output
        return result.output

    def refused(self, code: str, **changes: str) -> str:
        """Run a task that must fail with one sentence, and return that."""
        result = self.run(code, **changes)
        steps = [line for line in result.output.splitlines() if not is_step(line)]
        assert result.code == 1, result.output
        assert len(steps) == 1, result.output
        assert steps[0].endswith(".") or ": uv run " in steps[0], result.output
        return steps[0]

    def close(self) -> None:
        """End it."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()

    def _answer(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()


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

    def post(self, name: str, content: Any, **headers: str) -> httpx.Response:
        """Ask a model for predictions, by bytes or by what JSON is made of."""
        sent = content if isinstance(content, bytes) else json.dumps(content).encode()
        return httpx.post(
            f"{self.url}/models/{name}/predict",
            content=sent,
            headers={"Content-Type": "application/json", **headers},
            timeout=PATIENCE,
        )


def is_step(line: str) -> bool:
    """Whether a line only tells which step of training begins."""
    name, colon, step = line.partition(": ")
    return bool(colon) and step.split(" ")[0].endswith("ing") and " " not in name


@contextmanager
def nursery(project: Path, outputs: Path, **changes: str) -> Iterator[Nursery]:
    """Load a project's code once, to run many of its tasks."""
    outputs.mkdir(parents=True, exist_ok=True)
    made = Nursery(project, outputs, **changes)
    yield made
    made.close()


@contextmanager
def server(made: Nursery, code: str = "", **changes: str) -> Iterator[Server]:
    """Serve at a free port, after some code where it is given."""
    task = made.start(f"{code}\nserving.serve(port=0)", **changes)
    told = task.wait_for('"listening"')
    yield Server(task, re.findall(r"http://[^ \"]+", told)[0])
    if task.alive():
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
