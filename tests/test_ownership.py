"""The two tables of `_exclude` decide as the conditions did that were there before."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

import pytest
from jinja2 import StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment
from pathspec import PathSpec

from template import CONFIG, ROOT, choices, config, git, releases

# Whoever had these answers when a file was last given, `seeded` in the answers file.
KINDS, BOOLS, NOTEBOOKS = choices("kind"), [True, False], choices("notebooks")
FORGES, LIBRARIES = choices("forge"), ["", "acme_data"]

# The last release in which conditions said it, 117 lines of them.
BEFORE = "0.5.0"


def answers() -> Iterator[dict[str, Any]]:
    """Yield all answers that decide on files."""
    for kind, example, notebooks, forge, library in product(
        KINDS, BOOLS, NOTEBOOKS, FORGES, LIBRARIES
    ):
        if kind != "library" or (notebooks, library) == ("none", ""):
            yield {
                "kind": kind,
                "worked_example": example,
                "notebooks": notebooks,
                "forge": forge,
                "library": library,
            }


def seeds() -> Iterator[dict[str, Any]]:
    """Yield what projects of all releases have recorded as given once."""
    yield {}
    for one in answers():
        if one.pop("forge") == "github":
            # The question for a library came with release 0.5.0.
            if one["kind"] != "library":
                yield one
            del one["library"]
            if one["kind"] == "library":
                del one["notebooks"]
            yield one


@cache
def paths(commit: str) -> frozenset[str]:
    """List the files that a release can give, in a project whose package is `study`."""
    listed = git("ls-tree", "-rz", "--name-only", commit, "template", cwd=ROOT)
    names = set()
    for name in filter(None, listed.split("\0")):
        plain = name.removeprefix("template/").removesuffix(".jinja")
        plain = re.sub(r"\{%.*?%\}", "", plain).replace("{{ package_name }}", "study")
        names.add(re.sub(r"\{\{.*?\}\}", ".copier-answers.yml", plain))
    # Parts are read by others, common code is a package now, and all say that they
    # have types.
    aside = ("_parts/", "src/study/twobus/", "src/study/py.typed")
    return frozenset(name for name in names if not name.startswith(aside))


@cache
def left_out(patterns: str, known: frozenset[str]) -> set[str]:
    """Return which of the known files are left out, as Copier reads patterns."""
    return set(
        PathSpec.from_lines("gitignore", patterns.splitlines()).match_files(known)
    )


def reader(exclude: list[str]) -> Template:
    """Return what makes patterns out of answers."""
    extensions = ["jinja2_ansible_filters.AnsibleCoreFiltersExtension"]
    environment = SandboxedEnvironment(undefined=StrictUndefined, extensions=extensions)
    return environment.from_string("\n".join(exclude))


@pytest.fixture(scope="module")
def known() -> frozenset[str]:
    """What both release 0.5.0 and the last commit can give."""
    found = paths(releases()[BEFORE]) & paths("HEAD")
    assert len(found) > 40
    return found


@pytest.mark.slow
@pytest.mark.parametrize("operation", ["copy", "update"])
def test_tables_say_what_the_conditions_of_0_5_0_said(
    operation: str, known: frozenset[str]
) -> None:
    old, new = reader(config(BEFORE)["_exclude"]), reader(CONFIG["_exclude"])
    for given, seeded in product(answers(), seeds() if operation == "update" else [{}]):
        case = given | {"_copier_operation": operation, "seeded": seeded}
        now = left_out(new.render(case), known)
        assert now == left_out(old.render(case), known), case
