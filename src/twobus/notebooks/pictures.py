"""Pictures that people paste into notebooks become files that git keeps.

JupyterLab keeps them inside the `.ipynb`, which stays on its author's disk. Each that
a Markdown cell shows is written to `notebooks/media/NOTEBOOK/`, and the script links it
there. The `.ipynb` stays as it is, because it may be open.
"""

import os
import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from mimetypes import guess_extension
from pathlib import Path
from typing import Any
from unicodedata import normalize
from urllib.parse import quote

from twobus import git
from twobus.project import here, visible

MEDIA = "media"
# What is none of these is not quoted alike everywhere, or is forbidden in names.
ODD = re.compile(r"[^\w.]+")
LINK = re.compile(rf"(?:\.\./)*\b{MEDIA}/[\w./-]+-[0-9a-f]{{8}}\.\w+")
PASTED = re.compile(r"(?:\]\(<?|\bsrc=[\"']?|\]: ?<?)attachment:[^\s)>\"']+")
HOOKS = ".pre-commit-config.yaml"
LIMIT = re.compile(r"check-added-large-files.*--maxkb=(\d+)")


@dataclass(frozen=True)
class Pasted:
    """What was pasted into a notebook.

    Attributes:
        files: What belongs into which file.
        texts: The texts of cells that show it; and the same with links to files.
    """

    files: dict[Path, bytes] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    def link(self, content: Any) -> bool:
        """Let a notebook's cells link files; tell whether one did not."""
        changed = False
        for cell in content.cells:
            text = self.texts.get(cell.source.strip())
            if text is not None and cell.cell_type == "markdown":
                cell.source, changed = text, True
        return changed

    def write(self) -> None:
        """Write the files that are not there yet."""
        for path, data in self.files.items():
            if not path.exists() or path.read_bytes() != data:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)


def pasted(content: Any, notebook: Path) -> Pasted:
    """Find the pictures that a notebook's Markdown cells show.

    Args:
        content: The notebook, as it was read.
        notebook: Its file.
    """
    found = Pasted()
    inside = notebook.relative_to(here().notebooks).with_suffix("")
    folder = here().notebooks.joinpath(MEDIA, *map(_plain, inside.parts))
    for cell in content.cells:
        if cell.cell_type != "markdown" or "attachment:" not in cell.source:
            continue
        text = cell.source
        for name, kinds in cell.get("attachments", {}).items():
            kind, held = next(iter(kinds.items()))
            data = _decoded(held)
            suffix = Path(name).suffix
            stem = name.removesuffix(suffix)
            suffix = _plain(suffix) if suffix else guess_extension(kind) or ".bin"
            # Pasted pictures often all have the same name.
            mark = sha256(data).hexdigest()[:8]
            path = folder / f"{_plain(stem)[:60]}-{mark}{suffix}"
            link = Path(os.path.relpath(path, notebook.parent)).as_posix()
            linked = _shown(name).sub(link, text)
            if linked != text:
                found.files[path] = data
                text = linked
        if text != cell.source:
            found.texts[cell.source.strip()] = text
    return found


def problems() -> Iterator[str]:
    """Say which pictures of notebooks others will not see, and what to do.

    In a commit hook only what is in git counts, because all else is hidden there.
    """
    in_hook = "PRE_COMMIT" in os.environ
    root = here().root
    scripts = [*visible(here().notebooks, ".py")]
    texts = {script: script.read_text("utf-8", "replace") for script in scripts}
    # Most commits need not wait for this.
    if not any(LINK.search(text) or PASTED.search(text) for text in texts.values()):
        return
    words = ["ls-files", "-z", "--", here().name(here().notebooks)]
    known = {*git.names(git.ask(*words, cwd=root) or "")}
    linked: set[Path] = set()
    for script, text in texts.items():
        name = here().name(script)
        for shown in LINK.findall(text):
            path = Path(os.path.normpath(script.parent / shown))
            if not path.is_relative_to(here().notebooks / MEDIA) or path in linked:
                continue
            linked.add(path)
            picture = here().name(path)
            if not path.is_file():
                yield f"{name} shows {picture}, which is not here: ask its author."
            elif in_hook and name in known and picture not in known:
                yield f'{name} shows {picture}: run git add -f "{picture}", and commit.'
        if not in_hook and PASTED.search(text):
            yield (
                f"{name} shows a picture that is on its author's disk only: they must "
                "run uv run poe save, and commit what that writes."
            )
    if not in_hook:
        yield from _hindered(linked, known)


def leftovers() -> list[str]:
    """Name the files of `media` that no notebook or page mentions."""
    folder = here().notebooks / MEDIA
    pages = [*visible(here().notebooks, ".py"), *visible(here().root / "docs", ".md")]
    text = "\n".join(it.read_text("utf-8", "replace") for it in pages if it.is_file())
    return [
        here().name(path)
        for path in visible(folder, "")
        if path.is_file() and path.name not in text
    ]


def _hindered(linked: set[Path], known: set[str]) -> Iterator[str]:
    """Name pictures that do not get into git."""
    hooks = here().root / HOOKS
    found = LIMIT.search(hooks.read_text("utf-8")) if hooks.is_file() else None
    most = int(found[1]) if found else None
    for path in sorted(linked):
        name = here().name(path)
        if name in known or not path.is_file():
            continue
        size = path.stat().st_size // 1024
        lfs = git.ask("check-attr", "filter", "--", name, cwd=here().root) or ""
        if git.ask("check-ignore", "--quiet", name, cwd=here().root) is not None:
            yield f'{name} is ignored by git: run git add -f "{name}".'
        elif most is not None and size > most and not lfs.endswith("lfs"):
            yield (
                f"{name} has {size} KB, and a commit takes {most} KB at most: make the "
                "picture smaller and paste it again, or let git LFS keep it."
            )


def _plain(name: str) -> str:
    """Return a name without what must be quoted somewhere."""
    return ODD.sub("-", normalize("NFC", name)).strip("-") or "picture"


def _shown(name: str) -> re.Pattern[str]:
    """Return how texts show an attachment, in Markdown and in HTML."""
    forms = {
        name,
        quote(name),
        quote(name, safe=""),
        quote(name, "!'()*~"),
        escape(name),
    }
    either = "|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True))
    return re.compile(rf"attachment:(?:{either})(?=[\s)>\"']|$)")


def _decoded(held: Any) -> bytes:
    text = held if isinstance(held, str) else "".join(held)
    try:
        return b64decode("".join(text.split()), validate=True)
    except ValueError:
        # Drawings may be kept as text.
        return text.encode()
