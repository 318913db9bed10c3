"""Whether a request answers the questions that only people can answer."""

import re
from collections.abc import Iterator
from html import unescape

from twobus.project import here
from twobus.review.before import at, text_of
from twobus.review.request import Request
from twobus.review.table import FAILURE, OK, UNKNOWN, WARNING, Row

# What a description may hold that is no answer: what does not show, and footers.
NO_ANSWER = re.compile(
    r"""<!--.*?(?:-->|\Z) | <[^>]*> | !\[[^\]]*\]\([^)]*\) | ^\[.*?\]:.*?$
    | ^\W*(?:size\ waiver\W*:|(?:close|fix|resolve)[sd]?\ +\S*\#\d).*?$
    | [\u115f\u1160\u3164\uffa0_] | \b(?:todo|tbd)\b""",
    re.VERBOSE | re.MULTILINE | re.DOTALL | re.IGNORECASE,
)
PAGES = (
    ".github/pull_request_template.md",
    ".gitlab/merge_request_templates/Default.md",
)


def description(start: str, request: Request) -> Row:
    """Say which questions of the page, as it was before, have no answer yet."""
    if request.description is None:
        return Row("Description", UNKNOWN, "there is no request yet")
    if request.by_bot:
        detail = f"{request.author} is a program: who approves answers for it"
        return Row("Description", WARNING, detail)
    pages = (at(start, name) or text_of(here().root / name) for name in PAGES)
    questions = re.findall(r"^\*\*(.+?)\*\*", "\n".join(pages), re.MULTILINE)
    empty = list(_unanswered(questions, request.description, whole=request.whole))
    if empty:
        return Row(
            "Description",
            FAILURE,
            f"not answered: {' '.join(empty)} Edit the description: replace each …, "
            "a word may do",
        )
    if not request.whole:
        detail = "GitLab gives only the beginning of the text, or none"
        return Row("Description", UNKNOWN, detail)
    if not questions:
        return Row("Description", WARNING, "there is no page with questions")
    return Row("Description", OK, "every question has an answer")


def _unanswered(questions: list[str], text: str, *, whole: bool) -> Iterator[str]:
    """Yield the questions whose answer is missing or does not show.

    Where the text is not whole, only those that another one follows.
    """
    for question in questions:
        answer = text.partition(f"**{question}**")[2]
        ends = [answer.find(f"**{other}**") for other in questions]
        end = min((end for end in ends if end >= 0), default=None)
        shown = NO_ANSWER.sub("", unescape(answer[:end])).replace(question, "")
        if not re.search(r"\w", shown) and (whole or end is not None):
            yield question
