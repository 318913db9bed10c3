"""Measure what serving a model costs: the second part of `uv run poe bench`."""

import json
import shutil
import tempfile
from pathlib import Path
from statistics import median

from modelled import nursery, server

from template import poe, render, run, snapshot

ROUNDS = 5
NAME = "penguin_sex"
# One thread asks over four connections: more than one at a time, less than a crowd.
WRK = ["wrk", "--threads", "1", "--connections", "4"]
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
# In the place of our application, so that uvicorn is started in the same way.
BARE = """
from fastapi import FastAPI
bare = FastAPI()

@bare.post("/constant")
async def constant():
    return {"predictions": [{"sex": "male"}]}

serving.make_app = lambda: bare
"""
# One after the other, so that both meet the same moods of the machine.
OVERHEAD = """
import json
from statistics import median
from time import perf_counter
from PACKAGE.data import read
from PACKAGE.twobus.modelling import registry
from PACKAGE.twobus.modelling.rows import conform, predict

version = registry.fetch("NAME", 1)
model, fitted = version.model, version.fitted
table = read(model.table).to_pandas()
frame = conform(table.sample(1000, replace=True, random_state=0), model)

def common():
    predict(model, fitted, frame)

def direct():
    features = model.features(frame)
    fitted.predict(features)
    fitted.predict_proba(features)

def seconds(action):
    start = perf_counter()
    action()
    return perf_counter() - start

found = []
for _ in range(ROUNDS):
    pairs = [(seconds(common), seconds(direct)) for _ in range(50)]
    ours, theirs = (median(times) * 1000 for times in zip(*pairs))
    # Of each pair, which differs less than the two medians do where others work.
    found.append((ours, theirs, median(one / other for one, other in pairs)))
print(json.dumps(found))
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
    for words in (["setup"], ["train"], ["promote", NAME, "1"]):
        result = poe(project, *words, UV_OFFLINE="1")
        if result.code:
            raise SystemExit(f"poe {' '.join(words)} failed:\n{result.output}")
    return project


def load(project: Path, work: Path) -> list[str]:
    """Send one row at a time to the model, and to a route that does nothing."""
    script = work / "ask.lua"
    # Those that were asked in each round: the rate, and the latency of 99 %.
    rates: dict[str, list[float]] = {"model": [], "constant": []}
    tails: dict[str, list[float]] = {"model": [], "constant": []}
    with (
        nursery(project, work / "outputs") as made,
        server(made) as served,
        server(made, BARE) as bare,
    ):
        (model,) = served.get("/models").json()
        body = json.dumps({"rows": [model["example"]]})
        script.write_text(SCRIPT.replace("BODY", body), "utf-8")
        places = {
            "model": f"{served.url}/models/{NAME}/predict",
            "constant": f"{bare.url}/constant",
        }

        def ask(which: str, seconds: int) -> dict[str, float]:
            words = [*WRK, "--duration", f"{seconds}s", "--script", str(script)]
            told = run(*words, places[which], cwd=work).output
            found: dict[str, float] = json.loads(told.splitlines()[-1])
            if found["failed"]:
                raise SystemExit(f"The {which} did not answer each time:\n{told}")
            return found

        for which in places:
            ask(which, 1)
        for _ in range(ROUNDS):
            for which in places:
                found = ask(which, 4)
                rates[which].append(found["rate"])
                tails[which].append(found["p99"])
    ratios = [
        constant / ours
        for constant, ours in zip(rates["constant"], rates["model"], strict=True)
    ]
    return [
        row("one row to a model, a second", rates["model"], "requests", 0),
        row(
            "a constant, a second",
            rates["constant"],
            "requests",
            0,
        ),
        row("constant / model", ratios, digits=1),
        row("one row to a model, p99", tails["model"], "ms", 1),
        row("a constant, p99", tails["constant"], "ms", 1),
    ]


def overhead(project: Path) -> list[str]:
    """Compare the common code with calls of the fitted object, for 1,000 rows."""
    package = next(project.glob("src/*/twobus")).parent.name
    code = OVERHEAD.replace("PACKAGE", package).replace("NAME", NAME)
    code = code.replace("ROUNDS", str(ROUNDS))
    result = run("uv", "run", "--offline", "python", "-c", code, cwd=project)
    if result.code:
        raise SystemExit(result.output)
    common, direct, ratios = zip(*json.loads(result.output), strict=True)
    return [
        row("1,000 rows by the common code", [*common], "ms", 1),
        row("1,000 rows by the fitted object", [*direct], "ms", 1),
        row("common code / fitted object", [*ratios]),
    ]


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
