"""`CSV_OPTIONS` as people write it, so that a hint adds to it and replaces nothing."""

import json
from ast import literal_eval
from collections.abc import Mapping
from typing import Any


def also(said: str, options: Mapping[str, Any]) -> str:
    """Return the line for a table's module that has more options, and its own.

    Args:
        said: What it says now, as `repr` gives it.
        options: What it should say as well.
    """
    own: dict[str, Any] = literal_eval(said)
    added = {**options}
    if "nullstr" in added and (known := own.pop("null", None) or own.get("nullstr")):
        known = [known] if isinstance(known, str) else known
        added["nullstr"] = [*dict.fromkeys([*added["nullstr"], *known])]
    every = {**own, **added}.items()
    pairs = (f"{_python(name)}: {_python(value)}" for name, value in every)
    return f"CSV_OPTIONS = {{{', '.join(pairs)}}}"


def _python(value: Any) -> str:
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_python, value))}]"
    return f"{value:_}" if isinstance(value, int) and value > 9_999 else repr(value)
