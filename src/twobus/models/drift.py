"""Compare today's table with the rows that a model has learned from."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa

from twobus.data.checks.look import look
from twobus.data.checks.profile import from_json, to_json
from twobus.data.checks.task import run
from twobus.data.checks.verdict import Reference
from twobus.data.connection import in_memory
from twobus.models import declaration
from twobus.models.columns import PREDICTED
from twobus.models.declaration import Model, find
from twobus.tasks import task


@task
def data(
    names: list[str] | None = None,
    check: bool = False,
    show_values: bool = False,
    accept: bool = False,
) -> None:
    """Do what `poe data` does, and compare tables with what models learned from."""
    run(names or [], check, show_values, accept, lambda table: [*references(table)])


def training_profile(
    model: Model, rows: pd.DataFrame, schema: ibis.Schema
) -> dict[str, Any]:
    """Return what the rows look like that a model learns from, in values of JSON.

    Args:
        model: Its declaration. Only its inputs and its target are looked at.
        rows: The rows.
        schema: The types of their table.
    """
    # Lags are the target once more.
    columns = [it for it in [*model.inputs, model.target] if it in schema]
    types = ibis.schema({name: schema[name] for name in columns}).to_pyarrow()
    given = pa.Table.from_pandas(rows[columns], schema=types, preserve_index=False)
    table = in_memory().create_table("training", given)
    today = look(table, model.contract, datetime.now(UTC), "training")
    keys = len(rows[[*model.key]].drop_duplicates()) if model.key else len(rows)
    return to_json(replace(today.profile, keys=keys))


def predicted_profile(model: Model, predicted: pd.DataFrame) -> dict[str, Any]:
    """Return what predictions look like, by the names that a log has for them.

    Args:
        model: The declaration.
        predicted: What `rows.predict` gives, for the rows held out.
    """
    given = pa.Table.from_pandas(predicted.add_prefix(PREDICTED), preserve_index=False)
    table = in_memory().create_table("predicted", given)
    contract = SimpleNamespace(columns=predicted_columns(model))
    return to_json(look(table, contract, datetime.now(UTC), "held out").profile)


def predicted_columns(model: Model) -> dict[str, Any]:
    """Return what a contract says of a prediction, by the name that a log has."""
    checks = model.contract.columns[model.target].checks
    # A prediction may come twice where the truth may not.
    return {f"{PREDICTED}{model.target}": SimpleNamespace(unique=False, checks=checks)}


def references(table: str) -> Iterator[Reference]:
    """Yield what each model has learned from that uses a table.

    It is of the champion, or of the newest version where none is promoted.
    """
    from twobus.models import registry

    for name in declaration.names():
        model = find(name)
        known = registry.versions(name) if model.table == table else []
        if not known:
            continue
        champion = registry.champion(name)
        number = champion or known[0]
        which = f"version {number} of {name} learned{' (champion)' * bool(champion)}"
        with registry.opened(name, number) as files:
            file = files / "profile.json"
            kept = file.read_text("utf-8") if file.exists() else ""
        if not kept:
            print(f"Version {number} of {name} has no profile: train again to compare.")
            continue
        yield Reference(
            label=which,
            profile=from_json(kept),
            remedy=f"train again by uv run poe train {name}",
            part=True,
            known=model.target,
        )
