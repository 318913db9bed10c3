"""What tests of `poe new-table` need: to make a table, and to see its contract."""

import importlib
from pathlib import Path

import pytest
from inside import call
from reading import count, table

# Part of each value that must not be shown.
CANARY = "4242"


def given(project: Path, text: str | bytes, name: str = "x.csv") -> Path:
    """Give a project a raw file."""
    file = project / "data/raw" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def made(project: Path, *words: str, name: str = "x") -> str:
    """Make a table and return its module; the sample keeps its contract."""
    result = call(project, "new-table", name, *words)
    assert result.code == 0, result.output
    assert CANARY not in result.output
    read = on_samples(project, name)
    assert read == 20
    return table(project, name).read_text("utf-8")


def on_samples(project: Path, name: str) -> int:
    """Count the rows of a sample that has been checked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_URL", "samples")
        importlib.invalidate_caches()
        return count(name, check=True)


def fields(module: str) -> list[str]:
    """Return the lines of a contract."""
    return [line.strip() for line in module.partition('`."""\n\n')[2].splitlines()]
