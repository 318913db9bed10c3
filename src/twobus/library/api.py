"""Compare what people use of this library with its last release."""

import re
import shutil
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import griffe
from griffe import BreakageKind

from twobus import git
from twobus.project import StopError, here
from twobus.tasks import task

VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")
MISSING = " or missing"
CHANGES = {
    BreakageKind.OBJECT_REMOVED: "is gone",
    BreakageKind.OBJECT_CHANGED_KIND: "is something else now",
    BreakageKind.CLASS_REMOVED_BASE: "has lost a base class",
    BreakageKind.PARAMETER_REMOVED: "was removed",
    BreakageKind.PARAMETER_MOVED: "has moved",
    BreakageKind.PARAMETER_CHANGED_KIND: "is given in another way now",
    BreakageKind.PARAMETER_CHANGED_DEFAULT: "has another default",
    BreakageKind.PARAMETER_CHANGED_REQUIRED: "is required now",
    BreakageKind.PARAMETER_ADDED_REQUIRED: "is new and required",
}


@task
def check() -> None:
    """Compare names, tables and columns with those of the last release.

    Raises:
        SystemExit: If the version is too low for what has changed, or is not the one
            that CHANGELOG.md begins with.
    """
    new = _numbers(_coming()[0])
    tags = _git("tag", "--merged", "HEAD", "--list", "v*")
    found = (tag[1:] for tag in tags.split() if VERSION.fullmatch(tag[1:]))
    last = max(found, key=_numbers, default="")
    if not last:
        if _git("rev-parse", "--is-shallow-repository").strip() == "true":
            raise StopError(
                "This clone is too short to hold the last release: fetch the tags, by "
                "`git fetch --unshallow --tags`."
            )
        return
    if new < _numbers(last):
        raise StopError(f"pyproject.toml goes back behind the last release, v{last}.")
    major, minor, _ = _numbers(last)
    # Before 1.0.0, the second number does what the first one does later.
    least = (major + 1, 0, 0) if major else (0, minor + 1, 0)
    if new < least and (broken := list(_broken(f"v{last}"))):
        version = ".".join(map(str, least))
        raise StopError(
            "\n".join(broken)
            + f"\nThis breaks what people wrote for v{last}. Keep it, and say what to "
            f"use instead: see docs/CONTRIBUTING.md. Or run `uv version {version}`, "
            f"and begin CHANGELOG.md with `## {version}`."
        )


@task
def release() -> None:
    """Say what would be released, and write its notes for CI to dist.

    Raises:
        SystemExit: If the version is not the one that CHANGELOG.md begins with.
    """
    version, notes = _coming()
    changed = ["log", "-1", "--diff-filter=M", "-G^version *=", "--", "pyproject.toml"]
    if _git("tag", "--list", f"v{version}"):
        print(f"Nothing to release: v{version} is released already.")
        return
    # A library that has just begun is not released by its first push.
    if not _git(*changed):
        print("Nothing to release: no commit has changed the version.")
        return
    print(f"On the main branch, this would be released as v{version}:\n\n{notes}")
    (here().root / "dist").mkdir(exist_ok=True)
    (here().root / "dist" / "notes.md").write_text(f"{notes}\n", "utf-8")


def _coming() -> tuple[str, str]:
    """Return the version of pyproject.toml, and what CHANGELOG.md says of it."""
    project = tomllib.loads((here().root / "pyproject.toml").read_text("utf-8"))[
        "project"
    ]
    version, page = str(project.get("version")), here().root / "CHANGELOG.md"
    if not VERSION.fullmatch(version):
        raise StopError('Write version in pyproject.toml as three numbers: "1.2.0".')
    text = page.read_text("utf-8-sig") if page.exists() else ""
    parts = re.split(r"^## +(\S+).*\n?", text, flags=re.MULTILINE)
    if parts[1:2] != [version]:
        raise StopError(
            f"pyproject.toml says version {version}, and CHANGELOG.md does not begin "
            f"with `## {version}`: write the same number in both."
        )
    return version, parts[2].strip()


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _broken(tag: str) -> Iterator[str]:
    """Yield what people who use a release would miss; no package is run."""
    place = here().name(here().code)
    if not _git("ls-tree", tag, "--", place):
        yield f"{tag} has no {place} to compare with"
        return
    with tempfile.TemporaryDirectory() as folder:
        old, new = Path(folder, "old"), Path(folder, "new")
        packed = Path(folder, "old.zip")
        _git("archive", "--format=zip", f"--output={packed}", tag, "--", place)
        zipfile.ZipFile(packed).extractall(old)
        shutil.copytree(here().code, new / place)
        yield from _breakages(_load(old / place), _load(new / place))


def _load(place: Path) -> griffe.Module:
    """Read a package, so that each exported name stands for what is meant by it."""
    # griffe passes over folders without one, which Python can import.
    for folder in {file.parent for file in place.rglob("*.py")}:
        (folder / "__init__.py").touch()
    package = griffe.load(
        place.name,
        search_paths=[place.parent],
        try_relative_path=False,
        allow_inspection=False,
        resolve_aliases=True,
        resolve_external=False,
    )
    assert isinstance(package, griffe.Module)
    # griffe compares no names that stand for others that stand for others.
    for name, member in list(package.members.items()):
        if name in (package.exports or ()) and (meant := _meant(member)) is not member:
            package.set_member(name, griffe.Alias(name, meant, parent=package))
    return package


def _meant(name: griffe.Object | griffe.Alias) -> griffe.Object | griffe.Alias:
    """Follow imports and `old = new` to what a name stands for, if that is ours."""
    with suppress(KeyError, griffe.GriffeError):
        one = name.final_target if isinstance(name, griffe.Alias) else name
        value = one.value if isinstance(one, griffe.Attribute) else None
        if isinstance(value, griffe.ExprName) and value.canonical_path != one.path:
            return _meant(one.modules_collection[value.canonical_path])
        return one
    return name


def _breakages(old: griffe.Module, new: griffe.Module) -> Iterator[str]:
    before, now = (list(map(str, package.exports or [])) for package in (old, new))
    computed = griffe.ExprCall | griffe.ExprBinOp | griffe.ExprListComp
    if isinstance(getattr(new.members.get("__all__"), "value", None), computed):
        yield "__all__ cannot be compared: write it as a list of names"
        before = []
    for name in before:
        if name not in now:
            yield f"{name} is gone"
            continue
        # One at a time: griffe looks only once at what has two names.
        for member in old.members.values():
            member.public = member.name == name
        known = (one.members[name] for one in (old, new) if name in one.members)
        whole = {f"{old.path}.{name}", *(_meant(member).path for member in known)}
        for breakage in griffe.find_breaking_changes(old, new):
            if words := CHANGES.get(breakage.kind):
                value = breakage.old_value or breakage.new_value
                part = "" if breakage.obj.path in whole else f".{breakage.obj.name}"
                if isinstance(value, griffe.Parameter):
                    part += f": parameter {value.name}"
                yield f"{name}{part} {words}"
    tables = _tables(new)
    for table, columns in _tables(old).items():
        if table not in tables:
            yield f"the table {table} is gone"
            continue
        for column, kind in columns.items():
            found = tables[table].get(column)
            if found is None:
                yield f"{table}.{column} is gone"
            elif found != kind and found + MISSING != kind:
                yield f"{table}.{column} was {kind} and is {found} now"


def _tables(package: griffe.Module) -> dict[str, dict[str, str]]:
    """Return the columns of each table, with their types."""
    tables = package.members.get("tables")
    modules = tables.modules.items() if tables else ()
    return {
        name: dict(_columns(_meant(module.members["Contract"])))
        for name, module in modules
        if "Contract" in module.members and not name.startswith("_")
    }


def _columns(contract: griffe.Object | griffe.Alias) -> Iterator[tuple[str, str]]:
    # A contract of another package shows no columns.
    with suppress(griffe.AliasResolutionError):
        for name, member in contract.all_members.items():
            one = member.final_target if isinstance(member, griffe.Alias) else member
            if isinstance(one, griffe.Attribute) and one.annotation and name[0] != "_":
                told = {}
                for word in getattr(one.value, "arguments", ()):
                    if isinstance(word, griffe.ExprKeyword):
                        told[word.name] = str(word.value).strip("'\"")
                missing = MISSING if told.get("nullable") == "True" else ""
                yield told.get("alias", name), str(one.annotation) + missing


def _git(*words: str) -> str:
    return git.git(*words, cwd=here().root)
