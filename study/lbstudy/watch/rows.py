"""What is shown of a Service at an instant: a row for each pod, and for each client workload. No I/O.

None is "not observed" everywhere; a number is what was observed.
"""

from dataclasses import dataclass
from typing import Final

from lbstudy.watch.clients import ClientPod, Workload
from lbstudy.watch.evidence import SPANS, EvidenceSource, Instant, PodStage
from lbstudy.watch.pods import Pod
from lbstudy.watch.service import Service
from lbstudy.watch.silence import SERVER_SIDE, silence

_RATE_OF_SPANS: Final = 10.0  # s
_RATE_OF_SAMPLES: Final = 60.0  # s
_LATELY: Final = 120.0  # s: a source that reported nothing for so long gives no rate


@dataclass(frozen=True, slots=True)
class PodRow:
    """One pod.

    Attributes:
        age: s since it was created.
        ready: since when it is Ready, or was, if it is gone; None: it is not.
        before: whether it was Ready before the watch, so that its first request is not observed.
        first: its first request since it is Ready.
        rate: requests a second.
        share: of the requests to all Ready pods, 0 to 1; ``fair`` is 1 ÷ their number.
        silent: s since its last request.
        uncalled: set if no request was observed since it is Ready and watched, by a source that would have
            reported it.
        callers: client workloads that called it since it is Ready.
    """

    name: str
    status: str
    age: float | None
    ready: Instant | None
    before: bool
    first: Instant | None
    called: bool
    rate: float | None
    share: float | None
    fair: float | None
    silent: float | None
    uncalled: bool
    callers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ClientRow:
    """One client workload.

    Attributes:
        pods: its pods that reported telemetry.
        known: the fewest and the most Ready pods that one of its pods has in its list.
        ready: how many pods of the Service are Ready.
        last_update: s since the last resolver update of any of its pods, and of the pod whose update is
            oldest.
        connections: open connections of its pods to pods of the Service.
        calls: requests since the watch began.
        since: the first reported request.
    """

    name: str
    pods: int
    known: tuple[int, int] | None
    ready: int
    last_update: tuple[float, float] | None
    connections: int | None
    calls: int | None
    since: float | None


def pod_rows(service: Service, now: float, patience: float, *, gone: bool = False) -> list[PodRow]:
    """Return a row for each pod, in the order in which they were seen; with removed pods if ``gone``."""
    source = rate_source(service, now)
    ready = service.ready
    rates = {} if source is None else {pod.name: _rate(service, pod, source, now) for pod in service}
    total = sum(rates.get(pod.name, 0.0) for pod in ready)
    return [
        _pod_row(service, pod, now, patience, rates.get(pod.name), total, len(ready))
        for pod in service
        if gone or not pod.gone
    ]


def rate_source(service: Service, now: float) -> EvidenceSource | None:
    """Return the source of rates: counters first, as spans may be sampled; None: no source is up to date."""
    return next(
        (
            source
            for source in (*SERVER_SIDE, EvidenceSource.CLIENT_METRICS, EvidenceSource.CLIENT_SPANS)
            if service.grew(source) is not None and service.tells_now(source, now, _LATELY)
        ),
        None,
    )


def client_rows(service: Service, now: float) -> list[ClientRow]:
    """Return a row for each client workload, in the order in which they were seen."""
    return [_client_row(service, workload, now) for workload in service.workloads]


def _rate(service: Service, pod: Pod, source: EvidenceSource, now: float) -> float:
    tally = pod.tallies.get(source)
    if tally is None:
        return 0.0
    if source not in SPANS:
        return tally.rate(now, _RATE_OF_SAMPLES)
    grew = service.grew(source) or now
    # Spans come in batches: the window ends with the latest span, unless that is long ago.
    return tally.rate(max(grew, now - _RATE_OF_SPANS), _RATE_OF_SPANS)


def _pod_row(
    service: Service, pod: Pod, now: float, patience: float, rate: float | None, total: float, ready: int
) -> PodRow:
    created = pod.stages.get(PodStage.CREATED)
    is_ready = pod.status == "Ready"
    ready_at = pod.became_ready if pod.gone else pod.ready
    named = silence(service, pod, now, patience) is not None
    return PodRow(
        pod.name,
        pod.status,
        None if created is None else now - created.at,
        ready_at,
        ready_at is not None and ready_at.at < service.began,
        service.first(pod),
        pod.called,
        rate,
        rate / total if is_ready and rate is not None and total else None,
        1 / ready if is_ready and ready else None,
        None if pod.last is None or pod.gone else max(0.0, now - pod.last),
        named,
        tuple(sorted(pod.callers())),
    )


def _client_row(service: Service, workload: Workload, now: float) -> ClientRow:
    pods = list(workload.present(now).values())
    ready = [pod.ip for pod in service.ready]
    updated = [client for client in pods if client.updates]
    known = [sum(client.knows(address) for address in ready) for client in updated] if all(ready) else []
    ages = [now - client.last_update for client in pods if client.last_update is not None]
    return ClientRow(
        workload.name,
        len(pods),
        (min(known), max(known)) if known else None,
        len(ready),
        (max(0.0, min(ages)), max(0.0, *ages)) if ages else None,
        _connections(service, pods),
        workload.count if workload.counts else None,
        workload.since,
    )


def _connections(service: Service, pods: list[ClientPod]) -> int | None:
    connected = [client for client in pods if client.connections]
    if not connected:
        return None
    addresses = service.addresses()
    return sum(
        connection.state == "READY" and connection.address in addresses
        for client in connected
        for connection in client.connections.values()
    )
