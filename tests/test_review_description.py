"""`poe review` says which questions a request has not answered."""

from collections.abc import Callable
from pathlib import Path

import pytest
from reviewed import PAGE, Review, answered, commit, lines

from twobus.review.description import _unanswered


def test_an_unchanged_description_fails(branch: Path, review: Review) -> None:
    commit(branch, {"src/own.py": lines(1)})
    result, summary = review(body=(branch / PAGE).read_text("utf-8"))
    assert result.code == 1
    assert "| Description | fails | not answered: What changes" in summary


def questions(project: Path) -> list[str]:
    page = (project / PAGE).read_text("utf-8")
    return [line.split("**")[1] for line in page.splitlines() if line.startswith("**")]


Unanswered = Callable[[list[str]], list[list[str]]]


@pytest.fixture(scope="module")
def unanswered(owned: Path) -> Unanswered:
    """Say which questions some descriptions leave open."""

    def ask(descriptions: list[str]) -> list[list[str]]:
        asked = questions(owned)
        return [[*_unanswered(asked, text, whole=True)] for text in descriptions]

    return ask


def test_each_question_needs_an_answer(owned: Path, unanswered: Unanswered) -> None:
    page = answered((owned / PAGE).read_text("utf-8"))
    question = questions(owned)[3]
    line = f"**{question}** Yes, and this is why."
    assert line in page
    empty = ["", "…", "...", "<!-- yes -->", "-", "\u200b", "```\n```", "&nbsp;"]
    empty += [
        "<br>",
        "![](x)",
        "\n[//]: # (x)",
        "____",
        "\u3164",
        "TODO",
        "tbd.",
        question,
    ]
    empty += ["<details></details>", "Size waiver: large", "Closes #12"]
    texts = [page.replace(line, f"**{question}** {answer}") for answer in empty]
    assert unanswered(texts) == [[question]] * len(empty)


def test_a_word_is_an_answer(owned: Path, unanswered: Unanswered) -> None:
    page = (owned / PAGE).read_text("utf-8")
    answers = ["no", "n/a", "`yes`", "[here](http://x)", "是"]
    assert unanswered([page.replace("…", word) for word in answers]) == [[]] * 5


def test_a_footer_does_not_answer_the_last_question(
    owned: Path, unanswered: Unanswered
) -> None:
    page = answered((owned / PAGE).read_text("utf-8"))
    last = questions(owned)[-1]
    text = page.replace(f"**{last}** Yes, and this is why.", f"**{last}** …")
    assert unanswered([f"{text}\n\nCloses #12\nSize waiver: one table\n"]) == [[last]]


def test_a_question_that_was_removed_is_named(branch: Path, review: Review) -> None:
    page = answered((branch / PAGE).read_text("utf-8"))
    _, *rest = page.splitlines()
    result, summary = review(body="\n".join(rest))
    assert result.code == 1
    assert f"not answered: {questions(branch)[0]} Edit" in summary


def test_an_answer_may_take_lines_of_its_own(branch: Path, review: Review) -> None:
    page = (branch / PAGE).read_text("utf-8")
    assert review(body=page.replace("…", "\r\n\r\nYes.\r\n"))[0].code == 0


def test_no_description_at_all_fails(branch: Path, review: Review) -> None:
    assert review(body=None)[0].code == 1


def test_a_program_is_not_asked(branch: Path, review: Review) -> None:
    result, summary = review(body="", user={"login": "bump", "type": "Bot"})
    assert result.code == 0
    assert "| Description | warning | bump is a program" in summary


def test_a_draft_fails_nothing(branch: Path, review: Review) -> None:
    commit(branch, {"src/own.py": lines(1001)})
    result, summary = review(body="", draft=True)
    assert result.code == 0
    assert "| Size | fails |" in summary
