"""A team's library is released with care for those who use it."""

import re
from pathlib import Path

import pytest
from conftest import Small
from inside import inside

from template import commit, git
from twobus.library.api import check

ORDERS = '''"""Orders of the shop; one row is one order."""

import pandera.ibis as pa

from ._shared import Base


class Contract(Base):
    """A row of `orders`."""

    amount: float = pa.Field(gt=0)
    email: str = pa.Field(nullable=True)
    postcode: str = pa.Field(alias="post code")

    class Config:
        """Nothing but these columns."""

        strict = True
'''
SHARED = '''"""What tables have in common."""

import pandera.ibis as pa


class Base(pa.DataFrameModel):
    """What all rows have."""

    id: int = pa.Field(unique=True)


class Contract(Base):
    """Nobody reads this table."""

    x: int
'''
SHOP = '''"""What people ask of orders."""

from typing_extensions import deprecated

LIMIT = 10


@deprecated("Use total.")
def add() -> float:
    """Add all orders up."""
    return 0.0


def total(year: int, currency: str = "EUR", *, net: bool = False) -> float:
    """Add the orders of a year up."""
    return 0.0


def best(year: int) -> float:
    """Return the largest order of a year."""
    return _largest(year)


def _largest(year: int) -> float:
    return float(year)


class Closed(ValueError):
    """What is raised on Sundays."""


class Shop:
    """A shop."""

    def open(self, day: str) -> bool:
        """Say whether it is open."""
        return bool(day)
'''
HERE = '''

def here(place: str) -> str:
    """Return where it is."""
    return place
'''
HEAD = "from .data import"
EXPORTS = '__all__ = ["DataError",'
HOW = "Keep it, and say what to use instead: see docs/CONTRIBUTING.md. Or run "

INIT, DATA = "__init__.py", "data.py"
TABLE, BASE, MODULE = "tables/orders.py", "tables/_shared.py", "sales/shop.py"
# A file, what is replaced in it and by what, and the line that tells of it.
BREAKAGES: dict[str, tuple[str, str, str, str]] = {
    "name": (INIT, '"best", ', "", "best is gone"),
    "parameter": (
        MODULE,
        ", *, net: bool = False",
        "",
        "total: parameter net was removed",
    ),
    "renamed": (MODULE, "total(year", "total(y", "total: parameter year was removed"),
    "required": (MODULE, ' = "EUR"', "", "total: parameter currency is required now"),
    "added": (
        MODULE,
        "best(year: int",
        "best(year: int, day: int",
        "best: parameter day is new and required",
    ),
    "in the package": (
        INIT,
        "place: str",
        "area: str",
        "here: parameter place was removed",
    ),
    "moved": (
        MODULE,
        "currency: str",
        "day: int = 1, currency: str",
        "total: parameter currency has moved",
    ),
    "keyword": (
        MODULE,
        "best(year",
        "best(*, year",
        "best: parameter year is given in another way now",
    ),
    "default": (
        MODULE,
        '"EUR"',
        '"USD"',
        "total: parameter currency has another default",
    ),
    "kind": (
        MODULE,
        "def best(",
        'best = "x"\n\n\ndef x(',
        "best is something else now",
    ),
    "method": (MODULE, "def open", "def _open", "Shop.open is gone"),
    "method's parameter": (
        MODULE,
        "day: str",
        "date: str",
        "Shop.open: parameter day was removed",
    ),
    "base": (
        MODULE,
        "class Closed(ValueError)",
        "class Closed",
        "Closed has lost a base class",
    ),
    "contract": (TABLE, "class Contract", "class Rows", "the table orders is gone"),
    "column": (
        TABLE,
        "    email: str = pa.Field(nullable=True)\n",
        "",
        "orders.email is gone",
    ),
    "type": (
        TABLE,
        "amount: float",
        "amount: int",
        "orders.amount was float and is int now",
    ),
    "missing": (
        TABLE,
        "gt=0",
        "gt=0, nullable=True",
        "orders.amount was float and is float or missing now",
    ),
    "alias": (TABLE, '"post code"', '"postcode"', "orders.post code is gone"),
    "inherited": (BASE, "id: int", "number: int", "orders.id is gone"),
}
HARMLESS: dict[str, tuple[str, str, str]] = {
    "rule": (TABLE, "gt=0", "gt=1"),
    "missing": (TABLE, "pa.Field(nullable=True)", "pa.Field()"),
    "column": (TABLE, "    email:", "    city: str\n    email:"),
    "private function": (MODULE, "_largest", "_greatest"),
    "private table": (BASE, "x: int", "y: int"),
    "name that is not exported": (MODULE, "LIMIT = 10\n", ""),
    "settings": ("settings.py", "class Settings", "class Preferences"),
    "parameter": (MODULE, "best(year: int", "best(year: int, day: int = 1"),
    "function": (INIT, '"best", ', '"best", "LIMIT", '),
    "deprecation": (MODULE, "def best(", '@deprecated("Use total.")\ndef best('),
    "docstring": (INIT, "The team's data", "All data of the team"),
}


@pytest.fixture
def begun(small: Small) -> Path:
    """A library as the template gives it."""
    return small(kind="library", package_name="acme_data")


@pytest.fixture
def library(begun: Path) -> Path:
    """A library whose release 1.0.0 has a table and functions of its own."""
    package = begun / "src/acme_data"
    # A folder without __init__.py, as Python allows it.
    (package / "sales").mkdir(exist_ok=True)
    (package / MODULE).write_text(SHOP, "utf-8")
    (package / TABLE).write_text(ORDERS, "utf-8")
    (package / BASE).write_text(SHARED, "utf-8")
    names = '"Closed", "Shop", "add", "best", "total", "here"'
    edit(begun, INIT, EXPORTS, f'__all__ = [{names}, "DataError",')
    code = "from .sales.shop import Closed, Shop, add, best, total"
    edit(begun, INIT, HEAD, f"{code}\n{HEAD}")
    file = package / INIT
    file.write_text(file.read_text("utf-8") + HERE, "utf-8")
    set_version(begun, "1.0.0")
    git("tag", "v1.0.0", cwd=commit(begun))
    return begun


def edit(project: Path, name: str, old: str, new: str) -> None:
    """Replace what is in a file of the package."""
    file = project / "src/acme_data" / name
    text = file.read_text("utf-8")
    assert old in text, old
    file.write_text(text.replace(old, new), "utf-8")


def set_version(project: Path, version: str, heading: str = "") -> None:
    """Write a version where people write it."""
    file = project / "pyproject.toml"
    line = f'version = "{version}"'
    text = re.sub(r'^version = ".*"', line, file.read_text("utf-8"), flags=re.M)
    file.write_text(text, "utf-8")
    page = project / "CHANGELOG.md"
    text = page.read_text("utf-8")
    section = f"\n## {heading or version}\n\nNews: é & 100 %.\n\n## "
    page.write_text(text.replace("\n## ", section, 1), "utf-8")


def said() -> list[str]:
    """Return the lines of a comparison that stops."""
    with pytest.raises(SystemExit) as stopped:
        check()
    return str(stopped.value).splitlines()


def test_an_unchanged_library_passes_without_a_word(
    library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("case", BREAKAGES)
def test_what_breaks_is_said_in_a_line(library: Path, case: str) -> None:
    name, old, new, line = BREAKAGES[case]
    edit(library, name, old, new)
    *lines, how = said()
    assert line in lines
    assert how.startswith(
        f"This breaks what people wrote for v1.0.0. {HOW}`uv version 2.0.0`"
    )


@pytest.mark.parametrize("case", HARMLESS)
def test_what_breaks_nobody_passes(library: Path, case: str) -> None:
    edit(library, *HARMLESS[case])
    check()


def test_a_removed_table_is_said(library: Path) -> None:
    (library / "src/acme_data" / TABLE).unlink()
    line, _ = said()
    assert line == "the table orders is gone"


def test_a_new_table_passes(library: Path) -> None:
    tables = library / "src/acme_data/tables"
    (tables / "returns.py").write_text(ORDERS, "utf-8")
    check()


def test_an_old_name_may_be_an_alias(library: Path) -> None:
    edit(library, MODULE, "def best(", "def largest(")
    edit(library, MODULE, "def _largest(", "best = largest\n\n\ndef _largest(")
    check()
    edit(library, MODULE, "def largest(year", "def largest(day")
    assert "best: parameter year was removed" in said()


def test_two_names_of_one_function_are_both_compared(library: Path) -> None:
    edit(library, MODULE, "class Shop", "top = best\n\n\nclass Shop")
    edit(library, INIT, "best, total", "best, top, total")
    edit(library, INIT, '"best", "total", "here"', '"best", "top", "total"')
    set_version(library, "1.1.0")
    git("tag", "v1.1.0", cwd=commit(library))
    edit(library, MODULE, "top = best", "def top():\n    pass")
    assert said()[:-1] == ["top: parameter year was removed"]
    edit(library, MODULE, "best(year", "best(day")
    assert {"best", "top"} <= {line.split(":")[0] for line in said()}


def test_names_that_are_computed_do_not_pass(library: Path) -> None:
    edit(library, INIT, "__all__ = [", '__all__ = [*"", ')
    check()
    edit(library, INIT, "__all__ = [", "__all__ = [] + [")
    line, _ = said()
    assert line == "__all__ cannot be compared: write it as a list of names"


def test_a_function_that_moves_is_still_compared(library: Path) -> None:
    package = library / "src/acme_data/sales"
    (package / "shop.py").rename(package / "market.py")
    (package / "shop.py").write_text("from .market import *\n", "utf-8")
    check()
    edit(library, "sales/market.py", "best(year", "best(day")
    assert "best: parameter year was removed" in said()


def test_what_was_deprecated_still_breaks_people_when_it_goes(library: Path) -> None:
    edit(library, TABLE, "class Contract", 'DEPRECATED = "read x"\n\n\nclass Contract')
    check()
    set_version(library, "1.1.0")
    git("tag", "v1.1.0", cwd=commit(library))
    (library / "src/acme_data" / TABLE).unlink()
    edit(library, MODULE, "def add(", "def _add(")
    edit(library, INIT, "add, ", "")
    edit(library, INIT, '"add", ', "")
    *lines, how = said()
    assert lines == ["add is gone", "the table orders is gone"]
    assert "for v1.1.0" in how


@pytest.mark.parametrize(
    ("last", "version", "least"),
    [
        ("1.0.0", "1.1.0", "2.0.0"),
        ("1.0.0", "2.0.0", ""),
        ("0.3.1", "0.3.2", "0.4.0"),
        ("0.3.1", "0.4.0", ""),
        ("0.8.1", "0.10.0", ""),
        ("0.3.1", "1.0.0", ""),
        ("8.0.0", "10.0.0", ""),
    ],
)
def test_a_breakage_needs_a_higher_version(
    library: Path, last: str, version: str, least: str
) -> None:
    git("tag", f"v{last}", "--force", cwd=library)
    if last != "1.0.0":
        git("tag", "--delete", "v1.0.0", cwd=library)
    edit(library, INIT, '"best", ', "")
    set_version(library, version)
    if least:
        assert f"{HOW}`uv version {least}`" in said()[-1]
    else:
        check()


def test_a_version_does_not_go_back(library: Path) -> None:
    set_version(library, "0.9.0")
    assert said() == ["pyproject.toml goes back behind the last release, v1.0.0."]


def test_the_newest_release_that_was_merged_counts(library: Path) -> None:
    for version in ("1.9.0", "1.10.0"):
        set_version(library, version)
        git("tag", f"v{version}", cwd=commit(library))
    for name in ("v2.0.0rc1", "v3", "vé", "4.0.0"):
        git("tag", name, cwd=library)
    aside = git("commit-tree", "HEAD^{tree}", "-m", "Aside", cwd=library).strip()
    git("tag", "v5.0.0", aside, cwd=library)
    edit(library, INIT, '"best", ', "")
    assert "for v1.10.0." in said()[-1]


def test_without_a_release_there_is_nothing_to_break(library: Path) -> None:
    git("tag", "not-a-release", cwd=library)
    git("tag", "--delete", "v1.0.0", cwd=library)
    edit(library, INIT, '"best", ', "")
    check()


def test_a_clone_without_the_release_does_not_pass(
    library: Path, tmp_path: Path
) -> None:
    commit(library)
    folder = tmp_path / "short clone é"
    words = ["clone", "--quiet", "--depth", "1", library.as_uri(), str(folder)]
    git(*words, cwd=library)
    with inside(folder):
        (line,) = said()
        assert line.startswith("This clone is too short to hold the last release:")
        _, *command = line.split("`")[1].split()
        git(*command, cwd=folder)
        check()


def test_a_release_of_another_layout_is_not_passed_over(library: Path) -> None:
    git("mv", "src/acme_data/tables", "src/acme_data/schemas", cwd=library)
    git("mv", "src/acme_data", "src/aside", cwd=library)
    git("commit", "--quiet", "--message", "Away", "--no-verify", cwd=library)
    git("tag", "v1.1.0", cwd=library)
    git("revert", "--no-edit", "HEAD", cwd=library)
    set_version(library, "1.1.1")
    line, how = said()
    assert line == "v1.1.0 has no src/acme_data to compare with"
    assert f"{HOW}`uv version 2.0.0`" in how


def test_a_release_is_read_and_never_run(library: Path) -> None:
    trace = library / "ran"
    edit(library, MODULE, "LIMIT = 10", f"open({str(trace)!r}, 'w')")
    set_version(library, "1.1.0")
    git("tag", "v1.1.0", cwd=commit(library))
    edit(library, MODULE, f"open({str(trace)!r}, 'w')", "LIMIT = 10")
    before = git("for-each-ref", cwd=library), git("status", "-s", cwd=library)
    check()
    assert not trace.exists()
    assert before == (
        git("for-each-ref", cwd=library),
        git("status", "-s", cwd=library),
    )
    assert len(git("worktree", "list", cwd=library).splitlines()) == 1


@pytest.mark.parametrize("heading", ["1.1.1", "Unreleased", "[1.1.0]"])
def test_a_version_that_the_changelog_lacks_is_said(
    library: Path, heading: str
) -> None:
    set_version(library, "1.1.0", heading)
    (line,) = said()
    assert line.startswith("pyproject.toml says version 1.1.0, and CHANGELOG.md does")


def test_a_changelog_that_is_gone_is_said(library: Path) -> None:
    (library / "CHANGELOG.md").unlink()
    (line,) = said()
    assert "does not begin with `## 1.0.0`" in line


def test_a_version_that_cannot_be_compared_is_said(library: Path) -> None:
    set_version(library, "1.1.0rc1")
    (line,) = said()
    assert line == 'Write version in pyproject.toml as three numbers: "1.2.0".'


def test_the_heading_may_have_a_date(library: Path) -> None:
    set_version(library, "1.0.1", "1.0.1 (2026-11-25)")
    check()
