"""Requests, read row by row.

What is sent is not trusted: a row is read and checked before the next one, so that
neither memory nor the number of problems grows with what is wrong, and the server
answers others in between.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
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


@dataclass
class Found:
    """What a request has.

    Attributes:
        rows: Its rows; None where one is wrong.
        problems: What is wrong with them, `MOST_PROBLEMS` at most.
        count: How many problems there are in all.
    """

    rows: list[BaseModel | None] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    count: int = 0

    def right(self) -> list[BaseModel]:
        """Return the rows that are right."""
        return [it for it in self.rows if it is not None]

    def places(self) -> list[int]:
        """Return where these are among all rows."""
        return [place for place, it in enumerate(self.rows) if it is not None]

    def add(self, found: list[Problem], count: int) -> None:
        """Count problems, and keep those for which there is room."""
        self.problems += found[: MOST_PROBLEMS - len(self.problems)]
        self.count += count


def read(body: bytes, row: type[BaseModel]) -> list[BaseModel]:
    """Read the rows of a request, `{"rows": [{…}, …]}`, all or none.

    Args:
        body: What was sent.
        row: The type of a row, see `schema.row_type`.

    Raises:
        RequestError: With at most `MOST_PROBLEMS`, if it is anything else.
    """
    found = _read(body, row, to_the_end=False)
    if found.problems:
        raise RequestError(found.problems)
    return found.right()


def read_partly(body: bytes, row: type[BaseModel]) -> Found:
    """Read the rows of a request that are right, and say what is wrong with the others.

    Args:
        body: What was sent.
        row: The type of a row, see `schema.row_type`.

    Raises:
        RequestError: If more is wrong than single rows.
    """
    return _read(body, row, to_the_end=True)


def _read(body: bytes, row: type[BaseModel], to_the_end: bool) -> Found:
    found = Found()
    number, known, whole = -1, False, True
    try:
        for name, value in _Text(body).items():
            if name is ROW:
                number += 1
                if number == MOST_ROWS:
                    told = f"A request may have {MOST_ROWS} rows at most"
                    raise RequestError([problem(["rows"], told)])
                _check(value, row, found)
            elif name == "rows" and not known and value is ROW:
                known = True
            else:
                whole = False
                told, known = _wrong(name, value, known)
                found.add([problem([name], told)], 1)
            if found.count >= MOST_PROBLEMS and not (to_the_end and whole):
                break
    except json.JSONDecodeError:
        raise RequestError([problem([], "JSON decode error")]) from None
    except (ValueError, RecursionError):
        told = "It is no text, nested too deeply, or has a number with too many digits"
        raise RequestError([problem([], told)], 400) from None
    if not known:
        problems = [problem(["rows"], "Field required"), *found.problems]
        raise RequestError(problems[:MOST_PROBLEMS])
    if number < 0 and whole:
        raise RequestError([problem(["rows"], "There must be one row at least")])
    if not whole:
        raise RequestError(found.problems)
    return found


def _wrong(name: str, value: Any, known: bool) -> tuple[str, bool]:
    """Return what is wrong with what stands beside the rows, and if they are known."""
    if name != "rows":
        return UNKNOWN, known
    return ("Given twice" if known else "Input should be a valid list"), True


def _check(value: Any, row: type[BaseModel], found: Found) -> None:
    """Add a row, or what is wrong with it."""
    place = ["rows", len(found.rows)]
    found.rows.append(None)
    if not isinstance(value, dict):
        found.add([problem(place, "Input should be a valid object")], 1)
        return
    fields = row.model_fields
    strange = [name for name in value if name not in fields]
    # Of problems that nobody will see, only the number is wanted.
    few = strange[: MOST_PROBLEMS - len(found.problems)]
    found.add([problem([*place, name], UNKNOWN) for name in few], len(strange))
    try:
        if not strange:
            found.rows[-1] = row.model_validate(value)
        else:
            # Else each name that is not known would be an error of its own.
            row.model_validate({name: value[name] for name in fields if name in value})
    except ValidationError as error:
        told: list[Any] = []
        if len(found.problems) < MOST_PROBLEMS:
            told = error.errors(include_url=False, include_context=False)
        problems = [problem([*place, *it["loc"]], it["msg"]) for it in told]
        found.add(problems, error.error_count())


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
