"""Run one notebook from its first cell to its last."""

import json
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jupytext
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from traitlets.config import Config

from twobus import git
from twobus.notebooks import kernel
from twobus.notebooks.cells import cell_names
from twobus.project import here

# Messages that display something.
DISPLAYS = ("display_data", "execute_result", "update_display_data")
# What runs now, so that it can be ended.
running: list[NotebookClient] = []
EMPTY = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


@dataclass(frozen=True)
class Failure:
    """What ended a notebook.

    Attributes:
        reason: The error, in a line.
        details: Where it was raised, and all that was said.
    """

    reason: str
    details: str


class _Client(NotebookClient):
    """Runs a notebook, and takes outputs of types that its format does not allow."""

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Correct the types of an output, such as `application/vnd.vegalite.v6.json`.

        The format allows JSON for types that end with `+json` alone.
        """
        if msg["msg_type"] == "comm_close":
            # A widget that is closed is seen no more, such as a bar that may not stay.
            closed = self.widget_state.get(msg["content"]["comm_id"], {})
            closed["_closed"] = True
        shown = msg["msg_type"] in DISPLAYS
        data = msg["content"].get("data", {}) if shown else {}
        for kind in [*data]:
            if isinstance(data[kind], (str, list)) or re.search(r"[/+]json$", kind):
                continue
            content = data.pop(kind)
            if kind.endswith(".json"):
                data[kind.removesuffix(".json") + "+json"] = content
            else:
                data[kind] = json.dumps(content)
        return super().process_message(msg, cell, cell_index)


def _environment() -> dict[str, str]:
    """Return the environment, without what would send figures elsewhere."""
    found = {name: it for name, it in os.environ.items() if name != "MPLBACKEND"}
    return {**found, "PLOTLY_RENDERER": "plotly_mimetype"}


def not_shown(problems: tuple[str, ...]) -> Failure | None:
    """Return what a page cannot show as a failure, if there is anything."""
    if not problems:
        return None
    more = f", and {len(problems) - 1} more" if problems[1:] else ""
    return Failure(f"{problems[0]}{more}", "\n".join(problems))


def execute(script: Path) -> tuple[Any, Failure | None]:
    """Run a notebook to its end or to the first cell that raises.

    Returns:
        The notebook with its outputs, and what was raised, if anything.
    """
    if "marimo.App(" in script.read_text("utf-8"):
        return _run_marimo(script)
    notebook = jupytext.read(script, fmt="py:percent")
    client = _Client(
        notebook,
        kernel_name="python3",
        resources={"metadata": {"path": script.parent}},
        timeout=None,
        extra_arguments=[f"--IPKernelApp.extra_extensions={kernel.__name__}"],
        # Kernels talk over local ports, where other users of the machine may listen.
        config=Config(KernelManager={"transport_encryption": "auto"}),
    )
    names, at = cell_names(notebook, script), [0]
    client.on_cell_start = lambda cell_index, **_: at.append(cell_index)
    running.append(client)
    try:
        client.execute(env=_environment())
    except CellExecutionError as error:
        reason = _reason(error.ename, error.evalue)
        return notebook, Failure(f"{names[at[-1]]}: {reason}", str(error))
    except DeadKernelError as error:
        return notebook, Failure(f"{names[at[-1]]}: {error}", str(error))
    finally:
        running.remove(client)
        _join_streams(notebook)
    return notebook, None


def _join_streams(notebook: Any) -> None:
    """Join what a cell has printed, each line as a terminal would show it.

    Progress bars write over their lines in many messages. nbclient's `coalesce_streams`
    does the same in time that grows with the square of a line's length.
    """
    for cell in notebook.cells:
        joined: list[Any] = []
        for output in cell.get("outputs", []):
            last = joined[-1] if joined else {}
            if output.output_type == "stream":
                if last.get("name") == output.name:
                    last["pieces"].append(output.text)
                    continue
                output["pieces"] = [output.text]
            joined.append(output)
        for output in joined:
            if output.output_type == "stream":
                lines = "".join(output.pop("pieces")).split("\n")
                output["text"] = "\n".join(map(_overwritten, lines))
        if "outputs" in cell:
            cell.outputs = joined


def _overwritten(line: str) -> str:
    """Return what stays of a line that was written over."""
    return line.rstrip("\r").rpartition("\r")[2]


def end_all() -> None:
    """End the kernels of all notebooks that run in this process, at once."""
    for client in [*running]:
        provisioner = getattr(client.km, "provisioner", None)
        if process := getattr(provisioner, "process", None):
            process.kill()


def unexpected(error: Exception) -> str:
    """Return an error that no notebook should raise in one line."""
    return _reason(type(error).__name__, str(error))


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
    raised = [
        (name, output)
        for name, cell in zip(cell_names(notebook, script), notebook.cells, strict=True)
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]
    details = [process.stderr, *("\n".join(error.traceback) for _, error in raised)]
    reasons = [f"{name}: {_reason(it.ename, it.evalue)}" for name, it in raised]
    last_line = process.stderr.strip().rpartition("\n")[2]
    return notebook, Failure([*reasons, last_line][0], "\n".join(details))


def _reason(error: str, words: str) -> str:
    """Return an error in one line."""
    return f"{error}: {' '.join(words.split())}"
