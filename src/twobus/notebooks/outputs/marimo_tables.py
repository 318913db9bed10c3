"""Tables and files of marimo, as far as they are in what it exports."""

import csv
import io
import json
from base64 import b64decode
from collections.abc import Iterable
from html import escape
from typing import Any

from twobus.notebooks.outputs import controls
from twobus.notebooks.outputs.marimo_element import Element, bundled

OWN = "_marimo_row_id"
MOST_ROWS = 200
FRAME = "end the cell with the frame itself, or show its rows by print"


def table(it: Element) -> str:
    """Return the rows of a table that marimo exports, and say how many there are."""
    rows = _rows(it.get("data"))
    if rows is None:
        return it.refuse(FRAME)
    hidden = {OWN, *it.get("hidden-columns", [])}
    every = dict.fromkeys(name for row in rows for name in row)
    names = [name for name in every if name not in hidden]
    # Those of an index without a name say nothing.
    heads = {str(head[0]) for head in it.get("row-headers", [])}
    top = [
        "" if name in heads and name.startswith("Index") else escape(str(name))
        for name in names
    ]
    body = (
        [_cell(it, row.get(name), name in heads) for name in names]
        for row in rows[:MOST_ROWS]
    )
    total = it.get("total-rows", len(rows))
    notes = [str(it.get("banner-text", ""))]
    shown = min(len(rows), MOST_ROWS)
    if isinstance(total, int) and total > shown:
        notes.append(f"The first {shown} of {total} rows.")
    columns = it.get("total-columns", 0)
    if isinstance(columns, int) and columns > len([n for n in names if n not in heads]):
        notes.append(f"The table has {columns} columns.")
    words = "".join(f'<p class="note">{escape(note)}</p>' for note in notes if note)
    return f"{it.label}{_grid(body, top)}{words}"


def matrix(it: Element) -> str:
    """Return the numbers of a matrix or a vector."""
    value = it.value if isinstance(it.value, list) else []
    rows = [row if isinstance(row, list) else [row] for row in value]
    heads = it.get("row-labels", [])
    body = []
    for i, row in enumerate(rows):
        head = [f"<th>{escape(str(heads[i]))}</th>"] if heads else []
        body.append([*head, *(_cell(it, cell) for cell in row)])
    top = [escape(str(name)) for name in it.get("column-labels", [])]
    return f"{it.label}{_grid(body, ['', *top] if top and heads else top)}"


def download(it: Element) -> str:
    """Return a link to a file that is in the page."""
    address, name = str(it.get("data", "")), str(it.get("filename", "data"))
    if not address.startswith("data:"):
        return it.display.refuse(
            f"the file {name} for download is not in the page: give mo.download the "
            "data themselves"
        )
    size = controls.size(len(_bytes(address)))
    label = f"{it.label} {escape(name)}".strip()
    return f'<a download="{escape(name)}" href="{escape(address)}">{label}</a> ({size})'


def _grid(body: Iterable[list[str]], top: list[str]) -> str:
    head = "".join(f"<th>{name}</th>" for name in top)
    rows = "".join(f"<tr>{''.join(cells)}</tr>" for cells in body)
    above = f"<thead><tr>{head}</tr></thead>" if top else ""
    return (
        f'<div class="marimo-table"><table>{above}<tbody>{rows}</tbody></table></div>'
    )


def _cell(it: Element, value: Any, head: bool = False) -> str:
    tag = "th" if head else "td"
    if isinstance(value, dict) and {"mimetype", "data"} <= set(value):
        return f"<td>{bundled(value['mimetype'], value['data'], it.display)}</td>"
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    return f"<{tag}>{'' if value is None else escape(str(value))}</{tag}>"


def _rows(data: Any) -> list[dict[str, Any]] | None:
    """Return the rows of a table that is an address, as CSV or JSON, or a text."""
    if isinstance(data, str):
        text, kind = data, ""
        try:
            if data.startswith("data:"):
                kind, text = data.partition(",")[0], _bytes(data).decode("utf-8")
            if "csv" in kind:
                return list(csv.DictReader(io.StringIO(text)))
            data = json.loads(text)
        except ValueError:
            # Such as Arrow's bytes.
            return None
    if not isinstance(data, list):
        return None
    return [row if isinstance(row, dict) else {"value": row} for row in data]


def _bytes(address: str) -> bytes:
    kind, _, content = address.partition(",")
    return b64decode(content) if kind.endswith(";base64") else content.encode()
