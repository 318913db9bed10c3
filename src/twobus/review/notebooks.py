"""Show what a change does to the notebooks: before and after, side by side."""

from __future__ import annotations

import re
from base64 import b64decode
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import SequenceMatcher, unified_diff
from functools import cache
from html import escape
from itertools import count, groupby
from pathlib import Path
from urllib.parse import quote

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString

from twobus import git
from twobus.at_commit import checkout, uv_run
from twobus.notebooks import run as notebooks
from twobus.project import here

# What differs from run to run and means nothing.
NOISE = re.compile(
    r"""\b0x[0-9a-fA-F]{6,}             # addresses of objects
    | \s(?:id|for|aria-\w+)="[^"]*"     # names of elements, and what refers to them
    | (?:href="|url\()\#[^")]*
    | \bT_[0-9a-f]{5}(?=_|\b)           # of tables that pandas has styled
    | [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}
    | (?<=ipykernel_)\d+(?:/\d+)?       # of processes, in messages
    | (?<=In)\s?\[\d+\]                 # of cells, in tracebacks
    | \d+:\d\d&lt;[^\]]*                # times that progress bars show
    | <dc:date>[^<]*                    # and those in figures
    """,
    re.VERBOSE,
)
IMAGE = re.compile(r"data:image/(png|svg\+xml);base64,([\w+/=\s]+)")
# Longer texts take too long to compare word by word.
MOST_WORDS = 3000
STYLE = Path(__file__).with_name("before_after.css")


@dataclass(frozen=True)
class _Part:
    """A cell of a notebook, or an output of a cell.

    Parts with the same key are the same to a reader.
    """

    kind: str
    key: str = ""
    text: str = ""
    html: str = ""
    outputs: tuple[_Part, ...] = ()


@dataclass(frozen=True)
class _Side:
    """The notebooks of one commit, and what running them gave."""

    commit: str
    scripts: dict[str, str]
    pages: dict[str, list[_Part]]
    failed: set[str]
    problem: str = ""


# A part that one side does not have is an empty one there.
_Pair = tuple[_Part, _Part]


def compare(base: str, folder: Path) -> list[str]:
    """Run the notebooks at a commit and as they are now, and show what differs.

    Both run on the samples, each with its own code and lock. A page is written for
    each notebook that differs or fails, and `index.html`, which lists them.

    Args:
        base: The commit to compare with, as git understands it.
        folder: Where the pages are written.

    Returns:
        For each of these notebooks its name and what has changed, sorted; first of
        all why notebooks could not be run, if so.
    """
    print("Running the notebooks as they were and as they are.", flush=True)
    with ThreadPoolExecutor() as pool:
        running = pool.submit(_run_at, base)
        after = _run_here()
        before = running.result()
    folder.mkdir(parents=True, exist_ok=True)
    said = {}
    for name in sorted({*before.scripts, *after.scripts}):
        pairs = _align(before.pages.get(name, []), after.pages.get(name, []))
        page = folder / _address(name)
        if what := _what(name, before, after, pairs):
            said[name] = what
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(_page(name, what, before, after, pairs), "utf-8")
        else:
            page.unlink(missing_ok=True)
    (folder / "index.html").write_text(_index(said, before, after), "utf-8")
    return [
        *(side.problem for side in (before, after) if side.problem),
        *(f"{name}: {what}" for name, what in said.items()),
    ]


def _run_here() -> _Side:
    output = ""
    try:
        notebooks.check()
    except (Exception, SystemExit) as error:
        output = str(error) or repr(error)
    root = here().root
    commit = git.ask("log", "-1", "--format=%h %s", cwd=root) or "no commit yet"
    if git.ask("status", "--porcelain", cwd=root):
        commit += ", and changes that are not committed"
    return _read(root, commit, output)


def _run_at(base: str) -> _Side:
    """Run the notebooks of a commit in a folder of its own, which goes afterwards."""
    try:
        with checkout(base) as tree:
            words = ["log", "-1", "--format=%h %s", base]
            commit = git.ask(*words, cwd=here().root) or base
            return _read(tree, commit, _poe_notebooks(tree) if _scripts(tree) else "")
    except LookupError as error:
        return _Side(
            base, {}, {}, set(), f"The notebooks of {base} could not be run: {error}"
        )


def _poe_notebooks(tree: Path) -> str:
    """Return what the notebooks' task prints, or nothing where all went well."""
    code, output = uv_run(tree, "poe", "notebooks", DATA_URL="samples")
    return (output or f"exit code {code}") if code else ""


def _read(root: Path, commit: str, output: str) -> _Side:
    """Read what a run has left, and what it printed if it failed."""
    scripts, pages = _scripts(root), {}
    for name in scripts:
        page = root / here().name(here().reports) / f"samples/{name}.html"
        if page.exists():
            pages[name] = _cells(page.read_text("utf-8"), root)
    failed = {*re.findall(r"^notebooks/(.+)\.py failed:", output, re.MULTILINE)}
    problem = ""
    if output and not failed:
        found = re.findall(r"(?im)^.*\b(?:error|failed)\b.*$", output)
        line = found[0] if found else output.strip().split("\n")[-1]
        problem = f"The notebooks of {commit} could not be run: {line.strip()}"
    return _Side(commit, scripts, pages, failed, problem)


def _scripts(root: Path) -> dict[str, str]:
    folder = root / here().name(here().notebooks)
    names = {
        script.relative_to(folder).with_suffix("").as_posix(): script
        for script in folder.rglob("*.py")
    }
    return {
        name: script.read_text("utf-8", errors="replace")
        for name, script in names.items()
        if "/." not in f"/{name}"
    }


def _cells(page: str, root: Path) -> list[_Part]:
    soup = BeautifulSoup(page, "html.parser")
    for link in soup.select("a.anchor-link"):
        link.decompose()
    # Warnings name files: where the project lies means nothing.
    for text in soup.find_all(string=re.compile(re.escape(str(root)))):
        text.replace_with(text.replace(str(root), here().root.name))
    return [_cell(cell) for cell in soup.select(".jp-Cell")]


def _cell(cell: Tag) -> _Part:
    code = cell.select_one(".jp-Cell-inputWrapper .highlight")
    if code is None:
        return _part("text", cell.select_one(".jp-RenderedMarkdown") or cell)
    source = code.get_text().strip("\n")
    outputs = tuple(_part(_kind(it), it) for it in cell.select(".jp-OutputArea-output"))
    html = f"<details><summary>Code</summary><pre>{escape(source)}</pre></details>"
    return _Part("code", f"code {source}", source, html, outputs)


def _kind(output: Tag) -> str:
    if output.select_one("img, svg"):
        return "figure"
    if output.table:
        return "table"
    messages = "stderr" in str(output.get("data-mime-type"))
    return "messages" if messages else "result"


def _part(kind: str, shown: Tag) -> _Part:
    html = str(shown)
    key = NOISE.sub("", IMAGE.sub(_picture, html))
    return _Part(kind, f"{kind} {key}", shown.get_text(" "), html)


def _picture(data: re.Match[str]) -> str:
    """Return an image without what does not show in it."""
    try:
        image = b64decode(data[2])
    except ValueError:
        return data[0]
    if data[1] != "png":
        return image.decode("utf-8", errors="replace")
    # Matplotlib writes its version into each image.
    if (at := image.find(b"tEXtSoftware")) > 0:
        length = int.from_bytes(image[at - 4 : at], "big")
        image = image[: at - 4] + image[at + 8 + length :]
    return image.hex()


def _align(before: Sequence[_Part], after: Sequence[_Part]) -> list[_Pair]:
    """Find for each part its counterpart on the other side, or none."""
    keys = [part.key for part in before], [part.key for part in after]
    pairs: list[_Pair] = []
    for tag, a, b, c, d in _edits(*keys):
        if tag == "equal":
            pairs += zip(before[a:b], after[c:d], strict=True)
        else:
            pairs += _pair(before[a:b], after[c:d])
    return pairs


def _edits(before: list[str], after: list[str]) -> list[tuple[str, int, int, int, int]]:
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    return list(matcher.get_opcodes())


def _pair(before: Sequence[_Part], after: Sequence[_Part]) -> list[_Pair]:
    """Pair the two parts that are most alike, then what is left on their two sides."""
    likeness, i, j = max(
        (
            (_likeness(a, b), -i, -j)
            for i, a in enumerate(before)
            for j, b in enumerate(after)
        ),
        default=(0.0, 0, 0),
    )
    if likeness > 0.4:
        i, j = -i, -j
        rest = _pair(before[i + 1 :], after[j + 1 :])
        return [*_pair(before[:i], after[:j]), (before[i], after[j]), *rest]
    if [part.kind for part in before] == [part.kind for part in after]:
        return list(zip(before, after, strict=True))
    gone = ((part, _Part(part.kind)) for part in before)
    return [*gone, *((_Part(part.kind), part) for part in after)]


@cache
def _likeness(a: _Part, b: _Part) -> float:
    words = a.text.split()[:500], b.text.split()[:500]
    return SequenceMatcher(None, *words).ratio() if a.kind == b.kind else 0.0


def _changes(pairs: list[_Pair]) -> Counter[str]:
    """Count what differs, by kinds of cells and outputs."""
    found: Counter[str] = Counter()
    for before, after in pairs:
        if before.key != after.key:
            found[before.kind] += 1
        found += _changes(_align(before.outputs, after.outputs))
    return found


def _what(name: str, before: _Side, after: _Side, pairs: list[_Pair]) -> str:
    """Say what has changed in a notebook, or nothing."""
    sides = {"before": before, "after": after}
    words = [f"failed {word}" for word, side in sides.items() if name in side.failed]
    there = [word for word, side in sides.items() if name in side.scripts]
    run = [word for word, side in sides.items() if name in side.pages]
    changed = before.scripts.get(name) != after.scripts.get(name)
    if len(run) == 2:
        found = _changes(pairs)
        words += [f"changed {kind}" for kind in ("code", "text") if found.pop(kind, 0)]
        outputs = ", ".join(_number(n, kind) for kind, n in sorted(found.items()))
        words += [f"changed outputs ({outputs})"] if outputs else []
    elif there == ["before"]:
        words.insert(0, "removed")
    elif there == ["after"]:
        # Only a commit that is not there has a problem without notebooks.
        unknown = before.problem and not before.scripts
        words.insert(0, "not compared" if unknown else "new")
    elif changed:
        words.append("changed code")
    if changed or run or words:
        words += [
            f"not run {word}"
            for word in there
            if word not in run and name not in sides[word].failed
        ]
    return ", ".join(words)


def _number(n: int, noun: str) -> str:
    return f"{n} {noun.removesuffix('s')}{'' if n == 1 else 's'}"


def _address(name: str) -> str:
    """Return where a notebook's page is, which must not be where the index is."""
    return f"{name}_.html" if name.lower() == "index" else f"{name}.html"


def _index(said: dict[str, str], before: _Side, after: _Side) -> str:
    rows = "".join(
        f'<tr><td><a href="{quote(_address(name))}">{escape(name)}</a></td>'
        f"<td>{escape(what)}</td></tr>"
        for name, what in said.items()
    )
    body = f"<table>{rows}</table>"
    if not said:
        body = "<p>No notebook differs in its text, code or outputs.</p>"
        if before.problem or after.problem:
            body = "<p>There is nothing to compare.</p>"
    scripts = {*before.scripts, *after.scripts}
    if slow := sorted(scripts - said.keys() - {*before.pages, *after.pages}):
        body += f'<p class="soft">Not run: {escape(", ".join(slow))}.</p>'
    return _html("What changes in the notebooks", "", before, after, body)


def _page(name: str, what: str, before: _Side, after: _Side, pairs: list[_Pair]) -> str:
    """Return one notebook's page, which needs no other file and no network."""
    both = name in before.pages and name in after.pages
    body = f'<p class="what">{escape(what[0].upper() + what[1:])}.</p>'
    if not both and name in before.scripts and name in after.scripts:
        body += _diff(before.scripts[name], after.scripts[name])
    body += '<div class="heads"><div>Before</div><div>After</div></div>'
    body += f'<main class="{"" if both else "whole"}">{_rows(pairs, "cell")}</main>'
    back = f'<a href="{"../" * name.count("/")}index.html">All notebooks</a>'
    return _html(name, f'<p class="soft">{back}</p>', before, after, body)


def _html(title: str, top: str, before: _Side, after: _Side, body: str) -> str:
    problems = "".join(
        f'<p class="notice">{escape(side.problem)}</p>'
        for side in (before, after)
        if side.problem
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title><style>
{STYLE.read_text("utf-8")}</style></head><body>
{top}<h1>{escape(title)}</h1>
<p class="soft">Before: {escape(before.commit)}<br>After: {escape(after.commit)}<br>
{notebooks.ON_SAMPLES}</p>
{problems}{body}</body></html>
"""


def _rows(pairs: list[_Pair], noun: str) -> str:
    """Return pairs one below the other; those that are the same fold into a line."""
    rows = []
    for same, group in groupby(pairs, lambda pair: not _changes([pair])):
        run = list(group)
        if same:
            verb = "is" if len(run) == 1 else "are"
            shown = "".join(_whole(after) for _, after in run)
            summary = f"<summary>{_number(len(run), noun)} {verb} the same</summary>"
            rows.append(f'<details class="same">{summary}{shown}</details>')
        else:
            rows += [_row(*pair) for pair in run]
    return "".join(rows)


def _row(before: _Part, after: _Part) -> str:
    kind, cell = before.kind, before.kind in ("code", "text")
    sides = _whole(before), _whole(after)
    if before.key and after.key:
        if kind == "code":
            outputs = _rows(_align(before.outputs, after.outputs), "output")
            code = _diff(before.text, after.text)
            return f'<section class="cell">{code}{outputs}</section>'
        state, label = "", "Text changed" if cell else f"Output changed: {kind}"
        sides = _marked(*sides)
    else:
        state = "removed" if before.key else "new"
        label = f"{state.title()} {'cell' if kind == 'code' else kind}"
    columns = "".join(
        f'<div class="side {"" if side else "none"}">{side}</div>' for side in sides
    )
    block = f'<span class="label">{label}</span><div class="sides">{columns}</div>'
    return f'<section class="{state} {"cell" if cell else ""}">{block}</section>'


def _whole(part: _Part) -> str:
    return part.html + "".join(map(_whole, part.outputs))


def _diff(before: str, after: str) -> str:
    """Return a diff of code, folded."""
    if before == after:
        return (
            "<details><summary>Code, the same</summary>"
            f"<pre>{escape(after)}</pre></details>"
        )
    lines = [*unified_diff(before.split("\n"), after.split("\n"), lineterm="")][3:]
    classes = {"+": "plus", "-": "minus"}
    shown = "".join(
        f'<span class="{classes.get(line[:1], "")}">{escape(line)}</span>'
        for line in lines
    )
    more, less = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    label = f'<span class="label">Code changed</span> +{more} -{less} lines'
    return (
        f'<details><summary>{label}</summary><pre class="diff">{shown}</pre></details>'
    )


def _marked(before: str, after: str) -> tuple[str, str]:
    """Mark the words that differ, in text and tables, in two pieces of HTML."""
    soups = [BeautifulSoup(html, "html.parser") for html in (before, after)]
    texts = [[*filter(_is_text, soup.find_all(string=True))] for soup in soups]
    words = [[word for text in side for word in text.split()] for side in texts]
    if max(map(len, words)) > MOST_WORDS:
        return before, after
    differing: tuple[set[int], set[int]] = set(), set()
    for tag, a, b, c, d in _edits(*words):
        if tag != "equal":
            differing[0].update(range(a, b))
            differing[1].update(range(c, d))
    return (
        _with_words(soups[0], texts[0], differing[0], "del"),
        _with_words(soups[1], texts[1], differing[1], "ins"),
    )


def _is_text(string: NavigableString) -> bool:
    # Style sheets and comments are of types of their own.
    return type(string) is NavigableString and not string.find_parent("svg")


def _with_words(
    soup: BeautifulSoup, texts: list[NavigableString], places: set[int], tag: str
) -> str:
    """Return a piece of HTML in which the words at some places stand in a tag."""
    index = count()

    def mark(word: re.Match[str]) -> str:
        # Signs that are no characters stand for the tag until all is HTML.
        return f"\ufdd0{word[0]}\ufdd1" if next(index) in places else word[0]

    for text in texts:
        text.replace_with(re.sub(r"\S+", mark, text))
    marked = re.sub("\ufdd1(\\s+)\ufdd0", r"\1", str(soup))
    return marked.replace("\ufdd0", f"<{tag}>").replace("\ufdd1", f"</{tag}>")
