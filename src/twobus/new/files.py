"""Write new files of a project: all of them or none, and none over another."""

import keyword
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Template

from twobus.project import StopError, here

# What is written, with a name such as $table where words go.
TEMPLATES = Path(__file__).with_name("templates")
NAME = re.compile(r"[a-z](_?[a-z0-9])*")
LONGEST = 40
# How many bytes are copied at once.
COPIED = 1 << 22
# What Windows does not let a file be called.
DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)\d")


class NewFileError(StopError):
    """Nothing was written; the message says what to do."""


def check_name(name: str, kind: str, example: str) -> None:
    """Refuse a name that no module and no test should have.

    Args:
        name: What somebody has typed.
        kind: What it names, for a better name.
        example: A good one.

    Raises:
        NewFileError: If it is refused.
    """
    if not NAME.fullmatch(name) or len(name) > LONGEST:
        raise NewFileError(
            "Name it by a-z, 0-9 and single underscores, beginning with a letter, at "
            f"most {LONGEST} of them: {example}, for example."
        )
    python = keyword.iskeyword(name) or name in sys.stdlib_module_names
    if python or DEVICE.fullmatch(name) or name.startswith("test_"):
        raise NewFileError(
            f"Choose another name, such as {name.removeprefix('test_')}_{kind}: {name} "
            "means something to Python, pytest or Windows."
        )


def fill(template: str, words: Mapping[str, str]) -> str:
    """Return the text of a new file.

    Args:
        template: A file of `templates`, without the ending `.txt`.
        words: What goes into it, by name; it may need fewer.
    """
    file = TEMPLATES / f"{template}.txt"
    return Template(file.read_text("utf-8")).substitute(words)


def tidy(code: str, rules: str = "F401") -> str:
    """Return code without the imports that it does not need, formatted.

    Args:
        code: The code.
        rules: What ruff corrects in it.
    """
    # Not found by its files: those of new code are still to be written.
    own = f'--config=lint.isort.known-first-party=["{here().package}"]'
    for task in (["check", "--fix-only", f"--select={rules}", own], ["format"]):
        code = subprocess.run(
            [sys.executable, "-m", "ruff", *task, "-q", "--stdin-filename=new.py", "-"],
            cwd=here().root,
            input=code,
            capture_output=True,
            check=True,
            encoding="utf-8",
        ).stdout
    return code


def write(files: Mapping[Path, str | bytes | Path]) -> None:
    """Write new files, and say which.

    Args:
        files: What each holds: a text, or bytes, or what another file holds.

    Raises:
        NewFileError: If one is there already, or cannot be written; then none stays.
    """
    put(files)
    name_written(files)


def name_written(files: Iterable[Path]) -> None:
    """Say which files were written."""
    print("Written:", *(here().name(file) for file in files), sep="\n  ")


def put(files: Mapping[Path, str | bytes | Path]) -> None:
    """Write new files.

    Args:
        files: What each holds: a text, or bytes, or what another file holds.

    Raises:
        NewFileError: If one is there already, or cannot be written; then none stays.
    """
    if taken := [file for file in files if file.exists()]:
        there = here().name(taken[0])
        raise NewFileError(f"Choose another name: {there} is there already.")
    written = []
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("xb") as stream:
                written.append(file)
                if isinstance(text, Path):
                    with text.open("rb") as source:
                        shutil.copyfileobj(source, stream, COPIED)
                else:
                    stream.write(text.encode() if isinstance(text, str) else text)
    except OSError as error:
        remove(written)
        raise NewFileError(f"Nothing was written: {error}.") from None


def remove(files: Iterable[Path]) -> None:
    """Remove files that were written."""
    for file in files:
        file.unlink(missing_ok=True)
