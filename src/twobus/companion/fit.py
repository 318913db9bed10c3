"""Find what can be merged of a template with the files that a repository has."""

from dataclasses import dataclass, field
from filecmp import cmp
from pathlib import Path, PurePosixPath
from typing import Any

from twobus.companion.branch import Outcome, above, files
from twobus.project import MOST_BYTES

# What git has for links and submodules, instead of files.
NO_FILES = {"120000", "160000"}


@dataclass
class Adoption(Outcome):
    """What an adoption did.

    Attributes:
        answers: The answers, guessed, given or asked for.
        added: Files that the repository did not have.
        kept: Files that the template gives once, and that the repository has.
        advice: What should move where, sentences for people.
    """

    answers: dict[str, Any] = field(default_factory=dict)
    added: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)


def fit(
    made: Path, managed: set[str], clone: Path, theirs: dict[str, str], found: Adoption
) -> None:
    """Take out of a rendered project what cannot be merged with a repository."""
    taken = _Taken(theirs)
    for name in files(made):
        ours = clone / name
        if why := taken.refuses(name):
            found.notes += [why] if why not in found.notes else []
        elif name not in theirs:
            found.added.append(name)
            continue
        elif name not in managed:
            found.kept.append(name)
        elif (one := _lines(ours)) is None:
            if cmp(ours, made / name, shallow=False):
                continue
            found.notes.append(
                f"{name} is as it was: it is no text in UTF-8, which the template's "
                "is, or too large for one."
            )
        else:
            if one != ours.read_bytes():
                ours.write_bytes(one)
                found.notes.append(
                    f"{name} ends its lines by LF now, as .gitattributes says: "
                    "otherwise updates could not be merged into it."
                )
            continue
        (made / name).unlink()


def _lines(file: Path) -> bytes | None:
    """Return a text with Unix line ends, or None for what is no text."""
    if file.stat().st_size > MOST_BYTES:
        return None
    content = file.read_bytes()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return None if b"\0" in content else content.replace(b"\r\n", b"\n")


class _Taken:
    """Which paths a repository takes, also where case makes no difference."""

    def __init__(self, theirs: dict[str, str]) -> None:
        self.modes = theirs
        self.folders = {
            str(folder) for name in theirs for folder in PurePosixPath(name).parents
        }
        self.folded = {name.casefold(): name for name in [*self.folders, *theirs]}

    def refuses(self, name: str) -> str:
        """Say why a file cannot be at a path, if so."""
        if name in self.folders:
            return f"{name} is a folder of yours: the template has a file there."
        if self.modes.get(name) in NO_FILES:
            return f"{name} is a link of yours: the template has a file there."
        for path in above(name):
            known = self.folded.get(path.casefold())
            if path in self.modes and path != name:
                return f"{path} is no folder here: what the template has there is left."
            if known and path not in self.modes and path not in self.folders:
                return (
                    f"{path} of the template is left out, since you have {known}, "
                    f"which Windows and macOS take for the same: git mv {known} {path} "
                    "and commit that, then run this again."
                )
        return ""
