"""The rows of a table that is to be predicted, and which of them break a rule."""

import ibis
import pandas as pd

from twobus.data import source
from twobus.data.contracts import rules, schema_breaches
from twobus.data.formats.parts import UNREADABLE
from twobus.models.columns import described, restored
from twobus.models.declaration import Model, ModelError
from twobus.models.series import known

# Columns that tell whether a row breaks a rule, by its number.
BROKEN = "__broken_of_twobus_"
MISSING = " is missing"


def asked_of(model: Model, table: str) -> tuple[ibis.Table, list[str]]:
    """Return what is read of a table, and the rules that its last columns are about.

    Args:
        model: The declaration.
        table: The table's name.

    Raises:
        ModelError: If it lacks an input, or has one of another type.
    """
    # The rules of requests: those of inputs that can be told of a row alone.
    said = described(model.contract)
    inputs = [name for name in model.inputs if name in said]
    time = [model.time] if model.time else []
    shown = dict.fromkeys([*model.key, *model.series, *time, *inputs])
    # What cannot be read of other columns costs no row.
    whole = source().whole(table, [*shown])
    asked = {name: said[name] for name in inputs}
    if model.lags:
        # Without these nobody knows what was before.
        asked |= {name: said[name] for name in (*model.series, *model.key)}
        asked[str(model.time)] = {**said[str(model.time)], "nullable": False}
    allowed = restored(asked)
    known = [name for name in asked if name in whole.columns]
    # Lags may be all that it learns from, and no table is without columns.
    seen = whole.select(known or whole.columns[:1])
    if wrong := schema_breaches(seen, allowed):
        raise ModelError(
            f"The table {table!r} cannot be predicted like {model.table!r}: "
            f"{'; '.join(wrong)}. Correct its contract: with the same types, rows that "
            "cannot be read by them are set aside."
        )
    broken = {it.phrase: it.broken for it in rules(whole, allowed)}
    for name in inputs:
        if whole[name].type().is_floating():
            broken[f"{name} is not finite"] = whole[name].isinf()
    flags = {
        f"{BROKEN}{at}": it.fill_null(False)
        for at, it in enumerate(broken.values())
        if it is not None
    }
    columns = [it for it in (*shown, UNREADABLE) if it in whole.columns]
    return whole.select(*columns, **flags), [*broken]


def past(model: Model) -> pd.DataFrame | None:
    """Return what is known of each series, of which lags are computed; None without.

    Args:
        model: The declaration.
    """
    if not model.lags:
        return None
    columns = dict.fromkeys([*model.series, *model.key, str(model.time), model.target])
    rows = source().whole(model.table).select(*columns)
    # What the contract does not allow is not known, as it is not in training.
    allowed = restored({model.target: described(model.contract)[model.target]})
    broken = [it.broken for it in rules(rows, allowed) if it.broken is not None]
    if rows[model.target].type().is_floating():
        broken.append(rows[model.target].isinf())
    odd = ibis.or_(ibis.literal(False), *(it.fill_null(False) for it in broken))
    value = odd.ifelse(ibis.null(), rows[model.target])
    return known(model, rows.mutate(**{model.target: value}).to_pandas())


def wrong(part: pd.DataFrame, asked: list[str]) -> dict[int, list[str]]:
    """Return what is wrong with rows, by their positions.

    Args:
        part: Rows of what `asked_of` returns.
        asked: The rules.
    """
    found: dict[int, list[str]] = {}
    if UNREADABLE in part:
        odd = part[UNREADABLE].fillna("")
        found = {row: [told] for row, told in odd[odd != ""].items()}
    for at, phrase in enumerate(asked):
        flag = f"{BROKEN}{at}"
        for row in part.index[part[flag]] if flag in part else ():
            known = found.setdefault(row, [])
            # What cannot be read is missing for that.
            unread = f"{phrase.removesuffix(MISSING)} must be "
            if not (phrase.endswith(MISSING) and unread in "".join(known)):
                known.append(phrase)
    return found
