"""Run one notebook of marimo from its first cell to its last."""

import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import jupytext
import psutil

from twobus.notebooks.cells import cell_names
from twobus.notebooks.ending import endable, not_finished
from twobus.notebooks.failure import Failure, in_a_line
from twobus.project import here

EMPTY = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
# marimo cuts what is larger, and goes on. Twobus names it, and fails.
UNCUT = {
    name: str(10**12)
    for name in ("MARIMO_OUTPUT_MAX_BYTES", "MARIMO_STD_STREAM_MAX_BYTES")
}
# For how many seconds marimo may go on when its kernel has ended.
GRACE = 30


def run_marimo(script: Path, limit: float | None) -> tuple[Any, Failure | None]:
    """Run a notebook to its end; cells that depend on one that raises do not run.

    Args:
        script: The notebook.
        limit: After how many seconds it is ended, if ever.

    Returns:
        The notebook with its outputs, and what was raised, if anything.
    """
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "notebook.ipynb"
        command = [sys.executable, "-m", "marimo", "export", "ipynb", str(script)]
        options = ["-o", str(output), "--include-outputs", "--sort=top-down"]
        code, said, ended = _run([*command, *options], limit)
        if not output.exists():
            output.write_text(EMPTY, "utf-8")
        notebook = jupytext.read(output)
    if code == 0 and not ended:
        return notebook, None
    raised = [
        (name, output)
        for name, cell in zip(cell_names(notebook, script), notebook.cells, strict=True)
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]
    details = [said, *("\n".join(error.traceback) for _, error in raised)]
    reasons = [f"{name}: {in_a_line(it.ename, it.evalue)}" for name, it in raised]
    last_line = said.strip().rpartition("\n")[2]
    reason = [*[ended] * bool(ended), *reasons, last_line][0]
    return notebook, Failure(reason, "\n".join(details))


def _run(command: list[str], limit: float | None) -> tuple[int, str, str]:
    """Run marimo.

    Returns:
        Its exit code, its messages, and why it was ended if it was.
    """
    process = subprocess.Popen(
        command,
        cwd=here().root,
        env={**os.environ, **UNCUT},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="surrogateescape",
    )
    end = partial(_end, process)
    began, ended, lost = False, 0.0, False
    with endable(end, limit) as late:
        while True:
            try:
                _, errors = process.communicate(timeout=1)
                break
            except subprocess.TimeoutExpired:
                # It waits for ever for a kernel that has died.
                alive = _has_kernel(process)
                began |= alive
                ended = 0 if alive else ended or time.monotonic()
                lost = began and bool(ended) and time.monotonic() - ended > GRACE
                if lost:
                    end()
    if late.is_set():
        return 1, errors, not_finished(limit or 0)
    if lost:
        return 1, errors, _of_kernel(errors)
    return process.returncode, errors, ""


def _of_kernel(said: str) -> str:
    """Return what marimo says of a kernel that has died, in a line."""
    lines = [line.strip() for line in said.splitlines() if " died" in line]
    return [*lines, "the kernel has died"][0]


def _has_kernel(process: subprocess.Popen[str]) -> bool:
    try:
        children = psutil.Process(process.pid).children()
        return any(
            it.status() != psutil.STATUS_ZOMBIE
            and "resource_tracker" not in " ".join(it.cmdline())
            for it in children
        )
    except psutil.Error:
        return False


def _end(process: subprocess.Popen[str]) -> None:
    """End a process and all that it has started."""
    try:
        family = psutil.Process(process.pid).children(recursive=True)
    except psutil.Error:
        family = []
    process.kill()
    for child in family:
        try:
            child.kill()
        except psutil.Error:
            # It has ended by itself.
            continue
