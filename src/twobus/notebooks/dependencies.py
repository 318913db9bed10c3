"""What a notebook's page depends on: what has not changed need not run again."""

import hashlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

from twobus.project import here

# Settings and packages, whatever else there is.
ALWAYS = ("pyproject.toml", "uv.lock", ".copier-answers.yml")
# How a notebook names files of data by itself, which else come by their contracts: on
# samples, what the others hold must not show, not even by a digest.
DATA = re.compile(r"""\bdata\b\s*["'/\\]""")
# Folders whose files count by what they hold.
CODE = ("src",)


def key(script: Path, shared: str) -> str:
    """Return what stands for all that a notebook's page is made from.

    Args:
        script: The notebook.
        shared: What `common` returned.
    """
    found = hashlib.sha256(shared.encode())
    found.update(script.read_bytes())
    text = script.read_text("utf-8", errors="replace")
    for file in _beside(script, text):
        found.update(f"{here().name(file)} {_digest(file)}\n".encode())
    if DATA.search(text):
        found.update("\n".join(_data()).encode())
    return found.hexdigest()[:16]


def common() -> str:
    """Return what all notebooks depend on: code and samples, packages, settings."""
    root = here().root
    lines = [f"{sys.version} {version('twobus')}"]
    files = [root / name for name in ALWAYS]
    files += [file for folder in CODE for file in _all(root / folder)]
    lines += [f"{here().name(it)} {_digest(it)}" for it in files if it.is_file()]
    if any(map(_names_data, files)):
        lines += _data()
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _names_data(file: Path) -> bool:
    """Tell whether code names data by itself; contracts do so for `read`."""
    if file.suffix != ".py" or "tables" in file.parts or not file.is_file():
        return False
    try:
        return bool(DATA.search(file.read_text("utf-8", errors="replace")))
    except OSError:
        return False


def _data() -> Iterator[str]:
    for file in _all(here().data):
        # It may be large: when it was written tells enough.
        known = file.stat()
        yield f"{here().name(file)} {known.st_size} {known.st_mtime_ns}"


def _beside(script: Path, text: str) -> Iterator[Path]:
    """Yield the files among the notebooks that one of them may use."""
    for file in _all(here().notebooks):
        if file == script or file.suffix == ".ipynb":
            continue
        # Another notebook counts if this one names it, as an import does.
        if file.suffix != ".py" or re.search(rf"\b{re.escape(file.stem)}\b", text):
            yield file


def _all(folder: Path) -> Iterator[Path]:
    for file in sorted(folder.rglob("*")):
        parts = file.relative_to(folder).parts
        # marimo keeps sessions in a folder of its own.
        hidden = any(it.startswith((".", "__")) for it in parts[:-1])
        hidden = hidden or parts[-1].startswith(".")
        if not hidden and file.is_file():
            yield file


def _digest(file: Path) -> str:
    known = file.stat()
    try:
        return _content(file, known.st_size, known.st_mtime_ns)
    except OSError:
        # Whoever needs it will say so.
        return "not to be read"


@cache
def _content(file: Path, size: int, written: int) -> str:
    """Return the digest of what a file holds, read once as long as it stays."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
