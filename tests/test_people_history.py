"""What git says of who knows a project, and what it cannot say."""

from pathlib import Path

import pytest
from committed import ANN, BOB, Repository

from template import git as call
from template import run
from twobus.git import git
from twobus.people import Knowledge, Move
from twobus.people import history as module
from twobus.people.history import History, history
from twobus.project import StopError


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "study é")


def learned(found: History) -> Knowledge:
    knowledge = Knowledge()
    for change in found.changes:
        knowledge.learn(change)
    return knowledge


def test_authors_and_readers_come_from_a_commit_and_its_trailers(
    repository: Repository,
) -> None:
    said = f"Work\n\nWords.\n\nCo-authored-by: {BOB}\nReviewed-by: Eve Ex <e@x.example>"
    repository.commit(message=said + f"\nReviewed-by: {ANN}")
    assert repository.names() == [(["Ann Example", "Bob Example"], ["Eve Ex"])]


def test_words_that_look_like_a_trailer_are_none(repository: Repository) -> None:
    repository.commit(message=f"Work\n\nReviewed-by: {BOB}\n\nThat was a joke.")
    repository.commit(message="Work\n\nReviewed-by: the whole team", day=1)
    assert [readers for _, readers in repository.names()] == [[], []]


@pytest.mark.parametrize(
    "other",
    [
        "ann <ann@acme.example>",
        "Ann Example <ann@home.example>",
        "ann  example <7+ann@users.noreply.github.com>",
    ],
)
def test_two_addresses_or_names_of_a_person_are_one(
    repository: Repository, other: str
) -> None:
    repository.commit()
    repository.commit(other, day=1)
    assert len(history(repository.root).names) == 1


def test_a_first_name_alone_makes_nobody_the_same(repository: Repository) -> None:
    repository.commit("Ann <ann@acme.example>")
    repository.commit("Ann <ann@other.example>", day=1)
    assert sorted(history(repository.root).names.values()) == ["Ann (ann)"] * 2


def test_a_mailmap_tells_who_is_who_also_in_trailers(repository: Repository) -> None:
    repository.commit(message="Work\n\nReviewed-by: B <b@old.example>")
    repository.commit(BOB, day=1)
    history(repository.root)
    (repository.root / ".mailmap").write_text(f"{BOB} <b@old.example>\n", "utf-8")
    assert repository.names()[0] == (["Ann Example"], ["Bob Example"])


@pytest.mark.parametrize(
    "bot",
    [
        "dependabot[bot] <49+dependabot[bot]@users.noreply.github.com>",
        "renovate <bot@acme.example>",
        "group_7_bot_1 <group_7_bot_1@noreply.gitlab.acme.example>",
        "GitHub <noreply@github.com>",
    ],
)
def test_bots_know_nothing(repository: Repository, bot: str) -> None:
    repository.commit(bot)
    assert repository.names() == [([], [])]


def test_people_whose_name_holds_bot_are_people(repository: Repository) -> None:
    repository.commit("Abbot Talbot <talbot@acme.example>")
    assert repository.names()[0][0] == ["Abbot Talbot"]


def test_moved_files_are_followed(repository: Repository) -> None:
    repository.commit(files={"a b.py": "x = 1\n" * 20})
    git("mv", "a b.py", "ü.py", cwd=repository.root)
    repository.commit(BOB, {"other.py": ""}, day=1)
    found = history(repository.root)
    moves = {move.status: move for move in found.changes[1].files}
    assert moves["R"] == Move("R", "ü.py", "a b.py")
    file = learned(found).file("ü.py")
    assert file is not None
    assert len(file.held) == 2


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.py": "x", ".copier-answers.yml": ""}, "Start"),
        ({"a.py": "x"}, "Update\n\nTwobus-Release: 1.2.3"),
        ({"a.py": "x"}, "style: lay out anew"),
        ({"a.py": "x"}, "Format the code"),
    ],
)
def test_nobody_learns_from_a_template_or_a_layout(
    repository: Repository, files: dict[str, str], message: str
) -> None:
    repository.commit(files=files, message=message)
    assert not history(repository.root).changes[0].teaches


@pytest.mark.parametrize(
    "message", ["Formats of dates", "styles", "Reformulate the model", "Run the model"]
)
def test_people_learn_from_work_that_is_called_alike(
    repository: Repository, message: str
) -> None:
    repository.commit(message=message)
    assert history(repository.root).changes[0].teaches


def test_nobody_learns_from_commits_that_blame_ignores(repository: Repository) -> None:
    number = repository.commit()
    repository.commit(files={".git-blame-ignore-revs": f"# ours\n{number} # all\n"})
    assert [it.teaches for it in history(repository.root).changes] == [False, True]


def test_a_merge_teaches_what_its_branch_taught(repository: Repository) -> None:
    repository.commit()
    git("checkout", "-q", "-b", "work", cwd=repository.root)
    repository.commit(BOB, {"b.py": ""}, day=1)
    git("checkout", "-q", "main", cwd=repository.root)
    repository.commit(day=2)
    call("merge", "-q", "--no-ff", "work", cwd=repository.root)
    found = history(repository.root)
    assert [len(change.files) for change in found.changes] == [1, 1, 1]


def test_what_was_read_is_kept_until_head_or_the_mailmap_is_another(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository.commit()
    first = history(repository.root)
    with monkeypatch.context() as patch:
        patch.setattr(module, "_read", lambda *words: pytest.fail("read anew"))
        assert history(repository.root) == first
    repository.commit(BOB, day=1)
    assert len(history(repository.root).changes) == 2
    assert not git("status", "--porcelain", cwd=repository.root)


def test_a_commit_before_head_is_read_without_what_came_later(
    repository: Repository,
) -> None:
    first = repository.commit()
    repository.commit(BOB, {"b.py": ""}, day=1)
    found = history(repository.root, first)
    assert (len(found.changes), found.paths) == (1, ["a.py"])


def test_what_is_kept_and_broken_is_read_anew(repository: Repository) -> None:
    repository.commit()
    first = history(repository.root)
    kept = repository.root / ".git" / "twobus" / "people.json"
    for text in ("", "[]", "{"):
        kept.write_text(text, "utf-8")
        assert history(repository.root) == first


def test_a_worktree_is_read_as_well(repository: Repository, tmp_path: Path) -> None:
    repository.commit()
    git("worktree", "add", "-q", str(tmp_path / "other"), cwd=repository.root)
    assert len(history(tmp_path / "other").changes) == 1


def test_a_shallow_clone_says_what_to_do(
    repository: Repository, tmp_path: Path
) -> None:
    repository.commit()
    repository.commit(day=1)
    source = repository.root.as_uri()
    words = ["git", "clone", "-q", "--depth", "1", source, str(tmp_path / "shallow")]
    assert run(*words, cwd=tmp_path).code == 0
    with pytest.raises(StopError, match="git fetch --unshallow"):
        history(tmp_path / "shallow")


def test_a_project_without_commits_or_git_says_so(
    repository: Repository, tmp_path: Path
) -> None:
    with pytest.raises(StopError, match="no commit yet"):
        history(repository.root)
    with pytest.raises(StopError, match="no git repository"):
        history(tmp_path)
