"""Controls, such as sliders and lists, as they stood when a run ended."""

import re
from collections.abc import Iterable
from html import escape
from typing import Any

# More options than this are counted, not listed.
LISTED = 25
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}|[a-zA-Z]+|(rgb|hsl)a?\([\d\s.,%/deg]+\)")


def control(label: str, inner: str) -> str:
    """Return a control beside its label, which is HTML."""
    name = f'<span class="widget-label">{label}</span>' if label else ""
    return f'<label class="widget-field">{name}{inner}</label>'


def text(label: str, value: Any, placeholder: str = "") -> str:
    """Return a value as text in a frame, with all its lines."""
    shown = "" if value is None else str(value)
    inner = f'<output class="widget-value">{escape(shown)}</output>'
    if not shown:
        hint = escape(placeholder)
        inner = f'<output class="widget-value widget-empty">{hint}</output>'
    return control(label, inner)


def slider(label: str, value: float, low: float, high: float, shown: str) -> str:
    """Return a slider with its value, as it is `shown`, beside it."""
    inner = (
        f'<input type="range" disabled step="any" min="{_number(low)}" '
        f'max="{_number(high)}" value="{_number(value)}">'
    )
    return control(label, f"{inner}<output>{escape(shown)}</output>")


def span(label: str, ends: Iterable[float], low: float, high: float, shown: str) -> str:
    """Return a slider with two ends; HTML has none, so that it is drawn."""
    width = (float(high) - float(low)) or 1
    left, right = (100 * (float(it) - float(low)) / width for it in ends)
    style = f"left:{left:.2f}%;right:{100 - right:.2f}%"
    inner = f'<span class="widget-track"><span style="{style}"></span></span>'
    return control(label, f"{inner}<output>{escape(shown)}</output>")


def progress(
    label: str, value: float | None, low: float, high: float, colour: str = ""
) -> str:
    """Return a bar; without a value it says that the end was not known."""
    style = f' style="accent-color:{colour}"' if COLOUR.fullmatch(colour) else ""
    ends = ""
    if value is not None:
        full = _number(float(high) - float(low) or 1)
        ends = f' max="{full}" value="{_number(float(value) - float(low))}"'
    return control(label, f"<progress{ends}{style}></progress>")


def choices(
    label: str, options: Iterable[tuple[str, bool]], many: bool, row: bool = False
) -> str:
    """Return options, each with whether it was chosen."""
    every = list(options)
    listed = every if len(every) <= LISTED else [it for it in every if it[1]]
    kind = "checkbox" if many else "radio"
    items = "".join(check(escape(it), chosen, kind) for it, chosen in listed)
    if len(listed) < len(every):
        items += f"<span>({len(listed)} of {len(every)} options)</span>"
    name = f"<legend>{label}</legend>" if label else ""
    style = "widget-options widget-row" if row else "widget-options"
    return f'<fieldset class="{style}" disabled>{name}{items}</fieldset>'


def check(label: str, on: bool, kind: str = "checkbox") -> str:
    """Return a box or a radio button with its label, which is HTML, behind it."""
    state = " checked" if on else ""
    return (
        f'<label class="widget-check"><input type="{kind}" disabled{state}>'
        f"<span>{label}</span></label>"
    )


def button(label: str, pressed: bool | None = None) -> str:
    """Return a button; a toggle says whether it was pressed."""
    state = "" if pressed is None else f' aria-pressed="{str(pressed).lower()}"'
    return (
        f'<button type="button" class="widget-button" disabled{state}>{label}</button>'
    )


def tags(label: str, values: Iterable[Any]) -> str:
    """Return values that stand side by side."""
    items = "".join(
        f'<span class="widget-tag">{escape(str(it))}</span>' for it in values
    )
    empty = '<output class="widget-value widget-empty"></output>'
    return control(label, f"<output>{items}</output>" if items else empty)


def colour(label: str, value: Any) -> str:
    """Return a colour with its name."""
    shown = str(value or "")
    dot = ""
    if COLOUR.fullmatch(shown):
        dot = f'<span class="widget-swatch" style="background:{shown}"></span>'
    return control(label, f"{dot}<output>{escape(shown)}</output>")


def pane(title: str, content: str) -> str:
    """Return one of several panes, of which a screen shows one at a time."""
    head = ""
    if title:
        head = f'<div class="widget-title" role="heading" aria-level="5">{title}</div>'
    return f'<section class="widget-pane">{head}{content}</section>'


def fold(title: str, content: str) -> str:
    """Return a pane that readers may close."""
    return (
        f'<details class="widget-pane" open><summary>{title}</summary>'
        f"{content}</details>"
    )


def size(count: int) -> str:
    """Return how large something is, as people say it."""
    if count < 1000:
        return f"{count} bytes"
    if count < 1_000_000:
        return f"{count / 1000:.1f} kB"
    return f"{count / 1_000_000:.1f} MB"


def _number(value: Any) -> str:
    return repr(float(value)).removesuffix(".0")
