"""Whether a change touches what its own review rests on."""

import re
from collections.abc import Iterator
from typing import Any

from twobus.project import ANSWERS
from twobus.review.before import limits, toml
from twobus.review.table import LOOK, Row

# Settings in pyproject.toml that tell checks and their tools what to do.
CHECKS = ("mypy", "poe", "pytest", "pytest_env", "ruff")
# Files that do so instead of it, wherever they are.
INSTEAD = (
    ".gitattributes",
    "mypy.ini",
    "poe_tasks.toml",
    "pytest.ini",
    "pytest.toml",
    "ruff.toml",
    "setup.cfg",
    "tox.ini",
    "uv.toml",
)
# A module `twobus` in the project's folder is imported instead of the package.
SHADOWS = ("twobus.py", "twobus/")
PLACES = (ANSWERS, ".git", ".pre-commit", "docs/CODEOWNERS", "CODEOWNERS", *SHADOWS)
OURS = re.compile(r"twobus(?![\w.-])", re.IGNORECASE)


def rules(added: dict[str, int], start: str) -> Iterator[Row]:
    """Yield a row if the change touches what this table and the forge's rules rest on.

    Limits, level and questions are those from before; marks in .gitattributes are not.
    """
    touched = [
        name for name in added if name.startswith(PLACES) or name.endswith(INSTEAD)
    ]
    if limits("") != limits(start):
        touched.append("the limits in pyproject.toml")
    before, now = (toml("pyproject.toml", it).get("tool", {}) for it in (start, ""))
    touched += [
        f"[tool.{name}] in pyproject.toml"
        for name in CHECKS
        if before.get(name) != now.get(name)
    ]
    if touched:
        detail = f"this changes what reviews rest on: {', '.join(touched)}"
        yield Row("Rules", LOOK, detail)
    # The lock is folded in what people see of a change.
    for name, read in (("pyproject.toml", _asked), ("uv.lock", _locked)):
        was, is_ = (read(toml(name, commit)) or "nowhere" for commit in (start, ""))
        if was != is_:
            detail = f"{name}: common code comes from {is_} now, and came from {was}"
            yield Row("Rules", LOOK, detail)


def _asked(pyproject: dict[str, Any]) -> str:
    """Return all that decides where uv gets the package, in words."""
    uv = pyproject.get("tool", {}).get("uv", {})
    groups = pyproject.get("dependency-groups", {}).values()
    project = pyproject.get("project", {})
    extras = project.get("optional-dependencies", {}).values()
    asked = [
        *project.get("dependencies", []),
        *(one for group in (*groups, *extras) for one in group),
    ]
    sources = uv.get("sources", {})
    named = {str(one) for one in asked if re.search("[@=<>~!]", str(one))}
    forced = [
        *uv.get("override-dependencies", []),
        *uv.get("constraint-dependencies", []),
    ]
    return ", ".join(
        [
            *(
                it
                for name in sources
                if OURS.match(name)
                for it in _words(sources[name])
            ),
            *sorted(one for one in named if OURS.match(one)),
            *(f"by force {one}" for one in forced if OURS.match(str(one))),
        ]
    )


def _locked(lock: dict[str, Any]) -> str:
    packages: list[dict[str, Any]] = lock.get("package", [])
    # There may be several, each for some machines.
    ours = [it for it in packages if it.get("name") == "twobus"]
    words = [_words([it.get("source"), it.get("version")]) for it in ours]
    return ", ".join(word for one in words for word in one)


def _words(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [f"{key} {it}" for key, it in value.items()]
    if isinstance(value, list):
        return [word for one in value for word in _words(one)]
    return [str(value)] if value else []
