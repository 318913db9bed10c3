"""What was found of a model in use, in sentences for people."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from twobus.data.checks.compare import Change
from twobus.models.actuals import Actuals
from twobus.models.columns import INPUT, PREDICTED
from twobus.models.holdout import Learned
from twobus.models.logged import Period, missing_days
from twobus.models.rows import SHARE
from twobus.models.watch import Judged

# So many days without a row are a silence, where there never were as many.
SILENCE = 2
# And so many days must have had rows before, so that somebody can tell.
USUAL = 7


@dataclass(frozen=True)
class Looked:
    """What was found in a period.

    Attributes:
        period: Which days.
        rows: How many rows the version has answered.
        others: How many rows other versions have answered.
        changes: How inputs and predictions differ from what the version has learned.
        known: Of how many rows the truth is known.
        judged: What the scores are.
        learned: How many of these are of keys that a version has learned from, by its
            number: the one that serves, and the one that is shadowed.
    """

    period: Period
    rows: int
    others: int
    changes: Sequence[Change]
    known: int
    judged: Sequence[Judged]
    learned: Mapping[int, Learned] = field(default_factory=dict)


@dataclass
class Watched:
    """What was found of a model.

    Attributes:
        name: Its name.
        version: The version that serves.
        challenger: The version that is shadowed; None where none is.
        looked: What was found, period by period, the oldest first.
        found: What somebody should look at, a sentence each.
        notes: What people should know.
    """

    name: str
    version: int
    challenger: int | None = None
    looked: list[Looked] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def called(column: str) -> str:
    """Return what people call a column of a log."""
    if column.startswith(INPUT):
        return column.removeprefix(INPUT)
    named = column.removeprefix(PREDICTED)
    if named.startswith(SHARE):
        return f"predicted probability of {named.removeprefix(SHARE)}"
    return f"predicted {named}"


def drifted(watched: Watched) -> Iterator[str]:
    """Say which columns have changed beyond chance, each once."""
    first: dict[str, tuple[Looked, Change]] = {}
    often: dict[str, int] = {}
    for looked in watched.looked:
        for change in (it for it in looked.changes if it.notes):
            first.setdefault(change.column, (looked, change))
            often[change.column] = often.get(change.column, 0) + 1
    for column, (looked, change) in first.items():
        more = often[column] - 1
        since = f" and in {more} more" if more else ""
        what = f"{called(column)} differs from training in {looked.period}"
        yield f"{what}{since}: {'; '.join(change.notes)}"


def fallen(watched: Watched) -> Iterator[str]:
    """Say which scores are lower than at training, each once: in the newest period."""
    newest = {
        one.metric: (looked, one)
        for looked in watched.looked
        for one in looked.judged
        if one.fell
    }
    for metric, (looked, one) in newest.items():
        yield (
            f"{metric} fell to {one.value:.3f} ({one.ends.low:.3f} to "
            f"{one.ends.high:.3f}) in {looked.period}; it was {one.expected:.3f} at "
            "training"
        )


def silent(days: Sequence[date], since: date, today: date) -> Iterator[str]:
    """Say that nothing is logged any more, where that never lasted as long before."""
    known = [day for day in days if day >= since]
    if len(known) < USUAL:
        return
    now = (today - known[-1]).days - 1
    before = max((after - day).days - 1 for day, after in pairwise(known))
    if now >= max(SILENCE, before + 1):
        yield f"nothing is logged since {known[-1]}: see whether it is served"


def told(
    watched: Watched,
    days: Sequence[date],
    since: date,
    today: date,
    truth: Actuals | None,
) -> Iterator[str]:
    """Say what people should know of what was looked at."""
    if missing := missing_days(days, since, today):
        shown = ", ".join(map(str, missing[:5])) + ", …" * (len(missing) > 5)
        yield f"{len(missing)} days without a row: {shown}"
    if others := sum(it.others for it in watched.looked):
        yield f"{others:,} rows are of versions that no longer serve: not compared"
    rows, known = (
        sum(getattr(it, of) for it in watched.looked) for of in ("rows", "known")
    )
    if truth:
        yield f"the truth is known of {known:,} of {rows:,} rows, from {truth.table}"
    for version in filter(None, (watched.version, watched.challenger)):
        # All periods together: one alone may have none of the keys that are known.
        each = (it.learned.get(version, Learned()) for it in watched.looked)
        met = sum(each, Learned())
        if met.estimate:
            about = "" if met.told == met.rows else "about "
            yield (
                f"{about}{met.estimate:,} of {met.rows:,} rows that version {version} "
                "is judged by are of keys that it has learned from: what it scores for "
                "them may be too good for others"
            )
