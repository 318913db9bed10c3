"""Who should read a change, as `poe review` says it."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from committed import ANN, BOB, START, Repository

from twobus.git import git
from twobus.people.knowledge import DAY, MASS
from twobus.project import Project
from twobus.review.readers import readers
from twobus.review.request import Request

EVE = "Eve Example <eve@acme.example>"
TODAY = int((datetime.now(UTC).timestamp() - START) / DAY)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A project on a branch: ann alone knows a.py, bob and eve know b.py."""
    made = Repository(tmp_path / "study")
    for name in ("twobus.review.readers.here", "twobus.review.before.here"):
        monkeypatch.setattr(name, lambda: Project(made.root))
    made.commit(ANN, {"a.py": "1"}, day=TODAY - 40)
    made.commit(BOB, {"b.py": "1"}, day=TODAY - 20)
    made.commit(EVE, {"b.py": "2"}, day=TODAY - 20)
    git("checkout", "-q", "-b", "work", cwd=made.root)
    return made


def said(repository: Repository, author: str = "") -> str:
    """Return what the row says, if there is one."""
    rows = [*readers("main", Request("main", author=author))]
    return rows[0].detail if rows else ""


def test_a_file_that_one_person_knows_is_read_by_another(
    repository: Repository,
) -> None:
    repository.commit(ANN, {"a.py": "2"}, day=TODAY)
    detail = said(repository)
    assert detail.startswith(("Bob Example: ", "Eve Example: "))
    assert "Ann Example alone knows a.py; " in detail
    # b.py is beside it.
    assert detail.endswith(" Example knows 1 of 2 files beside it")


def test_a_new_file_where_nobody_is_near_is_read_by_who_may_stay(
    repository: Repository,
) -> None:
    repository.commit(ANN, {"far/new.py": "2"}, day=TODAY)
    assert said(repository).endswith(" Example is likely to stay, and would learn it")
    assert "nobody but its author knows far/new.py yet; " in said(repository)


def test_who_did_not_write_it_but_knows_it_reads(repository: Repository) -> None:
    repository.commit(BOB, {"b.py": "3"}, day=TODAY)
    assert said(repository) == (
        "Eve Example: two or more know each of its files, and Eve Example knows 1 of 1 "
        "files of this change"
    )


def test_who_opened_the_request_is_an_author_too(repository: Repository) -> None:
    repository.commit(BOB, {"b.py": "3"}, day=TODAY)
    assert not said(repository, author="eve").startswith("Eve")


def test_an_owner_is_named_first_and_a_learner_beside(repository: Repository) -> None:
    git("checkout", "-q", "main", cwd=repository.root)
    files = {f"c{number}.py": "1" for number in range(9)}
    repository.commit(ANN, {"CODEOWNERS": "* @ann\n", **files}, day=TODAY - 10)
    git("checkout", "-q", "-B", "work", cwd=repository.root)
    repository.commit(BOB, dict.fromkeys(files, "2"), day=TODAY)
    assert said(repository).startswith("Ann Example, and Eve Example to learn it: ")


def test_who_has_left_is_not_asked(repository: Repository) -> None:
    toml = '[tool.twobus.people]\nleft = ["eve"]\n'
    repository.commit(ANN, {"pyproject.toml": toml, "a.py": "2"}, day=TODAY)
    assert said(repository).startswith("Bob Example: ")


def test_nobody_learns_too_many_files(repository: Repository) -> None:
    many = {f"{number}.py": "" for number in range(MASS + 1)}
    repository.commit(ANN, many, day=TODAY)
    assert (
        said(repository) == "51 files are too many for anybody to learn each: split it"
    )


def test_one_person_alone_is_told_so(tmp_path: Path, repository: Repository) -> None:
    toml = '[tool.twobus.people]\nleft = ["eve", "bob"]\n'
    repository.commit(ANN, {"pyproject.toml": toml}, day=TODAY)
    assert said(repository).startswith("nobody else has worked here")


def test_what_cannot_be_known_is_said(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit(ANN, {"pyproject.toml": "[tool.twobus]\npeople = 3"}, day=TODAY)
    assert said(repository).startswith("nobody can say who should: ")


def test_a_change_of_nothing_that_counts_needs_nobody(repository: Repository) -> None:
    repository.commit(ANN, {"uv.lock": ""}, day=TODAY)
    assert said(repository) == ""
