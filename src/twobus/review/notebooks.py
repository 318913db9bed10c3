"""Show what a change does to the notebooks: before and after, side by side."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from twobus import git
from twobus.at_commit import checkout, uv_run
from twobus.notebooks import run
from twobus.project import here
from twobus.review import before_after, sides
from twobus.review.differences import align, in_words
from twobus.review.sides import Side


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
    # The environment belongs to both threads: it changes before they run, and after.
    with run.on_samples(), ThreadPoolExecutor() as pool:
        running = pool.submit(_run_at, base)
        after = _run_here()
        before = running.result()
    after = sides.unified(before, after)
    folder.mkdir(parents=True, exist_ok=True)
    said = {}
    for name in sorted({*before.scripts, *after.scripts}):
        pairs = align(before.pages.get(name, []), after.pages.get(name, []))
        page = folder / before_after.address(name)
        if what := in_words(name, before, after, pairs):
            said[name] = what
            page.parent.mkdir(parents=True, exist_ok=True)
            text = before_after.page(name, what, before, after, pairs)
            page.write_text(text, "utf-8")
        else:
            page.unlink(missing_ok=True)
    listed = before_after.index(said, before, after)
    (folder / "index.html").write_text(listed, "utf-8")
    return [
        *(side.problem for side in (before, after) if side.problem),
        *(f"{name}: {what}" for name, what in said.items()),
    ]


def _run_here() -> Side:
    output = ""
    try:
        run.check_all()
    except (Exception, SystemExit) as error:
        output = str(error) or repr(error)
    root = here().root
    commit = git.ask("log", "-1", "--format=%h %s", cwd=root) or "no commit yet"
    if git.ask("status", "--porcelain", cwd=root):
        commit += ", and changes that are not committed"
    return sides.read(root, commit, output)


def _run_at(base: str) -> Side:
    """Run the notebooks of a commit in a folder of its own, which goes afterwards."""
    try:
        with checkout(base) as tree:
            words = ["log", "-1", "--format=%h %s", base]
            commit = git.ask(*words, cwd=here().root) or base
            output = _poe_notebooks(tree) if sides.scripts(tree) else ""
            return sides.read(tree, commit, output)
    except LookupError as error:
        problem = f"The notebooks of {base} could not be run: {error}"
        return Side(base, {}, {}, set(), problem)


def _poe_notebooks(tree: Path) -> str:
    """Return what the notebooks' task prints, or nothing where all went well."""
    code, output = uv_run(tree, "poe", "notebooks", DATA_URL="samples")
    return (output or f"exit code {code}") if code else ""
