"""What a version was made from."""

import hashlib
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pandas as pd

from twobus import git
from twobus.data import digest, source
from twobus.models.declaration import Model
from twobus.models.fitting import seeded, threshold
from twobus.models.split import Split
from twobus.project import here


@dataclass(frozen=True)
class Facts:
    """What a version was made from: enough to make it again.

    Attributes:
        trained: When, in UTC.
        seed: What every random choice follows from.
        table: The table.
        sources: Its files with the start of their hashes, or its database.
        samples: Whether these were only the samples.
        fingerprint: The start of a hash of the rows, in whatever order they came.
        training_rows: How many rows it has learned from.
        held_out_rows: How many rows it was judged by.
        commit: The commit of the code; empty where there is none.
        dirty: Whether the code had changes that are not in that commit.
        lock: The start of the hash of `uv.lock`; empty where there is none.
        python: The version of Python.
        packages: The versions of packages that decide on predictions.
        estimator: The estimator with the settings that are not scikit-learn's own.
        refitted: Whether it has learned from the rows that it was judged by as well,
            once that was done.
        threshold: The probability from which on it decides for the positive class;
            None where nobody has chosen one.
    """

    trained: str
    seed: int
    table: str
    sources: list[str]
    samples: bool
    fingerprint: str
    training_rows: int
    held_out_rows: int
    commit: str
    dirty: bool
    lock: str
    python: str
    packages: list[str]
    estimator: str
    refitted: bool
    threshold: float | None


def gather(model: Model, fitted: Any, parts: Split, seed: int) -> Facts:
    """Return the facts of a training that ends now."""
    rows = pd.concat([parts.training["_row"], parts.held_out["_row"]])
    content = rows.sort_values().to_numpy().tobytes()
    packages = ("scikit-learn", "numpy", "pandas")
    commit, dirty = git.head(here().root)
    lock = here().root / "uv.lock"
    return Facts(
        trained=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=seed,
        table=model.table,
        sources=source().provenance(model.table),
        samples=source().on_samples(),
        fingerprint=hashlib.sha256(content).hexdigest()[:12],
        training_rows=len(parts.training),
        held_out_rows=len(parts.held_out),
        commit=commit,
        dirty=dirty,
        lock=digest(lock) if lock.exists() else "",
        python=platform.python_version(),
        packages=[f"{name} {version(name)}" for name in packages],
        estimator=" ".join(repr(seeded(model, seed)).split()),
        refitted=model.refit,
        threshold=threshold(fitted),
    )
