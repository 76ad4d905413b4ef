"""Sends a run's telemetry on to a Collector, and counts what was lost."""

import time
from collections.abc import Mapping

from lbstudy.platform.interface import Change
from lbstudy.platform.local.platform import NAMESPACE
from lbstudy.run.gauges import Gauges
from lbstudy.run.plan import Collector
from lbstudy.store.database import RunStore
from lbstudy.store.forward import Forwarder, send_last
from lbstudy.store.forwarded import read_forwarded, write_forwarded
from lbstudy.store.receiver import Forward
from lbstudy.traces.encode import encode_forwarded
from lbstudy.traces.facts import RunFacts
from lbstudy.traces.otlp import request_of
from lbstudy.traces.send_facts import send_facts


class Forwarding:
    """What a run does in addition if its telemetry is sent on; without a Collector, nothing.

    Args:
        collector: where to send; None: nowhere.
        run_id: the run.
        settings: the name of a Deployment of servers → its setting.
        services: the name of a Deployment of servers → ``service.name`` of its pods.
        store: the run's store; it must stay open until ``finish`` has been called.
    """

    def __init__(
        self,
        collector: Collector | None,
        run_id: str,
        settings: Mapping[str, str],
        services: Mapping[str, str],
        store: RunStore,
    ) -> None:
        self._collector = "" if collector is None else collector.endpoint
        self._run_id = run_id
        self._settings = settings
        self._services = services
        self._store = store
        self._forwarder = None if collector is None else Forwarder(collector.endpoint)
        self._gauges: Gauges | None = None
        self._receiver = ""

    @property
    def hook(self) -> Forward | None:
        """The receiver's ``forward``."""
        return self._forwarder

    def begin(self, receiver: str) -> None:
        """Export the study's own metrics to the run's receiver, which is at this endpoint."""
        self._receiver = receiver
        if self._forwarder is not None:
            self._gauges = Gauges(receiver, self._run_id, self._settings, self._services, NAMESPACE)

    def changed(self, change: Change) -> None:
        """Note a change that the platform saw."""
        if self._gauges is not None:
            self._gauges.changed(change)

    def busy(self, setting: str, pod: str, utilization: float) -> None:
        """Note how busy a server was since its previous answer."""
        if self._gauges is not None:
            self._gauges.busy(setting, pod, utilization)

    def tell(self, facts: RunFacts) -> None:
        """Send the run's facts like the pods' telemetry. Raises StoreError."""
        if self._forwarder is not None:
            self.quieten()
            send_facts(facts, self._receiver)

    def quieten(self) -> None:
        """Export the study's own metrics once more, and stop. May be called twice."""
        if self._gauges is not None:
            self._gauges.close()

    def finish(self) -> None:
        """Send what is queued, within seconds, and store the counts. Call it after the receiver has stopped.

        The counts are also sent to the Collector, if it answers. Raises StoreError.
        """
        if self._forwarder is None:
            return
        write_forwarded(self._store, self._collector, self._forwarder.close())
        forwarded = read_forwarded(self._store)
        if forwarded is not None and forwarded.spans.sent:
            last = encode_forwarded(self._run_id, time.time_ns(), forwarded)
            send_last(self._collector, request_of([last], self._run_id))
