"""The rules for maintainers in CONTRIBUTING.md hold, from each release to this one."""

import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Made

from template import (
    CONFIG,
    QUESTIONS,
    ROOT,
    choices,
    config,
    earlier,
    files,
    git,
    label,
    releases,
    starts,
    variants,
    word,
)
from twobus.companion.template import Template, render

EARLIER = earlier()
LISTS = re.compile(r"# What yours imports\.\n(.*?)\n\]", re.DOTALL)
PIN = re.compile(r"uses: ([\w./-]+)@([0-9a-f]{40}) # (\S+)")

# Formats that cannot say whose they are, and texts that are sent or read elsewhere.
SILENT = re.compile(
    r"LICENSE|\.json$|CODEOWNERS|pull_request_template|merge_request_templates|"
    r"README\.md$|\.copier-answers\.yml"
)


def asked(version: str) -> list[str]:
    """List the questions of an earlier release."""
    return [
        name
        for name, question in config(version).items()
        if not name.startswith("_") and question.get("when") is not False
    ]


@pytest.mark.parametrize("version", EARLIER)
def test_no_question_is_removed_or_renamed(version: str) -> None:
    defaults = " ".join(str(question.get("default")) for question in QUESTIONS.values())
    for name in asked(version):
        bridge = re.search(rf"\b{name} \| default\(", defaults)
        assert name in CONFIG or bridge, name


@pytest.mark.parametrize("version", EARLIER)
def test_no_choice_is_removed(version: str) -> None:
    for name in set(asked(version)) & QUESTIONS.keys():
        assert {*choices(name, config(version))} <= {*choices(name)}, name


@pytest.mark.parametrize("version", EARLIER)
def test_a_file_that_is_gone_is_in_the_changelog(version: str) -> None:
    words = ["diff", "--name-only", "--no-renames", "--diff-filter=D"]
    gone = git(*words, releases()[version], "--", "template", cwd=ROOT).splitlines()
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    listed = git("ls-files", "--", "template", cwd=ROOT).splitlines()
    still = {path.strip('"').removesuffix(".jinja") for path in listed}
    for path in {path.strip('"').removesuffix(".jinja") for path in gone} - still:
        # A folder that is gone stands for what was in it.
        told = [f"{Path(path).name}`"]
        told += [f"/{folder.name}/`" for folder in Path(path).parents if folder.name]
        sentence = f"{path} is gone, and CHANGELOG.md is silent"
        assert any(one in changelog for one in told), sentence


def test_what_brings_files_is_recorded(release: Path) -> None:
    # A project whose answers do not say so gets no files when it changes its mind.
    lists = re.findall(r"\(\[(.*?)\], '", CONFIG["_exclude"][2])
    owners = set(re.findall(r"\w+", " ".join(lists)))
    answers = (release / "template").glob("*answers_file*")
    recorded = set(re.findall(r"'(\w+)': \w+", next(answers).read_text("utf-8")))
    # The kind says whether a project has data, and `package` decides on no file here.
    assert owners - {"data"} == recorded - {"package"}


@pytest.fixture(scope="module", params=list(variants()), ids=label)
def owned(
    request: pytest.FixtureRequest,
    template: Template,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, set[str], set[str]]:
    """A project, with the names of its managed and of its shared files."""
    folder, answers = tmp_path_factory.mktemp("owned"), {"license": "MIT"}
    answers |= request.param
    newest = template.newest
    made = render(template, newest, folder / "made", answers=answers)
    kept = render(
        template,
        newest,
        folder / "kept",
        recorded=made / ".copier-answers.yml",
        exclude=template.once(newest),
    )
    shared = set(template.shared(newest))
    names = {name.as_posix() for name in files(kept)}
    return made, names - shared, names & shared


def test_each_file_says_whose_it_is(owned: tuple[Path, set[str], set[str]]) -> None:
    made, managed, shared = owned
    for name in (name.as_posix() for name in files(made)):
        text = (made / name).read_text("utf-8")
        if not SILENT.search(name):
            assert ("Managed by Twobus" in text) == (name in managed), name
            assert ("Shared with Twobus" in text) == (name in shared), name


def test_the_docs_list_what_is_shared(owned: tuple[Path, set[str], set[str]]) -> None:
    made, _, shared = owned
    page = (made / "docs" / "CONTRIBUTING.md").read_text("utf-8")
    (row,) = [line for line in page.splitlines() if "| shared |" in line]
    assert set(re.findall(r"`([^`]+)`", row)) == shared - {".copier-answers.yml"}


@pytest.mark.parametrize(("version", "answers"), starts(), ids=word)
def test_nothing_is_written_where_people_write(
    version: str,
    answers: dict[str, Any],
    template: Template,
    made: Made,
    rendered: Made,
) -> None:
    old, new = made(version, answers), rendered(answers)
    lists = [LISTS.findall((one / "pyproject.toml").read_text()) for one in (old, new)]
    assert lists[1][0].startswith(lists[0][0])
    for name in template.shared(template.find(version)):
        if (old / name).exists() and name != ".copier-answers.yml":
            ends = [
                (one / name).read_text("utf-8").splitlines()[-1] for one in (old, new)
            ]
            assert ends[0] == ends[1] or (version, name) == ("0.1.0", "README.md")


def test_an_action_is_pinned_to_one_commit_everywhere() -> None:
    pins: dict[str, set[tuple[str, str]]] = {}
    for folder in (ROOT / ".github", ROOT / "template" / ".github"):
        for file in folder.rglob("*.yml*"):
            for action, commit, version in PIN.findall(file.read_text("utf-8")):
                pins.setdefault(action, set()).add((commit, version))
    assert pins
    assert {action: one for action, one in pins.items() if len(one) > 1} == {}


def test_updates_need_no_trust() -> None:
    assert not {"_tasks", "_migrations", "_jinja_extensions"} & CONFIG.keys()
