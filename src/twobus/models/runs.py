"""What MLflow's own pages show of a training."""

import getpass
import json
import os
import platform
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twobus import git
from twobus.models import store
from twobus.models.anywhere import again
from twobus.models.declaration import Model, explain
from twobus.models.scores import Score
from twobus.project import StopError, here

# MLflow's limits: of one call, of the values of a parameter and a tag, and of
# characters in names.
AT_ONCE = 100
LONGEST = 500
LONGEST_TAG = 5_000
STRANGE = re.compile(r"[^\w .-]")
# Where CI says which of its runs this is.
CI_RUN = ("CI_JOB_URL", "GITHUB_RUN_ID")


@dataclass(frozen=True)
class Finished:
    """A finished training.

    Attributes:
        fitted: The fitted estimator.
        facts: What it was made from: see `facts.Facts`.
        scores: What it is worth.
        golden: Rows as in a request, and what was predicted for them.
        card: Its card, a page of HTML.
        profile: What the rows look like that it has learned from, if that is known.
        outputs: What its predictions look like for rows held out, if that is known.
        held_out: Which keys it was judged by and has learned: see `holdout.described`.
        seconds: How long each step took.
    """

    fitted: Any
    facts: Mapping[str, Any]
    scores: Sequence[Score]
    golden: Mapping[str, Any]
    card: str
    profile: Mapping[str, Any] | None
    outputs: Mapping[str, Any] | None
    held_out: Mapping[str, Any]
    seconds: Mapping[str, float]


@dataclass(frozen=True)
class Written:
    """A training as MLflow keeps it.

    Attributes:
        run: The number of the run.
        files: The address of the version's files.
    """

    run: str
    files: str


def write(name: str, model: Model, made: Finished, files: Path) -> Written:
    """Write a training down as a run: parameters, scores, data, who and from where.

    Args:
        name: The model's name.
        model: Its declaration.
        made: The training.
        files: The version's files.
    """
    began = int((time.time() - sum(made.seconds.values())) * 1000)
    kept = store.client()
    run = kept.create_run(again(store.experiment), start_time=began, run_name=name).info
    kept.log_artifacts(run.run_id, str(files), "version")
    try:
        _describe(run.run_id, model, made)
    except Exception as error:  # Nobody may lose a fitted model for it.
        print(f"{name}: MLflow shows less of it ({explain(error)})", file=sys.stderr)
    kept.set_terminated(run.run_id)
    return Written(run.run_id, f"{run.artifact_uri}/version")


def _describe(run: str, model: Model, made: Finished) -> None:
    from mlflow.entities import Metric, Param, RunTag

    facts = made.facts
    stamp = int(time.time() * 1000)
    values = {f"{it.metric}: {it.rows}": it.value for it in made.scores}
    values |= {f"seconds: {step}": value for step, value in made.seconds.items()}
    metrics = [Metric(_name(key), it, stamp, 0) for key, it in values.items()]
    params = [Param(_name(key), it) for key, it in _parameters(model, facts)]
    told = {**facts, **_origin(facts)}
    tags = [RunTag(key, str(it)[:LONGEST_TAG]) for key, it in told.items()]
    for start in range(0, max(len(metrics), len(params), len(tags)), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        store.client().log_batch(run, metrics[part], params[part], tags[part])
    store.client().log_inputs(run, [_dataset(model, facts)])


def _parameters(model: Model, facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what people compare runs by: the declaration, and the estimator's settings.

    Settings that are objects, such as the steps of a pipeline, are in the fact
    `estimator`.
    """
    yield "seed", str(facts["seed"])
    yield "estimator", type(model.estimator).__name__
    for part in ("table", "target", "inputs", "key", "time", "gap", "season"):
        if value := getattr(model, part):
            several = isinstance(value, list | tuple)
            yield part, (", ".join(value) if several else str(value))[:LONGEST]
    estimator: Any = model.estimator
    for setting, value in sorted(estimator.get_params().items()):
        if value is None or isinstance(value, str | int | float):
            yield f"estimator.{setting}", str(value)[:LONGEST]


def _origin(facts: Mapping[str, Any]) -> dict[str, str]:
    """Return who trained, and from where, by MLflow's names of them."""
    found = {
        "mlflow.user": _who(),
        "mlflow.source.name": f"poe train, in {here().root.name}",
        "mlflow.source.type": "PROJECT",
        "mlflow.source.git.commit": str(facts["commit"]),
        "computer": platform.node(),
    }
    for name in CI_RUN:
        if os.environ.get(name):
            found["CI run"] = os.environ[name]
    return {name: value for name, value in found.items() if value}


def _who() -> str:
    try:
        if found := git.git("config", "user.name", cwd=here().root).strip():
            return found
    except StopError:
        # Git knows nobody here, as in CI.
        pass
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""


def _dataset(model: Model, facts: Mapping[str, Any]) -> Any:
    """Return the table that it has learned from, as MLflow describes data sets."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    columns = [
        {"name": name, "type": str(it.dtype.type), "required": not it.nullable}
        for name, it in model.contract.columns.items()
    ]
    rows = facts["training_rows"] + facts["held_out_rows"]
    return DatasetInput(
        Dataset(
            name=model.table,
            digest=facts["fingerprint"],
            source_type="twobus",
            source=json.dumps({"sources": facts["sources"]}),
            schema=json.dumps({"mlflow_colspec": columns}),
            profile=json.dumps({"num_rows": rows}),
        ),
        [InputTag("mlflow.data.context", "training")],
    )


def _name(text: str) -> str:
    return STRANGE.sub(":", text)
