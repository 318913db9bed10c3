"""Bring a project over from the releases before 0.6, which copied the common code.

What people import from `src/<package>/twobus/` is in the package `twobus` now. This
says what went where.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from twobus.companion.branch import Outcome, files
from twobus.companion.imports import Moved
from twobus.git import git, names
from twobus.imports import rewritten
from twobus.project import MOST_BYTES

# Modules below the project's package, and where their code is now. `{source}` is the
# package whose `data.py` reads the tables: the project's own, or the library's.
MODULES = {
    "data": "twobus.data",
    "settings": "twobus.settings",
    "twobus.access": "{source}.data",
    "twobus.api": "twobus.library.api",
    "twobus.before_after": "twobus.review.notebooks",
    "twobus.comparison": "twobus.review.models",
    "twobus.connection": "twobus.data.connection",
    "twobus.contracts": "twobus.data.contracts",
    "twobus.modelling": "twobus.models",
    "twobus.modelling.artifacts": "twobus.models.artifacts",
    "twobus.modelling.batch": "twobus.models.batch",
    "twobus.modelling.card": "twobus.models.card",
    "twobus.modelling.declaration": "twobus.models.declaration",
    "twobus.modelling.registry": "twobus.models.registry",
    "twobus.modelling.rows": "twobus.models.rows",
    "twobus.modelling.schema": "twobus.models.schema",
    "twobus.modelling.scores": "twobus.models.scores",
    "twobus.modelling.search": "twobus.models.search",
    "twobus.modelling.serving": "twobus.models.serving",
    "twobus.modelling.split": "twobus.models.split",
    "twobus.modelling.tasks": "twobus.models.tasks",
    "twobus.modelling.training": "twobus.models.training",
    "twobus.new_files": "twobus.new.files",
    "twobus.new_model": "twobus.new.model",
    "twobus.new_model_texts": "twobus.new.model",
    "twobus.new_table": "twobus.new.table",
    "twobus.notebooks": "twobus.notebooks.run",
    "twobus.pairing": "twobus.notebooks.pairing",
    "twobus.repository": "twobus.start",
    "twobus.review": "twobus.review.tasks",
    "twobus.sources": "twobus.data.sources",
    "twobus.system_keyring": "twobus.system_keyring",
    "twobus.tables_page": "twobus.library.tables_page",
}
# Names that have not moved with their module.
NAMES = {
    "twobus.access.digest": "twobus.data.digest",
    "twobus.access.tables": "{source}.tables",
    "twobus.before_after.FOREIGN": "twobus.at_commit.FOREIGN",
    "twobus.before_after.review": "twobus.review.tasks.review",
    "twobus.comparison.FOREIGN": "twobus.at_commit.FOREIGN",
    "twobus.modelling.declaration.told": "twobus.models.declaration.explain",
    "twobus.modelling.registry.RegistrySettings": (
        "twobus.models.store.RegistrySettings"
    ),
    "twobus.modelling.registry.embedded": "twobus.models.store.embedded",
    "twobus.modelling.registry.folder": "twobus.models.store.folder",
    "twobus.modelling.registry.store": "twobus.models.store.client",
    "twobus.modelling.serving.Problem": "twobus.models.answers.Problem",
    "twobus.modelling.serving.Problems": "twobus.models.answers.Problems",
    "twobus.modelling.training.Facts": "twobus.models.facts.Facts",
    "twobus.modelling.training.seeded": "twobus.models.fitting.seeded",
    "twobus.modelling.rows.closed_list": "twobus.models.columns.closed_list",
    "twobus.modelling.scores.measured": "twobus.models.metrics.Measure",
    "twobus.repository.propose": "twobus.call.propose",
    "twobus.repository.protect": "twobus.call.protect",
    "twobus.repository.update": "twobus.call.update",
    "twobus.review.ANSWERS": "twobus.project.ANSWERS",
    "twobus.review.Request": "twobus.review.request.Request",
    "twobus.review.Row": "twobus.review.table.Row",
    "twobus.review.name_owners": "twobus.review.owners.name_owners",
    "twobus.review.owners": "twobus.review.owners.owners",
}
SHOWN = 10
MAYBE = re.compile(rb"twobus|settings|data")
# What tells of the past.
HISTORY = {".copier-answers.yml", "CHANGELOG.md", "uv.lock"}

EJECT = (
    "propose it to the template, or take a copy of your own by `uv run twobus eject "
    "ROOM` and change that; then delete this file."
)
# What to do with common files that people have changed, by their paths.
KEPT = {
    "src/{package}/settings.py": "it is yours now. Code of Twobus reads its own "
    "settings: let your class extend `twobus.settings.Settings`.",
    "tests/conftest.py": "what came from the template is in Twobus now: leave only "
    "what you added.",
    "src/{package}/twobus/": f"Twobus runs its own code instead: {EJECT}",
}
# What to do where people and the template have both changed such a file.
BOTH = {
    "src/{package}/data.py": "take what stands below =======, and move what you had "
    "added to a module of your own.",
    "src/{package}/settings.py": "take what stands below =======, and add your "
    "settings to its class.",
    "tests/test_models.py": "take what stands below =======, and move tests of yours "
    "to a file of your own.",
}


def is_crossed(before: Path, after: Path, package: str) -> bool:
    """Tell whether an update takes the common code out of a project."""
    return (before / "src" / package / "twobus").is_dir() and not (
        after / "src" / package / "twobus"
    ).exists()


def advise(
    before: Path, after: Path, clone: Path, package: str, outcome: Outcome
) -> None:
    """Say of common files that people have changed what to do about each."""
    notes = {}
    for name in files(before):
        if (after / name).exists() or not (clone / name).exists():
            continue
        for place, advice in KEPT.items():
            if name.startswith(place.format(package=package)):
                notes[name] = f"{name} is kept, as you had changed it; {advice}"
    for place, advice in BOTH.items():
        if (name := place.format(package=package)) in outcome.conflicts:
            notes[name] = f"{name}: {advice}"
    # These say more than what was said already.
    less = tuple(f"{name} is as you left it" for name in notes)
    outcome.notes = [note for note in outcome.notes if not note.startswith(less)]
    outcome.notes += notes.values()


def rewrite(clone: Path, package: str, library: str = "") -> list[str]:
    """Let a project's code import what is common from the package `twobus`.

    Args:
        clone: The project's folder.
        package: Its package.
        library: The library that gives its tables, empty if there is none.

    Returns:
        What has no counterpart, a sentence each, with file and line.
    """
    moved = Moved(clone, package, MODULES, NAMES, library)
    left = []
    for name in names(git("ls-files", "-z", cwd=clone)):
        file = clone / name
        if file.is_symlink() or not file.is_file() or file.stat().st_size > MOST_BYTES:
            continue
        old = file.read_bytes()
        # Most files have nothing to do with it, and need no parser.
        if name.endswith(".py") and MAYBE.search(old):
            new, gone = rewritten(moved, name, old)
            left += gone
            if new != old:
                file.write_bytes(new)
            old = new
        known = {sentence.partition(" ")[0] for sentence in left}
        left += [it for it in _mentions(moved, name, old) if it.split()[0] not in known]
    more = len(left) - SHOWN
    return [*left[:SHOWN], *[f"There are {more} more places like these."] * (more > 0)]


def _mentions(moved: Moved, name: str, content: bytes) -> Iterator[str]:
    """Yield where a text names a module that is gone: in a task, a mock, a page."""
    if name in HISTORY or b"\0" in content[:8000]:
        return
    place = re.compile(rf"\b{moved.package}[./](?:twobus|settings)\b(?:[./]\w+)*")
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), 1):
        for found in place.findall(line):
            old = found.removesuffix(".py").replace("/", ".")
            if now := moved.after(old.removeprefix(f"{moved.package}.")):
                yield f"{name}:{number} names {found}, which is {now} now: change it."
