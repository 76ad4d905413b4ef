"""The requests of one pod as one source reported them, in bounded memory. No I/O."""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from lbstudy.watch.evidence import EvidenceSource, Instant, Requests

KEPT: Final = 64
"""Seconds, or samples, whose counts are kept for a rate."""
WORKLOADS: Final = 64
"""Most client workloads that are counted separately for a pod."""
CLIENTS: Final = 512
"""Most client pods that are counted separately for a workload."""
_EARLY: Final = 32  # requests reported before the pod is known to be Ready


@dataclass(slots=True)
class Caller:
    """The requests of one client workload to one pod since it is Ready."""

    count: int = 0
    first: Instant | None = None
    last: float = 0.0
    pods: set[str] = field(default_factory=set)


@dataclass(slots=True)
class RequestTally:
    """One pod's requests, as one source reported them.

    Attributes:
        count: all reported requests.
        since_ready: those since the pod is Ready.
        first: the first one since then.
        last: the last instant at which there may have been one; None: none was reported.
        told: the instant up to which the source counted, even if it counted none.
        callers: client workload → its requests since the pod is Ready.
    """

    count: int = 0
    since_ready: int = 0
    first: Instant | None = None
    last: float | None = None
    told: float | None = None
    callers: dict[str, Caller] = field(default_factory=dict)
    _recent: OrderedDict[int, tuple[int, float]] = field(default_factory=OrderedDict)
    _early: list[Requests] = field(default_factory=list)

    def add(self, requests: Requests, ready: Instant | None) -> None:
        """Count requests."""
        self.told = max(self.told or 0.0, requests.at)
        self._remember(requests)
        if not requests.count:
            return
        self.count += requests.count
        self.last = max(self.last or 0.0, requests.at)
        if ready is None:
            self._early = [*self._early[1 - _EARLY :], requests]
        elif requests.at >= ready.earliest:
            self._since_ready(requests, ready)

    def became_ready(self, ready: Instant) -> None:
        """Note that the pod is Ready: counts since Ready begin anew, with requests that were early."""
        self.since_ready, self.first = 0, None
        self.callers.clear()
        early, self._early = self._early, []
        for requests in early:
            if requests.at >= ready.earliest:
                self._since_ready(requests, ready)

    def rate(self, until: float, window: float) -> float:
        """Return the reported requests a second in the ``window`` seconds before ``until``."""
        kept = [
            (count, lasted)
            for second, (count, lasted) in self._recent.items()
            if until - window < second <= until
        ]
        total, lasted = sum(entry[0] for entry in kept), sum(entry[1] for entry in kept)
        return total / (lasted or window)

    def _since_ready(self, requests: Requests, ready: Instant) -> None:
        self.since_ready += requests.count
        when = Instant(requests.at, requests.at - max(requests.after, min(ready.at, requests.at)))
        if requests.after == requests.at:
            when = Instant(requests.at)
        if self.first is None or when.at < self.first.at:
            self.first = when
        if requests.workload is None:
            return
        caller = self.callers.get(requests.workload)
        if caller is None:
            if len(self.callers) >= WORKLOADS:
                return
            caller = self.callers[requests.workload] = Caller()
        caller.count += requests.count
        caller.last = max(caller.last, requests.at)
        if caller.first is None or when.at < caller.first.at:
            caller.first = when
        if requests.client is not None and len(caller.pods) < CLIENTS:
            caller.pods.add(requests.client)

    def _remember(self, requests: Requests) -> None:
        second = int(requests.at)
        count, lasted = self._recent.get(second, (0, 0.0))
        stretch = requests.at - requests.after if requests.source is EvidenceSource.SERVER_METRICS else 0.0
        self._recent[second] = (count + requests.count, max(lasted, stretch))
        while len(self._recent) > KEPT:
            self._recent.popitem(last=False)
