"""Run the notebooks from top to bottom, and render them for readers."""

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from traceback import format_exc
from typing import Self

from tqdm import tqdm

from twobus import content_policy, git
from twobus.data import digest, source
from twobus.notebooks import dependencies, frame, pages, pdf
from twobus.notebooks.ending import end_all, limit, stopped
from twobus.notebooks.execute import execute
from twobus.notebooks.failure import Failure, not_shown, unexpected
from twobus.notebooks.page import render
from twobus.project import StopError, here, visible
from twobus.tasks import task

SLOW = re.compile(r"^# .*tags=\[[^\]]*[\"']slow[\"']", re.MULTILINE)
Made = tuple[str, Failure | None]
ON_SAMPLES = "This page was made from small samples: its numbers are not results."


@task
def check(again: bool = False) -> None:
    """Run the notebooks on the samples, and render what anybody may see.

    A notebook whose page is made from the same code, packages, settings and data is
    not run again. One with a cell tagged `slow` is named, and not run.

    Args:
        again: Whether all are run, also those that have not changed.

    Raises:
        SystemExit: If a cell raises, or a page cannot show an output.
    """
    check_all(again=again)


@task
def report(names: list[str] | None = None, kind: str = "html") -> None:
    """Run notebooks on the data that `DATA_URL` names, and render them.

    Args:
        names: The notebooks' names; all of them where there is none.
        kind: `html`, or `pdf` for that, too.

    Raises:
        SystemExit: If there is no notebook of a name, a cell raises, a page cannot
            show an output, or no browser can print.
    """
    if kind not in ("html", "pdf"):
        raise StopError(f"There is no format {kind!r}: html or pdf.")
    if kind == "pdf":
        # Before minutes have passed.
        pdf.browser()
    scripts = _scripts()
    for name in names or []:
        if not any(name in _names(script) for script in scripts):
            known = ", ".join(script.stem for script in scripts) or "none yet"
            raise StopError(f"There is no notebook {name!r}; known: {known}.")
    wanted = [it for it in scripts if not names or _names(it) & {*names}]
    failures = []
    try:
        # What a database holds may have changed: they run whatever there is.
        _render_all(wanted, here().reports, again=True)
    except StopError as error:
        failures.append(str(error))
    _list_all()
    for script in wanted if kind == "pdf" else ():
        failures += _print_one(_page(here().reports, script))
    if failures:
        raise StopError("\n".join(failures))


def _print_one(page: Path) -> list[str]:
    """Print a good page as PDF, and return why that failed, if it did."""
    said = pages.mark(page)
    if said is None or said.state != "current":
        return []
    try:
        print(here().name(pdf.write(page)))
    except StopError as error:
        return [str(error)]
    return []


def _list_all() -> None:
    """Write the page that lists all reports, unless a notebook has its name."""
    found = [(page, pages.mark(page)) for page in visible(here().reports, ".html")]
    samples = here().reports / "samples"
    entries = [
        (page.relative_to(here().reports).as_posix(), frame.title(page), said)
        for page, said in found
        if said and not page.is_relative_to(samples) and ".failed" not in page.suffixes
    ]
    listing = here().reports / "index.html"
    if entries and not any(page == listing for page, said in found if said):
        pages.write(listing, frame.index(entries))


def check_all(again: bool = False) -> None:
    """Do what `check` does, for other code.

    Args:
        again: Whether all are run, also those that have not changed.

    Raises:
        StopError: If a cell raises, or a page cannot show an output.
    """
    scripts = []
    for script in _scripts():
        if _is_slow(script):
            name = here().name(script)
            print(f"{name} is tagged slow: not run here, but by `poe report`.")
        else:
            scripts.append(script)
    with on_samples():
        _render_all(scripts, here().reports / "samples", again=again, seconds=limit())


def _is_slow(script: Path) -> bool:
    try:
        return bool(SLOW.search(script.read_text("utf-8", errors="replace")))
    except OSError:
        # Its run says so.
        return False


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


def _render_all(
    scripts: list[Path], folder: Path, *, again: bool, seconds: float | None = None
) -> None:
    """Run notebooks side by side, and render each as soon as it has run.

    Raises:
        StopError: If one fails, when all have run.
    """
    for page in pages.drop(folder, map(here().name, _scripts())):
        print(f"{here().name(page)} is gone, as its notebook is.")
    shared, made_from = dependencies.common(), _made_from()
    made = made_from[0].split(" from ")[0].removeprefix("Made ")
    notice = ON_SAMPLES if source().on_samples() else ""
    failures = {}

    def make(script: Path) -> Made:
        name, page = here().name(script), _page(folder, script)
        start = time.monotonic()
        try:
            key = dependencies.key(script, shared)
            known = None if again else pages.mark(page)
            if known and known.key == key and known.state == "current":
                return f"{name}: nothing has changed since {known.made}, not run", None
            said = pages.Mark(key, made, name)
            failure = _make(script, page, said, made_from, notice, seconds)
        except Exception as error:
            # Of a page that cannot be written, or a script that cannot be read.
            reason = str(error) if isinstance(error, StopError) else unexpected(error)
            failure = Failure(reason, format_exc())
        line = f"{name} -> {here().name(page)}"
        return f"{line} ({time.monotonic() - start:.1f} s)", failure

    with _Pool() as pool:
        for script, (line, failure) in pool.each(make, scripts):
            tqdm.write(line)
            sys.stdout.flush()
            if failure:
                failures[here().name(script)] = failure
    if not scripts:
        print("No notebook to run.")
    if failures:
        told = sorted(failures.items())
        details = (f"{name} failed:\n{it.details}" for name, it in told)
        # Last, where people look first, because tracebacks are long.
        reasons = (f"{name}: {it.reason}" for name, it in told)
        raise StopError("\n".join([*details, "", *reasons]))


def _page(folder: Path, script: Path) -> Path:
    return folder / script.relative_to(here().notebooks).with_suffix(".html")


def _make(
    script: Path,
    page: Path,
    said: pages.Mark,
    made_from: list[str],
    notice: str,
    seconds: float | None,
) -> Failure | None:
    """Run one notebook and write its page.

    Returns:
        Why it failed, if so.

    Raises:
        StopError: If the page cannot be written.
    """
    try:
        notebook, failure = execute(script, seconds)
        notebook.metadata |= {"made_from": made_from, "notice": notice}
        notebook.metadata["facts"] = frame.facts(script)
        rendered = render(notebook, script)
        failure = failure or not_shown(rendered.problems)
        text = rendered.text
    except Exception as error:
        words = " ".join(str(error).split())
        reason = words if isinstance(error, StopError) else unexpected(error)
        failure = Failure(reason, format_exc())
        text = _nothing(script, reason)
    if stopped.is_set():
        # Somebody has ended it: that says nothing of the notebook.
        return Failure("ended", "")
    if failure is None:
        pages.keep(page, text, said)
    else:
        pages.fail(page, text, replace(said, reason=failure.reason))
    return failure


def _nothing(script: Path, reason: str) -> str:
    """Return the page of a notebook that could not even begin."""
    title = escape(script.stem)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head>{content_policy.head()}'
        f"<title>{title}</title></head><body>\n<main>\n"
        f"<h1>{title}</h1><p>{escape(reason)}</p></main></body></html>\n"
    )


class _Pool:
    """Runs notebooks side by side, as many as the machine has cores.

    Threads do, since each notebook runs in a process of its own.
    """

    def __init__(self) -> None:
        count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
        self.pool = ThreadPoolExecutor(count or os.cpu_count() or 1)

    def __enter__(self) -> Self:
        stopped.clear()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            # Whoever stops it waits for nothing.
            end_all()
        self.pool.shutdown(cancel_futures=True)

    def each(
        self, make: Callable[[Path], Made], scripts: list[Path]
    ) -> Iterator[tuple[Path, Made]]:
        """Yield each notebook with what came of it, as they end."""
        running = {self.pool.submit(make, script): script for script in scripts}
        with tqdm(total=len(scripts), desc="notebooks", disable=None) as progress:
            for future in as_completed(running):
                progress.update()
                yield running[future], future.result()


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
