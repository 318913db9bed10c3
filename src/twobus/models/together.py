"""Predict the rows of many requests together.

A prediction costs about the same for one row as for hundreds. So what has come and
been checked while one runs is answered by the next. Nobody waits for others to come.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pandas as pd
from pydantic import BaseModel

from twobus.models.cores import limit_threads
from twobus.models.prometheus import Counts
from twobus.models.registry import Version
from twobus.models.requests import MOST_PROBLEMS
from twobus.models.rows import apart, predict, predict_at_once
from twobus.models.schema import MOST_ROWS, to_answer, to_frame
from twobus.models.shadow import Observer

# How many requests may wait for one version: more than there are connections, so that
# there are so many only where their clients have gone.
MOST_WAITING = 1_000
# How many that are large, or fail with others, are answered by themselves at a time.
ALONE = 2

# A prediction for each row; None, where there is none.
Answer = list[dict[str, Any] | None]
Result = TypeVar("Result")


class BusyError(Exception):
    """More requests wait than will be answered soon."""


@dataclass(frozen=True)
class Asked:
    """What one request asks for.

    Attributes:
        number: The request's id, which the log has, too.
        rows: Its rows, as `requests.read` returns them.
        size: How many bytes were sent.
        partly: Whether it wants an answer, too, where a row cannot be predicted.
        places: Where the rows are among all that were sent; empty: these are all.
    """

    number: str
    rows: Sequence[BaseModel]
    size: int = 0
    partly: bool = False
    places: Sequence[int] = ()


@dataclass(frozen=True)
class Waiting:
    """A request whose answer is waited for.

    Attributes:
        asked: What it asks for.
        told: Will hold its answer; None, if that is not to be had with others.
    """

    asked: Asked
    told: "asyncio.Future[Answer | None]" = field(compare=False)


class Together:
    """Predicts by one version, in threads of its own: no other version waits for it."""

    def __init__(
        self,
        version: Version,
        observer: Observer | None = None,
        counts: Counts | None = None,
    ) -> None:
        """Begin with nothing to do.

        Args:
            version: What predicts.
            observer: What is shown the requests that are answered.
            counts: Where rows are counted.
        """
        self.version = version
        self.observer = observer
        self.counts = counts
        self.waiting: deque[Waiting] = deque()
        self.work: asyncio.Task[None] | None = None
        self.lane = ThreadPoolExecutor(1, initializer=limit_threads)
        self.others = ThreadPoolExecutor(ALONE, initializer=limit_threads)
        self.alone = asyncio.Semaphore(ALONE)

    async def answer(self, asked: Asked) -> Answer:
        """Answer a request, with others if there are any.

        Args:
            asked: The request.

        Raises:
            RowError: If a row cannot be predicted, or too many of a request that wants
                the others.
            BusyError: If too many wait already.
        """
        if not asked.rows:
            return []
        if len(self.waiting) >= MOST_WAITING:
            raise BusyError
        told = asyncio.get_running_loop().create_future()
        self.waiting.append(Waiting(asked, told))
        if not self.work:
            self.work = asyncio.create_task(self._work())
        answer: Answer | None = await told
        if answer is None:
            return await self.by_itself(lambda: self.answer_now(asked))
        return answer

    def answer_now(self, asked: Asked) -> Answer:
        """Answer a request in this thread: see `answer`."""
        if not asked.rows:
            return []
        model, fitted = self.version.model, self.version.fitted
        frame = to_frame(asked.rows, model)
        if asked.partly:
            predicted, refused = apart(model, fitted, frame, MOST_PROBLEMS)
            if len(refused) == len(frame):
                return [None] * len(frame)
            frame = frame.drop(index=[*refused])
        else:
            predicted = predict(model, fitted, frame)
        answers = dict(zip(frame.index, to_answer(model, predicted), strict=True))
        known = asked.places or range(len(asked.rows))
        right, places = ([it[row] for row in frame.index] for it in (asked.rows, known))
        few = replace(asked, rows=right, places=places)
        self._answered([few], frame, predicted)
        return [answers.get(row) for row in range(len(asked.rows))]

    async def by_itself(self, function: Callable[[], Result]) -> Result:
        """Call what takes its time, so that small requests need not wait for it.

        Args:
            function: What is called, in another thread, with at most one beside it.

        Raises:
            RuntimeError: If it raises what would end the server.
        """

        def called() -> Result:
            try:
                return function()
            except BaseException as error:
                if isinstance(error, Exception) and type(error) is not StopIteration:
                    raise
                # Such as `sys.exit` in what people write, which would end the loop.
                told = RuntimeError(f"It raised {type(error).__name__}")
                raise told.with_traceback(error.__traceback__) from None

        async with self.alone:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self.others, called)

    async def _work(self) -> None:
        """Answer until nobody waits."""
        loop = asyncio.get_running_loop()
        # What has come along with the first request goes with it.
        await asyncio.sleep(0)
        try:
            while batch := self._next():
                asked = [it.asked for it in batch]
                answers = await loop.run_in_executor(self.lane, self._answers, asked)
                for it, answer in zip(batch, answers, strict=True):
                    if not it.told.done():
                        it.told.set_result(answer)
        finally:
            self.work = None

    def _next(self) -> list[Waiting]:
        """Take those who have waited longest, as far as there is room in a batch."""
        batch: list[Waiting] = []
        room = MOST_ROWS
        while self.waiting and len(self.waiting[0].asked.rows) <= room:
            first = self.waiting.popleft()
            # A request may have been given up.
            if not first.told.done():
                batch.append(first)
                room -= len(first.asked.rows)
        return batch

    def _answers(self, batch: Sequence[Asked]) -> list[Answer | None]:
        """Return the answer of each request; None, where it is not to be had so."""
        try:
            return [*self._joint(batch)]
        except BaseException:
            # Whatever people's features raise: it may end no thread.
            if len(batch) == 1:
                return [None]
        middle = len(batch) // 2
        return self._answers(batch[:middle]) + self._answers(batch[middle:])

    def _joint(self, batch: Sequence[Asked]) -> list[Answer]:
        model, fitted = self.version.model, self.version.fitted
        frame = to_frame([row for asked in batch for row in asked.rows], model)
        predicted = predict_at_once(model, fitted, frame)
        self._answered(batch, frame, predicted)
        answers = iter(to_answer(model, predicted))
        return [[next(answers) for _ in asked.rows] for asked in batch]

    def _answered(
        self, batch: Sequence[Asked], frame: pd.DataFrame, predicted: pd.DataFrame
    ) -> None:
        """Do what is to be done with the predictions of a batch, in its thread.

        Args:
            batch: Its requests, in the order of their rows.
            frame: All their rows, as `schema.to_frame` gives them.
            predicted: What `rows.predict` gives for them.
        """
        if self.counts:
            known = self.version.name, self.version.number
            self.counts.rows.labels(*known).observe(len(frame))
        if self.observer:
            self.observer.answered(self.version, batch, predicted)
