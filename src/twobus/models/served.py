"""Which versions a server has, and what it tells of them."""

import json
from collections.abc import Mapping
from typing import Any

import pandas as pd

from twobus.models.answers import log
from twobus.models.declaration import ModelError, explain, find, names
from twobus.models.gate import faults
from twobus.models.registry import Version, champion, fetch
from twobus.models.schema import row_type
from twobus.models.store import readable

# The versions by their models' names; where there is none to be had, why.
Served = Mapping[str, Version | str]


def load() -> Served:
    """Load every promoted version.

    A model that cannot be used is not served, and says why; the others are.

    Raises:
        ModelError: If the registry cannot be read.
    """
    readable()
    served = {name: _load(name) for name in names()}
    if not any(isinstance(version, Version) for version in served.values()):
        log("no version can answer yet: uv run poe train, then promote")
    return served


def describe(name: str, version: Version | str) -> dict[str, Any]:
    """Return what a server tells of a model."""
    if isinstance(version, str):
        return {"name": name, "version": None, "problem": version}
    row = row_type(name, version.model, version.example)
    return {
        "name": name,
        "version": version.number,
        "target": version.model.target,
        "example": version.example,
        "row": row.model_json_schema(),
        # JSON has no NaN, and pandas writes null for it.
        "scores": json.loads(pd.DataFrame(version.scores).to_json(orient="records")),
        "facts": version.facts,
    }


def unready(served: Served) -> str:
    """Return why not every model that has a promoted version answers; empty: all do."""
    whys = {name: it for name, it in served.items() if isinstance(it, str)}
    wrong = [why for name, why in whys.items() if why != unpromoted(name)]
    if wrong or len(whys) == len(served):
        return " ".join(wrong) or "No version is promoted yet."
    return ""


def unknown(name: str) -> str:
    """Say that there is no such model."""
    return f"There is no model {name[:100]!r}."


def unpromoted(name: str) -> str:
    """Say that a model has no version that serves."""
    return f"No version of {name} is promoted yet."


def _load(name: str) -> Version | str:
    """Return the promoted version or, where there is none to be had, why."""
    try:
        if (number := champion(name)) is None:
            log("not promoted", model=name)
            return unpromoted(name)
        version = fetch(name, number)
        if reasons := faults(version):
            # Somebody has set the alias in the registry itself.
            told = f"Version {number} of {name} must not serve. {' '.join(reasons)}"
            raise ModelError(told)
        # What can be shown now can be shown to whoever asks for all models.
        describe(name, version)
    except (Exception, SystemExit) as error:
        # Whatever is wrong with one model, the others serve.
        ours = isinstance(error, ModelError)
        told = str(error) if ours else f"{name} cannot be used: {explain(error)}"
        problem = _wrong_today(name) or told
        log("cannot be used", model=name, problem=problem)
        return problem
    log("loaded", model=name, version=number)
    return version


def _wrong_today(name: str) -> str:
    """Return what is wrong with a model's module, if it is."""
    try:
        find(name)
    except (ModelError, SystemExit) as error:
        return str(error) if isinstance(error, ModelError) else explain(error)
    return ""
