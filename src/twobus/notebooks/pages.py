"""The pages of notebooks on disk: which are current, and which have outlived a failure.

Each page says in its head what it was made from and how it is, so that no other file
has to be kept.
"""

import json
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from html import escape, unescape
from pathlib import Path

from twobus.project import StopError

NAME = "twobus-page"
META = re.compile(rf'<meta name="{NAME}" content="([^"]*)">')
STALE = re.compile(r'<p class="notice" id="stale">.*?</p>\n?', re.DOTALL)
# A reason is a line: the attempt has all of it.
LONGEST = 300
# How a failed attempt is called beside the last good page.
FAILED = ".failed.html"


@dataclass(frozen=True)
class Mark:
    """What a page says of itself.

    Attributes:
        key: What it was made from; pages of the same key are the same.
        made: When it was made, for people.
        state: `current`; `stale` if a later run failed; `failed` if none went well.
        reason: Why it is not current, in a line.
        notebook: The notebook's name within the project.
    """

    key: str
    made: str
    notebook: str
    state: str = "current"
    reason: str = ""


def mark(page: Path) -> Mark | None:
    """Return what a page says of itself; None where there is no page of ours."""
    try:
        with page.open(encoding="utf-8", errors="replace") as stream:
            found = META.search(stream.read(5000))
    except OSError:
        return None
    if found is None:
        return None
    try:
        return Mark(**json.loads(unescape(found[1])))
    except (ValueError, TypeError):
        # Of another release.
        return None


def keep(page: Path, text: str, said: Mark) -> None:
    """Write the page of a notebook that went well.

    Raises:
        StopError: If it cannot be written.
    """
    write(page, _marked(text, said))
    page.with_name(page.stem + FAILED).unlink(missing_ok=True)


def fail(page: Path, text: str, said: Mark) -> Path:
    """Write the page of a notebook that failed; the last good one stays.

    Args:
        page: Where the good one is, or would be.
        text: The page of the attempt.
        said: What it says of itself, with the reason.

    Returns:
        Where the attempt is.

    Raises:
        StopError: If it cannot be written.
    """
    reason = said.reason
    if len(reason) > LONGEST:
        reason = f"{reason[:LONGEST]}…"
    said = replace(said, state="failed", reason=reason)
    good = mark(page)
    if good is None or good.state == "failed":
        write(page, _marked(text, said))
        return page
    attempt = page.with_name(page.stem + FAILED)
    write(attempt, _marked(text, said))
    stale = replace(good, state="stale", reason=said.reason)
    words = (
        f"This page is of {good.made}. Since then its notebook fails: "
        f'{escape(said.reason)} (<a href="{escape(attempt.name)}">the attempt</a>).'
    )
    notice = f'<p class="notice" id="stale">{words}</p>\n'
    known = STALE.sub("", page.read_text("utf-8"))
    known = META.sub(lambda _: _meta(stale), known, count=1)
    write(page, known.replace("<main>", f"<main>\n{notice}", 1))
    return attempt


def drop(folder: Path, notebooks: Iterable[str]) -> list[Path]:
    """Remove the pages in a folder whose notebooks are gone.

    Args:
        folder: The pages' folder; folders in it with pages of another run are left.
        notebooks: The names of the notebooks there are.

    Returns:
        The pages that are gone.
    """
    there, gone = {*notebooks}, []
    for page in sorted(folder.rglob("*.html")) if folder.is_dir() else []:
        said = mark(page)
        if said is not None and said.notebook not in there:
            page.unlink()
            page.with_suffix(".pdf").unlink(missing_ok=True)
            gone.append(page)
    return gone


def _marked(text: str, said: Mark) -> str:
    return text.replace("<head>", f'<head><meta charset="utf-8">{_meta(said)}', 1)


def _meta(said: Mark) -> str:
    content = escape(json.dumps(asdict(said), ensure_ascii=False))
    return f'<meta name="{NAME}" content="{content}">'


def write(page: Path, text: str) -> None:
    """Write a page whole or not at all.

    Raises:
        StopError: If it cannot be written.
    """
    page.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(suffix=".part", dir=page.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(page)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise StopError(f"{page.name} cannot be written: {error.strerror}.") from None
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
