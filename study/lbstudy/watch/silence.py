"""Which Ready pods get no requests, and how that is known. No I/O.

A pod is reported as uncalled only if no source reported a request since it is Ready, while a source that
would have reported one did report requests of other pods. Everything else is "not observed".
"""

from dataclasses import dataclass
from typing import Final

from lbstudy.watch.clients import Workload
from lbstudy.watch.evidence import EvidenceSource
from lbstudy.watch.pods import Pod
from lbstudy.watch.service import Service

SERVER_SIDE: Final = (EvidenceSource.SERVER_METRICS, EvidenceSource.SERVER_SPANS)
CLIENT_SIDE: Final = (EvidenceSource.CLIENT_METRICS, EvidenceSource.CLIENT_SPANS)
BUSY: Final = 10
"""A workload that made fewer requests since a pod is Ready may just not have reached it yet."""
_LEAST: Final = 3  # at least 1/3 of the patience must have been observed


@dataclass(frozen=True, slots=True)
class Silence:
    """No request to a Ready pod was observed since it is Ready.

    Attributes:
        source: the source that would have reported one.
        until: up to when it would have, s since the Unix epoch.
        unproven: whether no pod of its template has reported a request yet, so its telemetry may differ.
    """

    source: EvidenceSource
    until: float
    unproven: bool

    @property
    def is_of_servers(self) -> bool:
        """Return whether it is about every client; otherwise only about clients that report telemetry."""
        return self.source in SERVER_SIDE


def silence(service: Service, pod: Pod, now: float, patience: float) -> Silence | None:
    """Return whether a Ready pod counts as uncalled.

    Args:
        service: the Service.
        pod: a pod of it.
        now: s since the Unix epoch.
        patience: s for which it must be Ready at least.

    Returns:
        None: it was called, it has not been Ready for so long, or nothing can be said.
    """
    since = service.since(pod)
    if since is None or pod.status != "Ready" or pod.called or now - since < patience:
        return None
    for source in (*SERVER_SIDE, *CLIENT_SIDE):
        until = service.observed_until(source, pod)
        if until is None:
            continue
        certain = min(until, now - service.lag(source))
        if certain >= since + patience / _LEAST:
            return Silence(source, until, _unproven(service, pod, source))
    return None


def is_observable(service: Service, pod: Pod) -> bool:
    """Return whether some source would report a request to the pod."""
    return pod.called or any(service.observed_until(source, pod) is not None for source in EvidenceSource)


def made_enough(service: Service, pod: Pod, workload: Workload) -> bool:
    """Return whether a workload made so many requests since Ready that some should have reached the pod."""
    return enough(workload.count - pod.busy.get(workload.name, 0), len(service.ready))


def enough(requests: int, ready: int) -> bool:
    """Return whether so many requests to ``ready`` Ready pods should have reached each of them."""
    return requests >= max(BUSY, 3 * ready)


def certain_until(service: Service, pod: Pod, now: float) -> float | None:
    """Return up to when the servers' sources reported each request to the pod; None: not observed."""
    instants = [
        min(until, now - service.lag(source))
        for source in SERVER_SIDE
        if (until := service.observed_until(source, pod)) is not None and not _unproven(service, pod, source)
    ]
    return max(instants, default=None)


def is_proven(service: Service, pod: Pod) -> bool:
    """Return whether a pod of its template has reported a request; else their telemetry may differ."""
    return not pod.template or any(
        other.template == pod.template and any(tally.count for tally in other.tallies.values())
        for other in service
    )


def fell_silent(service: Service, pod: Pod, now: float, patience: float) -> float | None:
    """Return since when a Ready pod that was called is not called any more; None: it is, or that is unknown.

    It counts as silent if the others were called for ``patience`` seconds, and for ten times the mean
    distance of its own requests.
    """
    since = service.since(pod)
    if since is None or pod.status != "Ready":
        return None
    for source in SERVER_SIDE:
        tally, grew = pod.tallies.get(source), service.grew(source)
        if tally is None or tally.last is None or not tally.since_ready or grew is None:
            continue
        certain = min(grew, now - service.lag(source))
        usual = max(0.0, tally.last - since) / tally.since_ready
        if certain - tally.last >= max(patience, 10 * usual):
            return pod.last
        return None
    return None


def _unproven(service: Service, pod: Pod, source: EvidenceSource) -> bool:
    if not pod.template or source not in SERVER_SIDE:
        return False
    return not any(
        other.template == pod.template and (tally := other.tallies.get(source)) is not None and tally.count
        for other in service
    )
