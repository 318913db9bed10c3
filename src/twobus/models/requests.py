"""Requests, read row by row.

What is sent is not trusted: a row is read and checked before the next one, so that
neither memory nor the number of problems grows with what is wrong, and the server
answers others in between.
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from pydantic import BaseModel, ValidationError

from twobus.models.answers import Problem, problem
from twobus.models.schema import MOST_ROWS

MOST_PROBLEMS = 100
# Characters of a row. Reading one keeps all others waiting.
LONGEST = 2**17
UNKNOWN = "Extra inputs are not permitted"
DECODER = json.JSONDecoder()
SPACE = re.compile(r"[ \t\n\r]*")


class RequestError(Exception):
    """A request cannot be answered.

    Attributes:
        problems: Why, by rows and fields; none of their values.
        status: The answer's status.
    """

    def __init__(self, problems: list[Problem], status: int = 422) -> None:
        """Say why."""
        super().__init__(f"{len(problems)} problems")
        self.problems = problems
        self.status = status


def read(body: bytes, row: type[BaseModel]) -> list[BaseModel]:
    """Read the rows of a request, `{"rows": [{…}, …]}`.

    Args:
        body: What was sent.
        row: The type of a row, see `schema.row_type`.

    Raises:
        RequestError: With at most `MOST_PROBLEMS`, if it is anything else.
    """
    rows: list[BaseModel] = []
    problems: list[Problem] = []
    number, known = -1, False
    try:
        for name, value in _Text(body).items():
            if name is ROW:
                number += 1
                if number == MOST_ROWS:
                    told = f"A request may have {MOST_ROWS} rows at most"
                    raise RequestError([problem(["rows"], told)])
                try:
                    rows.append(_checked(value, row, number))
                except RequestError as error:
                    problems += error.problems
            elif name != "rows":
                problems.append(problem([name], UNKNOWN))
            elif known:
                problems.append(problem(["rows"], "Given twice"))
            else:
                known = True
                if value is not ROW:
                    told = "Input should be a valid list"
                    problems.append(problem(["rows"], told))
            if len(problems) >= MOST_PROBLEMS:
                break
    except json.JSONDecodeError:
        raise RequestError([problem([], "JSON decode error")]) from None
    except (ValueError, RecursionError):
        told = "It is no text, nested too deeply, or has a number with too many digits"
        raise RequestError([problem([], told)], 400) from None
    if not known:
        problems.insert(0, problem(["rows"], "Field required"))
    elif number < 0 and not problems:
        problems.append(problem(["rows"], "There must be one row at least"))
    if problems:
        raise RequestError(problems[:MOST_PROBLEMS])
    return rows


def _checked(value: Any, row: type[BaseModel], number: int) -> BaseModel:
    place = ["rows", number]
    if not isinstance(value, dict):
        raise RequestError([problem(place, "Input should be a valid object")])
    fields = row.model_fields
    strange = [name for name in value if name not in fields]
    try:
        if not strange:
            return row.model_validate(value)
        # Else each name that is not known would be an error of its own.
        row.model_validate({name: value[name] for name in fields if name in value})
        found = []
    except ValidationError as error:
        told = error.errors(include_url=False, include_context=False)
        found = [problem([*place, *it["loc"]], it["msg"]) for it in told]
    few = strange[:MOST_PROBLEMS]
    raise RequestError([problem([*place, name], UNKNOWN) for name in few] + found)


# Marks a row, and that rows begin.
ROW: Any = object()


class _Text:
    """JSON, of which rows are read one after another."""

    def __init__(self, body: bytes) -> None:
        self.text = body.decode(json.detect_encoding(body), "surrogatepass")
        self.at = 0
        # What may be read at once, and where it begins.
        self.part, self.start = self.text[: 2 * LONGEST], 0

    def items(self) -> Iterator[tuple[Any, Any]]:
        """Return names with values, `("rows", ROW)`, and then `(ROW, value)` each.

        Raises:
            JSONDecodeError: If it is no JSON.
            RequestError: If it is no object.
        """
        if not self.takes("{"):
            self.value()
            self.ends()
            raise RequestError([problem([], "Input should be a valid object")])
        if not self.takes("}"):
            yield from self.member()
            while not self.takes("}"):
                self.expect(",")
                yield from self.member()
        self.ends()

    def member(self) -> Iterator[tuple[Any, Any]]:
        name = self.value()
        if not isinstance(name, str):
            self.fail("a name")
        self.expect(":")
        if name != "rows" or not self.takes("["):
            yield name, self.value()
            return
        yield name, ROW
        if not self.takes("]"):
            yield ROW, self.value(["rows", 0])
            for number in count(1):
                if self.takes("]"):
                    break
                self.expect(",")
                yield ROW, self.value(["rows", number])

    def value(self, place: Sequence[str | int] = ()) -> Any:
        """Read a value, of a row or of what a place names.

        Raises:
            RequestError: If it is too long.
            ValueError: If it is none.
        """
        self.skip()
        if self.at >= self.start + LONGEST:
            self.start = self.at
            self.part = self.text[self.at : self.at + 2 * LONGEST]
        begin = self.at - self.start
        try:
            value, end = DECODER.raw_decode(self.part, begin)
        except json.JSONDecodeError:
            if self.start + len(self.part) == len(self.text):
                raise
            end = len(self.part)
        if end - begin > LONGEST:
            told = f"A row may have {LONGEST} characters at most, and must be JSON"
            raise RequestError([problem(place, told)])
        self.at = self.start + end
        return value

    def takes(self, sign: str) -> bool:
        self.skip()
        found = self.text.startswith(sign, self.at)
        self.at += found
        return found

    def expect(self, sign: str) -> None:
        if not self.takes(sign):
            self.fail(sign)

    def ends(self) -> None:
        self.skip()
        if self.at < len(self.text):
            self.fail("the end")

    def skip(self) -> None:
        found = SPACE.match(self.text, self.at)
        assert found
        self.at = found.end()

    def fail(self, wanted: str) -> None:
        raise json.JSONDecodeError(f"Expecting {wanted}", self.text, self.at)
