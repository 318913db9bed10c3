"""A team's library is released with care for those who use it."""

import json
import os
import re
import shutil
import threading
import tomllib
from base64 import b64decode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
import yaml
from conftest import Render

from template import Result, commit, git, lend, poe, run

pytestmark = pytest.mark.slow

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
        "twobus/connection.py",
        "class DataError(Exception)",
        "class DataError",
        "DataError has lost a base class",
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
    "managed": ("twobus/review.py", "def review(", "def look("),
    "settings": ("settings.py", "class Settings", "class Preferences"),
    "parameter": (MODULE, "best(year: int", "best(year: int, day: int = 1"),
    "function": (INIT, '"best", ', '"best", "LIMIT", '),
    "deprecation": (MODULE, "def best(", '@deprecated("Use total.")\ndef best('),
    "docstring": (INIT, "The team's data", "All data of the team"),
}


@pytest.fixture
def begun(library_ready: Path) -> Iterator[Path]:
    """A library as the template gives it, put back as it was after the test."""
    with lend(library_ready) as project:
        try:
            yield project
        finally:
            for tag in git("tag", cwd=project).split():
                git("tag", "--delete", tag, cwd=project)


@pytest.fixture
def library(begun: Path) -> Path:
    """A library whose release 1.0.0 has a table and functions of its own."""
    package = begun / "src/acme_data"
    # A folder without __init__.py, as Python allows it.
    (package / "sales").mkdir(exist_ok=True)
    (package / MODULE).write_text(SHOP, "utf-8")
    (package / TABLE).write_text(ORDERS, "utf-8")
    (package / BASE).write_text(SHARED, "utf-8")
    names = '"Shop", "add", "best", "total", "here"'
    edit(begun, INIT, EXPORTS, f'__all__ = [{names}, "DataError",')
    code = "from .sales.shop import Shop, add, best, total"
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


def api(project: Path) -> Result:
    """Compare a project with its last release."""
    return run("uv", "run", "--no-sync", "poe", "api", cwd=project)


def said(result: Result) -> list[str]:
    """Return the lines of a comparison that failed, without Poe's own."""
    assert result.code == 1, result.output
    assert "Traceback" not in result.output
    lines = result.output.splitlines()
    return lines[lines.index("Poe => api") + 1 :]


def test_an_unchanged_library_passes_without_a_word(library: Path) -> None:
    result = api(library)
    assert result.code == 0, result.output
    assert result.output.splitlines()[-1] == "Poe => api"


@pytest.mark.parametrize("case", BREAKAGES)
def test_what_breaks_is_said_in_a_line(library: Path, case: str) -> None:
    name, old, new, line = BREAKAGES[case]
    edit(library, name, old, new)
    *lines, how = said(api(library))
    assert line in lines
    assert how.startswith(
        f"This breaks what people wrote for v1.0.0. {HOW}`uv version 2.0.0`"
    )


@pytest.mark.parametrize("case", HARMLESS)
def test_what_breaks_nobody_passes(library: Path, case: str) -> None:
    edit(library, *HARMLESS[case])
    result = api(library)
    assert result.code == 0, result.output


def test_a_removed_table_is_said(library: Path) -> None:
    (library / "src/acme_data" / TABLE).unlink()
    line, _ = said(api(library))
    assert line == "the table orders is gone"


def test_a_new_table_passes(library: Path) -> None:
    tables = library / "src/acme_data/tables"
    (tables / "returns.py").write_text(ORDERS, "utf-8")
    assert api(library).code == 0


def test_an_old_name_may_be_an_alias(library: Path) -> None:
    edit(library, MODULE, "def best(", "def largest(")
    edit(library, MODULE, "def _largest(", "best = largest\n\n\ndef _largest(")
    assert api(library).code == 0
    edit(library, MODULE, "def largest(year", "def largest(day")
    assert "best: parameter year was removed" in said(api(library))


def test_two_names_of_one_function_are_both_compared(library: Path) -> None:
    edit(library, MODULE, "class Shop", "top = best\n\n\nclass Shop")
    edit(library, INIT, "best, total", "best, top, total")
    edit(library, INIT, '"best", "total", "here"', '"best", "top", "total"')
    set_version(library, "1.1.0")
    git("tag", "v1.1.0", cwd=commit(library))
    edit(library, MODULE, "top = best", "def top():\n    pass")
    assert said(api(library))[:-1] == ["top: parameter year was removed"]
    edit(library, MODULE, "best(year", "best(day")
    assert {"best", "top"} <= {line.split(":")[0] for line in said(api(library))}


def test_names_that_are_computed_do_not_pass(library: Path) -> None:
    edit(library, INIT, "__all__ = [", '__all__ = [*"", ')
    assert api(library).code == 0
    edit(library, INIT, "__all__ = [", "__all__ = [] + [")
    line, _ = said(api(library))
    assert line == "__all__ cannot be compared: write it as a list of names"


def test_a_function_that_moves_is_still_compared(library: Path) -> None:
    package = library / "src/acme_data/sales"
    (package / "shop.py").rename(package / "market.py")
    (package / "shop.py").write_text("from .market import *\n", "utf-8")
    assert api(library).code == 0
    edit(library, "sales/market.py", "best(year", "best(day")
    assert "best: parameter year was removed" in said(api(library))


def test_what_was_deprecated_still_breaks_people_when_it_goes(library: Path) -> None:
    edit(library, TABLE, "class Contract", 'DEPRECATED = "read x"\n\n\nclass Contract')
    assert api(library).code == 0
    set_version(library, "1.1.0")
    git("tag", "v1.1.0", cwd=commit(library))
    (library / "src/acme_data" / TABLE).unlink()
    edit(library, MODULE, "def add(", "def _add(")
    edit(library, INIT, "add, ", "")
    edit(library, INIT, '"add", ', "")
    *lines, how = said(api(library))
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
    result = api(library)
    if least:
        assert f"{HOW}`uv version {least}`" in said(result)[-1]
    else:
        assert result.code == 0, result.output


def test_a_version_does_not_go_back(library: Path) -> None:
    set_version(library, "0.9.0")
    result = api(library)
    assert result.code == 1
    assert said(result) == ["pyproject.toml goes back behind the last release, v1.0.0."]


def test_the_newest_release_that_was_merged_counts(library: Path) -> None:
    for version in ("1.9.0", "1.10.0"):
        set_version(library, version)
        git("tag", f"v{version}", cwd=commit(library))
    for name in ("v2.0.0rc1", "v3", "vé", "4.0.0"):
        git("tag", name, cwd=library)
    aside = git("commit-tree", "HEAD^{tree}", "-m", "Aside", cwd=library).strip()
    git("tag", "v5.0.0", aside, cwd=library)
    edit(library, INIT, '"best", ', "")
    assert "for v1.10.0." in said(api(library))[-1]


def test_without_a_release_there_is_nothing_to_break(library: Path) -> None:
    git("tag", "not-a-release", cwd=library)
    git("tag", "--delete", "v1.0.0", cwd=library)
    edit(library, INIT, '"best", ', "")
    assert api(library).code == 0


def test_a_clone_without_the_release_does_not_pass(
    library: Path, tmp_path: Path
) -> None:
    commit(library)
    folder = tmp_path / "short clone é"
    words = ["clone", "--quiet", "--depth", "1", library.as_uri(), str(folder)]
    git(*words, cwd=library)
    (line,) = said(poe(folder, "api"))
    assert line.startswith("This clone is too short to hold the last release: fetch")
    command = line.split("`")[1].split()
    assert run(*command, cwd=folder).code == 0
    assert api(folder).code == 0


def test_a_release_of_another_layout_is_not_passed_over(library: Path) -> None:
    git("mv", "src/acme_data/tables", "src/acme_data/schemas", cwd=library)
    git("mv", "src/acme_data", "src/aside", cwd=library)
    git("commit", "--quiet", "--message", "Away", "--no-verify", cwd=library)
    git("tag", "v1.1.0", cwd=library)
    git("revert", "--no-edit", "HEAD", cwd=library)
    set_version(library, "1.1.1")
    line, how = said(api(library))
    assert line == "v1.1.0 has no src/acme_data to compare with"
    assert f"{HOW}`uv version 2.0.0`" in how


def test_a_release_is_read_and_never_run(library: Path) -> None:
    trace = library / "ran"
    edit(library, MODULE, "LIMIT = 10", f"open({str(trace)!r}, 'w')")
    set_version(library, "1.1.0")
    git("tag", "v1.1.0", cwd=commit(library))
    edit(library, MODULE, f"open({str(trace)!r}, 'w')", "LIMIT = 10")
    before = git("for-each-ref", cwd=library), git("status", "-s", cwd=library)
    assert api(library).code == 0
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
    (line,) = said(api(library))
    assert line.startswith("pyproject.toml says version 1.1.0, and CHANGELOG.md does")


def test_a_changelog_that_is_gone_is_said(library: Path) -> None:
    (library / "CHANGELOG.md").unlink()
    (line,) = said(api(library))
    assert "does not begin with `## 1.0.0`" in line


def test_a_version_that_cannot_be_compared_is_said(library: Path) -> None:
    set_version(library, "1.1.0rc1")
    (line,) = said(api(library))
    assert line == 'Write version in pyproject.toml as three numbers: "1.2.0".'


def test_the_heading_may_have_a_date(library: Path) -> None:
    set_version(library, "1.0.1", "1.0.1 (2026-11-25)")
    assert api(library).code == 0


class Forge(ThreadingHTTPServer):
    """An index of packages, and the API of a forge."""

    def __init__(self) -> None:
        """Listen at a free port."""
        super().__init__(("127.0.0.1", 0), Receiver)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.received: list[tuple[str, str, bytes]] = []


class Receiver(BaseHTTPRequestHandler):
    """Takes whatever is sent."""

    def do_POST(self) -> None:
        """Note what was sent, and by whom."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        who = self.headers.get("Authorization") or self.headers["JOB-TOKEN"]
        assert isinstance(self.server, Forge)
        self.server.received.append((self.path, who, body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def forge() -> Iterator[Forge]:
    """A forge on this machine."""
    with Forge() as server:
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


def new_version(project: Path) -> str:
    """Commit version 1.1.0 as people do; return the commit."""
    assert run("uv", "version", "1.1.0", cwd=project).code == 0
    set_version(project, "1.1.0")
    return git("rev-parse", "HEAD", cwd=commit(project)).strip()


def run_steps(job: dict[str, Any], folder: Path, **values: str) -> Result:
    """Run the lines of a job of a workflow as GitHub would, up to one that fails."""

    def fill(variables: dict[str, str]) -> dict[str, str]:
        return {
            name: re.sub(
                r"\$\{\{ (.+?) \}\}", lambda found: values[found[1]], str(text)
            )
            for name, text in variables.items()
        }

    output, lines = (
        Path(values["output"]),
        ["bash", "--noprofile", "--norc", "-e", "-c"],
    )
    result = Result(0, "")
    for step in job["steps"]:
        wanted = step.get("if", "")
        files = re.findall(r"hashFiles\('(.*)'\)", wanted)
        skipped = any(not (folder / name).exists() for name in files)
        if (
            "run" not in step
            or skipped
            or (wanted.startswith("vars.") and not values[wanted])
        ):
            continue
        env = fill({**job.get("env", {}), **step.get("env", {})})
        more = {"GITHUB_OUTPUT": str(output), "GITHUB_SHA": values.get("sha", "")}
        path = f"{output.parent}:{os.environ['PATH']}"
        done = run(*lines, step["run"], cwd=folder, **env, **more, PATH=path)
        result = Result(done.code, result.output + done.output)
        if result.code:
            break
    return result


def workflow(project: Path) -> dict[str, Any]:
    """Read the workflow that releases."""
    file = project / ".github/workflows/release.yml"
    return dict(yaml.safe_load(file.read_text("utf-8")))


def test_github_releases_a_new_version(
    begun: Path, forge: Forge, tmp_path: Path
) -> None:
    sha = new_version(begun)
    output, elsewhere, log = (tmp_path / name for name in ("out", "x", "log"))
    jobs = workflow(begun)["jobs"]
    built = run_steps(jobs["build"], begun, output=str(output))
    assert built.code == 0, built.output
    assert "All checks passed." in built.output
    assert output.read_text("utf-8") == "version=1.1.0\n"
    assert git("status", "--short", cwd=begun) == ""
    # What the second job has is what the first one keeps.
    shutil.copytree(begun / "dist", elsewhere / "dist")
    gh = tmp_path / "gh"
    gh.write_text(f'#!/bin/bash\nprintf "%s|" "$@" >> {log}; echo >> {log}; echo 7a9\n')
    gh.chmod(0o755)
    values = {
        "needs.build.outputs.version": "1.1.0",
        "github.repository": "acme/data",
        "github.token": "token",
        "vars.PUBLISH_URL": f"{forge.url}/upload",
        "secrets.PUBLISH_TOKEN": "secret",
        "output": str(output),
        "sha": sha,
    }
    published = run_steps(jobs["publish"], elsewhere, **values)
    assert published.code == 0, published.output
    assert [path for path, *_ in forge.received] == ["/upload"] * 2
    assert b64decode(forge.received[0][1].split()[1]) == b"__token__:secret"
    tag, reference, made = log.read_text("utf-8").splitlines()
    assert tag.startswith(
        f"api|repos/acme/data/git/tags|-f|tag=v1.1.0|-f|message=v1.1.0|-f|object={sha}|"
    )
    assert (
        reference == "api|repos/acme/data/git/refs|-f|ref=refs/tags/v1.1.0|-f|sha=7a9|"
    )
    assert made.endswith("dist/notes.md|dist/acme_data-1.1.0-py3-none-any.whl|")
    assert (elsewhere / "dist/notes.md").read_text("utf-8") == "News: é & 100 %.\n"
    values["vars.PUBLISH_URL"] = ""
    assert run_steps(jobs["publish"], elsewhere, **values).code == 0
    assert len(forge.received) == 2


def test_github_makes_no_reference_to_a_tag_that_failed(
    tmp_path: Path, begun: Path
) -> None:
    job = workflow(begun)["jobs"]["publish"]
    log, gh = tmp_path / "log", tmp_path / "gh"
    gh.write_text(f"#!/bin/bash\necho x >> {log}; exit 1\n")
    gh.chmod(0o755)
    names = ["needs.build.outputs.version", "github.repository", "github.token"]
    values = dict.fromkeys([*names, "vars.PUBLISH_URL"], "")
    result = run_steps(job, tmp_path, **values, output=str(tmp_path / "out"))
    assert result.code == 1
    assert log.read_text("utf-8") == "x\n"


def test_the_job_that_may_write_has_none_of_the_projects_code(begun: Path) -> None:
    jobs = workflow(begun)["jobs"]
    assert jobs["build"]["permissions"] == {"contents": "read"}
    uses = [step.get("uses", "") for step in jobs["publish"]["steps"]]
    assert not [one for one in uses if one.startswith("actions/checkout")]
    assert "uv run" not in json.dumps(jobs["publish"])


@pytest.mark.parametrize("state", ["begun", "tagged"])
def test_nothing_is_released_twice_or_at_the_beginning(
    begun: Path, state: str, tmp_path: Path
) -> None:
    if state == "tagged":
        new_version(begun)
        git("tag", "v1.1.0", cwd=begun)
    output = tmp_path / "out"
    result = run_steps(workflow(begun)["jobs"]["build"], begun, output=str(output))
    assert result.code == 0, result.output
    assert "Nothing to release" in result.output
    assert "poe => check" not in result.output.lower()
    assert not output.exists()


def test_gitlab_releases_a_new_version(
    begun: Path, forge: Forge, project: Render
) -> None:
    text = (project(kind="library", forge="gitlab") / ".gitlab-ci.yml").read_text(
        "utf-8"
    )
    job = yaml.safe_load(text)["release"]
    # The same as on GitHub, where it is run.
    job["script"].remove("uv run --locked poe check")
    given = {
        "CI_API_V4_URL": f"{forge.url}/api/v4",
        "CI_PROJECT_ID": "7",
        "CI_JOB_TOKEN": "secret",
    }

    def runs() -> Result:
        variables = dict(job["variables"])
        for name, value in given.items():
            variables = {
                k: str(v).replace(f"${name}", value) for k, v in variables.items()
            }
        script = "\n".join(job["script"])
        words = ["bash", "-eo", "pipefail", "-c", script]
        return run(*words, cwd=begun, **given, **variables, CI_COMMIT_SHA=sha)

    sha = git("rev-parse", "HEAD", cwd=begun).strip()
    assert runs().code == 0
    assert not forge.received
    sha = new_version(begun)
    result = runs()
    assert result.code == 0, result.output
    *packages, (path, who, body) = forge.received
    assert [one for one, *_ in packages] == ["/api/v4/projects/7/packages/pypi"] * 2
    assert b64decode(packages[0][1].split()[1]) == b"gitlab-ci-token:secret"
    assert (path, who) == ("/api/v4/projects/7/releases", "secret")
    assert parse_qs(body.decode()) == {
        "tag_name": ["v1.1.0"],
        "tag_message": ["v1.1.0"],
        "ref": [sha],
        "description": ["News: é & 100 %.\n"],
    }


def test_the_check_compares_and_ci_has_the_tags(begun: Path, project: Render) -> None:
    tasks = (begun / "src/acme_data/twobus/poe_tasks.toml").read_text("utf-8")
    check = tomllib.loads(tasks)["tasks"]["check"]["sequence"]
    assert "api" in check[0]["parallel"]
    ci = yaml.safe_load((begun / ".github/workflows/ci.yml").read_text("utf-8"))
    assert ci["jobs"]["check"]["steps"][0]["with"]["fetch-depth"] == 0
    text = (project(kind="library", forge="gitlab") / ".gitlab-ci.yml").read_text(
        "utf-8"
    )
    for job in ("check", "release"):
        assert yaml.safe_load(text)[job]["variables"]["GIT_DEPTH"] == 0


@pytest.mark.parametrize("kind", ["analysis", "model"])
def test_other_kinds_have_nothing_to_release(kind: str, project: Render) -> None:
    made = project(kind=kind)
    (package,) = (made / "src").iterdir()
    names = ["CHANGELOG.md", ".github/workflows/release.yml"]
    assert not [name for name in names if (made / name).exists()]
    assert not (package / "twobus/api.py").exists()
    text = (package / "twobus/poe_tasks.toml").read_text("utf-8")
    assert not {"api", "release"} & tomllib.loads(text)["tasks"].keys()
