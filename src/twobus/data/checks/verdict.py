"""Judge a table as it is now: by its contract, its limits, and what it was before."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import ibis

from twobus.data.access import Source
from twobus.data.checks.compare import Change, compare
from twobus.data.checks.demands import age, beyond
from twobus.data.checks.look import look
from twobus.data.checks.profile import Profile, Today
from twobus.data.errors import DataError
from twobus.data.limits import Limits, limit
from twobus.project import here

# A table that has so many times its rows, or as small a part of them, is named.
NOTABLE_ROWS = 2


@dataclass(frozen=True)
class Reference:
    """What a table is compared with.

    Attributes:
        label: What people call it, such as "last time (2026-11-25)".
        profile: What the table looked like then.
        remedy: What one can do where a drift beyond its limit is no mistake.
        part: Whether it is of some columns and rows only, such as those that a model
            has learned from.
        known: A column whose missing values were left out.
    """

    label: str
    profile: Profile
    remedy: str
    part: bool = False
    known: str = ""


@dataclass(frozen=True)
class Comparison:
    """What has become of a table since something."""

    with_: Reference
    changes: Sequence[Change]


@dataclass
class Verdict:
    """What is said of a table.

    Attributes:
        name: The table.
        table: Itself, if it can be read.
        today: What it looks like, if that could be found out.
        age: How old its newest row is, in words; empty where nobody can tell.
        compared: What has changed since what.
        failures: What must not be, a sentence each.
        drifted: The same, where people may accept it.
        notes: What people should know.
        samples: Whether it is only the sample.
    """

    name: str
    table: ibis.Table | None = None
    today: Today | None = None
    age: str = ""
    compared: list[Comparison] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    drifted: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    samples: bool = False

    @property
    def state(self) -> str:
        """Tell how it is, in a word."""
        if self.failures or self.drifted:
            return "FAILS"
        if not self.compared:
            return "sample" if self.samples else "first look"
        changed = any(change.notes for it in self.compared for change in it.changes)
        return "look" if changed or self.notes else "as before"


@dataclass(frozen=True)
class Place:
    """Where tables are read from.

    Attributes:
        name: What people call it.
        samples: Whether tables are only samples.
        files: When each table that is a file was written.
    """

    name: str
    samples: bool
    files: Mapping[str, datetime]


def place(tables: Source) -> Place:
    """Find out where tables are read from."""
    if tables.on_samples():
        return Place("samples", True, {})
    names: set[str] = set()
    written: dict[str, datetime] = {}
    for line in tables.provenance():
        if line.endswith(", read live"):
            names.add(line.removesuffix(", read live"))
            continue
        path = Path(line.rpartition(" ")[0])
        database = path.suffix in (".db", ".ddb", ".duckdb")
        names.add((path if database else path.parent).as_posix())
        changed = datetime.fromtimestamp((here().root / path).stat().st_mtime, UTC)
        # A file is called as its table, or stands in a folder that is.
        for table in (path.name.partition(".")[0], path.parent.name):
            written[table] = max(written.get(table, changed), changed)
    return Place(", ".join(sorted(names)), False, written)


def judge(
    name: str,
    tables: Source,
    read_from: Place,
    now: datetime,
    references: Sequence[Reference],
) -> Verdict:
    """Judge a table.

    Args:
        name: Its name.
        tables: What reads it.
        read_from: Where it is read from.
        now: The present time, in UTC.
        references: What it is compared with.
    """
    verdict = Verdict(name, samples=read_from.samples)
    try:
        contract = tables.contract(name)
        entry = next((it for it in tables.catalogue() if it.name == name), None)
        limits = getattr(entry, "limits", None) or Limits()
        if not hasattr(limits, "columns"):
            words = "is none: write LIMITS = Limits(…), with Limits from twobus.data"
            raise DataError(f"LIMITS in tables/{name}.py {words}.")
        try:
            verdict.table = tables.read(name, check=True)
        except DataError as error:
            verdict.failures.append(str(error))
            # What it looks like may still tell why.
            verdict.table = tables.read(name, check=False)
        earlier = [it.profile for it in references]
        today = look(verdict.table, contract, now, read_from.name, earlier, limits.key)
    except DataError as error:
        if str(error) not in verdict.failures:
            verdict.failures.append(str(error))
        return verdict
    verdict.today = today
    if read_from.samples:
        verdict.notes.append("it is the sample, so that only its contract is checked")
        return verdict
    owner = getattr(entry, "owner", "")
    todo = f"ask {owner}" if owner else "look where its rows come from"
    verdict.failures += [
        f"LIMITS in tables/{name}.py names {it!r}, which is no column."
        for it in sorted(limits.columns() - {*contract.columns})
    ]
    todo_or = f"{todo}, or change LIMITS in tables/{name}.py"
    verdict.failures += [
        f"{words}: {todo_or}." for words in beyond(name, today.profile, limits)
    ]
    updated, written = getattr(entry, "updated", ""), read_from.files.get(name)
    found = age(name, today, limits, updated, written, now, todo_or)
    verdict.age = found.words
    verdict.failures += [found.failure] * bool(found.failure)
    verdict.notes += [found.note] * bool(found.note)
    _compare(verdict, today, limits, references, todo)
    return verdict


def _compare(
    verdict: Verdict,
    today: Today,
    limits: Limits,
    references: Sequence[Reference],
    todo: str,
) -> None:
    """Compare with what was before, and say what has changed too much."""
    name, columns = verdict.name, today.profile.columns
    allowed = {it: limit(limits.drift, it) for it in columns}
    drifts = {it: most for it, most in allowed.items() if most is not None}
    for reference in references:
        changes = compare(reference.profile, today, drifts, reference.known)
        verdict.compared.append(Comparison(reference, changes))
        drifted = verdict.failures if reference.part else verdict.drifted
        for it in changes:
            most = drifts.get(it.column)
            if it.surely and most is not None and (it.drift or 0) > most:
                drifted.append(
                    f"{name}.{it.column} has drifted by {it.drift:.2f} since "
                    f"{reference.label}, and LIMITS allow {most}: {todo}, or "
                    f"{reference.remedy}."
                )
        if not reference.part:
            verdict.notes += _shape(reference.profile, today.profile)


def _shape(before: Profile, now: Profile) -> Iterator[str]:
    """Say what has become of a table as a whole."""
    few, many = sorted((before.rows, now.rows))
    if many > NOTABLE_ROWS * few:
        yield f"{before.rows:,} rows before, {now.rows:,} now"
    yield from (f"{it} is gone" for it in before.columns if it not in now.columns)
    yield from (f"{it} is new" for it in now.columns if it not in before.columns)
