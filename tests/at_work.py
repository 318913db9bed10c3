"""What processes of tests do, which may be killed: see `modelled.start`.

Whatever they replace is theirs alone, and goes with them.
"""

import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd
from fastapi import FastAPI
from markdown_it import MarkdownIt

from twobus.models import (
    guard,
    registry,
    rows,
    served,
    serving,
    store,
    tasks,
    together,
    training,
)

HARM = "<img src=x onerror=document.title='harm'><script>document.title='harm'</script>"
# Where training is killed: before the files, between two of them, before the version.
MOMENTS: dict[str, tuple[Callable[[], Any], str]] = {
    "while the files are written": (lambda: registry, "seal"),
    "before the run is made": (lambda: store, "experiment"),
    "before the files are copied": (lambda: store.client(), "log_artifacts"),
    "while metrics are written": (lambda: store.client(), "log_batch"),
    "before the model is made": (
        lambda: store.client(),
        "create_registered_model",
    ),
    "before the version is made": (lambda: store.client(), "create_model_version"),
}


def put(owner: object, **functions: Any) -> None:
    """Replace functions of a module or an object."""
    for name, function in functions.items():
        setattr(owner, name, function)


def train(name: str) -> None:
    """Train a model quickly."""
    put(training, render=lambda *given: "<p>card</p>")
    tasks.train([name])


def train_until(moment: str, name: str) -> None:
    """Train a model, and be killed."""
    owner, function = MOMENTS[moment]
    put(owner(), **{function: killed})
    train(name)


def promote_until_killed(name: str, number: int) -> None:
    """Promote a version, and be killed between the two things that this writes."""
    put(store.client(), set_registered_model_tag=killed)
    tasks.promote(name, number)


def killed(*given: Any, **named: Any) -> NoReturn:
    """Kill this process."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("It lives.")


def train_on_a_full_disk(name: str) -> None:
    """Train while no file may become larger than a card is."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    copy = store.client().log_artifacts

    def full(*given: Any, **named: Any) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
        copy(*given, **named)

    put(store.client(), log_artifacts=full)
    try:
        train(name)
    finally:
        endless = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.setrlimit(resource.RLIMIT_FSIZE, endless)


def train_slowly(name: str) -> None:
    """Train for as long as anybody will wait, and say when that begins."""

    def fit(*given: Any) -> NoReturn:
        print("fitting for ever", flush=True)
        time.sleep(60)
        raise AssertionError("Nobody stopped it.")

    put(training, fit=fit)
    train(name)


def train_and_tell_of_connections(name: str, number: int) -> None:
    """Train and promote on a computer without a network; print who was asked."""

    def refuse(_: socket.socket, address: object) -> NoReturn:
        print("told", address)
        raise OSError("no network here")

    def ask(host: object, *given: Any, **named: Any) -> NoReturn:
        print("told", host)
        raise OSError("no network here")

    put(socket.socket, connect=refuse, connect_ex=refuse)
    put(socket, getaddrinfo=ask)
    train(name)
    tasks.promote(name, number)
    time.sleep(1)


def train_by_mlflow_at(folder: str, name: str) -> None:
    """Train as if MLflow were installed in another folder."""
    here = Path(str(import_module("mlflow").__file__)).parent
    for module in [it for it in sys.modules if it.partition(".")[0] == "mlflow"]:
        del sys.modules[module]
    (Path(folder) / "mlflow").symlink_to(here)
    sys.path.insert(0, folder)
    train(name)
    print("MLflow is at", import_module("mlflow").__file__)


def serve_without_rights() -> None:
    """Serve at a port that only the system's owner may have."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        serving.serve(port=80)
    finally:
        os.seteuid(user)


def serve_slowly(port: int) -> None:
    """Serve predictions that take their time."""

    def slow(*given: Any) -> Any:
        time.sleep(2)
        return rows.predict_at_once(*given)

    put(together, predict_at_once=slow)
    serving.serve(port)


def serve_logged(port: int) -> None:
    """Serve, and log what is predicted."""
    os.environ["PREDICTION_LOG"] = "kept 50% é"
    serving.serve(port)


def serve_by_hand(port: int) -> None:
    """Serve a model as people do by hand: neither checks, nor a log, nor batches."""
    version = registry.fetch("penguin_sex", 1)
    features, fitted = version.model.features, version.fitted
    bare = FastAPI()

    @bare.post("/by-hand")
    def predicted(body: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        given = features(pd.DataFrame(body["rows"]))
        return {
            "predictions": fitted.predict(given).tolist(),
            "probability": fitted.predict_proba(given).tolist(),
        }

    put(serving, make_app=lambda *given: bare)
    serving.serve(port)


def serve_harmful(port: int) -> None:
    """Serve a model whose texts are all out to do harm."""

    def harmful(name: str, number: int) -> registry.Version:
        version = registry.fetch(name, number)
        score = replace(version.scores[0], rows=HARM, metric=HARM)
        column = version.model.contract.columns["bill_length_mm"]
        column.title = column.description = HARM
        facts = {**version.facts, "sources": [HARM], "commit": HARM, "trained": HARM}
        text = MarkdownIt("commonmark", {"html": False}).render(HARM)
        # As if a card had let it through.
        page = f"<!doctype html><title>card</title>{text}{HARM}"
        return replace(version, scores=[score], facts=facts, card=page)

    put(served, fetch=harmful, faults=lambda version: [])
    serving.serve(port)


def hasty(port: int) -> None:
    """Serve with little patience, and little room."""
    guard.HEAD = guard.ANSWER = 0.5
    guard.BODY = 2
    guard.MOST_CONNECTIONS = 40
    guard.MOST_BYTES_OF_ALL = 2**20
    listen = socket.create_server

    def narrow(*words: Any, **options: Any) -> socket.socket:
        # Else the system takes a whole answer, and nobody waits.
        made = listen(*words, **options)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8_192)
        return made

    put(socket, create_server=narrow)
    serving.serve(port)
