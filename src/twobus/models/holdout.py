"""Which keys a version was judged by, and which it has learned from.

The next version is not taught the former; in use, scores of the latter say less.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from twobus.models.declaration import Model
from twobus.models.keys import FORM
from twobus.models.split import Split, identity

FILE = "holdout.json"
# Of more keys, those with the largest hashes are kept: they tell as much.
MOST = 100_000


def described(model: Model, parts: Split, learned: pd.DataFrame) -> dict[str, Any]:
    """Return which keys are held out and learned from, in values of JSON.

    Args:
        model: The declaration.
        parts: The rows.
        learned: What the version has learned from: the training part, or all rows.
    """
    return {
        "form": FORM,
        "by": identity(model),
        "keys": _largest(parts.held_out),
        "learned": _largest(learned),
    }


def _largest(rows: pd.DataFrame) -> list[str]:
    keys = rows["_key"].drop_duplicates().nlargest(MOST)
    return [f"{it:016x}" for it in keys]


def _numbers(keys: Sequence[str]) -> Any:
    return np.array([int(it, 16) for it in keys], dtype="uint64")


@dataclass(frozen=True)
class Learned:
    """How many rows are of keys that a version has learned from.

    Attributes:
        rows: How many rows were looked at.
        told: Of how many of these the version knows it: all, unless it had many keys.
        learned: How many of those are of such keys.
    """

    rows: int = 0
    told: int = 0
    learned: int = 0

    def __add__(self, other: "Learned") -> "Learned":
        """Return both together."""
        return Learned(
            self.rows + other.rows, self.told + other.told, self.learned + other.learned
        )

    @property
    def estimate(self) -> int:
        """How many of all rows that is: a key's hash has nothing to do with its use."""
        return round(self.rows * self.learned / self.told) if self.told else 0


def learned_from(model: Model, kept: Mapping[str, Any], keys: pd.Series) -> Learned:
    """Count rows of keys that a version has learned from.

    Args:
        model: The declaration.
        kept: What `described` said of the version.
        keys: The key of each row, as `keys.hashed` gives it.
    """
    learned = _numbers(kept.get("learned", []))
    if not len(learned) or (kept["form"], kept["by"]) != (FORM, [*model.key]):
        return Learned()
    # Of smaller ones nobody knows.
    told = keys[keys >= learned.min()] if len(learned) >= MOST else keys
    return Learned(len(keys), len(told), int(told.isin(learned).sum()))


def advice(model: Model, parts: Split, before: Mapping[str, Any] | None) -> list[str]:
    """Say what is worth knowing of a hold-out before scores are compared.

    Args:
        model: The declaration.
        parts: The rows.
        before: What `described` said of the version before; empty where that is older
            than this, None where there is no version.

    Returns:
        Sentences, often none.
    """
    said = []
    if not model.key and not model.time:
        said.append(
            "no key is declared, so a row that changes may move between training and "
            'hold-out: name the columns that say whose row it is, such as key="id"'
        )
    if missing := _missing(model, parts):
        said.append(f"{missing} rows have no {' and '.join(model.key)}: they are one")
    if before is None or model.time:
        # The newest rows are held out each time.
        return said
    if (before.get("form"), before.get("by")) != (FORM, identity(model)):
        said.append(
            "the hold-out is drawn in another way than for the version before: its "
            "scores and the new ones are of different rows"
        )
        return said
    keys = parts.training["_key"]
    if learned := keys[keys.isin(_numbers(before["keys"]))].nunique():
        said.append(
            f"{learned} keys that the version before was judged by are learned "
            "from now: its score and the new one cannot be compared"
        )
    return said


def _missing(model: Model, parts: Split) -> int:
    if not model.key:
        return 0
    both = (part[[*model.key]] for part in (parts.training, parts.held_out))
    return sum(int(it.isna().any(axis="columns").sum()) for it in both)
