"""Run the notebooks from top to bottom, and render them for readers."""

import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jupytext
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from tqdm import tqdm
from traitlets.config import Config

from twobus import git
from twobus.data import digest, source
from twobus.notebooks.page import render
from twobus.project import StopError, here, visible
from twobus.tasks import task

SLOW = re.compile(r"^# .*tags=\[[^\]]*[\"']slow[\"']", re.MULTILINE)
EMPTY = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
ON_SAMPLES = "This page was made from small samples: its numbers are not results."


@dataclass(frozen=True)
class Failure:
    """What ended a notebook.

    Attributes:
        reason: The error, in a line.
        details: Where it was raised, and all that was said.
    """

    reason: str
    details: str


@task
def check() -> None:
    """Run every notebook on the samples, and render what anybody may see.

    A notebook with a cell tagged `slow` is named, and not run.

    Raises:
        SystemExit: If a cell raises.
    """
    check_all()


@task
def report(names: list[str] | None = None) -> None:
    """Run notebooks on the data that `DATA_URL` names, and render them.

    Args:
        names: The notebooks' names; all of them where there is none.

    Raises:
        SystemExit: If there is no notebook of a name, or a cell raises.
    """
    scripts = _scripts()
    for name in names or []:
        if not any(name in _names(script) for script in scripts):
            known = ", ".join(script.stem for script in scripts) or "none yet"
            raise StopError(f"There is no notebook {name!r}; known: {known}.")
    wanted = [it for it in scripts if not names or _names(it) & {*names}]
    _render_all(wanted, here().reports)


def check_all() -> None:
    """Do what `check` does, for other code.

    Raises:
        StopError: If a cell raises.
    """
    folder = here().reports / "samples"
    shutil.rmtree(folder, ignore_errors=True)
    scripts = []
    for script in _scripts():
        if SLOW.search(script.read_text("utf-8")):
            name = here().name(script)
            print(f"{name} is tagged slow: not run here, but by `poe report`.")
        else:
            scripts.append(script)
    with on_samples():
        _render_all(scripts, folder)


@contextmanager
def on_samples() -> Iterator[None]:
    """Let this process, and those that it starts, read samples until the block ends."""
    # A library of another release knows no other way to be told.
    before = os.environ.get("DATA_URL")
    os.environ["DATA_URL"] = "samples"
    try:
        yield
    finally:
        if before is None:
            del os.environ["DATA_URL"]
        else:
            os.environ["DATA_URL"] = before


def _render_all(scripts: list[Path], folder: Path) -> None:
    made_from = _made_from()
    notice = ON_SAMPLES if source().on_samples() else ""
    failures = {}
    for script in scripts:
        start = time.monotonic()
        notebook, failure = _run(script)
        notebook.metadata |= {"made_from": made_from, "notice": notice}
        page = folder / script.relative_to(here().notebooks).with_suffix(".html")
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(render(notebook, script), "utf-8")
        seconds = time.monotonic() - start
        name = here().name(script)
        print(f"{name} -> {here().name(page)} ({seconds:.1f} s)", flush=True)
        if failure:
            failures[name] = failure
    if not scripts:
        print("No notebook to run.")
    if failures:
        details = (f"{name} failed:\n{it.details}" for name, it in failures.items())
        # Last, where people look first, because tracebacks are long.
        reasons = (f"{name}: {it.reason}" for name, it in failures.items())
        raise StopError("\n".join([*details, "", *reasons]))


def _run(script: Path) -> tuple[Any, Failure | None]:
    """Run a notebook to its end or to the first cell that raises.

    Returns:
        The notebook with its outputs, and what was raised, if anything.
    """
    if "marimo.App(" in script.read_text("utf-8"):
        return _run_marimo(script)
    notebook = jupytext.read(script, fmt="py:percent")
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        resources={"metadata": {"path": script.parent}},
        timeout=None,
        # Progress bars write many messages: one is enough.
        coalesce_streams=True,
        # Kernels talk over local ports, where other users of the machine may listen.
        config=Config(KernelManager={"transport_encryption": "auto"}),
    )
    with tqdm(total=len(notebook.cells), desc=script.stem, disable=None) as progress:
        client.on_cell_complete = lambda **_: progress.update()
        try:
            client.execute()
        except CellExecutionError as error:
            return notebook, Failure(_reason(error.ename, error.evalue), str(error))
        except DeadKernelError as error:
            return notebook, Failure(str(error), str(error))
    return notebook, None


def _run_marimo(script: Path) -> tuple[Any, Failure | None]:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "notebook.ipynb"
        command = [sys.executable, "-m", "marimo", "export", "ipynb", str(script)]
        options = ["-o", str(output), "--include-outputs", "--sort=top-down"]
        process = git.run([*command, *options], here().root)
        if not output.exists():
            output.write_text(EMPTY, "utf-8")
        notebook = jupytext.read(output)
    if process.returncode == 0:
        return notebook, None
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    raised = [output for output in outputs if output.output_type == "error"]
    details = [process.stderr, *("\n".join(error.traceback) for error in raised)]
    reasons = [_reason(error.ename, error.evalue) for error in raised]
    last_line = process.stderr.strip().rpartition("\n")[2]
    return notebook, Failure([*reasons, last_line][0], "\n".join(details))


def _reason(error: str, words: str) -> str:
    """Return an error in one line."""
    return f"{error}: {' '.join(words.split())}"


def _made_from() -> list[str]:
    """Say which code, packages and data a report is made from."""
    commit, dirty = git.head(here().root)
    commit = commit[:12] or "none yet"
    if dirty:
        commit += " and changes that are not committed"
    lock = here().root / "uv.lock"
    return [
        f"Made {datetime.now(UTC):%Y-%m-%d %H:%M} UTC from commit {commit}.",
        f"Packages: uv.lock {digest(lock) if lock.exists() else 'missing'}.",
        *(f"Data: {source}." for source in source().provenance()),
    ]


def _scripts() -> list[Path]:
    return [*visible(here().notebooks, ".py")]


def _names(script: Path) -> set[str]:
    """Return what people may call a notebook."""
    return {script.stem, here().name(script)}
