"""How busy a server is: RPCs in flight, and the seconds since it last worked on one."""

import threading
from collections.abc import Iterable
from time import monotonic

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from grpc_lb_instrumentor import names


class Activity:
    """Counts of this process's servers, which are read when metrics are collected, not at each RPC."""

    __slots__ = ("_active", "_finished", "_lock")

    def __init__(self, meter: Meter) -> None:
        """Create the two instruments; the inactivity age counts from now until the first RPC."""
        self._lock = threading.Lock()
        self._active = 0
        self._finished = monotonic()
        meter.create_observable_up_down_counter(
            names.METRIC_SERVER_ACTIVE,
            [self._observe_active],
            unit="{rpc}",
            description="RPCs that the server is working on",
        )
        meter.create_observable_gauge(
            names.METRIC_SERVER_INACTIVITY_AGE,
            [self._observe_age],
            unit="s",
            description="Time since the server last worked on an RPC, since its start when it never did; "
            "0 while it works on one, a stream for instance",
        )

    def begin(self) -> None:
        """Count an RPC that begins."""
        with self._lock:
            self._active += 1

    def end(self) -> None:
        """Count an RPC that ends."""
        with self._lock:
            self._active -= 1
            self._finished = monotonic()

    def _observe_active(self, _: CallbackOptions) -> Iterable[Observation]:
        return (Observation(self._active),)

    def _observe_age(self, _: CallbackOptions) -> Iterable[Observation]:
        with self._lock:
            age = 0.0 if self._active else monotonic() - self._finished
        return (Observation(age),)
