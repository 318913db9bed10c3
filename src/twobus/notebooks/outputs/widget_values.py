"""Widgets of ipywidgets that show one value, each as static HTML."""

import base64
import math
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

from twobus.notebooks.outputs import controls
from twobus.notebooks.outputs.widget_model import Model, shown, typeset, typeset_html

Draw = Callable[[Model], str]


def _slider(it: Model) -> str:
    value = it.get("value", 0)
    form = it.get("readout_format", "")
    return controls.slider(
        it.label, value, it.get("min", 0), it.get("max", 100), shown(value, form)
    )


def _log_slider(it: Model) -> str:
    value = it.get("value", 1)
    at = math.log(value, it.get("base", 10)) if value > 0 else 0
    form = it.get("readout_format", "")
    return controls.slider(
        it.label, at, it.get("min", 0), it.get("max", 4), shown(value, form)
    )


def _range(it: Model) -> str:
    ends = it.get("value", [0, 0])
    form = it.get("readout_format", "")
    words = " to ".join(shown(end, form) for end in ends)
    return controls.span(it.label, ends, it.get("min", 0), it.get("max", 100), words)


def _selection_slider(it: Model) -> str:
    labels, at = _labels(it), it.get("index", 0)
    return controls.slider(it.label, at, 0, len(labels) - 1, labels[at])


def _selection_range(it: Model) -> str:
    labels, ends = _labels(it), it.get("index", [0, 0])
    words = " to ".join(labels[end] for end in ends)
    return controls.span(it.label, ends, 0, len(labels) - 1, words)


def _progress(it: Model) -> str:
    style = it.get("bar_style", "")
    bar = controls.progress(
        it.label,
        it.get("value"),
        it.get("min", 0),
        it.get("max", 100),
        str(it.part("style").get("bar_color") or ""),
    )
    return (
        f'<div class="widget-bar widget-{escape(style)}">{bar}</div>' if style else bar
    )


def _text(it: Model) -> str:
    return controls.text(it.label, it.get("value"), it.get("placeholder", ""))


def _password(it: Model) -> str:
    return controls.text(it.label, "••••••" if it.get("value") else "")


def _labels(it: Model) -> list[str]:
    return [str(label) for label in it.get("_options_labels", [])]


def _dropdown(it: Model) -> str:
    labels, at = _labels(it), it.get("index")
    return controls.text(it.label, None if at is None else labels[at])


def _choices(many: bool, row: bool = False) -> Draw:
    def draw(it: Model) -> str:
        at = it.get("index", [])
        chosen = at if isinstance(at, list | tuple) else [at]
        options = [(label, i in chosen) for i, label in enumerate(_labels(it))]
        return controls.choices(it.label, options, many, row)

    return draw


def _check(it: Model) -> str:
    return controls.check(it.label, bool(it.get("value")))


def _valid(it: Model) -> str:
    sign = "✔" if it.get("value") else f"✘ {it.get('readout', '')}"
    return controls.control(it.label, f"<output>{escape(sign.strip())}</output>")


def _button(it: Model) -> str:
    words = it.label or escape(it.get("tooltip", "") or it.get("icon", ""))
    pressed = bool(it.get("value")) if it.name == "ToggleButton" else None
    return controls.button(words, pressed)


def _label(it: Model) -> str:
    words = typeset(str(it.get("value", "")), it.display)
    return controls.control(it.label, f'<span class="widget-text">{words}</span>')


def _html(it: Model) -> str:
    return _beside(it, it.display.html(str(it.get("value", ""))))


def _html_math(it: Model) -> str:
    return _beside(it, typeset_html(str(it.get("value", "")), it.display))


def _beside(it: Model, content: str) -> str:
    label = f'<span class="widget-label">{it.label}</span>' if it.label else ""
    content = f'<div class="widget-html">{content}</div>'
    return f'<div class="widget-field">{label}{content}</div>'


def _date(it: Model) -> str:
    return controls.text(it.label, _day(it.get("value")))


def _time(it: Model) -> str:
    return controls.text(it.label, _clock(it.get("value")))


def _datetime(zone: str) -> Draw:
    def draw(it: Model) -> str:
        value = it.get("value")
        words = f"{_day(value)} {_clock(value)}{zone}" if value else ""
        return controls.text(it.label, words)

    return draw


def _day(value: Any) -> str:
    """Return a date; months start at 0, as in JavaScript."""
    if not value:
        return ""
    return f"{value['year']:04}-{value['month'] + 1:02}-{value['date']:02}"


def _clock(value: Any) -> str:
    if not value:
        return ""
    words = f"{value['hours']:02}:{value['minutes']:02}"
    parts = value.get("seconds", 0), value.get("milliseconds", 0)
    if any(parts):
        words += f":{parts[0]:02}"
    return words + (f".{parts[1]:03}" if parts[1] else "")


def _tags(it: Model) -> str:
    form = it.get("format", "")
    return controls.tags(
        it.label, (shown(value, form) for value in it.get("value", []))
    )


def _files(it: Model) -> str:
    # Version 7 keeps a list of its own for names and sizes.
    files: Iterable[Any] = it.get("metadata") or it.get("value") or []
    names = [f"{file['name']} ({controls.size(file['size'])})" for file in files]
    return controls.tags(it.label, names)


def _media(tag: str, kind: str) -> Draw:
    def draw(it: Model) -> str:
        data = it.buffers.get(("value",), "")
        form = it.get("format", "")
        if not data:
            return ""
        if form == "url":
            address = base64.b64decode(data).decode()
        else:
            form = {"svg": "svg+xml", "jpg": "jpeg"}.get(form, form)
            address = f"data:{kind}/{form};base64,{data}"
        sides = "".join(
            f' {side}="{escape(str(it.get(side)))}"'
            for side in ("width", "height")
            if it.get(side)
        )
        more = ' alt=""' if tag == "img" else " controls"
        closing = "" if tag == "img" else f"</{tag}>"
        return it.display.html(f'<{tag} src="{escape(address)}"{sides}{more}>{closing}')

    return draw


def _colour(it: Model) -> str:
    return controls.colour(it.label, it.get("value"))


def _pad(it: Model) -> str:
    return controls.text("Gamepad", it.get("name") or "not connected")


def _number(it: Model) -> str:
    return controls.text("", shown(it.get("value", 0.0), ".2f"))


VALUES: dict[str, Draw] = {
    "IntSlider": _slider,
    "FloatSlider": _slider,
    "FloatLogSlider": _log_slider,
    "IntRangeSlider": _range,
    "FloatRangeSlider": _range,
    "SelectionSlider": _selection_slider,
    "SelectionRangeSlider": _selection_range,
    "IntProgress": _progress,
    "FloatProgress": _progress,
    "Text": _text,
    "Textarea": _text,
    "Combobox": _text,
    "Password": _password,
    "IntText": _text,
    "FloatText": _text,
    "BoundedIntText": _text,
    "BoundedFloatText": _text,
    "Play": _text,
    "Label": _label,
    "HTML": _html,
    "HTMLMath": _html_math,
    "Dropdown": _dropdown,
    "Select": _choices(many=False),
    "SelectMultiple": _choices(many=True),
    "RadioButtons": _choices(many=False),
    "ToggleButtons": _choices(many=False, row=True),
    "Checkbox": _check,
    "Valid": _valid,
    "Button": _button,
    "ToggleButton": _button,
    "DatePicker": _date,
    "Time": _time,
    "Datetime": _datetime(" UTC"),
    "NaiveDatetime": _datetime(""),
    "ColorPicker": _colour,
    "TagsInput": _tags,
    "ColorsInput": _tags,
    "IntsInput": _tags,
    "FloatsInput": _tags,
    "FileUpload": _files,
    "Image": _media("img", "image"),
    "Audio": _media("audio", "audio"),
    "Video": _media("video", "video"),
    "Controller": _pad,
    "ControllerAxis": _number,
    "ControllerButton": _number,
}
