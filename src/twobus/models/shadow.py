"""What a server does with requests beside answering them: log them, and shadow them."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd

from twobus.models.prediction_log import CHAMPION, Asked, PredictionLog, Seen
from twobus.models.registry import Version


class Observer:
    """What is shown the requests that are answered."""

    def __init__(self, log: PredictionLog | None) -> None:
        """Begin.

        Args:
            log: The log; None where none is kept.
        """
        self.log = log

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
            self.log.keep(Seen(*known, chosen, positions, predicted, now))

    def close(self) -> None:
        """Write what is left, where there is a log."""
        if self.log:
            self.log.close()
