"""What people read in the request of an update."""

import re
from collections.abc import Iterator, Mapping

from twobus.companion.branch import THEIRS, YOURS, Outcome
from twobus.companion.lock import UNLOCKED
from twobus.companion.pulls import Request
from twobus.companion.update import BRANCH

MARK = "<!-- Twobus writes anew what is above this line, and keeps what is below. -->"
# A request takes some 65,000 characters, and people must find room below.
LONGEST = 20_000
WIDEST = 500
# Output differs from run to run, and that is no news.
OUTPUT = re.compile(r"<details>.*</details>", re.DOTALL)
# Spaces before it do not matter, nor do marks of quotes and lists.
COMMAND = re.compile(r"^([\s>*+-]*)/", re.MULTILINE)
CLOSED = "Closed by Twobus: the project is at the newest release."
RESOLVE = f"""\
The project and the template have both changed the same lines, and these files hold \
both, between `<<<<<<< {YOURS}` and `>>>>>>> {THEIRS}`. Keep what is right:

```
git fetch origin
git switch -C {BRANCH} origin/{BRANCH}
# edit the files, then
uv lock
uv run poe check
git commit --all
git push
```

From your first commit on, Twobus leaves the branch to you."""
WAITS = (
    "GitHub lets no check start by itself on what its own token has pushed: approve "
    "the run below, or close this request and open it again."
)


def body(description: str, request: Request | None, page: str = "") -> str:
    """Put what Twobus says above what people have written, or are asked."""
    if request:
        above, mark, below = request.body.partition(MARK)
        page = below if mark else above
    return f"{description}\n\n{MARK}\n\n{page.strip()}\n"


def comparable(text: str) -> str:
    """Return what Twobus said in a body, without what is no news."""
    above = text.replace("\r\n", "\n").partition(MARK)[0]
    return OUTPUT.sub("", above).strip()


def describe(outcome: Outcome, waits: bool) -> str:
    """Write what people should know of an update.

    Args:
        outcome: What the update did.
        waits: Whether checks on the forge wait for people.
    """
    notes = list(map(_harmless, outcome.notes))
    # The last notes may be what a program said, after a line that tells which.
    start = next((i for i, note in enumerate(notes) if note.endswith(":")), len(notes))
    parts = [f"This brings the project from Twobus {outcome.old} to {outcome.new}."]
    if outcome.conflicts:
        files = "\n".join(f"- `{_harmless(name)}`" for name in outcome.conflicts)
        parts += ["### To resolve", files, RESOLVE]
    if start:
        parts += ["### Decided", "\n".join(f"- {note}" for note in notes[:start])]
    parts += ["### Checks", _checks(outcome, notes[start:])]
    if waits:
        parts.append(WAITS)
    if outcome.changes:
        parts += ["### What is new", *_news(outcome.changes)]
    return "\n\n".join(parts)


def _harmless(text: str) -> str:
    """Return others' words without what a forge or this module takes for more.

    GitLab does what a line such as `/merge` says, with the rights of the token.
    """
    text = COMMAND.sub(r"\1\\/", text.replace("\r", "\n"))
    return text.replace("<!--", "&lt;!--").replace(CLOSED, "…")


def _news(changes: Mapping[str, str]) -> Iterator[str]:
    """Yield what is new in each release, the newest first, up to a length."""
    length = 0
    for release, text in changes.items():
        length += len(text)
        if length > LONGEST and length > len(text):
            yield "What was new before is in the template's changelog."
            return
        yield f"#### {release}\n\n{_harmless(text)}"


def _checks(outcome: Outcome, said: list[str]) -> str:
    if said:
        lines = "\n".join(line[:WIDEST] for line in said[1:])
        # Longer than any fence within.
        fence = "`" * max([4, *(len(run) + 1 for run in re.findall("`+", lines))])
        output = f"<summary>The last lines</summary>\n\n{fence}\n{lines}\n{fence}"
        return f"{said[0]}\n\n<details>{output}\n\n</details>"
    if outcome.conflicts or any(note.startswith(UNLOCKED) for note in outcome.notes):
        return "`poe check` was not run: there is more to do first."
    return "`poe check` passes on this branch."
