"""What people know, by small histories computed by hand and by two real ones."""

import math
from collections import Counter
from pathlib import Path

import invented
import pytest
from simulate_people import QUARTER, Quarter, compare, read, replay, simulate
from truck_factor import truck_factor as independent

from template import ROOT
from twobus.people import Change, File, Knowledge, Move, advise
from twobus.people.knowledge import DAY, MASS, YEAR, likely_alone
from twobus.people.measures import (
    authors,
    bus_factor,
    degree_of_authorship,
    gini,
    truck_factor,
)

HISTORIES = ROOT / "tests" / "data" / "reviews"


def change(
    day: float, author: str, *moves: str, readers: str = "", teaches: bool = True
) -> Change:
    """Write a change as `A a.py` or `R old.py new.py`."""
    files = []
    for move in moves:
        status, *paths = move.split()
        files.append(Move(status, paths[-1], paths[0] if len(paths) > 1 else ""))
    return Change(day * DAY, (author,), tuple(readers.split()), tuple(files), teaches)


def learned(*changes: Change) -> Knowledge:
    """Return what a history teaches."""
    knowledge = Knowledge()
    for one in changes:
        knowledge.learn(one)
    return knowledge


def knowers(knowledge: Knowledge, path: str, day: float) -> set[str]:
    """Return who knows a path on a day."""
    file = knowledge.file(path)
    assert file is not None
    return file.knowers(day * DAY)


@pytest.mark.parametrize(
    ("first", "deliveries", "accepted", "expected"),
    [
        (True, 0, 0, 4.391),
        (False, 1, 0, 3.457),
        (True, 10, 0, 6.031),
        (False, 0, 9, 3.293 - 0.321 * math.log(10)),
        (True, 2, 4, 3.293 + 1.098 + 0.328 - 0.321 * math.log(5)),
    ],
)
def test_a_degree_of_authorship_is_what_the_paper_says(
    first: bool, deliveries: int, accepted: int, expected: float
) -> None:
    assert degree_of_authorship(first, deliveries, accepted) == pytest.approx(expected)


def test_who_created_a_file_is_its_author_until_others_have_changed_it_often() -> None:
    changes = [change(0, "ann", "A a.py"), change(1, "bob", "M a.py")]
    file = learned(*changes).file("a.py")
    assert file is not None
    # ann 4.391 - 0.321 ln 2 = 4.168; bob 3.457, of which ann's share is 0.829.
    assert authors(file) == {"ann", "bob"}
    changes += [change(day, "bob", "M a.py") for day in range(2, 22)]
    file = learned(*changes).file("a.py")
    assert file is not None
    # ann 4.391 - 0.321 ln 22 = 3.399; bob 3.293 + 21 * 0.164 = 6.737.
    assert authors(file) == {"bob"}


@pytest.mark.parametrize(
    ("known_by", "expected"),
    [
        (["a", "a", "a", "b"], 1),
        (["a", "a", "b", "b"], 2),
        (["ab", "ab", "ab", "ab"], 2),
        (["a", "b", "c", "d"], 3),
        (["", "", "", "a"], 0),
        ([], 0),
    ],
)
def test_a_bus_factor_counts_who_must_leave_until_half_has_nobody(
    known_by: list[str], expected: int
) -> None:
    assert bus_factor(known_by) == expected


@pytest.mark.parametrize("name", ["libuv", "golang-net"])
def test_a_truck_factor_is_what_an_independent_reading_of_the_paper_finds(
    name: str,
) -> None:
    path = HISTORIES / f"reviews-{name}.csv.gz"
    knowledge = Knowledge(mass=True)
    for one in read(path):
        knowledge.learn(one)
    assert truck_factor(knowledge.alive()) == independent(path)


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [([1, 1, 1], 0), ([0, 0, 3], 2 / 3), ([1, 3], 0.25), ([0, 0], 0), ([], 0)],
)
def test_concentration_is_ginis(amounts: list[float], expected: float) -> None:
    assert gini(amounts) == pytest.approx(expected)


def test_what_one_change_teaches_fades_within_years() -> None:
    knowledge = learned(
        change(0, "ann", "A a.py"),
        change(0, "bob", "M a.py", readers="eve"),
    )
    year = YEAR / DAY
    assert knowers(knowledge, "a.py", 0.99 * year) == {"ann", "bob", "eve"}
    assert knowers(knowledge, "a.py", 1.01 * year) == {"ann", "bob"}
    assert knowers(knowledge, "a.py", 2.01 * year) == {"ann"}
    assert knowers(knowledge, "a.py", 3.01 * year) == set()


def test_several_changes_add_up() -> None:
    knowledge = learned(*[change(0, "ann", "M a.py")] * 2)
    file = knowledge.file("a.py")
    assert file is not None
    assert file.strength("ann", YEAR) == pytest.approx(1)


def test_a_late_arrival_of_an_old_change_counts_as_old() -> None:
    knowledge = learned(change(YEAR / DAY, "ann", "M a.py"), change(0, "ann", "M a.py"))
    file = knowledge.file("a.py")
    assert file is not None
    assert file.strength("ann", YEAR) == pytest.approx(1.5)


def test_knowledge_moves_with_a_file() -> None:
    knowledge = learned(
        change(0, "ann", "A a.py"),
        change(1, "bob", "R a.py b.py"),
        # From a branch that does not know the new name.
        change(2, "eve", "M a.py"),
    )
    assert knowers(knowledge, "b.py", 2) == {"ann", "bob", "eve"}
    assert [file.path for file in knowledge.alive()] == ["b.py"]


def test_a_new_file_at_an_old_name_is_another_file() -> None:
    knowledge = learned(
        change(0, "ann", "A a.py"),
        change(1, "ann", "R a.py b.py"),
        change(2, "bob", "A a.py"),
    )
    assert knowers(knowledge, "a.py", 2) == {"bob"}
    assert knowers(knowledge, "b.py", 2) == {"ann"}


def test_a_file_that_comes_back_is_still_known() -> None:
    knowledge = learned(
        change(0, "ann", "A a.py"),
        change(1, "ann", "D a.py"),
        change(2, "bob", "A a.py"),
    )
    assert knowers(knowledge, "a.py", 2) == {"ann", "bob"}


def test_what_is_deleted_is_not_there() -> None:
    knowledge = learned(
        change(0, "ann", "A a.py", "A b.py"), change(1, "ann", "D a.py")
    )
    assert [file.path for file in knowledge.alive()] == ["b.py"]


def test_nobody_knows_what_a_mass_change_or_a_tool_wrote() -> None:
    many = [f"A {number}.py" for number in range(MASS + 1)]
    knowledge = learned(
        change(0, "ann", *many), change(0, "ann", "A a.py", teaches=False)
    )
    assert knowers(knowledge, "0.py", 0) == knowers(knowledge, "a.py", 0) == set()
    assert knowers(learned(change(0, "ann", *many[1:])), "1.py", 0) == {"ann"}


def test_who_was_silent_for_half_a_year_is_not_here() -> None:
    knowledge = learned(change(0, "ann", "A a.py"), change(100, "bob", "M a.py"))
    assert knowledge.here(181 * DAY) == {"ann", "bob"}
    assert knowledge.here(183 * DAY) == {"bob"}
    assert knowledge.here(183 * DAY, left=["bob"]) == set()


def test_who_takes_part_in_more_months_is_likelier_to_stay() -> None:
    days = [31 * number for number in range(12)]
    knowledge = learned(
        *(change(day, "ann", "M a.py") for day in days), change(341, "bob", "M a.py")
    )
    at = 341 * DAY
    assert knowledge.stay("bob", at) == pytest.approx(1 / 5)
    assert knowledge.stay("ann", at) == pytest.approx(12 / 16)
    assert knowledge.stay("ann", at + 182 * DAY) < 12 / 16 / 2
    assert knowledge.stay("eve", at) == 0


def test_how_likely_somebody_is_alone() -> None:
    assert likely_alone([]) == (1, 0)
    assert likely_alone([0.5, 0.5]) == (0.25, 0.5)
    assert likely_alone([1, 0.2]) == pytest.approx((0, 0.8))


def team() -> Knowledge:
    """Three people who are here; ann alone knows core.py, all know easy.py."""
    changes = [change(0, "ann", "A core.py", "A easy.py")]
    for day in range(0, 300, 30):
        changes += [
            change(day, "ann", "M core.py"),
            change(day, "bob", "M easy.py"),
            change(day, "eve", "M easy.py"),
        ]
    return learned(*changes)


def advice(knowledge: Knowledge, path: str, author: str, asked: str = "") -> list[str]:
    """Return who is proposed for a change of one file."""
    file = knowledge.file(path)
    assert file is not None
    said = advise(knowledge, [file], [author], 300 * DAY, asked=asked)
    return [said.reader, said.second]


def test_who_reads_a_file_is_never_its_author() -> None:
    assert "ann" not in advice(team(), "core.py", "ann")
    assert advice(learned(change(0, "ann", "A core.py")), "core.py", "ann") == ["", ""]


def test_a_file_of_one_person_gets_a_second_one() -> None:
    file = team().file("core.py")
    assert file is not None
    said = advise(team(), [file], ["ann"], 300 * DAY)
    assert said.reader in ("bob", "eve")
    assert said.alone == ("core.py",)


def test_who_knows_as_much_and_has_less_to_read_is_proposed() -> None:
    knowledge = team()
    for day in range(250, 260):
        knowledge.learn(change(day, "ann", "M easy.py", readers="bob"))
    assert advice(knowledge, "easy.py", "ann")[0] == "eve"


def test_who_has_been_asked_stays_where_others_know_less() -> None:
    assert advice(team(), "core.py", "bob", asked="ann")[0] == "ann"


def test_who_knows_it_is_not_traded_for_who_would_learn_it() -> None:
    knowledge = learned(
        *(change(day, "eve", "M other.py") for day in range(0, 300, 25)),
        change(250, "ann", "A core.py"),
        change(280, "ann", "M core.py"),
    )
    core = knowledge.file("core.py")
    assert core is not None
    files = [core, *(File(f"new{number}.py") for number in range(4))]
    assert advise(knowledge, files, ["zoe"], 300 * DAY).reader == "eve"
    assert advise(knowledge, files, ["zoe"], 300 * DAY, asked="ann").reader == "ann"


def test_of_two_who_are_as_good_the_one_who_was_asked_reads() -> None:
    assert advice(team(), "easy.py", "ann")[0] == "bob"
    assert advice(team(), "easy.py", "ann", asked="eve")[0] == "eve"


def test_those_who_wait_for_reviews_are_spared() -> None:
    file = team().file("easy.py")
    assert file is not None
    said = advise(team(), [file], ["ann"], 300 * DAY, waiting={"bob": 5})
    assert said.reader == "eve"


def test_nothing_is_different_where_nobody_is_replaced() -> None:
    changes = invented.history(invented.owner, people=3, years=2, a_year=60)
    really = list(replay(changes))
    found = compare(really, really)
    assert set(found.values()) == {0.0}


def test_quarters_are_compared_without_the_last() -> None:
    people = {"ann", "bob", "eve"}
    last = Quarter(1, at_risk=100, reviews=1)
    really = Quarter(0, 4, 8, 1, 2, work=Counter(ann=2), people=people, reviews=2)
    instead = Quarter(
        0, 3, 7, 2, 2, work=Counter(ann=1, bob=1), people=people, reviews=2, added=1
    )
    assert compare([really, last], [instead, last]) == pytest.approx(
        {
            "files_at_risk": -0.25,
            "expertise": 1,
            # Of three people, from 2/3 to 1/3.
            "concentration": -0.5,
            "added_reviews": 1,
            "files_at_risk_of_all": -0.125,
        }
    )


def test_files_at_risk_are_counted_at_the_end_of_a_quarter() -> None:
    quarter = QUARTER / DAY
    changes = [
        change(1, "ann", "A a.py", "A b.py", readers="bob"),
        change(2, "ann", "A c.py"),
        # bob stays, ann does not.
        change(quarter + 1, "bob", "M b.py", readers="eve"),
        change(2 * quarter + 1, "eve", "M b.py", readers="bob"),
    ]
    first, second, _ = replay(changes)
    # bob alone knows a.py and b.py and stays; nobody has read c.py.
    assert (first.at_risk, first.everywhere) == (2, 3)
    assert (first.known, first.under_review) == (0, 2)
    # Of b.py both bob and eve stay.
    assert (second.at_risk, second.everywhere) == (1, 2)
    assert (second.known, second.under_review) == (0, 1)
    assert first.work == {"bob": 1}


@pytest.mark.slow
def test_fewer_files_are_at_risk_in_libuv_with_no_less_expertise() -> None:
    found = simulate(read(HISTORIES / "reviews-libuv.csv.gz"), range(2))
    assert found["files_at_risk"] <= -0.25
    assert found["expertise"] >= 0
    assert found["concentration"] <= 0
    assert found["added_reviews"] <= 0.05 * found["reviews"]


@pytest.mark.slow
def test_not_more_files_are_at_risk_in_golang_net() -> None:
    found = simulate(read(HISTORIES / "reviews-golang-net.csv.gz"), range(1))
    assert found["files_at_risk"] <= 0
    assert found["expertise"] >= 0
    assert found["concentration"] <= 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "choose", [invented.first_of, invented.anybody, invented.owner]
)
def test_invented_teams_have_fewer_files_at_risk(choose: invented.Chooser) -> None:
    found = simulate(invented.history(choose), range(1))
    assert found["files_at_risk"] <= 0
    assert found["expertise"] >= -0.05


def test_a_history_without_reviews_says_so() -> None:
    with pytest.raises(SystemExit, match="needs a review before"):
        simulate([change(0, "ann", "A a.py"), change(200, "ann", "M a.py")], [0])


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "history.csv"
    file.write_text("change,time,path\n", "utf-8")
    with pytest.raises(SystemExit, match="no column author, old_path, reviewers"):
        read(file)


def test_a_history_is_read_from_a_table(tmp_path: Path) -> None:
    file = tmp_path / "history.csv"
    file.write_text(
        "change,time,author,reviewers,status,path,old_path\n"
        "7,90,ann,bob ann,R100,b.py,a.py\n7,90,ann,bob ann,C75,c.py,b.py\n",
        "utf-8",
    )
    moves = (Move("R", "b.py", "a.py"), Move("A", "c.py"))
    assert read(file) == [Change(90, ("ann",), ("bob",), moves)]
