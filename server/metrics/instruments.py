"""The counters of Prometheus.

They exist once a process. With several workers, prometheus_client keeps them in files of ``PROMETHEUS_MULTIPROC_DIR``,
which must be set before this module is imported.
"""

import os
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, Protocol

import msgspec
from prometheus_client import CollectorRegistry, Counter, disable_created_metrics, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

SHARED: Final = "PROMETHEUS_MULTIPROC_DIR"
disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY: Final = CollectorRegistry()
REQUESTS: Final = Counter(
    "pocketrec_requests", "Answered requests by kind of route and status.", ("route", "status"), registry=REGISTRY
)
BYTES: Final = Counter("pocketrec_response_bytes", "Bytes of bodies sent.", ("route",), registry=REGISTRY)
RECEIPTS: Final = Counter("pocketrec_receipts", "Receipts by what became of them.", ("result",), registry=REGISTRY)


class State(Protocol):
    """What the gauges show."""

    def releases(self) -> int:
        """Return the number of releases on offer."""
        ...

    def timestamp(self) -> bytes | None:
        """Return the signed timestamp."""
        ...

    def rollouts(self) -> Iterable[tuple[str, str]]:
        """Return target and stage of every rollout."""
        ...


class _Gauges:
    def __init__(self, state: State) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("pocketrec_releases_on_offer", "Releases on offer.", self._state.releases())
        left = seconds_left(self._state.timestamp())
        if left is not None:
            yield GaugeMetricFamily("pocketrec_timestamp_expires_seconds", "Seconds until the timestamp expires.", left)
        stages = GaugeMetricFamily("pocketrec_rollout", "1 for the stage of each rollout.", labels=("target", "stage"))
        for target, stage in self._state.rollouts():
            stages.add_metric((target, stage), 1)
        yield stages


def exposition(state: State) -> bytes:
    """Return all metrics in Prometheus' text format, over all workers."""
    registry = CollectorRegistry()
    if SHARED in os.environ:
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(_Counters())
    registry.register(_Gauges(state))
    return generate_latest(registry)


class _Counters:
    """The counters of this process."""

    def collect(self) -> Iterable[Metric]:
        return REGISTRY.collect()


class _Expiring(msgspec.Struct):
    expires: datetime


class _Timestamp(msgspec.Struct):
    signed: _Expiring


def seconds_left(timestamp: bytes | None) -> float | None:
    """Return the seconds until signed metadata expires; None if there is none, or it does not say."""
    try:
        expires = msgspec.json.decode(timestamp or b"", type=_Timestamp).signed.expires
        return expires.timestamp() - time.time()
    except msgspec.MsgspecError:
        return None
