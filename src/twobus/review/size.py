"""How much of a change somebody must read."""

import os
import re
import tempfile
from pathlib import Path

from twobus.git import PATIENCE, run
from twobus.project import ANSWERS, StopError, here
from twobus.review.before import answers, ask, limits
from twobus.review.request import WAIVER, Request, who_waived
from twobus.review.table import FAILURE, OK, UNKNOWN, WARNING, Row

REASON = re.compile(r"^\W*size waiver\W*:\W*(\w.*)$", re.IGNORECASE | re.MULTILINE)


def added_lines(start: str) -> dict[str, int]:
    """Return the files that changed, with the lines added that somebody must read.

    Those of files that git knows as generated, or as binary, count as none.
    """
    fields = iter(ask("diff", "--numstat", "--find-renames", "-z", start).split("\0"))
    counts: dict[str, int] = {}
    for field in fields:
        if field:
            number, _, name = field.split("\t", 2)
            if not name:  # A rename: the old name and the new one follow.
                next(fields)
                name = next(fields)
            counts[name] = int(number) if number.isdigit() else 0
    marked = ["check-attr", "--stdin", "-z", "linguist-generated", "gitlab-generated"]
    marks = ask(*marked, text="\0".join(counts)).split("\0")
    for name, value in zip(marks[::3], marks[2::3], strict=False):
        if value in ("set", "true"):
            counts[name] = 0
    return counts


def size(added: dict[str, int], start: str, request: Request) -> Row:
    """Say how many lines somebody must read, and whether these are too many."""
    limit = limits(start)
    note = ""
    if unknown := len(ask("ls-files", "--others", "--exclude-standard").splitlines()):
        note = f"; without {unknown} files that are not in git yet"
    if sum(added.values()) > limit["warn_added"]:
        try:
            rendered = _rendered(start, [name for name, n in added.items() if n])
        except LookupError as error:
            rendered = set()
            note += f"; files of the template count as well: {error}"
        added = {name: n for name, n in added.items() if name not in rendered}
    total = sum(added.values())
    largest = sorted(added, key=lambda name: -added[name])[:3]
    detail = f"{total:,} added lines{note}"
    if total <= limit["warn_added"]:
        return Row("Size", OK, detail)
    detail += f", most of them in {', '.join(largest)}: smaller changes are read better"
    if total <= limit["fail_added"] or answers(start).get("review_level") == "light":
        return Row("Size", WARNING, detail)
    return _waiver(request, detail)


def _waiver(request: Request, detail: str) -> Row:
    """Say whether somebody else has agreed to a change that is too large."""
    text = re.sub(r"<!--.*?(-->|\Z)", "", request.description or "", flags=re.DOTALL)
    reason = REASON.search(text)
    if WAIVER not in request.labels or not reason:
        return Row(
            "Size",
            FAILURE,
            f"{detail}. Split it; or write `Size waiver: why` into the description, "
            f"and somebody else sets the label {WAIVER}",
        )
    try:
        approver = who_waived()
    except LookupError as error:
        return Row("Size", UNKNOWN, f"{detail}. Waived ({reason[1]}): {error}")
    if approver.lower() == request.author.lower():
        return Row("Size", FAILURE, f"{detail}. Its author cannot waive that alone")
    return Row("Size", WARNING, f"{detail}. Waived by {approver}: {reason[1]}")


def _rendered(start: str, names: list[str]) -> set[str]:
    """Name the files that are what the template gives for the project's answers.

    Raises:
        LookupError: If the template cannot be reached.
    """
    # The place is that from before: nobody vouches for one that a request names.
    given = answers() | {"_src_path": answers(start).get("_src_path")}
    if not given["_src_path"] or "_commit" not in given:
        raise LookupError("no answers say where the template is")
    copier = [os.environ.get("UV", "uv"), "tool", "run", "--quiet", "copier", "copy"]
    options = ["--quiet", "--defaults", "--data-file", str(here().root / ANSWERS)]
    with tempfile.TemporaryDirectory() as folder:
        source = [str(given["_src_path"]), folder]
        release = ["--vcs-ref", str(given["_commit"])]
        command = [*copier, *options, *release, *source]
        try:
            process = run(command, here().root, limit=PATIENCE)
        except StopError as error:
            raise LookupError(str(error).rstrip(".")) from None
        if process.returncode:
            raise LookupError("the template cannot be reached")
        return {
            name for name in names if _same(here().root / name, Path(folder) / name)
        }


def _same(one: Path, other: Path) -> bool:
    both = one.is_file() and other.is_file()
    return both and one.read_bytes() == other.read_bytes()
