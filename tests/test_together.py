"""Requests are predicted together, and each has the answer that it has alone."""

import asyncio
import threading
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from bodies import ROW
from modelled import NAME

from twobus.models import registry, together
from twobus.models.rows import RowError, predict
from twobus.models.schema import row_type, to_answer, to_frame
from twobus.models.together import Asked, BusyError, Together


class Stand:
    """Stands in for a version: its rows are any values, predictions the same ones."""

    def __init__(self) -> None:
        self.batches: list[list[Any]] = []
        self.free = threading.Event()
        self.free.set()
        self.model = self.fitted = None

    def predict(self, model: Any, fitted: Any, rows: pd.DataFrame) -> pd.DataFrame:
        self.batches.append(rows["it"].tolist())
        assert self.free.wait(10)
        for row in rows["it"]:
            if isinstance(row, BaseException):
                raise row
        return rows


def to_table(rows: list[Any], model: Any) -> pd.DataFrame:
    return pd.DataFrame({"it": pd.Series(rows, dtype=object)})


def from_table(model: Any, predicted: pd.DataFrame) -> list[Any]:
    return [*predicted["it"]]


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    made = Stand()
    monkeypatch.setattr(together, "to_frame", to_table)
    monkeypatch.setattr(together, "to_answer", from_table)
    monkeypatch.setattr(together, "predict", made.predict)
    monkeypatch.setattr(together, "predict_at_once", made.predict)
    return made


def asked(number: Any, rows: int = 1, *more: Any) -> Asked:
    return Asked(str(number), [number] * rows + [*more])


def ran(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 20))


async def behind(
    stand: Stand, lane: Together, *requests: Asked
) -> "list[asyncio.Task[Any]]":
    """Hold the first request, let the others come meanwhile, and return them."""
    stand.free.clear()
    first = asyncio.create_task(lane.answer(asked("first")))
    while not stand.batches:
        await asyncio.sleep(0.001)
    others = [asyncio.create_task(lane.answer(it)) for it in requests]
    await asyncio.sleep(0.01)
    return [first, *others]


def test_what_comes_while_one_is_predicted_is_predicted_together(stand: Stand) -> None:
    async def work() -> None:
        tasks = await behind(stand, Together(version(stand)), *map(asked, range(5)))
        stand.free.set()
        assert await asyncio.gather(*tasks) == [["first"], *[[n] for n in range(5)]]
        assert stand.batches == [["first"], [0, 1, 2, 3, 4]]

    ran(work())


def version(stand: Stand) -> Any:
    return SimpleNamespace(model=stand.model, fitted=stand.fitted)


def test_a_batch_has_room_for_so_many_rows_and_the_first_come_first(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "MOST_ROWS", 10)

    async def work() -> None:
        requests = [asked(0, 6), asked(1, 4), asked(2, 1), asked(3, 10), asked(4, 1)]
        tasks = await behind(stand, Together(version(stand)), *requests)
        stand.free.set()
        await asyncio.gather(*tasks)
        told = [dict.fromkeys(batch) for batch in stand.batches[1:]]
        assert told == [{0: None, 1: None}, {2: None}, {3: None}, {4: None}]

    ran(work())


@pytest.mark.parametrize(
    "kind", [ValueError, KeyError, MemoryError, StopIteration, SystemExit]
)
def test_only_the_request_that_fails_is_refused(
    kind: type[BaseException], stand: Stand
) -> None:
    async def work() -> None:
        requests = [*map(asked, range(7)), asked(7, 1, kind()), asked(8)]
        tasks = await behind(stand, Together(version(stand)), *requests)
        stand.free.set()
        told = await asyncio.gather(*tasks, return_exceptions=True)
        failed = told.pop(8)
        assert isinstance(failed, Exception)
        assert told == [["first"], *[[n] for n in (0, 1, 2, 3, 4, 5, 6, 8)]]
        # Who has nothing to do with it is not predicted alone.
        assert [0, 1, 2, 3] in stand.batches

    ran(work())


def test_a_request_that_is_given_up_is_not_predicted(stand: Stand) -> None:
    async def work() -> None:
        lane = Together(version(stand))
        _, gone, other = await behind(stand, lane, asked("gone"), asked("other"))
        gone.cancel()
        await asyncio.sleep(0)
        stand.free.set()
        assert await other == ["other"]
        assert stand.batches == [["first"], ["other"]]

    ran(work())


def test_a_request_that_is_given_up_meanwhile_stops_no_other(stand: Stand) -> None:
    async def work() -> None:
        lane = Together(version(stand))
        first, other = await behind(stand, lane, asked("other"))
        first.cancel()
        await asyncio.sleep(0)
        stand.free.set()
        assert await other == ["other"]

    ran(work())


def test_a_slow_version_holds_up_no_other_and_no_large_request(stand: Stand) -> None:
    async def work() -> None:
        lane, another = Together(version(stand)), Together(version(stand))
        slow, later = await behind(stand, lane, asked("later"))
        stand.batches.clear()

        async def free() -> None:
            while len(stand.batches) < 2:
                await asyncio.sleep(0.001)
            assert not slow.done()
            stand.free.set()

        large = lane.by_itself(lambda: lane.answer_now(asked("large")))
        told: Any = await asyncio.gather(
            another.answer(asked("another")), large, free()
        )
        assert told == [["another"], ["large"], None]
        assert await later == ["later"]

    ran(work())


def test_who_comes_when_too_many_wait_is_told_so(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "MOST_WAITING", 3)

    async def work() -> None:
        lane = Together(version(stand))
        *tasks, last = await behind(stand, lane, *map(asked, range(4)))
        stand.free.set()
        with pytest.raises(BusyError):
            await last
        assert await asyncio.gather(*tasks) == [["first"], [0], [1], [2]]

    ran(work())


@pytest.mark.slow
def test_predictions_are_the_same_as_alone(shop: Path) -> None:
    real = registry.fetch(NAME, 1)
    kind = row_type(NAME, real.model, {})
    rows = [
        kind.model_validate(
            {
                **ROW,
                "species": ["Adelie", "Chinstrap", "Gentoo"][number % 3],
                "bill_length_mm": None if number % 7 == 0 else 30 + number / 10,
                "flipper_length_mm": None if number % 5 == 0 else 180 + number % 40,
            }
        )
        for number in range(120)
    ]
    alone = [
        to_answer(real.model, predict(real.model, real.fitted, frame))
        for frame in (to_frame([row], real.model) for row in rows)
    ]

    async def work() -> list[Any]:
        lane = Together(real)
        return await asyncio.gather(*(lane.answer(Asked("", [row])) for row in rows))

    for (one,), (other,) in zip(ran(work()), alone, strict=True):
        assert one["sex"] == other["sex"]
        assert one["probability"] == pytest.approx(other["probability"], rel=1e-9)


class Never:
    """Cannot predict one mass."""

    def predict(self, X: pd.DataFrame) -> Any:
        if (X["body_mass_g"] == 3451).any():
            raise ValueError
        return X["body_mass_g"].to_numpy()


@pytest.mark.slow
def test_a_row_is_named_by_its_place_in_its_own_request(shop: Path) -> None:
    real = replace(registry.fetch(NAME, 1), fitted=Never())
    kind = row_type(NAME, real.model, {})
    good, bad = (kind.model_validate(ROW | {"body_mass_g": it}) for it in (3450, 3451))

    async def work() -> list[Any]:
        lane = Together(real)
        requests = [[good], [good, good, bad, good], [good, good]]
        answers = (lane.answer(Asked("", rows)) for rows in requests)
        return await asyncio.gather(*answers, return_exceptions=True)

    one, failed, two = ran(work())
    assert [len(one), len(two)] == [1, 2]
    assert isinstance(failed, RowError)
    assert failed.row == 2
