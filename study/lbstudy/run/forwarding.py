"""A run that is sent on to a Collector: from the first request to the count of what was lost."""

import time
from collections.abc import Mapping

from lbstudy.facts.encode import encode_forwarded
from lbstudy.facts.model import RunFacts
from lbstudy.facts.otlp import request_of
from lbstudy.facts.send import send_facts
from lbstudy.platform.interface import Change
from lbstudy.run.gauges import Gauges
from lbstudy.run.plan import Collector
from lbstudy.store.database import RunStore
from lbstudy.store.forward import Forwarder, send_last
from lbstudy.store.forwarded import read_forwarded, write_forwarded
from lbstudy.store.receiver import Forward


class Forwarding:
    """What a run does besides when its telemetry is sent on; without a Collector, nothing.

    Args:
        collector: where to; None: nothing is sent on.
        run_id: the run.
        settings: the name of a Deployment of servers → its setting.
        store: of the run; open until ``finish`` has been called.
    """

    def __init__(
        self, collector: Collector | None, run_id: str, settings: Mapping[str, str], store: RunStore
    ) -> None:
        self._collector = "" if collector is None else collector.endpoint
        self._run_id = run_id
        self._settings = settings
        self._store = store
        self._forwarder = None if collector is None else Forwarder(collector.endpoint)
        self._gauges: Gauges | None = None
        self._receiver = ""

    @property
    def hook(self) -> Forward | None:
        """The receiver's ``forward``."""
        return self._forwarder

    def begin(self, receiver: str) -> None:
        """Export the study's own metrics to the run's receiver, at this endpoint."""
        self._receiver = receiver
        if self._forwarder is not None:
            self._gauges = Gauges(receiver, self._run_id, self._settings)

    def changed(self, change: Change) -> None:
        """The platform saw a change."""
        if self._gauges is not None:
            self._gauges.changed(change)

    def tell(self, facts: RunFacts) -> None:
        """Send the run's facts the way that the pods' telemetry goes. Raises StoreError."""
        if self._forwarder is not None:
            self.quieten()
            send_facts(facts, self._receiver)

    def quieten(self) -> None:
        """Export the study's own metrics a last time. May be called twice."""
        if self._gauges is not None:
            self._gauges.close()

    def finish(self) -> None:
        """Send what waits, within seconds, and keep the counts. Call it when the receiver has stopped.

        The Collector is told the counts too, unless it is not there. Raises StoreError.
        """
        if self._forwarder is None:
            return
        write_forwarded(self._store, self._collector, self._forwarder.close())
        forwarded = read_forwarded(self._store)
        if forwarded is not None and forwarded.spans.sent:
            last = encode_forwarded(self._run_id, time.time_ns(), forwarded)
            send_last(self._collector, request_of([last], self._run_id))
