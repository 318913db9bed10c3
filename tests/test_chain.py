"""A team's library and what is built on it, from a new table to a study's checks."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Made
from test_matrix import ENGINES

from template import clone, commit, git, lend, poe, render, run, set_up, status
from twobus.companion.template import Template
from twobus.companion.update import BRANCH
from twobus.companion.update import update as bring

pytestmark = pytest.mark.slow

PACKAGE = "acme_data"
NEWER = "1000.1.0"


@dataclass(frozen=True)
class Library:
    """A library in a repository that projects take it from.

    Attributes:
        folder: Where it is.
    """

    folder: Path

    def requirement(self, version: str) -> str:
        """Return what a project answers to build on a release."""
        return f"acme-data @ git+{self.folder.as_uri()}@v{version}"

    def release(self, version: str) -> None:
        """Commit what there is as a release, and tag it as CI would."""
        replace(
            self.folder / "pyproject.toml",
            r'^version = "[^"]*"',
            f'version = "{version}"',
        )
        replace(
            self.folder / "CHANGELOG.md",
            r"^(?=## )",
            f"## {version}\n\nChanged.\n\n",
        )
        assert run("uv", "lock", "--quiet", cwd=self.folder).code == 0
        commit(self.folder)
        git("tag", "--annotate", f"v{version}", "--message", version, cwd=self.folder)


def replace(file: Path, pattern: str, text: str) -> None:
    """Replace what must be there once."""
    changed, count = re.subn(
        pattern, text, file.read_text("utf-8"), count=1, flags=re.MULTILINE
    )
    assert count == 1, f"{file} has no {pattern}"
    file.write_text(changed, "utf-8")


def checked(project: Path) -> None:
    """Let a project pass all of its checks."""
    result = run("uv", "run", "--locked", "poe", "check", cwd=project)
    assert result.code == 0, result.output


@pytest.fixture(scope="module")
def newer(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template with one more release."""
    folder = clone(release, tmp_path_factory.mktemp("newer") / "twobus")
    tag = f"v{NEWER}"
    git("tag", "--annotate", tag, "--message", NEWER, cwd=commit(folder))
    return folder


@pytest.fixture(scope="module")
def library(
    release: Path, newer: Path, tmp_path_factory: pytest.TempPathFactory
) -> Library:
    """A library that has followed the template from 1.0.0 to its own 1.0.1."""
    folder = tmp_path_factory.mktemp("library") / "acme-data"
    found = Library(commit(render(release, folder, kind="library")))
    found.release("1.0.0")
    file = folder / "pyproject.toml"
    replace(file, release.as_uri(), newer.as_uri())
    replace(file, '^rev = "v1000.0.0"', f'rev = "v{NEWER}"')
    found.release("1.0.1")
    set_up(folder)
    return found


@pytest.fixture(scope="module")
def study_ready(
    newer: Path, library: Library, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """An analysis on a library of an older release of the template, set up."""
    folder = tmp_path_factory.mktemp("study") / "churn study é"
    answers = {"worked_example": True, "package_name": "churn_study"}
    wanted = library.requirement("1.0.0")
    return set_up(render(newer, folder, shared_library=wanted, **answers))


@pytest.fixture
def study(study_ready: Path) -> Iterator[Path]:
    """The analysis, put back as it was after the test."""
    with lend(study_ready) as project:
        yield project
        # Another release of the library may have been installed.
        git("reset", "--quiet", "--hard", cwd=project)
        assert run("uv", "sync", "--quiet", cwd=project).code == 0


def test_an_analysis_on_a_library_passes_without_data_access_of_its_own(
    study: Path,
) -> None:
    checked(study)
    own = {path.name for path in (study / "src/churn_study").iterdir()}
    assert not own & {"data.py", "tables"}


def recorded(project: Path) -> str:
    """Return the one release of the package that a project's lock has."""
    packages = tomllib.loads((project / "uv.lock").read_text("utf-8"))["package"]
    (source,) = (one["source"] for one in packages if one["name"] == "twobus")
    return re.sub(r"^.*rev=v([0-9.]+)#.*$", r"\1", source["git"])


def test_a_study_may_follow_a_newer_release_than_its_library(study: Path) -> None:
    assert recorded(study) == NEWER


@pytest.mark.whole
def test_models_on_a_library_of_a_newer_release_are_checked_trained_and_written(
    release: Path, library: Library, tmp_path: Path
) -> None:
    answers = {"kind": "model", "worked_example": True, "package_name": "churn"}
    wanted = library.requirement("1.0.1")
    project = render(release, tmp_path / "churn", shared_library=wanted, **answers)
    set_up(project)
    assert recorded(project) == "1000.0.0"
    written = poe(
        project, "new-model", "mass", "--table=penguins", "--target=body_mass_g"
    )
    assert written.code == 0, written.output
    checked(project)
    trained = poe(project, "train", "penguin_sex")
    assert trained.code == 0, trained.output
    assert "trained on the samples" in trained.output


def test_any_other_project_reads_by_the_library_as_its_readme_says(
    library: Library, release: Path, tmp_path: Path
) -> None:
    readme = (library.folder / "README.md").read_text("utf-8")
    (line,) = re.findall(r"`(uv add [^`]*twobus[^`]*)`", readme)
    command = line.replace("https://…", library.folder.as_uri())
    _, _, ours, theirs = shlex.split(command)
    assert ours == library.requirement("1.0.0")
    assert theirs == f"twobus @ git+{release.as_uri()}"
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "mine"\nversion = "0"\nrequires-python = ">=3.11"\n', "utf-8"
    )
    added = run("bash", "-c", command, cwd=tmp_path)
    assert added.code == 0, added.output
    code = "from acme_data import read; print(read('penguins').count().execute())"
    result = run("uv", "run", "--no-sync", "python", "-c", code, cwd=tmp_path)
    assert result.output.split()[-1] == "38", result.output


@pytest.mark.parametrize(
    "line",
    [
        "import duckdb",
        "import psycopg",
        "from churn_study.data import read",
        "import ibis\n\nTABLE = ibis.connect('duckdb://')",
        "import ibis\n\nTABLE = ibis.postgres.connect()",
        "import pandas as pd\n\nTABLE = pd.read_sql('select 1', None)",
    ],
)
def test_a_way_past_the_library_is_named_with_the_place_for_it(
    study: Path, line: str
) -> None:
    (study / "src/churn_study/mine.py").write_text(f'"""Mine."""\n\n{line}\n', "utf-8")
    result = run("uv", "run", "ruff", "check", "--select=TID251", cwd=study)
    assert result.code == 1
    assert "Read by acme_data; what it lacks belongs there" in result.output


@pytest.mark.whole
def test_a_new_table_reaches_a_study_by_one_line(study: Path, library: Library) -> None:
    tables = library.folder / f"src/{PACKAGE}/tables"
    assert poe(library.folder, "new-table", "orders").code == 0
    replace(tables / "orders.py", 'OWNER = ""', 'OWNER = "@acme/sales"')
    replace(tables / "orders.py", 'UPDATED = ""', 'UPDATED = "every night"')
    replace(tables / "orders.py", "One row is one …", "One row is one order")
    assert poe(library.folder, "tables").code == 0
    library.release("1.1.0")
    checked(library.folder)

    replace(study / "pyproject.toml", "@v1.0.0", "@v1.1.0")
    assert run("uv", "lock", "--quiet", cwd=study).code == 0
    code = "from acme_data import read; print(read('orders').count().execute())"
    result = run("uv", "run", "--quiet", "python", "-c", code, cwd=study)
    assert result.output.split()[-1] == "20"
    changed = git("diff", "--numstat", "--", ":!uv.lock", cwd=study).split()
    assert changed == ["1", "1", "pyproject.toml"]
    commit(study)
    checked(study)


FUNCTION = '''"""Counts of birds."""

import ibis


def daily_revenue(orders: ibis.Table) -> ibis.Table:
    """Return how many rows there are a year, as `year` and `rows`."""
    return orders.group_by("year").aggregate(rows=orders.count())
'''
TEST = """
import pytest
from {package}.orders import daily_revenue


def test_rows_are_counted_by_year() -> None:
    import ibis

    rows = daily_revenue(ibis.memtable({{"year": [2007, 2007, 2008]}}))
    assert sorted(rows.rows.to_list()) == [1, 2]
"""


@pytest.mark.whole
def test_a_function_moves_to_the_library_as_its_pages_say(
    study: Path, library: Library
) -> None:
    (study / "src/churn_study/orders.py").write_text(FUNCTION, "utf-8")
    test = study / "tests/test_orders.py"
    test.write_text(TEST.format(package="churn_study"), "utf-8")
    run("uv", "run", "poe", "format", cwd=study)
    checked(commit(study))

    package = library.folder / f"src/{PACKAGE}"
    (package / "orders.py").write_text(FUNCTION, "utf-8")
    theirs = library.folder / "tests/test_orders.py"
    theirs.write_text(TEST.format(package=PACKAGE), "utf-8")
    init = package / "__init__.py"
    replace(init, "(?=\n__all__)", "from .orders import daily_revenue\n")
    replace(init, r"\]$", ', "daily_revenue"]')
    run("uv", "run", "poe", "format", cwd=library.folder)
    library.release("1.2.0")
    checked(library.folder)

    replace(study / "pyproject.toml", "@v1.0.0", "@v1.2.0")
    assert run("uv", "lock", "--quiet", cwd=study).code == 0
    page = (library.folder / "docs/CONTRIBUTING.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (alias,) = (block for block in blocks if "@deprecated" in block)
    (study / "src/churn_study/orders.py").write_text(alias, "utf-8")
    checked(commit(study))
    said = run("uv", "run", "pytest", "tests/test_orders.py", cwd=study)
    assert "DeprecationWarning: Use daily_revenue of acme_data." in said.output


def test_a_removed_name_needs_another_major_version(library: Library) -> None:
    with lend(library.folder) as project:
        package = project / f"src/{PACKAGE}/__init__.py"
        replace(package, "catalogue, connect, read\n", "catalogue, read\n")
        replace(package, '"connect", ', "")
        for version, code in {"1.9.0": 1, "2.0.0": 0}.items():
            library.release(version)
            git("tag", "--delete", f"v{version}", cwd=project)
            result = poe(project, "check")
            assert result.code == code, result.output
            assert ("connect" in result.output) == bool(code)


@pytest.mark.whole
def test_an_answer_moves_an_analysis_to_a_library_and_back(
    library: Library, template: Template, made: Made, tmp_path: Path
) -> None:
    start = made("1000.0.0", {"package_name": "churn_study"})
    project = clone(start, tmp_path / "churn")
    assert run("uv", "lock", "--quiet", cwd=project).code == 0
    commit(project)
    wanted = library.requirement("1.0.0")
    outcome = bring(project, template, data={"shared_library": wanted})
    assert outcome.state == "clean"
    reads = "Your code reads by acme_data now: write that where it imports "
    assert f"{reads}churn_study.data." in outcome.notes
    git("switch", "--quiet", BRANCH, cwd=project)
    said = run("uv", "run", "ruff", "check", cwd=project).output
    for file in ("notebooks/01_body_mass.py", "tests/test_body_mass.py"):
        assert file in said
        # What the linter asks for, in the place where ruff sorts it.
        replace(project / file, "from churn_study.data import", "from acme_data import")
    run("uv", "run", "poe", "format", cwd=project)
    commit(project)
    checked(project)
    assert not (project / "src/churn_study/data.py").exists()
    git("switch", "--quiet", "main", cwd=project)
    git("merge", "--quiet", "--ff-only", BRANCH, cwd=project)
    assert ENGINES["twobus"](project, template, shared_library="") == []
    for file in ("notebooks/01_body_mass.py", "tests/test_body_mass.py"):
        replace(project / file, "from acme_data import", "from churn_study.data import")
    run("uv", "run", "poe", "format", cwd=project)
    commit(project)
    checked(project)
    assert status(project) == ""
