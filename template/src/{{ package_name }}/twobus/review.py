"""Look at a change before people do, and say what they should look at.

Managed by Twobus: change it by a pull request to the template.
"""

import ast
import json
import os
import re
import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import requests
import yaml

from ..settings import NOTEBOOKS, ROOT

OK, LOOK, WARNING, FAILURE, UNKNOWN = "ok", "look", "warning", "fails", "not checked"
# What GitLab shows in yellow: see allow_failure in .gitlab-ci.yml.
EXIT_UNKNOWN = 78
GITLAB_TEXT = 2700  # characters of a description, at most

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
ANSWERS = ".copier-answers.yml"
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
    """

    base: str
    description: str | None = None
    whole: bool = True
    author: str = ""
    by_bot: bool = False
    draft: bool = False
    labels: tuple[str, ...] = ()


def review(base: str = "", compare: Callable[[str], list[str]] | None = None) -> None:
    """Print a table of what a reviewer should know of a change.

    Args:
        base: What the change is compared with, where no forge tells it.
        compare: Says what has changed in the notebooks since a commit.

    Raises:
        SystemExit: If something must be mended before a merge; not for a draft.
    """
    request = _request(base)
    start = _start(request.base)
    added = _added(start)
    rows = [
        _size(added, request),
        _description(request),
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
    elif FAILURE in results:
        raise SystemExit(1)
    elif UNKNOWN in results and request.description is not None:
        raise SystemExit(EXIT_UNKNOWN)


def name_owners() -> None:
    """Print a line if one person could leave and take the project along."""
    row = owners()
    if row.result != OK:
        print(row.detail)


def owners() -> Row:
    """Say whether every path has two people or one team."""
    everything, inherited = False, list[str]()
    for number, line in enumerate(_lines(*ROOT.glob(".git*/CODEOWNERS")), 1):
        text = line.split("#")[0]
        people = [word.lower() for word in text.split() if "@" in word]
        if text.startswith(("[", "^[")):
            inherited = people  # A section of GitLab may have owners of its own.
        elif text.strip():
            pattern = text.split()[0]
            if not _two(people or inherited):
                return Row(
                    "Owners",
                    WARNING,
                    f"One-bus path: line {number} of CODEOWNERS gives {pattern} to "
                    "fewer than two people. Add a second, or a team.",
                )
            everything |= pattern == "*"
    if everything:
        return Row("Owners", OK, "every path has two people or a team")
    return Row(
        "Owners",
        WARNING,
        f"One-bus project: fewer than two people own it. Name them: {NAME_OWNERS}.",
    )


def _two(people: list[str]) -> bool:
    return len({*people}) > 1 or any("/" in person for person in people)


def _size(added: dict[str, int], request: Request) -> Row:
    limit = _limits()
    note = ""
    if sum(added.values()) > limit["warn_added"]:
        try:
            rendered = _rendered([name for name, count in added.items() if count])
        except LookupError as error:
            rendered, note = set(), f"; files of the template count as well: {error}"
        added = {name: n for name, n in added.items() if name not in rendered}
    total = sum(added.values())
    largest = sorted(added, key=lambda name: -added[name])[:3]
    detail = f"{total:,} added lines{note}"
    if total <= limit["warn_added"]:
        return Row("Size", OK, detail)
    detail += f", most of them in {', '.join(largest)}: smaller changes are read better"
    if total <= limit["fail_added"] or _answers().get("review_level") == "light":
        return Row("Size", WARNING, detail)
    return _waiver(request, detail)


def _waiver(request: Request, detail: str) -> Row:
    """Say whether somebody else has agreed to a change that is too large."""
    reason = REASON.search(request.description or "")
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
    if approver == request.author:
        return Row("Size", FAILURE, f"{detail}. Its author cannot waive that alone")
    return Row("Size", WARNING, f"{detail}. Waived by {approver}: {reason[1]}")


def _description(request: Request) -> Row:
    if request.description is None:
        return Row("Description", UNKNOWN, "there is no request yet")
    if request.by_bot:
        detail = f"{request.author} is a program: who approves answers for it"
        return Row("Description", WARNING, detail)
    empty = list(_unanswered(request.description))
    if not request.whole:
        detail = "the forge gives only the beginning of the text"
        return Row("Description", UNKNOWN, detail)
    if empty:
        detail = f"not answered: {' '.join(empty)} Edit the description"
        return Row("Description", FAILURE, detail)
    return Row("Description", OK, "every question has an answer")


def _unanswered(description: str) -> Iterator[str]:
    """Yield the questions of the page whose answer is missing or a placeholder."""
    page = "\n".join(_lines(*(ROOT / name for name in PAGES)))
    questions = re.findall(r"^\*\*(.+?)\*\*", page, re.MULTILINE)
    text = re.sub(r"<!--.*?(-->|\Z)", "", description, flags=re.DOTALL)
    for question in questions:
        answer = text.partition(f"**{question}**")[2]
        for other in questions:
            answer = answer.partition(f"**{other}**")[0]
        if not re.search(r"\w", answer):
            yield question


def _left_over() -> Row:
    marked = _git("grep", "--name-only", "--extended-regexp", LEFT_OVER).splitlines()
    rejected = _git("ls-files", "*.rej").splitlines()
    if names := [*marked, *rejected]:
        detail = f"a template update left conflicts in {', '.join(names)}"
        return Row("Conflicts", FAILURE, detail)
    return Row("Conflicts", OK, "none are left over")


def _take_over() -> Row:
    """Name what a second person would still have to ask."""
    text = "\n".join(_lines(ROOT / "README.md"))
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
    limit = _limits()
    folder = NOTEBOOKS.relative_to(ROOT).as_posix()
    for name in changed:
        file = ROOT / name
        here = name.startswith(f"{folder}/") and file.suffix == ".py"
        if not here or not file.exists():
            continue
        cells = re.split(r"^(?:# %%|@app\.cell)", file.read_text("utf-8"), flags=re.M)
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
    try:
        tree = ast.parse(file.read_text("utf-8"))
    except SyntaxError:
        return 0  # The linter says so.
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    nodes = (node for node in ast.walk(tree) if isinstance(node, kinds))
    return sum(
        not any("app.cell" in ast.unparse(mark) for mark in node.decorator_list)
        for node in nodes
    )


def _changed_notebooks(said: list[str]) -> Iterator[Row]:
    for line in said:
        yield Row("Notebooks", LOOK, f"{line}. Before and after: reports/review")


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
    marks = _git(*marked, stdin="\0".join(counts)).split("\0")
    for name, value in zip(marks[::3], marks[2::3], strict=False):
        if value in ("set", "true"):
            counts[name] = 0
    return counts


def _rendered(names: list[str]) -> set[str]:
    """Name the files that are what the template gives for the project's answers.

    Raises:
        LookupError: If the template cannot be reached.
    """
    answers = _answers()
    copier = [os.environ.get("UV", "uv"), "tool", "run", "--quiet", "copier", "copy"]
    options = ["--quiet", "--defaults", "--data-file", str(ROOT / ANSWERS)]
    with tempfile.TemporaryDirectory() as folder:
        source = [str(answers["_src_path"]), folder]
        release = ["--vcs-ref", str(answers["_commit"])]
        process = subprocess.run(
            [*copier, *options, *release, *source], cwd=ROOT, capture_output=True
        )
        if process.returncode:
            raise LookupError("the template cannot be reached")
        return {name for name in names if _same(ROOT / name, Path(folder) / name)}


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
                author=found["user"]["login"],
                by_bot=found["user"]["type"] == "Bot",
                draft=found["draft"],
                labels=tuple(label["name"] for label in found["labels"]),
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
    entries = []
    try:
        while url:
            answer = requests.get(url, headers=headers, timeout=30)
            answer.raise_for_status()
            entries += answer.json()
            url = answer.links.get("next", {}).get("url", "")
    except requests.RequestException as error:
        reason = type(error).__name__
        raise LookupError(f"the forge was not reached ({reason})") from None
    names = [
        str(entry["actor"]["login"])
        for entry in entries
        if entry["event"] == "labeled"
        and entry["label"]["name"] == WAIVER
        and entry["actor"]["type"] != "Bot"
    ]
    if not names:
        raise LookupError(f"the forge does not say who set the label {WAIVER}")
    return names[-1]


def _start(base: str) -> str:
    """Return the commit from which a change began.

    A history of its own, as a project begins, counts from after its first commit.
    """
    if start := _git("merge-base", base, "HEAD").split():
        return start[0]
    if _git("rev-parse", "--verify", "--quiet", base):
        return _git("rev-list", "--max-parents=0", "HEAD").split()[0]
    raise SystemExit(
        f"There is no {base} to compare with: name a branch or a commit that is here, "
        "such as `poe review --base main`."
    )


def _show(rows: list[Row]) -> None:
    """Print the table, and add it to the summary of the run where there is one."""
    for row in rows:
        print(f"{row.topic:<12} {row.result:<12} {row.detail}")
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write("| Review | | |\n|---|---|---|\n")
            for row in rows:
                cells = (_cell(text) for text in (row.topic, row.result, row.detail))
                file.write(f"| {' | '.join(cells)} |\n")


def _cell(text: str) -> str:
    """Return text that stays text in a Markdown table, whoever wrote it."""
    return re.sub(r"([\\`*_\[\]|@#!~])", r"\\\1", escape(" ".join(text.split())))


def _limits() -> dict[str, int]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    try:
        return {name: int(project["tool"]["twobus"]["review"][name]) for name in LIMITS}
    except KeyError as error:
        raise SystemExit(
            f"pyproject.toml lacks {error} in [tool.twobus.review], the limits of a "
            "change: a template update brings them."
        ) from None


def _answers() -> dict[str, Any]:
    answers: dict[str, Any] = yaml.safe_load((ROOT / ANSWERS).read_text("utf-8"))
    return answers


def _lines(*files: Path) -> list[str]:
    return [
        line
        for file in files
        if file.exists()
        for line in file.read_text("utf-8").splitlines()
    ]


def _git(*words: str, stdin: str = "") -> str:
    """Return what a git command prints; nothing where it fails."""
    process = subprocess.run(
        ["git", *words], cwd=ROOT, input=stdin, capture_output=True, encoding="utf-8"
    )
    return process.stdout
