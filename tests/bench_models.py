"""Measure what serving a model costs: the second part of `uv run poe bench`."""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from statistics import median
from time import perf_counter

import at_work
from inside import inside
from modelled import NAME, server

from template import commit, render, run, snapshot
from twobus.data import source
from twobus.models import registry, tasks
from twobus.models.rows import conform, predict

ROUNDS = 5
WRK = ["wrk", "--threads", "1"]
# How many ask at a time, one row each.
CLIENTS = (1, 32)
NO_WRK = (
    "Load is not measured without wrk: `sudo apt-get install wrk`, or `brew install "
    "wrk` on macOS."
)
# What wrk sends, and what it tells at the end.
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [==[BODY]==]
function done(summary, latency, requests)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format(
    '\\n{"rate": %f, "p99": %f, "failed": %d}',
    summary.requests / summary.duration * 1e6, latency:percentile(99) / 1e3, failed
  ))
end
"""


def spread(values: list[float], digits: int = 2) -> str:
    """Return the smallest and the largest value."""
    return f"{min(values):.{digits}f} - {max(values):.{digits}f}"


def row(what: str, values: list[float], unit: str = "", digits: int = 2) -> str:
    """Return a line of a table: the median, and from where to where it went."""
    middle = f"{median(values):.{digits}f} {unit}".rstrip()
    return f"| {what} | {middle} | {spread(values, digits)} |"


def promoted(template: Path, project: Path) -> Path:
    """Make a project whose model is trained and promoted."""
    render(template, project, kind="model")
    (project / "uv.lock").touch()
    commit(project)
    with inside(project), redirect_stdout(sys.stderr):
        tasks.train([NAME])
        tasks.promote(NAME, 1)
    return project


def load(project: Path, work: Path) -> list[str]:
    """Send one row at a time to `poe serve`, and to a route that is made by hand."""
    script = work / "ask.lua"
    found: list[str] = []
    with (
        server(project, work) as served,
        server(project, work, at_work.serve_by_hand) as bare,
    ):
        (model,) = served.get("/models").json()
        body = json.dumps({"rows": [model["example"]]})
        script.write_text(SCRIPT.replace("BODY", body), "utf-8")
        places = (f"{served.url}/models/{NAME}/predict", f"{bare.url}/by-hand")

        def ask(place: str, clients: int, seconds: int) -> dict[str, float]:
            often = ["--connections", str(clients), "--duration", f"{seconds}s"]
            told = run(*WRK, *often, "--script", str(script), place, cwd=work).output
            answer: dict[str, float] = json.loads(told.splitlines()[-1])
            if answer["failed"]:
                raise SystemExit(f"Not each request was answered:\n{told}")
            return answer

        for clients in CLIENTS:
            for place in places:
                ask(place, clients, 1)
            # In turns, so that both meet the same moods of the machine.
            rounds = [[ask(it, clients, 3) for it in places] for _ in range(ROUNDS)]
            ours, theirs = zip(*rounds, strict=True)
            ratios = [one["rate"] / other["rate"] for one, other in rounds]
            who = f"{clients} client{'s' * (clients > 1)}"
            for what, told in (("poe serve", ours), ("by hand", theirs)):
                rates, tails = ([it[key] for it in told] for key in ("rate", "p99"))
                found.append(row(f"{who}, {what}, a second", rates, "requests", 0))
                found.append(row(f"{who}, {what}, p99", tails, "ms", 0))
            found.append(row(f"{who}, poe serve / by hand", ratios))
    return found


def overhead(project: Path) -> list[str]:
    """Compare the common code with calls of the fitted object, for 1,000 rows."""
    with inside(project):
        version = registry.fetch(NAME, 1)
        model, fitted = version.model, version.fitted
        table = source().read(model.table).to_pandas()
        frame = conform(table.sample(1000, replace=True, random_state=0), model)

        def common() -> None:
            predict(model, fitted, frame)

        def direct() -> None:
            features = model.features(frame)
            fitted.predict(features)
            fitted.predict_proba(features)

        # One after the other, so that both meet the same moods of the machine.
        rounds = [
            [(seconds(common), seconds(direct)) for _ in range(50)]
            for _ in range(ROUNDS)
        ]
    ours, theirs = (
        [median(pair[side] for pair in pairs) * 1000 for pairs in rounds]
        for side in (0, 1)
    )
    # Of each pair, which differs less than the two medians do where others work.
    ratios = [median(one / other for one, other in pairs) for pairs in rounds]
    return [
        row("1,000 rows by the common code", ours, "ms", 1),
        row("1,000 rows by the fitted object", theirs, "ms", 1),
        row("common code / fitted object", ratios),
    ]


def seconds(action: Callable[[], None]) -> float:
    """Return how long something takes."""
    start = perf_counter()
    action()
    return perf_counter() - start


def models(template: Path, work: Path) -> None:
    """Print both as a table."""
    project = promoted(template, work / "models")
    lines = overhead(project)
    if shutil.which("wrk"):
        lines += load(project, work)
    else:
        print(f"{NO_WRK}\n")
    print(f"| what | median of {ROUNDS} | from - to |")
    print("|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        models(snapshot(Path(name) / "twobus"), Path(name))
