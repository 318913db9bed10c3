"""Show what was found of a model in use: as lines for a terminal, and as a page."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from html import escape
from math import isnan

from twobus.data.checks.page import aligned, comparison, whole
from twobus.models.findings import Looked, Watched, called
from twobus.models.watch import Judged

Rows = list[list[str]]


def lines(watched: Watched) -> list[str]:
    """Return what a terminal shows: a row for each period, then what to know."""
    shown = [f"{watched.name}, version {watched.version}, {_state(watched)}", ""]
    if watched.looked:
        shown += aligned([*_periods(watched)])
    return [*shown, *(f"- {note}." for note in watched.notes)]


def page(watched: Watched, place: str, now: datetime) -> str:
    """Return a page of HTML that needs no other file.

    Args:
        watched: What was found.
        place: Where the log is.
        now: The present time.
    """
    said = [*(f"{it}." for it in watched.found), *(f"{it}." for it in watched.notes)]
    state = _state(watched)
    sections = [
        f"<h2>Version {watched.version} <span "
        f'class="state {"FAILS" if watched.found else "good"}">{state}</span></h2>',
        *["<ul>"] * bool(said),
        *(f"<li>{escape(it)}" for it in said),
        *["</ul>"] * bool(said),
    ]
    if watched.looked:
        sections += ["<h3>Rows and scores</h3>", _table([*_periods(watched)])]
        sections += ["<h3>Drift of each column</h3>", *_drifts(watched)]
    for looked in reversed(watched.looked):
        named = [replace(it, column=called(it.column)) for it in looked.changes]
        if named:
            when = str(looked.period)
            sections.append(comparison(when[0].upper() + when[1:], named))
    title = f"Is {watched.name} still asked and answering as it was trained?"
    return whole(title, place, now, "\n".join(sections))


def _state(watched: Watched) -> str:
    if watched.found:
        return "look"
    return "as trained" if watched.looked else "nothing logged"


def _periods(watched: Watched) -> Iterator[list[str]]:
    """Yield a head, and a row for each period."""
    metrics = [*dict.fromkeys(it.metric for one in watched.looked for it in one.judged)]
    head = [watched.looked[0].period.by, "rows", "to look at"]
    if metrics:
        head += ["truth known", *metrics]
    other = f"version {watched.challenger} beside it"
    shadowed = [
        metric
        for metric in metrics
        if any(not isnan(it.difference) for it in _of(watched.looked, metric))
    ]
    yield [*head, *(f"{metric}, {other}" for metric in shadowed)]
    for one in watched.looked:
        odd = sum(bool(it.notes) for it in one.changes)
        looked = f"{odd} of {len(one.changes)} columns" if odd else ""
        row = [str(one.period.start), f"{one.rows:,}", looked]
        judged = {it.metric: it for it in one.judged}
        if metrics:
            row.append(f"{one.known:,}")
            row += [_score(judged.get(metric)) for metric in metrics]
        yield [*row, *(_difference(judged.get(metric)) for metric in shadowed)]


def _of(looked: Sequence[Looked], metric: str) -> list[Judged]:
    return [it for one in looked for it in one.judged if it.metric == metric]


def _score(judged: Judged | None) -> str:
    if judged is None or isnan(judged.value):
        return ""
    ends = judged.ends
    within = "" if isnan(ends.low) else f" ({ends.low:.3f} to {ends.high:.3f})"
    return f"{judged.value:.3f}{within}{', fell' * judged.fell}"


def _difference(judged: Judged | None) -> str:
    if judged is None or isnan(judged.difference):
        return ""
    ends = judged.difference_ends
    within = "" if isnan(ends.low) else f" ({ends.low:+.3f} to {ends.high:+.3f})"
    return f"{judged.difference:+.3f}{within}"


def _drifts(watched: Watched) -> Iterator[str]:
    """Yield a table of the drift of each column, period by period."""
    columns = [
        *dict.fromkeys(it.column for one in watched.looked for it in one.changes)
    ]
    if not columns:
        return
    yield '<div class="scroll"><table><tr><th>column</th>'
    yield "".join(f"<th>{one.period.start}</th>" for one in watched.looked) + "</tr>"
    for column in columns:
        yield f"<tr><td>{escape(called(column))}</td>"
        for one in watched.looked:
            change = next((it for it in one.changes if it.column == column), None)
            drift = "" if change is None or change.drift is None else change.drift
            shown = f"{drift:.2f}" if isinstance(drift, float) else drift
            odd = bool(change and change.notes)
            yield f'<td class="odd">{shown or "!"}</td>' if odd else f"<td>{shown}</td>"
        yield "</tr>"
    yield "</table></div>"


def _table(rows: Rows) -> str:
    head, *others = rows
    titles = "".join(f"<th>{escape(it)}</th>" for it in head)
    cells = ("".join(f"<td>{escape(it)}</td>" for it in row) for row in others)
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f'<div class="scroll"><table><tr>{titles}</tr>{body}</table></div>'
