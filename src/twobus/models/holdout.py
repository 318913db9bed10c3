"""Which keys a version was judged by, so that the next one is not taught them."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from twobus.models.declaration import Model
from twobus.models.keys import FORM
from twobus.models.split import Split, identity

FILE = "holdout.json"
# Of more keys, those with the largest hashes are kept: they tell as much.
MOST = 100_000


def described(model: Model, parts: Split) -> dict[str, Any]:
    """Return which keys are held out, in values of JSON.

    Args:
        model: The declaration.
        parts: The rows.
    """
    keys = parts.held_out["_key"].drop_duplicates().nlargest(MOST)
    return {"form": FORM, "by": identity(model), "keys": [f"{it:016x}" for it in keys]}


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
    keys = parts.training["_key"].drop_duplicates()
    learned = {f"{it:016x}" for it in keys} & {*before["keys"]}
    if learned:
        said.append(
            f"{len(learned)} keys that the version before was judged by are learned "
            "from now: its score and the new one cannot be compared"
        )
    return said


def _missing(model: Model, parts: Split) -> int:
    if not model.key:
        return 0
    rows = pd.concat([parts.training, parts.held_out])
    return int(rows[[*model.key]].isna().any(axis="columns").sum())
