"""How busy a server is: RPCs in flight, and the seconds since it last finished one."""

import threading
from collections.abc import Iterable
from time import monotonic

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from grpc_lb_instrumentor import names


class Activity:
    """Counts of this process's servers, read when metrics are collected and not at each RPC."""

    __slots__ = ("_active", "_finished", "_lock")

    def __init__(self, meter: Meter) -> None:
        """Create the two instruments; the inactivity age counts from here until the first RPC's end."""
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
            description="Time since the server last finished an RPC, since its start when it never did",
        )

    def begin(self) -> None:
        """Count an RPC in."""
        with self._lock:
            self._active += 1

    def end(self) -> None:
        """Count an RPC out."""
        with self._lock:
            self._active -= 1
            self._finished = monotonic()

    def _observe_active(self, _: CallbackOptions) -> Iterable[Observation]:
        return (Observation(self._active),)

    def _observe_age(self, _: CallbackOptions) -> Iterable[Observation]:
        return (Observation(monotonic() - self._finished),)
