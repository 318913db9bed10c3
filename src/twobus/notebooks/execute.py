"""Run one notebook from its first cell to its last."""

import json
import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import jupytext
import zmq
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert.filters import strip_ansi
from traitlets.config import Config

from twobus.notebooks import kernel
from twobus.notebooks.cells import cell_names
from twobus.notebooks.ending import endable, not_finished, stopped
from twobus.notebooks.failure import Failure, in_a_line
from twobus.notebooks.run_marimo import run_marimo

# Messages that display something.
DISPLAYS = ("display_data", "execute_result", "update_display_data")


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
        try:
            return super().process_message(msg, cell, cell_index)
        finally:
            # An `Output` of ipywidgets may have sent what it holds past the socket that
            # waits for the cell's reply: one that is here already then wakes nobody.
            if self.kc:
                self.kc.shell_channel.socket.get(zmq.EVENTS)


def _environment() -> dict[str, str]:
    """Return the environment, without what would send figures elsewhere."""
    found = {name: it for name, it in os.environ.items() if name != "MPLBACKEND"}
    return {**found, "PLOTLY_RENDERER": "plotly_mimetype"}


def execute(script: Path, limit: float | None = None) -> tuple[Any, Failure | None]:
    """Run a notebook to its end or to the first cell that raises.

    Args:
        script: The notebook.
        limit: After how many seconds it is ended, if ever.

    Returns:
        The notebook with its outputs, and what was raised, if anything.
    """
    if "marimo.App(" in script.read_text("utf-8"):
        return run_marimo(script, limit)
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

    def begin(cell_index: int, **_: object) -> None:
        at.append(cell_index)
        if late.is_set() or stopped.is_set():
            # It began after its kernel should have been ended.
            raise DeadKernelError("ended")

    client.on_cell_start = begin
    with endable(partial(_kill, client), limit) as late:
        try:
            _run(client)
        except CellExecutionError as error:
            reason, details = _raised(error), str(error)
        except DeadKernelError as error:
            reason = not_finished(limit or 0) if late.is_set() else str(error)
            details = reason
        else:
            return notebook, None
        finally:
            _join_streams(notebook)
    return notebook, Failure(f"{names[at[-1]]}: {reason}", details)


def _run(client: NotebookClient) -> None:
    try:
        client.execute(env=_environment())
    except RuntimeError as error:
        if "Kernel didn't respond" not in str(error):
            raise
        # Several that start at once may take each other's ports. Nothing has run yet.
        client.execute(env=_environment())


def _raised(error: CellExecutionError) -> str:
    """Return what a cell has raised, in a line."""
    if error.ename != "NoneType":
        return in_a_line(error.ename, error.evalue)
    # What was raised while a result was displayed: IPython forgets its name.
    plain: Any = strip_ansi
    last = str(plain(error.traceback)).strip().rpartition("\n")[2]
    name, _, words = last.partition(": ")
    return in_a_line(name, words)


def _kill(client: NotebookClient) -> None:
    provisioner = getattr(client.km, "provisioner", None)
    if process := getattr(provisioner, "process", None):
        process.kill()


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
