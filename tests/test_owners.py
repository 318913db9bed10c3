"""CODEOWNERS is read as the forges read it, and nobody is locked out by it."""

from itertools import chain, combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twobus import codeowners
from twobus.codeowners import Line, named
from twobus.companion.lockouts import Approvals, lockouts


def parse(text: str, forge: str) -> list[Line]:
    """Return the lines that decide."""
    return codeowners.deciding(codeowners.parse(text, forge))


def owned(text: str, forge: str = "github") -> dict[str, tuple[str, ...]]:
    return {line.pattern: line.owners for line in parse(text, forge)}


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_a_comment_names_nobody(forge: str) -> None:
    assert owned("# * @ann\n  # @bob\n\n* @cleo\n", forge) == {"*": ("@cleo",)}


def test_github_takes_a_comment_after_the_owners() -> None:
    assert owned("*.js @ann # not @bob") == {"*.js": ("@ann",)}


def test_gitlab_takes_a_comment_after_the_owners_for_more_owners() -> None:
    assert owned("*.js @ann # not @bob", "gitlab") == {"*.js": ("@ann", "@bob")}


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_a_path_may_hold_escaped_spaces(forge: str) -> None:
    assert owned(r"/my\ data/ @ann", forge) == {"/my data/": ("@ann",)}


@pytest.mark.parametrize("line", ["!/docs/ @bob", "/data[12]/ @bob", "/x/ @bob bob"])
def test_github_skips_lines_that_it_does_not_understand(line: str) -> None:
    assert owned(f"* @ann\n{line}") == {"*": ("@ann",)}


def test_gitlab_takes_exclusions_for_nobodys() -> None:
    assert owned("* @ann\n!*.lock\n", "gitlab") == {"*": ("@ann",)}


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_the_last_line_with_a_pattern_decides(forge: str) -> None:
    text = "* @ann\n/x/ @ann\n/x/ @ann @bob\n"
    assert owned(text, forge) == {"*": ("@ann",), "/x/": ("@ann", "@bob")}


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_a_last_line_for_everything_takes_over(forge: str) -> None:
    assert owned("/x/ @ann\n* @ann @bob\n", forge) == {"*": ("@ann", "@bob")}


@pytest.mark.parametrize("forge", ["github", "gitlab"])
def test_a_line_without_owners_clears_ownership(forge: str) -> None:
    assert owned("* @ann\n/free/\n", forge) == {"*": ("@ann",), "/free/": ()}


def test_sections_decide_side_by_side() -> None:
    lines = parse("[One]\n/x/ @ann\n[Two]\n* @bob\n", "gitlab")
    assert [line.pattern for line in lines] == ["/x/", "*"]


def test_a_section_may_have_owners_of_its_own() -> None:
    text = "[Data] @ann @bob\n/data/\n/model/ @cleo\n"
    assert owned(text, "gitlab") == {"/data/": ("@ann", "@bob"), "/model/": ("@cleo",)}


def test_a_section_may_need_several_or_none() -> None:
    text = "* @ann\n[Data][2] @ann @bob @cleo\n/data/\n^[Docs] @ann\n/docs/\n"
    assert [line.needed for line in parse(text, "gitlab")] == [1, 2, 0]


def test_sections_of_one_name_are_one() -> None:
    text = "[Data] @ann\n/data/ @ann\n[DATA][2]\n/data/ @bob @cleo @ann\n"
    [line] = parse(text, "gitlab")
    assert (line.number, line.needed) == (4, 2)


def test_github_knows_no_sections() -> None:
    assert owned("[Everything] @ann\n* @bob\n") == {"*": ("@bob",)}


def test_somebody_in_two_spellings_is_one_person() -> None:
    lines = parse("* @Ann @ann @bob\n", "github")
    assert named(lines) == ["@ann", "@bob"]
    needs = Approvals(count=2, by_owner=False, after_last_push=False)
    assert len(lockouts(lines, needs, {}, "strict")) == 2


def test_an_address_is_a_person() -> None:
    lines = parse("* @ann bob@example.org\n", "github")
    assert not lockouts(lines, Approvals(1, True, False), {}, "standard")


def test_a_team_is_its_people() -> None:
    lines = parse("* @acme/data\n", "github")
    needs = Approvals(1, True, False)
    assert lockouts(lines, needs, {"@acme/data": {"@ann"}}, "standard")
    assert not lockouts(lines, needs, {"@acme/data": {"@ann", "@bob"}}, "standard")


def test_a_team_that_cannot_be_seen_is_enough() -> None:
    lines = parse("* @acme/data\n", "github")
    assert not lockouts(lines, Approvals(2, True, True), {"@acme/data": None}, "strict")


def test_it_says_who_is_stuck_and_who_is_left() -> None:
    lines = parse("* @ann @bob\n", "github")
    [first, _] = lockouts(lines, Approvals(2, True, True), {}, "strict")
    assert first == (
        "Nobody could approve what @ann writes: 'strict' needs two others, and only "
        "@bob is left. Name one more person: uvx copier update --vcs-ref :current: "
        "--data code_owners=..., or choose review_level=standard."
    )


def test_it_names_the_line_with_a_single_owner() -> None:
    lines = parse("* @ann @bob\n/model/ @bob\n", "github")
    [sentence] = lockouts(lines, Approvals(1, True, False), {}, "standard")
    assert sentence.startswith(
        "Nobody could approve what @bob changes in /model/ (line 2 of CODEOWNERS)"
    )


def test_a_single_owner_of_a_line_is_enough_where_owners_are_not_asked() -> None:
    lines = parse("* @ann @bob\n/model/ @bob\n", "github")
    assert not lockouts(lines, Approvals(1, False, False), {}, "light")


def test_what_nobody_owns_locks_nobody_out() -> None:
    lines = parse("* @ann @bob\n/free/\n", "github")
    assert not lockouts(lines, Approvals(1, True, False), {}, "standard")


def test_an_optional_section_locks_nobody_out() -> None:
    lines = parse("* @ann @bob\n^[Docs]\n/docs/ @cleo\n/more/ @nobody\n", "gitlab")
    needs = Approvals(1, True, False)
    assert not lockouts(lines, needs, {"@nobody": set()}, "standard")


def test_a_pair_that_pushes_to_each_others_branches_is_stuck() -> None:
    lines = parse("* @ann @bob\n", "github")
    [first, _] = lockouts(lines, Approvals(1, False, True), {}, "custom")
    assert "what @ann writes once @bob has pushed to it" in first


PEOPLE = ["@ann", "@bob", "@cleo"]
SUBSETS = [
    frozenset(chosen)
    for chosen in chain.from_iterable(combinations(PEOPLE, n) for n in range(4))
]


def can_all_be_merged(lines: list[Line], needs: Approvals) -> bool:
    """The forges' rules once more, in the plainest way: try every set of approvers."""
    people = {owner for line in lines for owner in line.owners}
    return all(
        any(
            author not in approvers
            and len(approvers) >= needs.count
            and (
                not needs.by_owner
                or not line.owners
                or len(approvers & {*line.owners}) >= line.needed
            )
            and (not needs.after_last_push or approvers - {pusher})
            for approvers in SUBSETS
            if approvers <= people
        )
        for author in people
        for pusher in people
        for line in lines
    )


@given(
    owners=st.lists(st.sampled_from(SUBSETS), min_size=1, max_size=4),
    needed=st.integers(0, 3),
    needs=st.builds(Approvals, st.integers(1, 3), st.booleans(), st.booleans()),
)
def test_it_refuses_exactly_what_locks_somebody_out(
    owners: list[frozenset[str]], needed: int, needs: Approvals
) -> None:
    lines = [
        Line(n, f"/{n}/", tuple(sorted(group)), needed=needed)
        for n, group in enumerate(owners)
    ]
    alone = len(frozenset().union(*owners)) < 2
    fine = not alone and can_all_be_merged(lines, needs)
    assert (not lockouts(lines, needs, {}, "custom")) == fine
