"""Measure what people wait for: `uv run poe bench`. How to read it: docs/bench.md."""

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from bench_files import files
from bench_library import libraries
from bench_models import models, spread
from bench_training import training

from template import git, run, snapshot

ROUNDS = 5


def seconds(action: Callable[[], object]) -> float:
    """Return how long an action took."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def must(*words: str, cwd: Path) -> None:
    """Run a command that must succeed, without waiting for an index."""
    result = run(*words, cwd=cwd, UV_OFFLINE="1")
    if result.code:
        raise SystemExit(f"{' '.join(words)} failed:\n{result.output}")


def copy(template: Path, target: Path) -> float:
    """Time one `copier copy` on the command line."""
    words = [sys.executable, "-m", "copier", "copy", "--defaults", "--quiet"]
    return seconds(lambda: must(*words, str(template), str(target), cwd=target.parent))


def empty_template(folder: Path) -> Path:
    """Make a template that asks nothing and holds nothing."""
    folder.mkdir()
    (folder / "copier.yml").write_text("_subdirectory: template\n", "utf-8")
    (folder / "template").mkdir()
    (folder / "template" / "empty").touch()
    git("init", "--quiet", cwd=folder)
    git("add", "--all", cwd=folder)
    git("commit", "--quiet", "--message", "Empty", cwd=folder)
    git("tag", "--annotate", "v1000.0.0", "--message", "Empty", cwd=folder)
    return folder


def life(template: Path, project: Path) -> dict[str, float]:
    """Time a project's first minutes: nothing is there but uv's package cache."""
    copy(template, project)
    shutil.rmtree(project / ".venv", ignore_errors=True)

    def task(*names: str) -> float:
        return sum(
            seconds(partial(must, "uv", "run", "poe", name, cwd=project))
            for name in names
        )

    first, again = task("setup", "test"), task("setup", "test")
    task("check")
    update = [sys.executable, "-m", "copier", "update", "--defaults", "--quiet"]
    return {
        "setup + test, first": first,
        "setup + test, again": again,
        "check, warm": task("check"),
        "update, nothing new": seconds(lambda: must(*update, cwd=project)),
    }


def main() -> None:
    """Print the medians as tables, and how busy the machine was."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        template, empty = snapshot(work / "twobus"), empty_template(work / "empty")
        ratios = []
        times: dict[str, list[float]] = {}
        for number in range(ROUNDS):
            nothing = copy(empty, work / f"nothing-{number}")
            full = copy(template, work / f"copy-{number}")
            ratios.append(full / nothing)
            times.setdefault("copy", []).append(full)
            project = work / f"project-{number}"
            for what, value in life(template, project).items():
                times.setdefault(what, []).append(value)
            shutil.rmtree(project)
        table(ratios, times)
        print()
        models(template, work)
        print()
        training(template, work)
        print()
        libraries(template, work)
        print()
        files(template, work)
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"\n{os.cpu_count()} cores, load {load:.1f} at the end.")


def table(ratios: list[float], times: dict[str, list[float]]) -> None:
    """Print the medians of a project's first minutes."""
    print(f"| what | median of {ROUNDS} | from - to |")
    print("|---|---|---|")
    print(f"| copy / empty template | {median(ratios):.2f} | {spread(ratios)} |")
    for what, values in times.items():
        print(f"| {what} | {median(values):.1f} s | {spread(values)} |")


if __name__ == "__main__":
    main()
