"""Run the parts of `uv run poe check` side by side, and name those that failed."""

import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

from twobus.project import StopError, here
from twobus.tasks import task, tasks

# What changes files comes first; all else reads them, and runs side by side.
FIRST = ("save",)
OWN = "check-own"
PARTS = ("lint", "types", "test", "notebooks", "api", OWN)
HINTS = {"lint": "    # uv run poe format fixes much of it"}
_whole_lines = Lock()


@task
def parts() -> None:
    """Run each part of the check that this kind of project has, whatever fails.

    Parts that the project replaces by tasks of its own are named.

    Raises:
        SystemExit: If parts failed, with the command that repeats each of them.
    """
    known = tasks()["tasks"]
    failed = [name for name in FIRST if name in known and _fails(name)]
    names = [name for name in PARTS if name in known]
    with ThreadPoolExecutor(len(names)) as pool:
        fails = list(pool.map(_fails, names))
    failed += [name for name, it in zip(names, fails, strict=True) if it]
    own = here().pyproject.get("tool", {}).get("poe", {}).get("tasks", {})
    if replaced := [name for name in (*FIRST, *PARTS) if name in own and name != OWN]:
        print(f"By the project's own tasks in pyproject.toml: {', '.join(replaced)}.")
    if failed:
        raise StopError(_said(failed))


def _fails(name: str) -> bool:
    """Run a task, and print its lines as they come, each with the task's name."""
    words = [sys.executable, "-m", "poethepoet", "--quiet", name]
    with subprocess.Popen(
        words,
        cwd=here().root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            with _whole_lines:
                sys.stdout.buffer.write(f"{name} | ".encode() + line.rstrip() + b"\n")
                sys.stdout.flush()
    return process.returncode != 0


def _said(failed: Sequence[str]) -> str:
    lines = [f"  uv run poe {name}{HINTS.get(name, '')}" for name in failed]
    head = f"Failed: {', '.join(failed)}. To run each by itself:"
    return "\n".join(["", head, *lines])
