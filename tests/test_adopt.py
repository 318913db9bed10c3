"""`twobus adopt` brings a repository under Twobus, and loses nothing of it."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import copier
import pytest
import strangers
import yaml
from strangers import Files, history, keep, write
from typer.testing import CliRunner

import twobus.companion.adopt
from template import files as contents
from template import git, render, run, status
from twobus.companion.advice import Tree, advise
from twobus.companion.cli import app
from twobus.companion.guess import guess, packages
from twobus.companion.status import status as compare
from twobus.companion.template import fetch
from twobus.companion.update import update as bring
from twobus.project import StopError

BRANCH = "twobus/adopt"
FORGE = "https://github.com/drivendataorg/cookiecutter-data-science"
YOURS, THEIRS = "before updating", "after updating"
CONFLICT = re.compile(
    rf"^<<<<<<< {YOURS}\n(.*?)^=======\n(.*?)^>>>>>>> {THEIRS}\n",
    re.S | re.M,
)
# Files of which people will take the template's version, and add what is theirs.
TAKE = {"pyproject.toml", ".gitignore", ".gitattributes", ".pre-commit-config.yaml"}
TREES = [
    pytest.param(strangers.data_science, marks=pytest.mark.slow),
    strangers.flat,
    strangers.packaged,
    strangers.by_hand,
]

Make = Callable[[Path], Path]


@pytest.fixture
def template(release: Path, tmp_path: Path) -> Path:
    """A clone of the template in which a test can release."""
    clone = tmp_path / "the template"
    git("clone", "--quiet", str(release), str(clone), cwd=tmp_path)
    return clone


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A folder for repositories, with a space and a letter that is not ASCII."""
    folder = tmp_path / "dort ü"
    folder.mkdir()
    return folder


def release_next(template: Path) -> None:
    """Release a change of a managed, a shared and a seeded file."""
    changes = {
        "docs/CONTRIBUTING.md.jinja": ("| record a decision |", "| record decisions |"),
        "docs/question.md.jinja": ("#", "# New:"),
        "pyproject.toml.jinja": ("notebook_lines = 200", "notebook_lines = 300"),
    }
    for name, (old, new) in changes.items():
        file = template / "template" / name
        text = file.read_text("utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), "utf-8")
    git("commit", "--quiet", "--all", "--message", "Next", cwd=template)
    git("tag", "--annotate", "v1000.1.0", "--message", "Next", cwd=template)


def adopt(here: Path, template: Path, *words: str, code: int = 1) -> dict[str, Any]:
    """Adopt a repository, as a person does, and return what is said of it."""
    command = ["adopt", str(here), "--template", str(template), "--json", *words]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == code, result.output
    return dict(json.loads(result.stdout))


def blobs(here: Path, ref: str) -> dict[str, tuple[str, bytes]]:
    """Return modes and contents of all files of a commit."""
    found = {}
    for line in git("ls-tree", "-r", "-z", ref, cwd=here).split("\0")[:-1]:
        about, name = line.split("\t", 1)
        mode, kind, hashed = about.split()
        if kind == "commit":
            found[name] = mode, hashed.encode()
            continue
        words = ["git", "cat-file", kind, hashed]
        content = subprocess.run(words, cwd=here, capture_output=True, check=True)
        found[name] = mode, content.stdout
    return found


def resolved(text: str, take: str) -> str:
    """Choose one side in all conflicts of a text."""
    return CONFLICT.sub(r"\1" if take == YOURS else r"\2", text)


def assert_nothing_is_lost(here: Path, said: dict[str, Any]) -> None:
    """Compare every file with what it was, byte by byte but for line ends."""
    before, after = blobs(here, "HEAD"), blobs(here, BRANCH)
    for name, (mode, content) in before.items():
        if name == ".copier-answers.yml":
            name = ".copier-answers.old.yml"
        if name in said["conflicts"]:
            assert after[name][0] == mode, name
            mine = content.decode().replace("\r\n", "\n")
            assert resolved(after[name][1].decode(), YOURS) == mine, name
        else:
            assert after[name] == (mode, content), name
    assert set(said["added"]) - {".copier-answers.yml"} == {
        *after.keys()
        - before.keys()
        - {".copier-answers.old.yml", ".copier-answers.yml"}
    }


def accept(here: Path, said: dict[str, Any]) -> None:
    """Resolve the conflicts on the branch, and merge it."""
    home = git("symbolic-ref", "--short", "HEAD", cwd=here).strip()
    git("switch", "--quiet", BRANCH, cwd=here)
    for name in said["conflicts"]:
        file = here / name
        take = THEIRS if name in TAKE else YOURS
        text = file.read_bytes().decode()
        assert CONFLICT.search(text), name
        file.write_bytes(resolved(text, take).encode())
    if said["conflicts"]:
        git("commit", "--quiet", "--all", "--message", "Resolve", cwd=here)
    git("switch", "--quiet", home, cwd=here)
    git("merge", "--quiet", "--no-ff", "--message", "Adopt Twobus", BRANCH, cwd=here)
    assert status(here) == ""


def assert_is_at_next(folder: Path) -> None:
    recorded = yaml.safe_load((folder / ".copier-answers.yml").read_text("utf-8"))
    assert recorded["_commit"] == "v1000.1.0"
    dev = tomllib.loads((folder / "pyproject.toml").read_text("utf-8"))
    assert dev["tool"]["twobus"]["review"]["notebook_lines"] == 300
    assert "New:" not in (folder / "docs/question.md").read_text("utf-8")


@pytest.mark.parametrize("make", TREES)
def test_a_repository_is_adopted_without_loss_and_updated(
    make: Make, template: Path, there: Path, tmp_path: Path
) -> None:
    here = make(there)
    head, branches = (
        git(*words, cwd=here) for words in (["rev-parse", "HEAD"], ["branch"])
    )
    said = adopt(here, template)
    assert git("rev-parse", "HEAD", cwd=here) == head
    assert status(here) == ""
    assert git("branch", cwd=here) == branches + f"  {BRANCH}\n"
    assert said["branch"] == BRANCH
    assert_nothing_is_lost(here, said)
    accept(here, said)

    # What Copier records is what it needs to go on.
    recorded = yaml.safe_load((here / ".copier-answers.yml").read_text("utf-8"))
    assert recorded["_src_path"] == str(template)
    assert recorded["_commit"] == "v1000.0.0"
    assert recorded["seeded"]["kind"] == "analysis"
    history = fetch(str(template), tmp_path / "history.git")
    assert compare(here, history).recorded == "1000.0.0"

    release_next(template)
    other = tmp_path / "other"
    git("clone", "--quiet", str(here), str(other), cwd=tmp_path)
    copier.run_update(other, defaults=True, quiet=True, overwrite=True, unsafe=False)
    assert git("ls-files", "--unmerged", cwd=other) == ""
    assert_is_at_next(other)
    done = bring(here, fetch(str(template), tmp_path / "longer.git"))
    assert done.state == "clean", done
    git("merge", "--quiet", "--ff-only", "twobus/update", cwd=here)
    assert_is_at_next(here)
    assert git("diff", "HEAD", "--stat", cwd=here) == ""


@pytest.mark.slow
def test_a_project_of_the_template_that_data_scientists_use_loses_nothing(
    template: Path, there: Path
) -> None:
    reached = run(
        "git", "ls-remote", "--heads", FORGE, cwd=there, GIT_TERMINAL_PROMPT="0"
    )
    if reached.code:
        pytest.skip("The template of cookiecutter-data-science stands on a forge only.")
    here = strangers.data_science(there, FORGE)
    said = adopt(here, template)
    assert_nothing_is_lost(here, said)


def test_only_what_differs_is_in_conflict(template: Path, there: Path) -> None:
    made = render(template, there / "made", worked_example=False, notebooks="none")
    lines = (made / "AGENTS.md").read_text("utf-8").splitlines(keepends=True)
    lines[4] = "Ours.\n"
    here = write(there / "x", {"a.txt": "a\n"})
    history(here, {"AGENTS.md": "".join(lines)})
    said = adopt(here, template, "--data", "project_name=made")
    assert said["conflicts"] == ["AGENTS.md"]
    text = blobs(here, BRANCH)["AGENTS.md"][1].decode()
    conflict = CONFLICT.search(text)
    assert conflict
    assert conflict[1] == "Ours.\n"
    assert conflict[2].count("\n") == 1
    assert resolved(text, THEIRS) == (made / "AGENTS.md").read_text("utf-8")


def test_a_repository_without_clashes_is_merged_and_the_answers_can_be_given(
    template: Path, there: Path
) -> None:
    here = history(write(there / "x", {"a.txt": "a\n"}), {"b.txt": "b\n"})
    said = adopt(here, template, "-d", "license=MIT", "-d", "code_owners=@a @b", code=0)
    assert said["state"] == "clean"
    assert said["conflicts"] == []
    assert said["answers"]["license"] == "MIT"
    owners = blobs(here, BRANCH)[".github/CODEOWNERS"][1].decode()
    assert "@a @b" in owners
    # The result of an earlier run is replaced; what is the same is left alone.
    first = git("rev-parse", BRANCH, cwd=here)
    adopt(here, template, "-d", "license=MIT", "-d", "code_owners=@a @b", code=0)
    assert git("rev-parse", BRANCH, cwd=here) == first
    adopt(here, template, code=0)
    assert git("rev-parse", BRANCH, cwd=here) != first


def test_what_is_given_once_stays_without_a_conflict(
    template: Path, there: Path
) -> None:
    files = {"docs/question.md": "Ours.\n", "src/x/__init__.py": "", "a.txt": "a\n"}
    here = history(write(there / "x", files), {"b.txt": "b\n"})
    said = adopt(here, template, code=0)
    assert said["kept"] == ["docs/question.md", "src/x/__init__.py"]
    assert_nothing_is_lost(here, said)


# What stands in a repository, and what is guessed from it.
README = "# Bat *Calls* `2`\n\n[![ci](x)](y)\n\nWe [hear](z) bats. Often.\n"
GUESSES: list[tuple[str, Files, Any]] = [
    ("project_name", {"README.md": README}, "Bat Calls 2"),
    ("project_name", {"README.rst": "Bats\n====\n\nText.\n"}, "Bats"),
    ("project_name", {"pyproject.toml": '[project]\nname = "bats"\n'}, "bats"),
    ("project_name", {"setup.cfg": "[metadata]\nname = owls\n"}, "owls"),
    ("project_name", {"README.md": "```\n# no title\n```\n"}, None),
    ("project_name", {"README.md": "# README\n"}, None),
    ("project_name", {"README.md": "# 蝙蝠の声\n"}, "蝙蝠の声"),
    ("description", {"README.md": README}, "We hear bats."),
    (
        "description",
        {"pyproject.toml": '[project]\ndescription = "Bats: \\"a\\""\n'},
        'Bats: "a"',
    ),
    (
        "description",
        {"pyproject.toml": '[tool.poetry]\ndescription = "Owls"\n'},
        "Owls",
    ),
    (
        "description",
        {"setup.py": "setup(long_description='no', description=\"It's\")\n"},
        "It's",
    ),
    (
        "description",
        {"README.md": "# Bats\n\n- a list\n\n## More\n"},
        None,
    ),
    ("package_name", {"src/bats/__init__.py": "", "src/bats/a.py": ""}, "bats"),
    ("package_name", {"bats/__init__.py": "", "tests/__init__.py": ""}, "bats"),
    (
        "package_name",
        {"src/a/__init__.py": "", "src/b/__init__.py": "", "src/b/c.py": ""},
        "b",
    ),
    ("package_name", {"src/__init__.py": "", "src/data/__init__.py": ""}, None),
    (
        "package_name",
        {"pyproject.toml": '[project]\nname = "bat-calls"\n'},
        "bat_calls",
    ),
    ("notebooks", {"a.py": "import marimo\n\napp = marimo.App()\n"}, "marimo"),
    ("notebooks", {"deep/a.ipynb": "{}"}, "jupyter"),
    ("notebooks", {"a.py": "# %% [markdown]\n# Hello\n"}, "jupyter"),
    ("notebooks", {"a.py": "x = 1\n"}, "none"),
    (
        "python_version",
        {"pyproject.toml": '[project]\nrequires-python = "<4,>=3.12"\n'},
        "3.12",
    ),
    (
        "python_version",
        {"pyproject.toml": '[project]\nrequires-python = ">=3.8"\n'},
        "3.8",
    ),
    (
        "python_version",
        {"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.13"\n'},
        "3.13",
    ),
    ("python_version", {"setup.py": "setup(python_requires='>=3.12')\n"}, "3.12"),
    ("python_version", {".python-version": "3.14.1\n"}, "3.14"),
    ("python_version", {".python-version": "pypy\n"}, None),
    ("license", {"LICENSE.txt": strangers.MIT}, "MIT"),
    (
        "license",
        {"COPYING": "Apache License\n  Version 2.0, January 2004\n"},
        "Apache-2.0",
    ),
    ("license", {"LICENSE": "GNU GENERAL PUBLIC LICENSE\n"}, "none"),
    ("license", {"pyproject.toml": '[project]\nlicense = {text = "MIT"}\n'}, "MIT"),
    ("license", {"pyproject.toml": '[project]\nlicense = "GPL-3.0"\n'}, "GPL-3.0"),
    (
        "code_owners",
        {".github/CODEOWNERS": "*.md @w\n* @Ann @acme/x # all\n"},
        "@Ann @acme/x",
    ),
    ("code_owners", {"CODEOWNERS": "/a @ann\n/b @bob @ann\n"}, "@ann @bob"),
    ("code_owners", {"CODEOWNERS": "* nobody\n"}, None),
    ("forge", {".gitlab-ci.yml": "x: {}\n"}, "gitlab"),
    ("forge", {"a.txt": ""}, "github"),
    ("worked_example", {"a.txt": ""}, False),
    ("project_name", {"pyproject.toml": "not toml [", "setup.cfg": "nor this"}, None),
    ("project_name", {"pyproject.toml": "project = 3\ntool = []\n"}, None),
]


@pytest.mark.parametrize(("question", "files", "answer"), GUESSES)
def test_answers_are_guessed(
    question: str, files: Files, answer: Any, there: Path
) -> None:
    write(there, files)
    assert guess(there, there, sorted(files)).get(question) == answer


@pytest.mark.parametrize(
    ("files", "answers"),
    [
        (
            {
                "README.md": "# " + "x" * 101,
                "numpy/__init__.py": "",
                "pyproject.toml": '[project]\nrequires-python = ">=3.8"\n',
                "CODEOWNERS": "* @@maintainers\n",
                "LICENSE": "GNU GENERAL PUBLIC LICENSE\n",
            },
            {
                "project_name": "bats",
                "package_name": "bats",
                "python_version": "3.11",
                "code_owners": "",
                "license": "none",
                "description": "bats: an analysis.",
            },
        ),
        (
            {"src/Bats/__init__.py": "", "setup.cfg": "[metadata]\nlicense = GPL\n"},
            {"package_name": "bats", "license": "none", "forge": "github"},
        ),
    ],
)
def test_a_guess_that_the_template_refuses_leaves_its_default(
    files: Files, answers: dict[str, str], template: Path, there: Path
) -> None:
    here = history(write(there / "bats", files), {"last": ""})
    said = adopt(here, template, code=int("pyproject.toml" in files))
    assert answers.items() <= said["answers"].items()


@pytest.mark.parametrize(
    ("remote", "url", "forge"),
    [
        ("git@github.com:acme/bats.git", "https://github.com/acme/bats", None),
        (
            "https://me:secret@gitlab.com/a/b/bats.git",
            "https://gitlab.com/a/b/bats",
            None,
        ),
        (
            "ssh://git@git.acme.org:2222/bio/bats",
            "https://git.acme.org/bio/bats",
            "github",
        ),
        (
            "https://git.acme.org:8443/bio/bats/",
            "https://git.acme.org:8443/bio/bats",
            "github",
        ),
        ("/srv/git/bats", "", "github"),
    ],
)
def test_the_origin_is_guessed_without_its_password(
    remote: str, url: str, forge: str | None, template: Path, there: Path
) -> None:
    here = history(write(there / "x", {"a": ""}), {"b": ""})
    git("remote", "add", "origin", remote, cwd=here)
    said = adopt(here, template, code=0)
    assert said["answers"]["repository_url"] == url
    assert said["answers"].get("forge") == forge
    assert "secret" not in json.dumps(said)


def test_packages_are_found_where_they_are() -> None:
    assert packages(["src/a/__init__.py", "b/__init__.py", "docs/__init__.py"]) == {
        "a": "src/a",
        "b": "b",
    }
    assert packages(["src/__init__.py", "src/data/__init__.py"]) == {}


def test_questions_are_asked_with_guesses_as_defaults(
    template: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = history(write(there / "x", {"README.md": README}), {"b": ""})
    asked: dict[str, Any] = {}

    def answer(
        prompts: list[dict[str, Any]], answers: dict[str, Any]
    ) -> dict[str, Any]:
        asked.update(answers)
        name = prompts[0]["name"]
        return {name: "Owls" if name == "project_name" else answers[name]}

    monkeypatch.setattr("copier._main.unsafe_prompt", answer)
    done = twobus.companion.adopt.adopt(
        here, str(template), data={"license": "MIT"}, interactive=True
    )
    assert asked["project_name"] == "Bat Calls 2"
    assert asked["worked_example"] is False
    assert "license" not in asked
    assert done.answers["project_name"] == "Owls"
    assert done.answers["package_name"] == "owls"

    def leave(*_: Any, **__: Any) -> dict[str, Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr("copier._main.unsafe_prompt", leave)
    with pytest.raises(StopError, match="You left a question open"):
        twobus.companion.adopt.adopt(here, str(template), data={}, interactive=True)


# How a repository is when it cannot be adopted, and a word of what is said.
def dirty(here: Path) -> None:
    write(here, {"a.txt": "changed\n"})


def untracked(here: Path) -> None:
    write(here, {"AGENTS.md": ""})


def adopted(here: Path) -> None:
    write(here, {".copier-answers.yml": "_src_path: x\nseeded: {kind: analysis}\n"})
    keep(here, "Made")


def nonsense(here: Path) -> None:
    write(here, {".copier-answers.yml": "- a list\n"})
    keep(here, "Nonsense")


def unborn(here: Path) -> None:
    git("update-ref", "-d", "HEAD", cwd=here)


def no_repository(here: Path) -> None:
    shutil.rmtree(here / ".git")


def ignored(here: Path) -> None:
    write(here / ".git" / "info", {"exclude": "AGENTS.md\n/data\n"})
    write(here, {"AGENTS.md": "Mine alone.\n"})


def ignored_link(here: Path) -> None:
    write(here / ".git" / "info", {"exclude": "/data\n"})
    (here / "data").symlink_to(here.parent)


def committed_to(here: Path) -> None:
    git("switch", "--quiet", "--create", BRANCH, cwd=here)
    write(here, {"mine.txt": ""})
    keep(here, "Mine")
    git("switch", "--quiet", "main", cwd=here)


def on_the_branch(here: Path) -> None:
    git("switch", "--quiet", "--create", BRANCH, cwd=here)


def name_taken(here: Path) -> None:
    git("branch", "twobus", cwd=here)


@pytest.mark.parametrize(
    ("prepare", "words", "sentence"),
    [
        (name_taken, [], "called twobus"),
        (dirty, [], "Commit what has changed first: a.txt"),
        (untracked, [], "AGENTS.md: this is not in git"),
        (adopted, [], "twobus update"),
        (nonsense, [], "not what Copier wrote"),
        (unborn, [], "no commit yet"),
        (no_repository, [], "no git repository"),
        (ignored, [], "AGENTS.md: this is not in git"),
        (ignored_link, [], "data: this is not in git"),
        (committed_to, [], "Somebody has committed"),
        (on_the_branch, [], "You are on"),
        (None, ["--data", "package_name=Not One"], "penguin_study"),
        (None, ["--data", "licence=MIT"], "no question licence"),
        (None, ["--template", "https://me:secret@example.org/t"], "leave name and"),
        (None, ["--template", "nowhere"], "no folder nowhere"),
    ],
)
def test_what_cannot_be_adopted_is_refused_and_left_as_it_was(
    prepare: Callable[[Path], None] | None,
    words: list[str],
    sentence: str,
    template: Path,
    there: Path,
) -> None:
    here = history(write(there / "x", {"a.txt": "a\n"}), {"b.txt": "b\n"})
    if prepare:
        prepare(here)
    before = everything(here)
    said = adopt(here, template, *words, code=2)
    assert said["state"] == "failed"
    assert len(said["notes"]) == 1
    assert sentence in said["notes"][0]
    assert "secret" not in said["notes"][0]
    assert everything(here) == before


def everything(here: Path) -> dict[str, bytes]:
    """Return all that a repository holds, but for what git keeps to be quick."""
    return {
        str(path.relative_to(here)): path.read_bytes()
        for path in here.rglob("*")
        if path.is_file() and path.name != "index"
    }


def test_a_folder_that_is_not_there_is_refused(template: Path, there: Path) -> None:
    assert "no such folder" in adopt(there / "no", template, code=2)["notes"][0]


def test_another_template_is_refused(there: Path) -> None:
    other = history(
        write(there / "other", {"copier.yml": "name: {type: str}\n"}), {"a": ""}
    )
    git("tag", "v1.0.0", cwd=other)
    here = history(write(there / "x", {"a.txt": "a\n"}), {"b.txt": "b\n"})
    assert "not Twobus" in adopt(here, other, code=2)["notes"][0]


@pytest.mark.parametrize("step", ["render", "merge", "commit", "publish"])
def test_a_failure_on_the_way_leaves_all_as_it_was(
    step: str, template: Path, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = strangers.by_hand(there)
    before = everything(here)

    def fail(*_: Any, **__: Any) -> None:
        raise StopError("The disk is full.")

    monkeypatch.setattr(f"twobus.companion.adopt.{step}", fail)
    assert "disk" in adopt(here, template, code=2)["notes"][0]
    assert everything(here) == before


@pytest.mark.parametrize("seconds", [0.7, 1.5])
@pytest.mark.parametrize("number", ["TERM", "KILL"])
def test_a_repository_is_adopted_wholly_or_not_at_all_when_killed(
    number: str, seconds: float, template: Path, there: Path
) -> None:
    here = strangers.by_hand(there)
    head = git("rev-parse", "HEAD", cwd=here)
    places = there / "tmp"
    places.mkdir()
    words = ["adopt", str(here), "--template", str(template), "--defaults"]
    with subprocess.Popen(
        [sys.executable, "-m", "twobus", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"TMPDIR": str(places)},
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill() if number == "KILL" else process.terminate()
    assert status(here) == ""
    assert git("rev-parse", "HEAD", cwd=here) == head
    if number == "TERM":
        assert list(places.iterdir()) == []
    tree = ["rev-parse", "--verify", "--quiet", f"{BRANCH}^{{tree}}"]
    found = run("git", *tree, cwd=here).output
    assert adopt(here, template)["conflicts"]
    assert found in ("", git(*tree, cwd=here))


@pytest.mark.parametrize(
    ("direct", "address"),
    [
        (
            {"url": "https://git.acme.org/t", "vcs_info": {"vcs": "git"}},
            "https://git.acme.org/t",
        ),
        (
            {"url": "https://a:b@git.acme.org/t", "vcs_info": {}},
            "https://git.acme.org/t",
        ),
        ({"url": "ssh://git@acme.org/t", "vcs_info": {}}, "ssh://git@acme.org/t"),
        ({"url": "file:///the%20place/wheel.whl", "archive_info": {}}, None),
        ({"url": "file:///nowhere%20at/all", "dir_info": {}}, None),
        (None, None),
    ],
)
def test_the_template_is_where_the_companion_came_from(
    direct: dict[str, Any] | None, address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Installed:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return json.dumps(direct) if direct else None

    monkeypatch.setattr("twobus.companion.adopt.distribution", lambda _: Installed())
    if address:
        assert twobus.companion.adopt.home() == address
    else:
        with pytest.raises(StopError, match="--template"):
            twobus.companion.adopt.home()


# What stands in a repository, and words of what is said about it.
ADVICE: list[tuple[Files, list[str]]] = [
    ({"bats/__init__.py": "", "bats/a.py": ""}, ["bats at the top", "src/x/"]),
    ({"src/a.py": ""}, ["src itself holds modules (src/a.py)", "write x for src"]),
    (
        {"src/__init__.py": "", "src/data/b.py": ""},
        ["src itself holds", "src/data/b.py"],
    ),
    ({"src/x/__init__.py": "", "src/y/__init__.py": ""}, ["src/y will not be built"]),
    ({"train.py": ""}, ["train.py at the top", "src/x/"]),
    (
        {"src/x/__init__.py": "", "src/x/data.py": ""},
        ["src/x/data.py: the template has"],
    ),
    ({"src/x/__init__.py": "", "src/x/data/__init__.py": ""}, ["hide src/x/data.py"]),
    ({"a b/n.ipynb": "{}"}, ["(a b/n.ipynb)", "uv run poe save"]),
    ({"n.ipynb": "{}", "notebooks/m.py": "app = marimo.App()\n"}, ["marimo convert"]),
    ({"big.bin": b"x" * 1100 * 1024}, ["Larger than 1000 kB: big.bin", "sources.toml"]),
    ({"data/raw/a.csv": "a\n"}, ["now ignores new files like them: data/raw/a.csv"]),
    ({".gitignore": "*.toml\n"}, ["Your .gitignore hides", "pyproject.toml"]),
    ({"requirements.txt": "a\n-e .\n"}, ["take out the line -e ., uv add -r require"]),
    ({"requirements-dev.txt": "a\n"}, ["uv add --dev -r requirements-dev.txt"]),
    ({"requirements/test.txt": "a\n"}, ["uv add --dev -r requirements/test.txt"]),
    ({"environment.yml": "name: x\n"}, ["environment.yml: uv add the packages"]),
    ({"setup.py": "setup()\n"}, ["git rm setup.py"]),
    ({".python-version": "3.9\n"}, ["Python 3.9 is too old: 3.11", ".python-version"]),
    ({"pytest.ini": "[pytest]\n"}, ["pytest.ini: read instead of"]),
    ({"tox.ini": "[tox]\n"}, ["tox.ini: not read"]),
    (
        {"Makefile": "A := 1\n.PHONY: go\ngo: x\n\techo\nx:\n"},
        ["Makefile: write go, x"],
    ),
    ({"CODEOWNERS": "* @a @b\n"}, ["CODEOWNERS and .github/CODEOWNERS"]),
    ({".github/workflows/x.yml": "on: push\n"}, [".github/workflows/x.yml: see which"]),
    ({"Jenkinsfile": "node {}\n"}, ["Jenkinsfile: see which"]),
    ({"LICENSE.md": strangers.MIT}, ["LICENSE.md beside LICENSE"]),
    ({"README.rst": "X\n=\n"}, ["README.rst beside README.md"]),
    ({".env": "KEY=1\n"}, [".env is in git", "passwords"]),
    ({"a.txt": "a\n"}, []),
]


@pytest.fixture(scope="module")
def made(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that the template made, with all that a repository gets."""
    folder = tmp_path_factory.mktemp("made") / "x"
    return render(release, folder, worked_example=False, license="MIT")


@pytest.mark.parametrize(("files", "words"), ADVICE)
def test_what_should_move_is_said(
    files: Files, words: list[str], made: Path, there: Path
) -> None:
    here = history(write(there / "x", files), {})
    brought = set(map(Path.as_posix, contents(made)))
    recorded = yaml.safe_load((made / ".copier-answers.yml").read_text("utf-8"))
    recorded["notebooks"] = guess(here, here, sorted(files))["notebooks"]
    # What is given once never clashes.
    both = brought & files.keys() - {"src/x/__init__.py"}
    added = sorted(brought - files.keys())
    said = advise(Tree(here, made, sorted(files), added, sorted(both), recorded))
    assert all(any(word in one for one in said) for word in words), said
    assert len(said) == bool(words), said


# What clashes with the template's files in a way that no merge can join.
@pytest.mark.parametrize(
    ("files", "name", "note"),
    [
        ({"readme.md": "# x\n"}, "README.md", "git mv readme.md README.md"),
        ({"Docs/a.md": ""}, "docs/data.md", "docs of the template is left out"),
        ({"docs": "a file\n"}, "docs/data.md", "docs is no folder here"),
        ({"AGENTS.md/a": ""}, "AGENTS.md", "AGENTS.md is a folder of yours"),
        ({".gitignore": b"gr\xf6sse\n"}, ".gitignore", "no text in UTF-8"),
        ({"README.md": b"a\0b"}, "README.md", "no text in UTF-8"),
    ],
)
def test_what_cannot_be_merged_stays_as_it_is_and_is_said(
    files: Files, name: str, note: str, template: Path, there: Path
) -> None:
    here = history(write(there / "x", files), {"last": ""})
    said = adopt(here, template, code=0)
    assert any(note in one for one in said["notes"]), said["notes"]
    assert len(said["notes"]) == 1
    assert name not in said["added"]
    assert_nothing_is_lost(here, said)


# Repositories that are not just a folder with a history.
def worktree_of_a_bare_one(start: Path) -> Path:
    git("clone", "--quiet", "--bare", str(start), "bare.git", cwd=start.parent)
    git("worktree", "add", "--quiet", "../tree", "main", cwd=start.parent / "bare.git")
    return start.parent / "tree"


def submodule(start: Path) -> Path:
    around = history(write(start.parent / "around", {"a": ""}), {"b": ""})
    allow = ("-c", "protocol.file.allow=always")
    git(*allow, "submodule", "--quiet", "add", str(start), "inner", cwd=around)
    git("switch", "--quiet", "main", cwd=around / "inner")
    return around / "inner"


def with_a_submodule(start: Path) -> Path:
    around = submodule(start).parent
    git("mv", "inner", "docs", cwd=around)
    keep(around, "A submodule where the template has a folder")
    return around


def shallow(start: Path) -> Path:
    words = ["clone", "--quiet", "--depth=1", start.as_uri(), "shallow"]
    git(*words, cwd=start.parent)
    return start.parent / "shallow"


def detached(start: Path) -> Path:
    git("switch", "--quiet", "--detach", cwd=start)
    return start


def linked(start: Path) -> Path:
    (start / "AGENTS.md").symlink_to("nowhere")
    keep(start, "A link where the template has a file")
    return start


def filtered(start: Path) -> Path:
    # As notebooks have that are stripped of outputs, since a commit without them.
    git("config", "filter.strip.clean", "sed s/output/stripped/", cwd=start)
    git("config", "filter.strip.required", "true", cwd=start)
    write(start, {".gitattributes": "*.txt filter=strip\n", "a.txt": "output\n"})
    hashed = ["hash-object", "-w", "--no-filters", "a.txt"]
    words = f"100644,{git(*hashed, cwd=start).strip()},a.txt"
    git("add", ".gitattributes", cwd=start)
    git("update-index", "--cacheinfo", words, cwd=start)
    git("commit", "--quiet", "--message", "With outputs", cwd=start)
    git("update-index", "--assume-unchanged", "a.txt", cwd=start)
    return start


@pytest.mark.parametrize(
    "make",
    [
        worktree_of_a_bare_one,
        submodule,
        with_a_submodule,
        shallow,
        detached,
        linked,
        filtered,
    ],
)
def test_a_repository_may_be_of_any_sort(
    make: Make, template: Path, there: Path
) -> None:
    start = history(write(there / "名前", {"a.txt": "a\n"}), {"b.txt": "b\n"})
    here = make(start)
    assert status(here) == ""
    head = git("rev-parse", "HEAD", cwd=here)
    said = adopt(here, template, code=int(make is filtered))
    assert (git("rev-parse", "HEAD", cwd=here), status(here)) == (head, "")
    assert git("rev-parse", f"{BRANCH}^", cwd=here) == head
    assert_nothing_is_lost(here, said)


def test_people_read_what_was_done_and_what_is_left(
    template: Path, there: Path
) -> None:
    here = strangers.by_hand(there)
    command = ["adopt", str(here), "--template", str(template)]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 1
    parts = ["Answers", "Added, ", "Yours stay", "To resolve", "To know", "What should"]
    found = [result.output.find(part) for part in parts]
    assert found == sorted(found), result.output
    assert -1 not in found
    assert "git switch twobus/adopt" in result.output
    result = CliRunner().invoke(app, [*command, "--data", "license=nonsense"])
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert "nonsense" in result.output
