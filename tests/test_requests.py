"""Requests are read part by part, as if they had been read as a whole."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from twobus.models import requests
from twobus.models.requests import RequestError, read


class Row(BaseModel):
    """A row of any fields."""

    model_config = ConfigDict(extra="allow")
    a: Any = None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)
ROWS = st.lists(st.fixed_dictionaries({"a": VALUES}), min_size=1, max_size=12)


@given(rows=ROWS, longest=st.integers(10, 60), space=st.sampled_from(["", " ", "\n\t"]))
def test_rows_are_what_they_are_as_a_whole_or_too_long(
    rows: list[dict[str, Any]], longest: int, space: str
) -> None:
    texts = [json.dumps(row) for row in rows]
    body = f'{{{space}"rows":[{f"{space},{space}".join(texts)}{space}]}}'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests, "LONGEST", longest)
        long = [n for n, text in enumerate(texts) if len(text) > longest]
        if not long:
            found = [row.model_dump() for row in read(body.encode(), Row)]
            assert found == rows
            return
        with pytest.raises(RequestError) as refused:
            read(body.encode(), Row)
    (first, *_) = refused.value.problems
    assert (refused.value.status, first.row) == (422, long[0])
    assert f"{longest} characters at most" in first.problem


@given(rows=ROWS, cut=st.integers(1, 200), longest=st.integers(60, 80))
def test_a_request_that_is_cut_off_is_refused(
    rows: list[dict[str, Any]], cut: int, longest: int
) -> None:
    body = json.dumps({"rows": rows})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests, "LONGEST", longest)
        with pytest.raises(RequestError):
            read(body[: -min(cut, len(body))].encode(), Row)


@pytest.mark.parametrize("digits", ["1" * 200, "0." + "1" * 200])
def test_a_number_is_not_cut_in_two(
    digits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "LONGEST", 50)
    with pytest.raises(RequestError, match="1 problems"):
        read(f'{{"rows":[{{"a":{digits}}}]}}'.encode(), Row)
