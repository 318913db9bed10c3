"""Projects of the releases that copied the common code come over to the package."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Made

from template import ROOT, clone, commit, earlier, git, releases, run, whole
from twobus.companion.branch import Outcome
from twobus.companion.imports import Moved, gives
from twobus.companion.migrate import MODULES, NAMES
from twobus.companion.template import Template
from twobus.companion.update import BRANCH, update
from twobus.imports import rewritten

COPIED = [
    version for version in earlier() if tuple(map(int, version.split("."))) < (0, 6)
]
SOURCE = "template/src/{{ package_name }}"
# What nobody can import any more.
GONE = {"data.columns", "twobus.connection.one_at_a_time", "twobus.review.name_edited"}


def copied(version: str) -> Iterator[tuple[str, str]]:
    """Yield the modules that a release copied, and their public names."""
    commit = releases()[version]
    words = ["ls-tree", "-r", "--name-only", "-z", commit, "--", SOURCE]
    for path in git(*words, cwd=ROOT).split("\0"):
        name = path.removeprefix(f"{SOURCE}/").removesuffix(".jinja")
        module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        if not re.match(r"(data|settings|twobus)\b", module) or not name.endswith("py"):
            continue
        text = git("show", f"{commit}:{path}", cwd=ROOT)
        text = re.sub(r"\{%.*?%\}", "", text).replace("{{ library }}", "acme")
        yield module, "*"
        for node in ast.parse(re.sub(r"\{\{.*?\}\}", "x", text)).body:
            match node:
                case ast.FunctionDef(name=found) | ast.ClassDef(name=found):
                    yield module, found
                # Others are how ours are made.
                case ast.Assign(targets=[ast.Name(id=found)]) if "." not in module:
                    yield module, found


@pytest.mark.slow
@pytest.mark.parametrize("version", COPIED)
def test_what_could_be_imported_has_a_counterpart(version: str, tmp_path: Path) -> None:
    moved = Moved(tmp_path, "study", MODULES, NAMES)
    own = ROOT / SOURCE / "data.py.jinja"
    text = re.sub(r"\{%.*?%\}", "", own.read_text("utf-8"))
    (tmp_path / "src" / "study").mkdir(parents=True)
    (tmp_path / "src" / "study" / "data.py").write_text(text, "utf-8")
    lost = set()
    for module, name in copied(version):
        place = moved.name(module, name)
        known = place is None or (place and gives(*place.rsplit(".", 1)))
        if not name.startswith("_") and not known:
            lost.add(f"{module}.{name}")
    assert lost - GONE == set()


@pytest.fixture
def moved(tmp_path: Path) -> Moved:
    """A project that has no common code any more, and code of its own."""
    package = tmp_path / "src" / "study"
    (package / "twobus").mkdir(parents=True)
    (package / "data.py").write_text("def read() -> None: ...\n", "utf-8")
    (package / "twobus" / "ours.py").write_text("", "utf-8")
    return Moved(tmp_path, "study", MODULES, NAMES)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "from ..twobus.modelling import Model\n",
            "from twobus.models import Model\n",
        ),
        (
            "from study.twobus.modelling.registry import fetch as get  # ours\n",
            "from twobus.models.registry import fetch as get  # ours\n",
        ),
        (
            "from ..settings import (\n    DATA,  # here\n    ROOT,\n)\n",
            "from twobus.settings import (\n    DATA,  # here\n    ROOT,\n)\n",
        ),
        ("from .. import settings\n", "from twobus import settings\n"),
        (
            "from .. import settings, tables\n",
            "from .. import tables\nfrom twobus import settings\n",
        ),
        (
            "from study.twobus import modelling, sources as raw\n",
            "from twobus import models as modelling\n"
            "from twobus.data import sources as raw\n",
        ),
        (
            "import study.twobus.modelling.registry as r, os\n",
            "import twobus.models.registry as r, os\n",
        ),
        (
            "import study.settings\n\nprint(study.settings.ROOT / 'é', 1)\n",
            "import twobus.settings\n\nprint(twobus.settings.ROOT / 'é', 1)\n",
        ),
        (
            "def cell():\n    é = 1; from study.settings import DATA; return DATA\n",
            "def cell():\n    é = 1; from twobus.settings import DATA; return DATA\n",
        ),
        (
            "if True:\n\tfrom ..data import digest, read\n",
            "if True:\n\tfrom ..data import read\n\tfrom twobus.data import digest\n",
        ),
        (
            "from study.twobus.access import digest, read\r\n",
            "from study.data import read\r\nfrom twobus.data import digest\r\n",
        ),
        (
            "from study.twobus.repository import setup, update\n",
            "from twobus.call import update\nfrom twobus.start import setup\n",
        ),
        (
            "from study.twobus.modelling.declaration import told\n",
            "from twobus.models.declaration import explain as told\n",
        ),
        (
            "\ufefffrom study.settings import ROOT as r, DATA\n",
            "\ufefffrom twobus.settings import ROOT as r, DATA\n",
        ),
        (
            '"""A\x0cb\u2028c."""\r\n\r\nimport study.settings as s\r\n',
            '"""A\x0cb\u2028c."""\r\n\r\nimport twobus.settings as s\r\n',
        ),
        # What is the project's own stays, whatever its name.
        ("from ..data import read\n", None),
        ("from ..twobus import ours\n", None),
        ("from .settings import ROOT\n", None),
        ("import pathlib, twobus.settings\n", None),
        ("from acme.twobus.modelling import Model\n", None),
        ("from twobus.models import Model\n", None),
        ("<<<<<<< before updating\nfrom ..settings import ROOT\n", None),
        ("# Å\nfrom ..settings import ROOT\n".encode("latin-1"), None),
    ],
)
def test_imports_find_what_has_moved(
    old: str | bytes, new: str | None, moved: Moved
) -> None:
    before = old.encode() if isinstance(old, str) else old
    after = before if new is None else new.encode()
    assert rewritten(moved, "src/study/models/churn.py", before) == (after, [])


def test_a_relative_import_is_one_of_the_package_only_within_it(moved: Moved) -> None:
    text = b"from ..settings import ROOT\n"
    for name in ("tests/deep/test_x.py", "src/other/deep/x.py", "src/study/x.py"):
        assert rewritten(moved, name, text) == (text, [])


def test_a_project_on_a_library_asks_the_library(tmp_path: Path) -> None:
    moved = Moved(tmp_path, "study", MODULES, NAMES, library="acme_data")
    text = (
        b"from study.twobus.access import read, tables\n"
        b"from .settings import Settings, ROOT\n"
    )
    new, gone = rewritten(moved, "src/study/ours.py", text)
    assert new.decode() == (
        "from acme_data import tables\nfrom acme_data.data import read\n"
        "from acme_data.settings import Settings\nfrom twobus.settings import ROOT\n"
    )
    assert gone == []


def test_what_has_no_counterpart_is_named_with_its_line(moved: Moved) -> None:
    text = (
        b"from ..twobus.sources import RAW, fetch\n\n"
        b"from ..twobus.modelling import registry\n\nregistry.FOLDER\n"
        b"from ..twobus.nonsense import x\n"
    )
    new, gone = rewritten(moved, "src/study/models/churn.py", text)
    assert b"import RAW\nfrom twobus.data.sources import fetch" in new
    assert [sentence.partition(",")[0] for sentence in gone] == [
        "src/study/models/churn.py:1 uses RAW of ..twobus.sources",
        "src/study/models/churn.py:5 uses FOLDER of twobus.models.registry",
    ]


def edited(made: Made, folder: Path, kind: str, **files: str) -> Path:
    """Make a project of 0.5.0 in which files end with other lines, or are new."""
    start = made("0.5.0", {"kind": kind, "package_name": "penguin_study"})
    project = clone(start, folder / "penguin-study")
    for name, text in files.items():
        file = project / name
        file.parent.mkdir(parents=True, exist_ok=True)
        before = file.read_text("utf-8") if file.exists() else ""
        file.write_text(before + text, "utf-8")
    return commit(project)


def result(project: Path, template: Template) -> Outcome:
    """Update a project and go to the result."""
    outcome = update(project, template)
    git("switch", "--quiet", BRANCH, cwd=project)
    return outcome


PACKAGE = "src/penguin_study"


def test_edited_common_code_is_kept_and_named(
    made: Made, template: Template, tmp_path: Path
) -> None:
    files = {
        f"{PACKAGE}/settings.py": "\nOURS = 1\n",
        f"{PACKAGE}/twobus/sources.py": "\nOURS = 1\n",
        f"{PACKAGE}/ours.py": "from .settings import OURS, ROOT\n",
        f"{PACKAGE}/other.py": "from .twobus.sources import OURS\n",
    }
    project = edited(made, tmp_path, "analysis", **files)
    own = {name: (project / name).read_text("utf-8") for name in files}
    outcome = result(project, template)
    assert outcome.conflicts == []
    now = {name: (project / name).read_text("utf-8") for name in files}
    # It finds what it needs, and who imports what is kept goes on to do so.
    sources = f"{PACKAGE}/twobus/sources.py"
    assert now.pop(sources) == own.pop(sources).replace("..settings", "..settings")
    assert now == own
    notes = "\n".join(outcome.notes)
    assert f"{PACKAGE}/settings.py is kept, as you had changed it; it is yours" in notes
    assert f"{sources} is kept, as you had changed it; Twobus runs its own" in notes
    assert "uv run twobus eject ROOM" in notes
    assert "as you left it" not in notes
    left = git("ls-files", f"{PACKAGE}/twobus", cwd=project).split()
    assert left == [sources]


def test_kept_code_finds_what_it_imports(
    made: Made, template: Template, tmp_path: Path
) -> None:
    name = f"{PACKAGE}/twobus/modelling/training.py"
    project = edited(made, tmp_path, "model", **{name: "\nOURS = 1\n"})
    outcome = result(project, template)
    text = (project / name).read_text("utf-8")
    assert "from twobus.models.declaration import" in text
    assert not re.search(r"^from \.", text, re.MULTILINE)
    assert [note for note in outcome.notes if note.startswith(f"{name}:")] == []


def test_imports_are_rewritten_in_a_commit_of_its_own(
    made: Made, template: Template, tmp_path: Path
) -> None:
    churn = f"{PACKAGE}/models/churn.py"
    files = {
        churn: "from ..settings import DATA\nfrom ..twobus.modelling import Model\n",
        "tests/test_ours.py": "from penguin_study.settings import ROOT\n",
        "notebooks/ours.py": "# %%\nfrom penguin_study.twobus.access import read\n",
    }
    project = edited(made, tmp_path, "model", **files)
    outcome = result(project, template)
    assert outcome.state == "clean", outcome
    said = git("log", "--format=%s", f"main..{BRANCH}", cwd=project).splitlines()
    assert said == [
        "Import common code from the package twobus",
        f"Update Twobus from 0.5.0 to {template.newest.name}",
    ]
    changed = git("show", "--name-only", "--format=", BRANCH, cwd=project).split()
    assert {*changed} == {*files, f"{PACKAGE}/models/penguin_sex.py"}
    assert (project / churn).read_text("utf-8") == (
        "from twobus.settings import DATA\nfrom twobus.models import Model\n"
    )
    text = (project / "notebooks" / "ours.py").read_text("utf-8")
    assert text == "# %%\nfrom penguin_study.data import read\n"
    git("switch", "--quiet", "main", cwd=project)
    # It is what people may throw away and get again.
    assert update(project, template).state == "clean"


def test_what_only_names_a_module_is_named(
    made: Made, template: Template, tmp_path: Path
) -> None:
    task = 'x = { script = "penguin_study.twobus.notebooks:check" }\n'
    files = {
        "tests/test_ours.py": 'MOCKED = "penguin_study.settings.ROOT"\n',
        "docs/ours.md": "See src/penguin_study/twobus/review.py.\n",
        "tasks.toml": task,
    }
    project = edited(made, tmp_path, "analysis", **files)
    outcome = result(project, template)
    named = [note for note in outcome.notes if " names " in note]
    assert named == [
        "docs/ours.md:1 names penguin_study/twobus/review.py, which is "
        "twobus.review.tasks now: change it.",
        "tasks.toml:1 names penguin_study.twobus.notebooks, which is "
        "twobus.notebooks.run now: change it.",
        "tests/test_ours.py:1 names penguin_study.settings.ROOT, which is "
        "twobus.settings now: change it.",
    ]


def test_what_people_added_to_tests_of_ours_is_a_conflict_with_advice(
    made: Made, template: Template, tmp_path: Path
) -> None:
    files = {
        f"{PACKAGE}/data.py": "\nOURS = 1\n",
        "tests/test_models.py": "\ndef test_ours() -> None: ...\n",
        "tests/conftest.py": "\nOURS = 1\n",
    }
    project = edited(made, tmp_path, "model", **files)
    outcome = result(project, template)
    assert outcome.conflicts == [f"{PACKAGE}/data.py", "tests/test_models.py"]
    for name in outcome.conflicts:
        (note,) = [one for one in outcome.notes if one.startswith(f"{name}: ")]
        assert "take what stands below =======" in note
    (note,) = [one for one in outcome.notes if "conftest" in one]
    assert "leave only what you added" in note
    assert "OURS = 1" in (project / "tests" / "conftest.py").read_text("utf-8")


@pytest.mark.parametrize("kind", ["analysis", whole("model"), whole("library")])
def test_a_bare_update_warns_once_and_leaves_what_is_imported(
    kind: str, made: Made, template: Template, tmp_path: Path
) -> None:
    project = edited(made, tmp_path, kind)
    words = ["copier", "update", "--defaults"]
    result = run(*words, cwd=project)
    assert "`twobus update` keeps your\nchanges" in result.output
    commit(project)
    stands_in = project / PACKAGE / "twobus" / "modelling" / "__init__.py"
    assert stands_in.exists() == (kind == "model")
    again = run(*words, cwd=project)
    assert again.code == 0
    assert "twobus update" not in again.output
    assert stands_in.exists() == (kind == "model")
    # What stands in for the code goes where imports are rewritten.
    outcome = update(project, template, data={"description": "New."})
    assert outcome.state == "clean"
    git("switch", "--quiet", BRANCH, cwd=project)
    assert not stands_in.exists()
    assert run("git", "grep", "-q", r"\.\.twobus", cwd=project).code == 1
