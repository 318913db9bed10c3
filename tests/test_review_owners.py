"""`poe review` says which paths one person could leave alone."""

from pathlib import Path

import pytest
from conftest import Render
from inside import inside

from template import choices
from twobus.review.owners import name_owners, owners

OWNERS = {
    "nobody": ("", "One-bus project"),
    "one": ("* @ann\n", "line 1 of CODEOWNERS gives * to fewer than two"),
    "one, twice": ("* @ann @Ann\n", "gives * to fewer than two"),
    "narrower": (
        "* @ann @bob\n/src @cy # why\n",
        "line 2 of CODEOWNERS gives /src",
    ),
    "cleared": ("* @ann @bob\n/docs/\n", "line 2 of CODEOWNERS gives /docs/"),
    "not everything": ("/src/ @ann @bob\n", "One-bus project"),
    "a comment": ("# * @ann @bob\n", "One-bus project"),
    "two": ("* @ann @bob\n", ""),
    "two by mail": ("* a@x.org b@x.org\n", ""),
    "a team": ("* @acme/data\n", ""),
    "two spellings of everything": ("** @ann @bob\n", ""),
    "no owners": ("* @ann @ /x@y @bob,\n", "line 1 of CODEOWNERS counts for nothing"),
    "a dot in a name": ("* @first.last @bob\n", "@first.last is no name that GitHub"),
    "a dot in a team": ("* @acme/data.team\n", "@acme/data.team is no name"),
    "overruled": ("* @ann\n* @ann @bob\n", ""),
    "overruled by everything": ("/src/ @ann\n* @ann @bob\n", ""),
    "what GitHub skips": ("* @ann @bob\n!x @cy\n", ""),
}


def ownership(roots: list[Path]) -> list[list[str]]:
    """Return what is said of the owners of projects: the result, and why."""
    found = []
    for root in roots:
        if not (root / "pyproject.toml").exists():
            (root / "src").mkdir()
            (root / "pyproject.toml").write_text("[tool.twobus]\n", "utf-8")
        with inside(root):
            row = owners()
        found.append([row.result, row.detail])
    return found


@pytest.fixture(scope="module")
def owner_rows(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What is said of each case of CODEOWNERS."""
    roots = [tmp_path_factory.mktemp("case") for _ in OWNERS]
    for root, (text, _) in zip(roots, OWNERS.values(), strict=True):
        (root / ".github").mkdir()
        (root / ".github" / "CODEOWNERS").write_text(text, "utf-8")
    return dict(zip(OWNERS, ownership(roots), strict=True))


@pytest.mark.parametrize("case", OWNERS)
def test_a_path_that_one_person_owns_is_named(
    case: str, owner_rows: dict[str, list[str]]
) -> None:
    result, detail = owner_rows[case]
    said = OWNERS[case][1]
    assert result == ("warning" if said else "ok")
    assert said in detail


def test_check_says_it_in_one_line(
    branch: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (branch / ".github" / "CODEOWNERS").write_text("* @ann\n", "utf-8")
    with inside(branch):
        name_owners()
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("One-bus path: line 1 of CODEOWNERS")


def test_sections_of_gitlab_may_have_owners_of_their_own(project: Render) -> None:
    made = project(forge="gitlab", notebooks="none", code_owners="@ann @bob")
    file = made / ".gitlab" / "CODEOWNERS"
    for text, result in (
        ("[All] @ann @bob\n*\n", "ok"),
        ("[All] @ann\n*\n", "warning"),
        ("[All][2]\n* @@maintainer\n", "ok"),
        ("* @ann @bob\n[Docs] @ann\n/docs/\n", "warning"),
        ("* @ann @bob\n^[Docs] @ann\n/docs/\n", "ok"),
        ("^[All] @ann @bob\n*\n", "warning"),
    ):
        file.write_text(text, "utf-8")
        assert ownership([made])[0][0] == result, text


def test_the_file_that_the_forge_reads_first_counts(project: Render) -> None:
    made = project(forge="gitlab", notebooks="none", code_owners="@ann @bob")
    (made / "CODEOWNERS").write_text("* @mallory\n", "utf-8")
    assert ownership([made])[0][0] == "warning"


@pytest.mark.parametrize(
    ("owners", "result"), [("@a @b", "warning"), ("@a @b @c", "ok")]
)
def test_strict_misses_a_third_owner(owners: str, result: str, project: Render) -> None:
    made = project(notebooks="none", code_owners=owners, review_level="strict")
    assert ownership([made])[0][0] == result


@pytest.mark.parametrize("forge_name", choices("forge"))
def test_generated_owners_are_two_or_are_missed(
    forge_name: str, project: Render
) -> None:
    named = ["", "@ann", "@ann @bob", "@ann @bob @cy", "@a/b"]
    roots = [
        project(str(n), forge=forge_name, code_owners=owners, notebooks="none")
        for n, owners in enumerate(named)
    ]
    results = [result for result, _ in ownership(roots)]
    assert results == ["warning", "warning", "ok", "ok", "ok"]
