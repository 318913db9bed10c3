"""How notebooks end before their time: at a limit, or with all others."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Timer

from twobus.project import StopError, here

# Samples are small: what takes longer hangs, or is for reports.
LIMIT = 600
# Whether all are to end, and how each that runs is ended.
stopped = Event()
running: list[Callable[[], None]] = []


def limit() -> float:
    """Return how many seconds a notebook of a check may take.

    Raises:
        StopError: If the project's settings name no such number.
    """
    settings = here().settings.get("notebooks", {})
    said = settings.get("timeout", LIMIT) if isinstance(settings, dict) else settings
    if isinstance(said, bool) or not isinstance(said, int | float) or said <= 0:
        raise StopError(
            f"[tool.twobus.notebooks] says timeout = {said!r}: write seconds, such as "
            f"timeout = {LIMIT}."
        )
    return float(said)


def not_finished(seconds: float) -> str:
    """Return what is said of a notebook that took longer."""
    return (
        f"not finished after {seconds:g} s: give a cell the tag slow, so that only "
        "reports run it, or raise timeout in [tool.twobus.notebooks]"
    )


@contextmanager
def endable(end: Callable[[], None], seconds: float | None) -> Iterator[Event]:
    """Have a notebook end at its limit, or when all are to end.

    Args:
        end: Ends it.
        seconds: The limit, if there is one.

    Yields:
        What is set at the limit.
    """
    late = Event()

    def too_late() -> None:
        late.set()
        end()

    timer = Timer(seconds or 0, too_late)
    timer.daemon = True
    running.append(end)
    if seconds:
        timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        running.remove(end)


def end_all() -> None:
    """End all notebooks that run in this process, at once."""
    stopped.set()
    for end in [*running]:
        end()
