"""Run the notebooks from top to bottom, and render them for readers."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from latex2mathml.converter import convert as mathml
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from tqdm import tqdm
from traitlets.config import Config

from twobus import git
from twobus.data import digest, source
from twobus.project import here, visible
from twobus.tasks import task

SLOW = re.compile(r"^# .*tags=\[[^\]]*[\"']slow[\"']", re.MULTILINE)
# How the converter of formulas writes a command that it does not know.
UNKNOWN = "<mi>\\"
ON_SAMPLES = "This page was made from small samples: its numbers are not results."

PAGE = Path(__file__).with_name("report.html.j2")


@task
def check() -> None:
    """Run every notebook on the samples, and render what anybody may see.

    A notebook with a cell tagged `slow` is named, and not run.

    Raises:
        SystemExit: If a cell raises.
    """
    os.environ["DATA_URL"] = "samples"
    folder = here().reports / "samples"
    shutil.rmtree(folder, ignore_errors=True)
    scripts = []
    for script in _scripts():
        if SLOW.search(script.read_text("utf-8")):
            print(
                f"{here().name(script)} is tagged slow: not run here, but by `poe report`."
            )
        else:
            scripts.append(script)
    _render_all(scripts, folder)


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
        if not any(name in (script.stem, here().name(script)) for script in scripts):
            known = ", ".join(script.stem for script in scripts) or "none yet"
            raise SystemExit(f"There is no notebook {name!r}; known: {known}.")
    wanted = names or [script.stem for script in scripts]
    _render_all(
        [
            script
            for script in scripts
            if {script.stem, here().name(script)} & {*wanted}
        ],
        here().reports,
    )


def _render_all(scripts: list[Path], folder: Path) -> None:
    made_from = _made_from()
    on_samples = source().on_samples()
    notice = ON_SAMPLES if on_samples else ""
    failures = []
    for script in scripts:
        start = time.monotonic()
        notebook, failure = _run(script)
        notebook.metadata |= {"made_from": made_from, "notice": notice}
        page = folder / script.relative_to(here().notebooks).with_suffix(".html")
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(_render(notebook, script), "utf-8")
        seconds = time.monotonic() - start
        print(
            f"{here().name(script)} -> {here().name(page)} ({seconds:.1f} s)",
            flush=True,
        )
        if failure:
            failures.append(f"{here().name(script)} failed:\n{failure}")
    if not scripts:
        print("No notebook to run.")
    if failures:
        raise SystemExit("\n".join(failures))


def _run(script: Path) -> tuple[Any, str]:
    """Run a notebook to its end or to the first cell that raises.

    Returns:
        The notebook with its outputs, and what was raised, or nothing.
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
        except (CellExecutionError, DeadKernelError) as error:
            return notebook, str(error)
    return notebook, ""


def _run_marimo(script: Path) -> tuple[Any, str]:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "notebook.ipynb"
        command = ["marimo", "export", "ipynb", str(script), "-o", str(output)]
        process = subprocess.run(
            [*command, "--include-outputs", "--sort=top-down"],
            capture_output=True,
            encoding="utf-8",
        )
        if not output.exists():
            return nbformat.v4.new_notebook(), process.stderr
        notebook = nbformat.reads(output.read_text("utf-8"), as_version=4)
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    raised = ("\n".join(o.traceback) for o in outputs if o.output_type == "error")
    return notebook, "\n".join([process.stderr, *raised]) if process.returncode else ""


class _Renderer(IPythonRenderer):
    """Markdown with formulas as MathML, which browsers show without a library."""

    def inline_math(self, body: str) -> str:
        return _formula(body, "inline")

    def block_math(self, body: str) -> str:
        return _formula(body, "block")


def _formula(tex: str, display: str) -> str:
    """Return a formula as MathML, or as it was written where that is not possible."""
    try:
        formula = mathml(tex.replace("{aligned}", "{align*}"), display=display)
    except Exception:
        formula = UNKNOWN
    return f"<code>{escape(tex)}</code>" if UNKNOWN in formula else formula


def _render(notebook: Any, script: Path) -> str:
    """Return a page that needs no other file and no network."""

    def markdown(source: str) -> str:
        renderer = _Renderer(escape=False, embed_images=True, path=str(script.parent))
        return MarkdownWithMath(renderer=renderer).render(source)

    exporter = HTMLExporter(raw_template=PAGE.read_text("utf-8"), embed_images=True)
    exporter.register_filter("markdown2html", markdown)
    page: str
    page, _ = exporter.from_notebook_node(
        notebook, resources={"metadata": {"name": script.stem}}
    )
    return page


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
