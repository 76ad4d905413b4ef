"""Makes the result from the core. No I/O."""

from collections.abc import Iterator

from lbstudy.watch.core import Core
from lbstudy.watch.events import Event
from lbstudy.watch.evidence import Instant, PodStage
from lbstudy.watch.model import (
    ClientResult,
    EventResult,
    FirstCall,
    LeftOutBy,
    LostRequest,
    PodResult,
    ServiceResult,
    SourceResult,
    WatchResult,
    When,
)
from lbstudy.watch.pods import Pod
from lbstudy.watch.rows import ClientRow, client_rows
from lbstudy.watch.service import Service
from lbstudy.watch.silence import certain_until, is_proven, made_enough, silence


def build(core: Core, ended: float) -> WatchResult:
    """Return what the watch found, at its end."""
    return WatchResult(
        began=core.began,
        ended=ended,
        patience=core.patience,
        sources=[
            SourceResult(name=source.name, has=source.has, lacks=source.lack) for source in core.sources
        ],
        services=[_service(service, core, ended) for service in core.services.values()],
        events=[_event(event) for event in core.events],
        events_in_all=core.told,
    )


def _service(service: Service, core: Core, now: float) -> ServiceResult:
    return ServiceResult(
        name=service.name,
        pods=[_pod(service, pod, core.patience, now) for pod in service],
        clients=[_client(service, row) for row in client_rows(service, now)],
    )


def _client(service: Service, row: ClientRow) -> ClientResult:
    workload = service.workloads.get(row.name)
    assert workload is not None
    failures = workload.failures
    return ClientResult(
        name=row.name,
        pods=row.pods,
        requests=row.calls,
        since=row.since,
        addresses_known=row.known,
        ready=row.ready,
        last_update=row.last_update,
        connections=row.connections,
        told_until=workload.spans_until,
        lost=failures.count,
        newest_lost=[LostRequest(at=at, code=code) for at, code in failures.newest],
        unplaced=list(failures.unplaced),
    )


def _pod(service: Service, pod: Pod, patience: float, now: float) -> PodResult:
    first = service.first(pod)
    stages: dict[PodStage, Instant] = {
        stage: when for stage, when in pod.stages.items() if stage is not PodStage.FIRST_REQUEST
    }
    if first is not None:
        stages[PodStage.FIRST_REQUEST] = first
    created = pod.stages.get(PodStage.CREATED)
    return PodResult(
        name=pod.name,
        ip=pod.ip,
        status=pod.status,
        came=created is not None and created.at >= service.began,
        went=pod.gone,
        stages={stage.value: _when(stages[stage]) for stage in PodStage if stage in stages},
        last_ready=None if pod.last_ready is None else _when(pod.last_ready),
        first_request=None if first is None else _when(first),
        requests={source.value: tally.count for source, tally in pod.tallies.items()},
        silent=None if pod.last is None or pod.status != "Ready" else max(0.0, now - pod.last),
        uncalled=silence(service, pod, now, patience) is not None,
        callers=[
            FirstCall(
                workload=name,
                first=_when(caller.first),
                requests=caller.count,
                pods=len(caller.pods),
                before=pod.before.get(name, 0),
            )
            for name, caller in sorted(pod.callers().items())
            if caller.first is not None
        ],
        others=_others(service, pod),
        observed_until=certain_until(service, pod, now),
        proven=is_proven(service, pod),
        left_out_by=list(_left_out_by(service, pod, now)),
    )


def _others(service: Service, pod: Pod) -> int | None:
    if pod.all_before is not None:
        return pod.all_before
    return None if pod.ready is None or pod.called else service.count - pod.all_busy


def _left_out_by(service: Service, pod: Pod, now: float) -> Iterator[LeftOutBy]:
    callers = pod.callers()
    for workload in service.workloads:
        until = service.requests_told_until(workload.name)
        if pod.ready is None or until is None or workload.name in callers:
            continue
        if made_enough(service, pod, workload):
            lag = max(service.lag(source) for source in workload.counts)
            yield LeftOutBy(workload=workload.name, until=min(until, now - lag))


def _when(instant: Instant) -> When:
    return When(at=instant.at, error=instant.error)


def _event(event: Event) -> EventResult:
    return EventResult(
        at=event.at,
        service=event.service,
        kind=event.kind.value,
        text=event.text,
        pods=list(event.pods),
        why={workload: why.value for workload, why in event.why},
    )
