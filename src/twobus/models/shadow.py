"""What a server does with requests beside answering them: log them, and shadow them."""

import random
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd

from twobus.models.answers import log as say
from twobus.models.gate import distrust
from twobus.models.log_place import settings
from twobus.models.prediction_log import (
    CHALLENGER,
    CHAMPION,
    MOST_NOTED,
    Asked,
    PredictionLog,
    Seen,
)
from twobus.models.registry import Version, champion, fetch
from twobus.models.rows import predict
from twobus.models.schema import to_frame

# So many seconds after a request was predicted, its answer has been sent.
AFTER = 0.2


class Shadow:
    """Lets challengers predict what champions were asked, for the log alone.

    One thread does, a moment later: what comes faster than it predicts is left out.

    Attributes:
        predicted: How many rows challengers have predicted.
        lost: How many they have not.
    """

    def __init__(self, log: PredictionLog, versions: Mapping[str, Version]) -> None:
        """Begin.

        Args:
            log: What keeps their predictions.
            versions: The challengers, by their models' names.
        """
        self.log, self.versions = log, versions
        self.predicted = self.lost = 0
        self._waiting: deque[Seen] = deque()
        self._size = 0
        self._turn = threading.Condition()
        self._ending = False
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def see(self, seen: Seen) -> None:
        """Note requests that a champion has answered; it never waits."""
        if seen.name not in self.versions:
            return
        with self._turn:
            if self._ending or self._size + seen.size > MOST_NOTED:
                self._lose(seen, "too many requests wait for it")
                return
            self._waiting.append(seen)
            self._size += seen.size
            self._turn.notify()

    def close(self) -> None:
        """End; what still waits is not predicted any more."""
        with self._turn:
            self._ending = True
            self._turn.notify()
        self._thread.join(10)
        if self.lost:
            say("challengers have not predicted all", rows=self.lost)

    def _work(self) -> None:
        while True:
            with self._turn:
                while not self._waiting and not self._ending:
                    self._turn.wait()
                if self._ending:
                    self.lost += sum(len(it.positions) for it in self._waiting)
                    return
                seen = self._waiting.popleft()
                self._size -= seen.size
            age = (datetime.now(UTC) - seen.time).total_seconds()
            time.sleep(min(AFTER, max(0.0, AFTER - age)))
            self._predict(seen)

    def _predict(self, seen: Seen) -> None:
        version = self.versions[seen.name]
        try:
            rows = [row for asked in seen.asked for row in asked.rows]
            frame = to_frame(rows, version.model)
            predicted = predict(version.model, version.fitted, frame)
        except BaseException as error:  # Whatever it raises is for the log alone.
            self._lose(seen, type(error).__name__)
            return
        tried = replace(seen, number=version.number, model=version.model)
        count = range(len(rows))
        self.log.keep(
            replace(tried, role=CHALLENGER, positions=count, predicted=predicted)
        )
        self.predicted += len(rows)

    def _lose(self, seen: Seen, why: str) -> None:
        """Count rows; the first time, say why."""
        if not self.lost:
            say("a challenger does not predict all", model=seen.name, why=why)
        self.lost += len(seen.positions)


def shadow(log: PredictionLog | None, served: Mapping[str, object]) -> Shadow | None:
    """Return what lets challengers predict, where the settings ask for that.

    Args:
        log: What keeps their predictions.
        served: The versions that serve, by their models' names.
    """
    if not settings().shadow:
        return None
    if log is None:
        say("no challenger predicts, since there is no PREDICTION_LOG to keep that")
        return None
    known = {name: it for name, it in served.items() if isinstance(it, Version)}
    found = {name: _challenger(it) for name, it in known.items()}
    return Shadow(log, {name: it for name, it in found.items() if it})


def _challenger(serving: Version) -> Version | None:
    """Return the version that is tried beside one that serves, if there may be one."""
    name, problem = serving.name, ""
    number = None
    try:
        number = champion(name, CHALLENGER)
        if number is None or number == serving.number:
            return None
        version = fetch(name, number)
        lacking = {*version.model.inputs} - {*serving.model.inputs}
        if lacking:
            problem = f"requests do not have {', '.join(sorted(lacking))}"
        # It need not be good enough to serve, but its code must be reviewed.
        problem = problem or " ".join(distrust(version))
    except (Exception, SystemExit) as error:
        # Whatever is wrong with it, the champion serves.
        problem = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    if problem:
        say("no challenger predicts", model=name, version=number, problem=problem)
        return None
    say("a challenger predicts beside", model=name, version=number)
    return version


class Observer:
    """What is shown the requests that are answered."""

    def __init__(self, log: PredictionLog | None, shadow: Shadow | None = None) -> None:
        """Begin.

        Args:
            log: The log; None where none is kept.
            shadow: What lets challengers predict; None where none does.
        """
        self.log, self.shadow = log, shadow

    def answered(
        self, version: Version, asked: Sequence[Asked], predicted: pd.DataFrame
    ) -> None:
        """Note requests, which takes no time.

        Args:
            version: The version that has answered them.
            asked: The requests.
            predicted: What was predicted for all their rows, in their order.
        """
        if self.log is None:
            return
        at = 0
        chosen: list[Asked] = []
        positions: list[int] = []
        for one in asked:
            if self.log.share >= 1 or random.random() < self.log.share:
                chosen.append(one)
                positions += range(at, at + len(one.rows))
            at += len(one.rows)
        if chosen:
            known = version.name, version.number, version.model, CHAMPION
            now = datetime.now(UTC)
            seen = Seen(*known, chosen, positions, predicted, now)
            self.log.keep(seen)
            if self.shadow:
                self.shadow.see(seen)

    def close(self) -> None:
        """Write what is left, where there is a log."""
        if self.shadow:
            self.shadow.close()
        if self.log:
            self.log.close()
