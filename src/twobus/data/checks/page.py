"""Show what was found of tables: as lines for a terminal, and as a page."""

from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template

from twobus import content_policy
from twobus.data.checks.compare import Change
from twobus.data.checks.verdict import Verdict

PAGE = Path(__file__).with_name("page.html")
# A picture has so many pairs of bars; what is rarer is left out.
MOST_BARS = 20
HEAD = ["column", "missing", "drift", "what"]


def lines(verdicts: Sequence[Verdict]) -> list[str]:
    """Return what a terminal shows: a row for each table, then what has changed."""
    head = ["table", "rows", "newest", "state"]
    rows = [
        [it.name, _rows(it), it.age and f"{it.age} ago", it.state] for it in verdicts
    ]
    shown = aligned([head, *rows])
    for verdict in verdicts:
        shown += [f"\n{verdict.name}: {note}." for note in verdict.notes]
        for compared in verdict.compared:
            odd = [it for it in compared.changes if it.notes]
            count = f"{len(odd)} of {len(compared.changes)} columns"
            if odd:
                shown += [f"\n{verdict.name}, since {compared.with_.label}: {count}"]
                shown += aligned([HEAD, *map(_cells, odd)])
    return shown


def page(verdicts: Sequence[Verdict], title: str, place: str, now: datetime) -> str:
    """Return a page of HTML that needs no other file.

    Args:
        verdicts: What was found.
        title: Its title.
        place: Where tables are read from.
        now: The present time.
    """
    return whole(title, place, now, "\n".join(map(_section, verdicts)))


def whole(title: str, place: str, now: datetime, sections: str) -> str:
    """Return a page with its style, and with what it explains of every such page.

    Args:
        title: Its title.
        place: What its numbers were read from.
        now: The present time.
        sections: What it shows, as HTML.
    """
    return Template(PAGE.read_text("utf-8")).substitute(
        policy=content_policy.head(),
        title=escape(title),
        place=escape(place),
        taken=f"{now:%Y-%m-%d %H:%M} UTC",
        tables=sections,
    )


def _section(verdict: Verdict) -> str:
    said = [*verdict.failures, *verdict.drifted, *(f"{it}." for it in verdict.notes)]
    facts = [
        f"{_rows(verdict)} rows",
        *[f"newest {verdict.age} ago"] * bool(verdict.age),
    ]
    return "\n".join(
        [
            f"<h2>{escape(verdict.name)} <span "
            f'class="state {verdict.state.split()[0]}">{verdict.state}</span></h2>',
            f'<p class="facts">{escape("; ".join(facts))}</p>',
            *["<ul>"] * bool(said),
            *(f"<li>{escape(sentence)}" for sentence in said),
            *["</ul>"] * bool(said),
            *(
                comparison(f"Since {it.with_.label}", it.changes)
                for it in verdict.compared
            ),
        ]
    )


def comparison(title: str, changes: Sequence[Change]) -> str:
    """Return what has become of columns, as HTML: first what is to be looked at."""
    odd = [it for it in changes if it.notes]
    rest = [it for it in changes if not it.notes]
    parts = [f"<h3>{escape(title)}</h3>"]
    if odd:
        parts.append(_columns(odd))
    if rest:
        words = f"{len(rest)} columns as before" if odd else "All columns as before"
        parts.append(f"<details><summary>{words}</summary>{_columns(rest)}</details>")
    return "\n".join(parts)


def _columns(changes: Sequence[Change]) -> str:
    head = ["column", "missing", "drift", "distribution", "what to look at"]
    rows = "\n".join(map(_row, changes))
    titles = "".join(f"<span>{title}</span>" for title in head)
    return f'<div class="columns"><div class="head">{titles}</div>\n{rows}\n</div>'


def _row(change: Change) -> str:
    name, missing, drift, what = map(escape, _cells(change))
    return (
        f'<div><b>{name}</b><span data-what="missing">{missing}</span>'
        f'<span data-what="drift">{drift}</span>'
        f'<span>{_picture(change)}</span><span class="note">{what}</span></div>'
    )


def _picture(change: Change) -> str:
    """Draw the shares of bins or categories, before and now, side by side."""
    bars = list(zip(change.labels, change.before, change.now, strict=True))[:MOST_BARS]
    if len(bars) < 2:
        return ""
    highest = max(max(was, now) for _, was, now in bars) or 1
    drawn = [
        f"<g><title>{escape(label)}: {was:.1%} before, {now:.1%} now</title>"
        f"{_bar('was', 5 * at, was / highest)}"
        f"{_bar('now', 5 * at + 2, now / highest)}</g>"
        for at, (label, was, now) in enumerate(bars)
    ]
    frame = f'viewBox="0 0 {5 * len(bars)} 10" preserveAspectRatio="none"'
    words = f"distribution of {change.column} before and now"
    return (
        f'<svg {frame} role="img" aria-label="{escape(words)}">{"".join(drawn)}</svg>'
    )


def _bar(css: str, left: int, height: float) -> str:
    tall = round(10 * height, 2)
    place = f'x="{left}" y="{10 - tall:g}" width="2" height="{tall:g}"'
    return f'<rect class="{css}" {place}/>'


def _rows(verdict: Verdict) -> str:
    if verdict.today is None:
        return "?"
    now = verdict.today.profile.rows
    before = next(
        (it.with_.profile.rows for it in verdict.compared if not it.with_.part), now
    )
    change = f" ({now / before - 1:+.1%})" if before not in (0, now) else ""
    return f"{now:,}{change}"


def _cells(change: Change) -> list[str]:
    was, now = change.missing
    missing = f"{was:.1%} → {now:.1%}" if abs(was - now) >= 0.0005 else f"{now:.1%}"
    drift = "" if change.drift is None else f"{change.drift:.2f}"
    return [change.column, missing, drift, "; ".join(change.notes)]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table for a terminal."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]
