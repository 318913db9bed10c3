"""Everybody who reads CODEOWNERS reads the same file, and the same people."""

from pathlib import Path

import pytest
from conftest import Small

from template import choices
from twobus import codeowners
from twobus.codeowners import FILES, deciding, parse
from twobus.companion.guess import _owners as adopted
from twobus.companion.place import read
from twobus.models.card import _owners as on_the_card
from twobus.review.owners import owners as reviewed

URL = {"github": "https://github.com/acme/study", "gitlab": "https://gitlab.com/a/b"}
TEXTS = [
    "* @ann @bob\n",
    "/src/ @cleo @dan\n** @ann @bob\n",
    "* @cleo\n* @ann @bob # why\n",
]
SECTIONS = ["[All] @ann @bob\n*\n", "[One]\n* @ann\n[ONE][2]\n* @ann @bob\n"]


def placed(project: Path, forge: str, name: str, text: str) -> None:
    """Let this be the only CODEOWNERS of a project."""
    for other in FILES[forge]:
        (project / other).unlink(missing_ok=True)
    (project / name).write_text(text, "utf-8")


def said(project: Path, forge: str) -> list[str]:
    """Return whom the companion and an adoption name; both must be as the card says."""
    here = read(project)
    lines = deciding(parse(here.owners, here.forge))
    everywhere = [line for line in lines if line.pattern in codeowners.EVERYTHING]
    by_companion = codeowners.named(everywhere)
    assert on_the_card() == (" ".join(by_companion) or "Nobody is named yet.")
    assert adopted(project, forge) == " ".join(by_companion)
    return by_companion


@pytest.mark.parametrize("forge", choices("forge"))
def test_one_file_and_its_people_are_read_by_all(forge: str, small: Small) -> None:
    project = small(notebooks="none", repository_url=URL[forge])
    texts = TEXTS + SECTIONS * (forge == "gitlab")
    for name in FILES[forge]:
        for text in texts:
            placed(project, forge, name, text)
            assert said(project, forge) == ["@ann", "@bob"], (name, text)
            assert reviewed().result == "ok", (name, text)
            assert read(project).owners_file == name


@pytest.mark.parametrize("forge", choices("forge"))
def test_of_several_files_the_first_that_the_forge_reads_counts(
    forge: str, small: Small
) -> None:
    project = small(notebooks="none", repository_url=URL[forge])
    first, *others = FILES[forge]
    for name in others:
        (project / name).write_text("* @mallory\n", "utf-8")
    (project / first).write_text("* @ann @bob\n", "utf-8")
    assert said(project, forge) == ["@ann", "@bob"]
    assert reviewed().result == "ok"


@pytest.mark.parametrize("forge", choices("forge"))
def test_files_of_the_other_forge_change_nothing(forge: str, small: Small) -> None:
    project = small(notebooks="none", repository_url=URL[forge])
    (project / FILES[forge][0]).write_text("* @ann @bob\n", "utf-8")
    other = ".github" if forge == "gitlab" else ".gitlab"
    (project / other).mkdir(exist_ok=True)
    (project / other / "CODEOWNERS").write_text("* @mallory\n", "utf-8")
    (project / ".gitlab-ci.yml").touch()
    assert said(project, forge) == ["@ann", "@bob"]
    assert reviewed().result == "ok"


def test_a_name_that_github_has_not_counts_for_nobody(small: Small) -> None:
    project = small(notebooks="none", repository_url=URL["github"])
    for name in ("@first.last", "@acme/data.team"):
        placed(project, "github", "CODEOWNERS", f"* @ann {name}\n")
        assert said(project, "github") == []
        assert f"{name} is no name that GitHub has" in reviewed().detail
