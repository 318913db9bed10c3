"""What a server counts of its requests, for Prometheus; never a value of a row."""

import os
from collections.abc import Mapping
from typing import Any

import prometheus_client
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client import multiprocess as shared
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as FORM

__all__ = ["FORM", "PLACE", "Counts", "has_ended"]

# These have no types, where a checker would ask for them.
disable_created_metrics: Any = prometheus_client.disable_created_metrics
Collector: Any = shared.MultiProcessCollector
has_ended: Any = shared.mark_process_dead

# Where the workers of one server keep what they count, so that each can tell the sum.
PLACE = "PROMETHEUS_MULTIPROC_DIR"
WHOSE = ("model", "version")
# A request that is about no version that serves; so unknown names make no labels.
NOBODY = ("", "")
ROWS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000)


class Counts:
    """The counts of one server."""

    def __init__(self) -> None:
        """Begin with nothing counted."""
        disable_created_metrics()
        self.registry = CollectorRegistry()
        shown: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter(
            "twobus_requests", "Requests by status", [*WHOSE, "status"], **shown
        )
        self.seconds = Histogram(
            "twobus_request_seconds", "From a request to its answer", WHOSE, **shown
        )
        self.rows = Histogram(
            "twobus_batch_rows",
            "Rows that were predicted together",
            WHOSE,
            buckets=ROWS,
            **shown,
        )
        self.in_flight = Gauge(
            "twobus_requests_in_flight",
            "Requests for predictions that have no answer yet",
            WHOSE,
            multiprocess_mode="livesum",
            **shown,
        )
        self.serves = Gauge(
            "twobus_version_info",
            "Versions that serve",
            WHOSE,
            multiprocess_mode="max",
            **shown,
        )

    def request(self, facts: Mapping[str, Any], status: int, seconds: float) -> None:
        """Count a request that is answered.

        Args:
            facts: The model and the version that answered; empty, if it was for none.
            status: The answer's status.
            seconds: How long that took.
        """
        whose = (facts["model"], facts["version"]) if facts else NOBODY
        self.requests.labels(*whose, status).inc()
        self.seconds.labels(*whose).observe(seconds)

    def page(self) -> bytes:
        """Return all counts in Prometheus's text form, of all workers."""
        if PLACE not in os.environ:
            return generate_latest(self.registry)
        every = CollectorRegistry()
        Collector(every)
        return generate_latest(every)
