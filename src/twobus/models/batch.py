"""Predict a whole table, part by part."""

import csv
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ibis
import pandas as pd
import pyarrow as pa
from ibis.formats.pandas import PandasData
from pyarrow.parquet import ParquetWriter

from twobus.data.formats.parts import UNREADABLE
from twobus.models.columns import INPUT
from twobus.models.declaration import ModelError, explain
from twobus.models.registry import Version, champion, fetch
from twobus.models.rows import RowError, apart
from twobus.models.series import lagged, reached
from twobus.models.table_rows import BROKEN, asked_of, past, wrong
from twobus.project import StopError, here

# So many rows are in memory at once.
PART = 50_000
# What share of the rows may be set aside.
MOST_ASIDE = 0.05
# So many are looked at before it is asked whether too many are refused.
FEW = 1_000
# Reasons, beside the rules of the contract.
UNREAD = "a value cannot be read"
REFUSED = "the estimator refuses it"
FAR = "it is further ahead of the last known value than the gap"
# So many reasons are named.
NAMED = 5


@dataclass
class Predicted:
    """What has become of a table's rows.

    Attributes:
        rows: How many there are.
        aside: How many of these were set aside.
        why: How many by each reason.
        stopped: Whether not all were looked at, since these are too many already.
    """

    rows: int = 0
    aside: int = 0
    why: Counter[str] = field(default_factory=Counter)
    stopped: bool = False

    @property
    def reasons(self) -> str:
        """The reasons with their numbers, in a line without values of the data."""
        told = [f"{why} in {count:,}" for why, count in self.why.most_common(NAMED)]
        more = len(self.why) - NAMED
        return "; ".join(told) + (f"; and {more} more reasons" if more > 0 else "")


def predict_table(
    name: str, file: Path, table: str = "", most_aside: float = MOST_ASIDE
) -> Predicted:
    """Predict each row of a table by a model's promoted version.

    Rows that requests may not have either, that cannot be read, or that the estimator
    refuses are set aside in a file of their own, with the reasons: see `beside`.

    Args:
        name: The model's name.
        file: The Parquet file to write: key, time and inputs of the rows, the
            predictions, and the version that made them. A column of the table that is
            called like one of these begins with `input_`. It is written whole, or stays
            as it was.
        table: Any table that has the model's inputs; its own one if it is empty.
        most_aside: What share of the rows may be set aside.

    Raises:
        ModelError: If no version is promoted, it cannot be used, the table lacks an
            input, or too many rows are set aside.
        DataError: If the table cannot be read.
    """
    if (number := champion(name)) is None:
        raise ModelError(
            f"No version of {name} is promoted: uv run poe promote {name} …"
        )
    version = fetch(name, number)
    rows, asked = asked_of(version.model, table or version.model.table)
    file.parent.mkdir(parents=True, exist_ok=True)
    kept = f"{here().name(file)} is as it was"
    # Whoever reads has the file before or the new one, and nothing in between.
    with TemporaryDirectory(dir=file.parent, prefix=".") as place:
        good, bad = Path(place, "good"), Path(place, "bad")
        try:
            done = _predict(version, rows, asked, good, bad, most_aside)
        except StopError:
            raise
        except OSError as error:
            raise ModelError(
                f"The predictions of {name} cannot be written ({error.strerror}); "
                f"{kept}."
            ) from None
        except Exception as error:  # Whatever people's features raise.
            # What it says may be a value.
            what = type(error).__name__
            where = explain(error).partition(what)[0]
            raise ModelError(
                f"Predicting {name} failed ({where}{what}); {kept}."
            ) from error
        beside(file).unlink(missing_ok=True)
        if done.aside:
            bad.replace(beside(file))
        if done.aside > most_aside * done.rows:
            least = "At least " if done.stopped else ""
            raise ModelError(
                f"{least}{done.aside:,} of {done.rows:,} rows of {name} cannot be "
                f"predicted, more than --most-aside {most_aside:g} allows "
                f"({done.reasons}). "
                f"{here().name(beside(file))} has them, and {kept}."
            )
        if not good.exists():
            raise ModelError(
                f"No row of {name} is predicted: {here().name(file)} is as it was."
            )
        good.replace(file)
    return done


def beside(file: Path) -> Path:
    """Return the file of rows that are set aside, beside that of the others."""
    return file.with_name(f"{file.stem}-set-aside.csv")


def _predict(
    version: Version,
    rows: ibis.Table,
    asked: list[str],
    good: Path,
    bad: Path,
    most_aside: float,
) -> Predicted:
    """Write rows that can be predicted to one file, and the others to another."""
    model, done, before = version.model, Predicted(), past(version.model)
    shown = [it for it in rows.columns if it != UNREADABLE and BROKEN not in it]
    # A query more, which is only asked where many rows are refused.
    total = cache(lambda: int(rows.count().to_pyarrow().as_py()))
    with ExitStack() as opened:
        aside = csv.writer(opened.enter_context(bad.open("w", -1, "utf-8", newline="")))
        ours = ["row", "problem"]
        aside.writerow([*ours, *(f"{INPUT}{it}" if it in ours else it for it in shown)])
        writer, refusals = None, 0
        for batch in rows.to_pyarrow_batches(chunk_size=PART):
            part = PandasData.convert_table(batch.to_pandas(), rows.schema())
            why = wrong(part, asked)
            if before is not None:
                part = lagged(model, part, before)
                for row in part.index[~reached(model, part, before)]:
                    why.setdefault(row, []).append(FAR)
            fine = part.index.difference([*why])
            done.aside += len(why)
            predicted, refused, done.stopped = _apart(
                version, part.loc[fine], lambda: most_aside * total() - done.aside
            )
            done.aside += len(refused)
            refusals += len(refused)
            if refusals > FEW and not done.stopped:
                # Few in each part may be too many all the same.
                done.stopped = done.aside > most_aside * total()
            for row, error in refused.items():
                why[row] = [f"{REFUSED}: {' '.join(str(error).split())[:200]}"]
            for row in sorted(why):
                (values,) = batch.slice(row, 1).select(shown).to_pylist()
                told = "; ".join(why[row])
                aside.writerow([done.rows + row + 1, told, *values.values()])
                done.why.update(map(_counted, why[row]))
            done.rows += len(part)
            if done.stopped:
                done.rows = total()
                break
            if predicted.empty:
                continue
            given = batch.select(shown).take(pa.array(predicted.index))
            found = pa.Table.from_batches([given])
            lags = [name for name in model.inputs if name not in shown]
            answers = part.loc[predicted.index, lags].join(
                predicted.add_prefix("predicted_")
            )
            answers = answers.assign(version=version.number)
            # As in a log, so that none is called like another one.
            called = [f"{INPUT}{it}" if it in answers else it for it in shown]
            found = found.rename_columns(called)
            for name in answers:
                found = found.append_column(name, pa.array(answers[name]))
            if writer is None:
                writer = opened.enter_context(ParquetWriter(good, found.schema))
            writer.write_table(found.cast(writer.schema))
    return done


def _apart(
    version: Version, rows: pd.DataFrame, room: Callable[[], float]
) -> tuple[pd.DataFrame, dict[Any, Exception], bool]:
    """Predict rows, and stop where too many are refused: each takes several attempts.

    Args:
        version: What predicts.
        rows: The rows.
        room: Says how many more may be refused.

    Returns:
        What `rows.apart` does, and whether it has stopped.
    """
    try:
        return *apart(version.model, version.fitted, rows, FEW), False
    except RowError:
        found: list[pd.DataFrame] = []
        refused: dict[Any, Exception] = {}
        stopped = False
    for start in range(0, len(rows), FEW):
        few = rows.iloc[start : start + FEW]
        predicted, wrong = apart(version.model, version.fitted, few)
        found.append(predicted)
        refused |= wrong
        if stopped := len(refused) > room():
            break
    return pd.concat(found), refused, stopped


def _counted(why: str) -> str:
    """Return a reason without values, for a terminal or a log."""
    if why.startswith(REFUSED):
        return REFUSED
    return UNREAD if " must be " in why else why
