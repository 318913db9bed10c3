"""Look at a change before people do, and say what they should look at."""

import ast
import json
import os
import re
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path
from typing import Any

import requests

from twobus import codeowners, git
from twobus.project import ANSWERS, here, parse_answers
from twobus.tasks import task

OK, LOOK, WARNING, FAILURE, UNKNOWN = "ok", "look", "warning", "fails", "not checked"
# What GitLab shows in yellow: see allow_failure in .gitlab-ci.yml.
EXIT_UNKNOWN = 78
NOBODY = {"login": "", "type": "User"}  # whose account is gone
MOST_PAGES = 20
GITLAB_TEXT = 2700  # characters of a description, at most

# What could end a line, or show it in another order than it has.
UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+"
)
# What a description may hold that is no answer: what does not show, and footers.
NO_ANSWER = re.compile(
    r"""<!--.*?(?:-->|\Z) | <[^>]*> | !\[[^\]]*\]\([^)]*\) | ^\[.*?\]:.*?$
    | ^\W*(?:size\ waiver\W*:|(?:close|fix|resolve)[sd]?\ +\S*\#\d).*?$
    | [\u115f\u1160\u3164\uffa0_] | \b(?:todo|tbd)\b""",
    re.VERBOSE | re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
# Where the main branch is found, unless somebody says.
BASES = ("origin/HEAD", "origin/main", "main")
WAIVER = "large-change"
REASON = re.compile(r"^\W*size waiver\W*:\W*(\w.*)$", re.IGNORECASE | re.MULTILINE)
PAGES = (
    ".github/pull_request_template.md",
    ".gitlab/merge_request_templates/Default.md",
)
# They stand in pyproject.toml.
LIMITS = (
    "warn_added",
    "fail_added",
    "notebook_lines",
    "notebook_cell",
    "notebook_definitions",
)
LEFT_OVER = r"^(<<<<<<< before updating|>>>>>>> after updating)"
NAME_OWNERS = (
    "uvx copier update --vcs-ref :current: --data "
    'code_owners="@you @colleague" (or a team, @group/team)'
)


@dataclass(frozen=True)
class Row:
    """One line of the table: what was looked at, how it is, and what to do."""

    topic: str
    result: str
    detail: str


@dataclass(frozen=True)
class Request:
    """A pull or merge request, as far as its forge tells.

    Attributes:
        base: The commit or branch that it is to be merged into.
        description: Its text; None where there is no request yet.
        whole: Whether the forge gave the whole text.
        author: Who opened it; empty where the forge does not say.
        by_bot: Whether that is a program.
        draft: Whether its author still works on it.
        labels: Its labels.
        lasting: Whether a result stays when a draft is made ready.
    """

    base: str
    description: str | None = None
    whole: bool = True
    author: str = ""
    by_bot: bool = False
    draft: bool = False
    labels: tuple[str, ...] = ()
    lasting: bool = False


def review(base: str = "", compare: Callable[[str], list[str]] | None = None) -> None:
    """Print a table of what a reviewer should know of a change.

    Args:
        base: What the change is compared with, where no forge tells it.
        compare: Says what has changed in the notebooks since a commit.

    Raises:
        SystemExit: If something must be fixed before a merge; not for a draft.
    """
    request = _request(base)
    start = _start(request.base)
    added = _added(start)
    rows = [
        _size(added, start, request),
        _description(start, request),
        *_rules(added, start),
        _left_over(),
        owners(),
        _take_over(),
        *_overgrown(added),
        *_changed_notebooks(compare(start) if compare else []),
    ]
    _show(rows)
    results = {row.result for row in rows}
    if request.draft:
        print("A draft: nothing here fails it yet.")
        if FAILURE in results and request.lasting:
            print("Run the pipeline again when it is ready: GitLab does not.")
            raise SystemExit(EXIT_UNKNOWN)
    elif FAILURE in results:
        raise SystemExit(1)
    elif UNKNOWN in results and request.description is not None:
        raise SystemExit(EXIT_UNKNOWN)


@task
def name_owners() -> None:
    """Print a line if one person could leave and take the project along."""
    row = owners()
    if row.result != OK:
        print(row.detail)


def owners() -> Row:
    """Say whether every path has two people or one team; three people at `strict`."""
    root = here().root
    needed = 3 if _answers().get("review_level") == "strict" else 2
    forge = codeowners.forge_of(root)
    file = codeowners.find(root, forge)
    text = _text(file) if file else ""
    for number, word in codeowners.skipped(text, forge):
        detail = (
            f"line {number} of CODEOWNERS counts for nothing: {word} is no name that"
        )
        return Row("Owners", WARNING, f"One-bus path: {detail} GitHub has. Correct it.")
    lines = codeowners.parse(text, forge)
    for line in lines:
        if len({*line.owners}) < needed and not line.has_team:
            return Row(
                "Owners",
                WARNING,
                f"One-bus path: line {line.number} of CODEOWNERS gives {line.pattern} "
                f"to fewer than {'two' if needed == 2 else 'three'} people"
                f"{', and strict needs them' if needed == 3 else ''}. Add one, or "
                "a team.",
            )
    if any(line.pattern in codeowners.EVERYTHING for line in lines):
        return Row("Owners", OK, "every path has enough people, or a team")
    return Row(
        "Owners",
        WARNING,
        f"One-bus project: fewer than two people own it. Name them: {NAME_OWNERS}.",
    )


def _size(added: dict[str, int], start: str, request: Request) -> Row:
    limit = _limits(start)
    note = ""
    if unknown := len(_git("ls-files", "--others", "--exclude-standard").splitlines()):
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
    if total <= limit["fail_added"] or _answers(start).get("review_level") == "light":
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
        approver = _labeller()
    except LookupError as error:
        return Row("Size", UNKNOWN, f"{detail}. Waived ({reason[1]}): {error}")
    if approver.lower() == request.author.lower():
        return Row("Size", FAILURE, f"{detail}. Its author cannot waive that alone")
    return Row("Size", WARNING, f"{detail}. Waived by {approver}: {reason[1]}")


def _description(start: str, request: Request) -> Row:
    if request.description is None:
        return Row("Description", UNKNOWN, "there is no request yet")
    if request.by_bot:
        detail = f"{request.author} is a program: who approves answers for it"
        return Row("Description", WARNING, detail)
    pages = (_at(start, name) or _text(here().root / name) for name in PAGES)
    questions = re.findall(r"^\*\*(.+?)\*\*", "\n".join(pages), re.MULTILINE)
    empty = list(_unanswered(questions, request.description, whole=request.whole))
    if empty:
        return Row(
            "Description",
            FAILURE,
            f"not answered: {' '.join(empty)} Edit the description: replace each …, "
            "a word may do",
        )
    if not request.whole:
        detail = "GitLab gives only the beginning of the text, or none"
        return Row("Description", UNKNOWN, detail)
    if not questions:
        return Row("Description", WARNING, "there is no page with questions")
    return Row("Description", OK, "every question has an answer")


def _unanswered(questions: list[str], text: str, *, whole: bool) -> Iterator[str]:
    """Yield the questions whose answer is missing or does not show.

    Where the text is not whole, only those that another one follows.
    """
    for question in questions:
        answer = text.partition(f"**{question}**")[2]
        ends = [answer.find(f"**{other}**") for other in questions]
        end = min((end for end in ends if end >= 0), default=None)
        shown = NO_ANSWER.sub("", unescape(answer[:end])).replace(question, "")
        if not re.search(r"\w", shown) and (whole or end is not None):
            yield question


def _rules(added: dict[str, int], start: str) -> Iterator[Row]:
    """Yield a row if the change touches what this table and the forge's rules rest on.

    Limits, level and questions are those from before; marks in .gitattributes are not.
    """
    places = (ANSWERS, ".git", "docs/CODEOWNERS", "CODEOWNERS")
    touched = [
        name
        for name in added
        if name.startswith(places) or name.endswith(".gitattributes")
    ]
    if _limits("") != _limits(start):
        touched.append("the limits in pyproject.toml")
    if touched:
        detail = f"this changes what reviews rest on: {', '.join(touched)}"
        yield Row("Rules", LOOK, detail)


def _left_over() -> Row:
    marked = _git("grep", "--name-only", "--extended-regexp", LEFT_OVER).splitlines()
    rejected = _git("ls-files", "*.rej").splitlines()
    if names := [*marked, *rejected]:
        detail = f"a template update left conflicts in {', '.join(names)}"
        return Row("Conflicts", FAILURE, detail)
    return Row("Conflicts", OK, "none are left over")


def _take_over() -> Row:
    """Name what a second person would still have to ask."""
    text = _text(here().root / "README.md")
    section = text.partition("\n## Take over\n")[2].partition("\n## ")[0]
    empty = re.findall(r"^\| *([^|]*\w[^|]*?) *\| *\|$", section, re.MULTILINE)
    if not section:
        return Row("Take over", WARNING, "README.md has no section of that name")
    if empty:
        detail = f"README.md does not say yet: {'; '.join(empty)}"
        return Row("Take over", WARNING, detail)
    return Row("Take over", OK, "README.md says how")


def _overgrown(changed: Iterable[str]) -> Iterator[Row]:
    """Yield a row for each changed notebook whose code belongs into the package."""
    limit = _limits("")
    folder = here().notebooks.relative_to(here().root).as_posix()
    for name in changed:
        file = here().root / name
        ours = name.startswith(f"{folder}/") and file.suffix == ".py"
        if not ours or not file.is_file():
            continue
        cells = re.split(r"^(?:# %%|@app\.cell)", _text(file), flags=re.MULTILINE)
        sizes = [sum(map(_is_code, cell.splitlines())) for cell in cells]
        found = {
            "notebook_lines": (sum(sizes), "lines of code"),
            "notebook_cell": (max(sizes), "lines in one cell"),
            "notebook_definitions": (_definitions(file), "functions and classes"),
        }
        much = [f"{n} {of}" for key, (n, of) in found.items() if n > limit[key]]
        if much:
            detail = f"{', '.join(much)}: move what is not the story to the package"
            yield Row(name, WARNING, detail)


def _is_code(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _definitions(file: Path) -> int:
    """Count what a notebook defines, without the functions that are marimo's cells."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    # What cannot be read is what other checks tell of.
    with suppress(SyntaxError, ValueError, MemoryError, RecursionError):
        nodes = ast.walk(ast.parse(_text(file)))
        return sum(
            not any("app.cell" in ast.unparse(mark) for mark in node.decorator_list)
            for node in nodes
            if isinstance(node, kinds)
        )
    return 0


def _changed_notebooks(said: list[str]) -> Iterator[Row]:
    for line in said:
        result = WARNING if re.search(r"failed after|could not be run", line) else LOOK
        yield Row("Notebooks", result, f"{line.rstrip('.')}. See reports/review")


def _added(start: str) -> dict[str, int]:
    """Return the files that changed, with the lines added that somebody must read.

    Those of files that git knows as generated, or as binary, count as none.
    """
    fields = iter(_git("diff", "--numstat", "--find-renames", "-z", start).split("\0"))
    counts: dict[str, int] = {}
    for field in fields:
        if field:
            number, _, name = field.split("\t", 2)
            if not name:  # A rename: the old name and the new one follow.
                next(fields)
                name = next(fields)
            counts[name] = int(number) if number.isdigit() else 0
    marked = ["check-attr", "--stdin", "-z", "linguist-generated", "gitlab-generated"]
    marks = _git(*marked, text="\0".join(counts)).split("\0")
    for name, value in zip(marks[::3], marks[2::3], strict=False):
        if value in ("set", "true"):
            counts[name] = 0
    return counts


def _rendered(start: str, names: list[str]) -> set[str]:
    """Name the files that are what the template gives for the project's answers.

    Raises:
        LookupError: If the template cannot be reached.
    """
    # The place is that from before: nobody vouches for one that a request names.
    answers = _answers() | {"_src_path": _answers(start).get("_src_path")}
    if not answers["_src_path"] or "_commit" not in answers:
        raise LookupError("no answers say where the template is")
    copier = [os.environ.get("UV", "uv"), "tool", "run", "--quiet", "copier", "copy"]
    options = ["--quiet", "--defaults", "--data-file", str(here().root / ANSWERS)]
    with tempfile.TemporaryDirectory() as folder:
        source = [str(answers["_src_path"]), folder]
        release = ["--vcs-ref", str(answers["_commit"])]
        process = subprocess.run(
            [*copier, *options, *release, *source], cwd=here().root, capture_output=True
        )
        if process.returncode:
            raise LookupError("the template cannot be reached")
        return {
            name for name in names if _same(here().root / name, Path(folder) / name)
        }


def _same(one: Path, other: Path) -> bool:
    both = one.is_file() and other.is_file()
    return both and one.read_bytes() == other.read_bytes()


def _request(base: str) -> Request:
    """Read what the forge says of the request; locally, there is none."""
    env = os.environ
    if event := env.get("GITHUB_EVENT_PATH"):
        found = json.loads(Path(event).read_text("utf-8")).get("pull_request")
        if found:
            return Request(
                base=f"origin/{found['base']['ref']}",
                description=found["body"] or "",
                author=(found["user"] or NOBODY)["login"],
                by_bot=(found["user"] or NOBODY)["type"] == "Bot",
                draft=found["draft"],
                labels=tuple(label["name"] for label in found["labels"] or []),
            )
    if "CI_MERGE_REQUEST_IID" in env:
        title = env.get("CI_MERGE_REQUEST_TITLE", "")
        text = env.get("CI_MERGE_REQUEST_DESCRIPTION", "")
        # Older releases say nothing of it, or give no text at all.
        guess = "false" if 0 < len(text) < GITLAB_TEXT else "true"
        cut = env.get("CI_MERGE_REQUEST_DESCRIPTION_IS_TRUNCATED", guess)
        return Request(
            # The first is there where GitLab runs on the result of the merge.
            base=env.get("CI_MERGE_REQUEST_TARGET_BRANCH_SHA")
            or env["CI_MERGE_REQUEST_DIFF_BASE_SHA"],
            description=text,
            whole=cut == "false",
            draft=title.lower().startswith(("draft:", "[draft]", "(draft)")),
            labels=tuple(env.get("CI_MERGE_REQUEST_LABELS", "").split(",")),
            lasting=True,
        )
    known = [name for name in BASES if _git("rev-parse", "--verify", "--quiet", name)]
    return Request(base or (known or BASES)[0])


def _labeller() -> str:
    """Return who set the label that waives the limit, as the forge knows.

    Raises:
        LookupError: If the forge does not say.
    """
    env = os.environ
    if "GITHUB_EVENT_PATH" not in env:
        raise LookupError(f"who set the label {WAIVER} cannot be seen here")
    event = json.loads(Path(env["GITHUB_EVENT_PATH"]).read_text("utf-8"))
    url = f"{env['GITHUB_API_URL']}/repos/{env['GITHUB_REPOSITORY']}/issues"
    url = f"{url}/{event['pull_request']['number']}/events?per_page=100"
    headers = {"Authorization": f"Bearer {env.get('GITHUB_TOKEN', '')}"}
    entries: list[Any] = []
    try:
        for _ in range(MOST_PAGES):
            answer = requests.get(url, headers=headers, timeout=30)
            answer.raise_for_status()
            entries += answer.json()
            if not (url := answer.links.get("next", {}).get("url", "")):
                break
        marks = [
            (entry["event"], entry["actor"] or NOBODY)
            for entry in entries
            if entry["event"] in ("labeled", "unlabeled")
            and entry["label"]["name"] == WAIVER
        ]
    except (requests.RequestException, LookupError, TypeError) as error:
        reason = type(error).__name__
        raise LookupError(f"the forge does not tell ({reason})") from None
    if not marks or marks[-1][0] == "unlabeled" or marks[-1][1]["type"] != "User":
        raise LookupError(f"the forge names nobody who set the label {WAIVER}")
    return str(marks[-1][1]["login"])


def _start(base: str) -> str:
    """Return the commit from which a change began.

    A history of its own, as a project begins, counts from after its first commit.
    """
    known = ["rev-parse", "--verify", "--quiet", "--end-of-options"]
    if commit := _git(*known, base + "^{commit}").strip():
        found = _git("merge-base", commit, "HEAD")
        return (found or _git("rev-list", "--max-parents=0", "HEAD")).split()[0]
    raise SystemExit(
        f"There is no commit or branch {base!r} here to compare with: name one that is "
        "there by `poe review --base NAME`; after a shallow clone, run "
        "`git fetch --unshallow` first."
    )


def _show(rows: list[Row]) -> None:
    """Print the table, and add it to the summary of the run where there is one."""
    for row in rows:
        print(UNPRINTABLE.sub(" ", f"{row.topic:<12} {row.result:<12} {row.detail}"))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write("| Review | | |\n|---|---|---|\n")
            for row in rows:
                cells = (_cell(text) for text in (row.topic, row.result, row.detail))
                file.write(f"| {' | '.join(cells)} |\n")


def _cell(text: str) -> str:
    """Return text that stays text in a Markdown table, whoever wrote it."""
    line = escape(" ".join(UNPRINTABLE.sub(" ", text).split()))
    return re.sub(r"([\\`*_\[\]|@#!~])", r"\\\1", line)


def _limits(commit: str) -> dict[str, int]:
    """Return the limits of a commit, where it has any, else those of now."""
    for text in (_at(commit, "pyproject.toml"), _text(here().root / "pyproject.toml")):
        with suppress(tomllib.TOMLDecodeError, LookupError, ValueError):
            section = tomllib.loads(text)["tool"]["twobus"]["review"]
            return {name: int(section[name]) for name in LIMITS}
    raise SystemExit(
        f"pyproject.toml must give {', '.join(LIMITS)} in [tool.twobus.review]: a "
        "template update brings them."
    )


def _answers(commit: str = "") -> dict[str, Any]:
    """Return the answers of a commit, where it has any, else those of now."""
    for text in (_at(commit, ANSWERS), _text(here().root / ANSWERS)):
        if (answers := parse_answers(text)) is not None:
            return answers
    return {}


def _at(commit: str, name: str) -> str:
    return _git("show", f"{commit}:{name}") if commit else ""


def _text(file: Path) -> str:
    return file.read_text("utf-8-sig", "replace") if file.is_file() else ""


def _git(*words: str, text: str = "") -> str:
    """Return what a git command prints; nothing where it fails."""
    return git.ask(*words, cwd=here().root, text=text) or ""
