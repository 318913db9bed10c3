"""Work on many projects at once: one look-up of a template, some processes."""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from twobus.companion.template import Template, expand, fetch
from twobus.git import configured
from twobus.project import ANSWERS, StopError, answers

if TYPE_CHECKING:
    import psutil

Result = TypeVar("Result")
Work = Callable[[Path, Template], Result]
Failure = Callable[[Path, str], Result]
# Seconds until a process that was asked to end is no longer waited for.
PARTING = 4
# In the commands of processes of Python's own: what works, and what ends only once this
# process has.
STARTS = "spawn_main"
OUTLIVES = "resource_tracker"


def over(
    projects: list[Path],
    work: Work[Result],
    fail: Failure[Result],
    jobs: int,
    address: str = "",
) -> Iterator[Result]:
    """Do a piece of work on each of many projects.

    Args:
        projects: The projects' folders.
        work: What to do, by a project's folder and template.
        fail: What to return for a project where that cannot be done, by its folder
            and a sentence that says why.
        jobs: How many processes work at the same time.
        address: Where the template is now, if projects record another place.

    Yields:
        A result for each project, the first that is ready first.
    """
    with tempfile.TemporaryDirectory(prefix="twobus-") as name:
        folder = Path(name)
        templates: dict[str, Template | str] = {}
        ready: list[tuple[Path, Template]] = []
        for project in projects:
            found = _template(project, templates, folder, address)
            if isinstance(found, str):
                yield fail(project, found)
            else:
                ready.append((project, found))
        fetched = [one for one in templates.values() if isinstance(one, Template)]
        with processes(folder, fetched, min(jobs, len(ready))) as pool:
            futures: dict[Future[Result], Path] = {
                pool.submit(work, project, template): project
                for project, template in ready
            }
            for future in as_completed(futures):
                try:
                    yield future.result()
                except StopError as error:
                    yield fail(futures[future], str(error))
                # One project that nobody has thought of must not hide the others.
                except Exception as error:
                    yield fail(futures[future], _unforeseen(error))


def _template(
    project: Path, known: dict[str, Template | str], folder: Path, moved_to: str
) -> Template | str:
    """Return a project's template, fetched once, or why there is none."""
    try:
        recorded = answers(project)
    except StopError as error:
        return str(error)
    if missing := {"_src_path", "_commit"} - recorded.keys():
        return f"{ANSWERS} lacks {' and '.join(missing)}: take it from git again."
    address = moved_to or str(recorded["_src_path"])
    if address not in known:
        try:
            known[address] = fetch(address, folder / f"template-{len(known)}.git")
        except StopError as error:
            known[address] = str(error)
        except OSError as error:
            known[address] = _unforeseen(error)
    return known[address]


def _unforeseen(error: Exception) -> str:
    words = " ".join(str(error).split())
    return (
        "Something that twobus does not know is wrong with the project, the template "
        f"or twobus itself: {type(error).__name__} {words}"
    )


def processes(
    folder: Path, templates: list[Template], jobs: int = 1
) -> ProcessPoolExecutor:
    """Return processes that take templates from where they were fetched to."""
    return ProcessPoolExecutor(
        max_workers=max(1, jobs),
        mp_context=get_context("spawn"),
        initializer=_start,
        initargs=(folder, templates),
    )


@contextmanager
def ending_well() -> Iterator[None]:
    """Take away all that is begun, also by Copier, when the process is asked to end."""

    def end(*_: object) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _end_all()
        sys.exit(143)

    place = tempfile.mkdtemp(prefix="twobus-")
    elsewhere, tempfile.tempdir = tempfile.tempdir, place
    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        # Who asks now gets what was asked for.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        tempfile.tempdir = elsewhere
        shutil.rmtree(place, ignore_errors=True)
        signal.signal(signal.SIGTERM, before)


def _end_all() -> None:
    """End all processes that were begun, and wait until nothing writes any more."""
    # Takes as long to import as all that a small command does.
    import psutil

    known = {it.pid for it in active_children()}
    here = psutil.Process()
    # One that is only starting is not known yet.
    workers = [it for it in here.children() if it.pid in known or _runs_as(it, STARTS)]
    for worker in workers:
        # So that it begins nothing more.
        with suppress(psutil.Error):
            worker.suspend()
    others = [
        it
        for it in here.children(recursive=True)
        if it not in workers and not _runs_as(it, OUTLIVES)
    ]
    # A git that still writes fills folders that are taken away; it is soon done.
    for child in _left(others):
        with suppress(psutil.Error):
            child.terminate()
    _left(others)
    for worker in workers:
        with suppress(psutil.Error):
            worker.kill()


def _left(processes: "list[psutil.Process]") -> "list[psutil.Process]":
    """Return which processes still run after some time.

    Nothing is taken from whoever began them, and wants to know how they ended.
    """
    end = time.monotonic() + PARTING
    while left := [it for it in processes if _runs(it)]:
        if time.monotonic() > end:
            break
        time.sleep(0.02)
    return left


def _runs(process: "psutil.Process") -> bool:
    import psutil

    with suppress(psutil.Error):
        ended = process.status() == psutil.STATUS_ZOMBIE
        return process.is_running() and not ended
    return False


def _runs_as(child: "psutil.Process", word: str) -> bool:
    """Whether a word is in the command of a process."""
    import psutil

    with suppress(psutil.Error):
        return any(word in it for it in child.cmdline())
    return False


def _start(folder: Path, templates: list[Template]) -> None:
    """Prepare a process: its own cache, and git looks templates up on this machine.

    Processes that share Copier's cache break each other's work.
    """
    # Whoever has asked takes away what this leaves.
    tempfile.tempdir = str(folder)
    os.environ["COPIER_CACHE_DIR"] = str(folder / f"cache-{os.getpid()}")
    settings = [
        (f"url.{template.history}.insteadOf", address)
        for template in templates
        # Copier reads a folder as it is, and a folder's path may begin another's.
        if not Path(address := expand(template.address)).exists()
    ]
    os.environ |= configured(*settings)
