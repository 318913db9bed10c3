"""Run the notebooks from top to bottom, and render them for readers."""

import os
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from twobus import git
from twobus.data import digest, source
from twobus.notebooks.execute import execute, not_shown
from twobus.notebooks.page import render
from twobus.project import StopError, here, visible
from twobus.tasks import task

SLOW = re.compile(r"^# .*tags=\[[^\]]*[\"']slow[\"']", re.MULTILINE)
ON_SAMPLES = "This page was made from small samples: its numbers are not results."


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
        notebook, failure = execute(script)
        notebook.metadata |= {"made_from": made_from, "notice": notice}
        page = folder / script.relative_to(here().notebooks).with_suffix(".html")
        page.parent.mkdir(parents=True, exist_ok=True)
        rendered = render(notebook, script)
        page.write_text(rendered.text, "utf-8")
        seconds = time.monotonic() - start
        name = here().name(script)
        print(f"{name} -> {here().name(page)} ({seconds:.1f} s)", flush=True)
        if failure := failure or not_shown(rendered.problems):
            failures[name] = failure
    if not scripts:
        print("No notebook to run.")
    if failures:
        details = (f"{name} failed:\n{it.details}" for name, it in failures.items())
        # Last, where people look first, because tracebacks are long.
        reasons = (f"{name}: {it.reason}" for name, it in failures.items())
        raise StopError("\n".join([*details, "", *reasons]))


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
