"""Watches the past: the same evidence, from Prometheus alone, or from Prometheus and Jaeger."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lbstudy.backends.http import BackendError
from lbstudy.backends.jaeger import Jaeger
from lbstudy.backends.prometheus import Prometheus, Series
from lbstudy.watch.core import Core
from lbstudy.watch.counters import Counters, Sampled
from lbstudy.watch.events import Event
from lbstudy.watch.evidence import Evidence, EvidenceSource, Instant, Listed, PodGone, PodSeen, SourceState
from lbstudy.watch.jaeger import evidence as spans_of
from lbstudy.watch.series import (
    CLIENT_COUNTS,
    SERVER_COUNTS,
    Labels,
    called_pod,
    joined,
    own_pod,
    server_pod,
)
from lbstudy.watch.spans import Spans
from lbstudy.watch.tempo import NAME as TEMPO
from lbstudy.watch.tempo import Tempo
from lbstudy.watch.words import counted

_BEFORE: Final = 300.0  # s before the period: a series that existed then did not begin in it
_NANO: Final = 1e9
_PRESENT: Final = (("target_info", "k8s_pod_name"), ("grpc_lb_server_inactivity_age_seconds", "k8s_pod_name"))
_OWN: Final = frozenset({"k8s_pod_name", "pod"})  # labels that own_pod reads itself
_STEPS: Final = 2000  # most looks at a metric over the period
# s without a sample, while others have some, after which a pod is gone, if it is also
_GONE_AFTER: Final = 10.0
_GAPS: Final = 4  # at least so many times its usual distance between samples
_SPANS: Final = 2_000_000  # spans that are remembered, as exporters may send a span twice
_LOOKS: Final = 3600  # most looks, however long the period
_READY: Final = (
    # Metrics that say when a pod became Ready, and the label that names the pod.
    ("kube_pod_status_ready_time", "pod"),  # kube-state-metrics
    ("lbstudy_server_ready_time_seconds", "server_k8s_pod_name"),  # a run of this study
)


@dataclass(frozen=True, slots=True)
class Period:
    """From when to when, in s since the Unix epoch."""

    start: float
    end: float


def look_back(
    services: Sequence[str],
    period: Period,
    prometheus: Prometheus,
    jaeger: Jaeger | Tempo | None,
    said: Callable[[str], None],
) -> list[Evidence]:
    """Return what happened in a period, in order of time. Raises BackendError if Prometheus does not answer.

    Args:
        services: each "namespace/service".
        period: the period.
        prometheus: the required source.
        jaeger: it, or a Tempo, adds single requests; None: it is not used. If it fails, that is reported.
        said: called with what is done now, for people.
    """
    said(f"asking {prometheus.url}")
    info = _info(prometheus, period)
    servers = list(_samples(prometheus, SERVER_COUNTS, period))
    last_samples = [
        (joined(part.labels, info), part.samples[-1][0] / _NANO, _gap(part))
        for part in servers
        if part.samples
    ]
    last_samples += [(labels, at, 0.0) for labels, at in _presence(prometheus, period)]
    lives = _lives(services, last_samples, _ready(prometheus, period), period)
    pods = {seen.name: seen.service.partition("/")[0] for seen in lives if isinstance(seen, PodSeen)}
    by_servers = Counters(
        EvidenceSource.SERVER_METRICS, lambda labels: server_pod(joined(labels, info), pods), period.start
    )
    by_clients = Counters(
        EvidenceSource.CLIENT_METRICS, lambda labels: called_pod(labels, pods), period.start
    )
    evidence: list[Evidence] = [
        *lives,
        *_growth(by_servers, servers, period),
        *_growth(by_clients, _samples(prometheus, CLIENT_COUNTS, period), period),
    ]
    lack = "" if pods else "no histogram of requests names a pod of these Services"
    evidence.append(SourceState("Prometheus", counted(len(pods), "pod") if pods else "", lack, period.end))
    if jaeger is None:
        lack = "not asked; --jaeger URL names one, whose spans tell of single requests"
        evidence.append(SourceState("Jaeger", "", lack, period.end))
    else:
        said(f"asking {jaeger.url}")
        evidence += _spans(pods, jaeger, period)
    return sorted(evidence, key=_when)


def replay(core: Core, evidence: Sequence[Evidence], period: Period) -> list[Event]:
    """Have a core watch what happened; returns the events."""
    step = max(1.0, (period.end - period.start) / _LOOKS)
    events: list[Event] = []
    now = period.start
    is_begun = False
    for item in evidence:
        if not is_begun and _when(item) > period.start:
            is_begun = True
            for name in core.services:
                core.begin(name)  # what existed before is not new
        while now + step <= min(_when(item), period.end):
            now += step
            events += core.look(now)
        core.take(item)
    while now + step <= period.end:
        now += step
        events += core.look(now)
    return events


def _when(item: Evidence) -> float:
    match item:
        case PodSeen(ready=Instant(at=at)) | PodGone(at=Instant(at=at)) | Listed(at=Instant(at=at)):
            return at
        case _:
            return item.at if isinstance(item.at, float) else item.at.at


def _samples(prometheus: Prometheus, names: str, period: Period) -> Iterator[Series]:
    yield from prometheus.samples(f'{{__name__=~"{names}"}}', period.start - _BEFORE, period.end)


def _info(prometheus: Prometheus, period: Period) -> dict[tuple[str, str], Labels]:
    # Over the whole period, because pods that are gone now reported during it.
    seconds = round(period.end - period.start + _BEFORE)
    samples = prometheus.query(f"last_over_time(target_info[{seconds}s])", period.end)
    return {
        (sample["metric"].get("job", ""), sample["metric"].get("instance", "")): sample["metric"]
        for sample in samples
    }


def _ready(prometheus: Prometheus, period: Period) -> dict[str, float]:
    """Return when each pod became Ready, by the first source that has it."""
    seconds = round(period.end - period.start + _BEFORE)
    instants: dict[str, float] = {}
    for metric, label in _READY:
        for sample in prometheus.query(f"last_over_time({metric}[{seconds}s])", period.end):
            pod, at = sample["metric"].get(label), float(sample["value"][1])
            if pod and at > 0:
                instants.setdefault(pod, at)
    return instants


def _presence(prometheus: Prometheus, period: Period) -> Iterator[tuple[Labels, float]]:
    """Yield what else pods send, and until when: a pod that nobody calls counts no request."""
    seconds = round(period.end - period.start + _BEFORE)
    step = max(1, round(seconds / _STEPS))
    for metric, label in (*_PRESENT, *_READY):
        query = f"max_over_time(timestamp({metric})[{seconds}s:{step}s])"
        for sample in prometheus.query(query, period.end):
            labels = sample["metric"]
            pod = labels.get(label)
            named = labels if pod is None or label in _OWN else {**labels, "k8s_pod_name": pod}
            yield named, float(sample["value"][1])


def _lives(
    services: Sequence[str],
    last_samples: Sequence[tuple[Labels, float, float]],
    ready: Mapping[str, float],
    period: Period,
) -> list[Evidence]:
    """Return the pods of the watched Services, and their ends.

    Args:
        services: each "namespace/service".
        last_samples: labels of series, the time of the last sample, and the distance of samples, in s.
        ready: pod → when it became Ready.
        period: the period.
    """
    owners: dict[str, str] = {}
    last: dict[str, float] = {}
    gap: dict[str, float] = {}
    for labels, at, apart in last_samples:
        for name in services:
            namespace, _, service = name.partition("/")
            pod = own_pod(labels, namespace, service)
            if pod is not None:
                owners.setdefault(pod, name)
                last[pod] = max(last.get(pod, 0.0), at)
                gap[pod] = max(gap.get(pod, 0.0), apart)
    newest = max((at for _, at, _ in last_samples), default=period.end)
    evidence: list[Evidence] = []
    for pod, name in owners.items():
        since = None if pod not in ready else Instant(ready[pod])
        evidence.append(PodSeen(name, pod, "", period.start, since))
        patience = max(_GONE_AFTER, _GAPS * gap[pod])
        if last[pod] < newest - patience:
            evidence.append(PodGone(name, pod, Instant(last[pod] + patience, patience)))
    return evidence


def _gap(series: Series) -> float:
    """Return the mean distance of samples, in seconds; 0 if there are too few."""
    samples = series.samples
    return (samples[-1][0] - samples[0][0]) / _NANO / (len(samples) - 1) if len(samples) > 1 else 0.0


def _growth(counters: Counters, series: Iterable[Series], period: Period) -> Iterator[Evidence]:
    before: list[Sampled] = []
    within: list[Sampled] = []
    for part in series:
        samples = [(at / _NANO, value) for at, value in part.samples]
        before.append((part.labels, [sample for sample in samples if sample[0] <= period.start]))
        within.append((part.labels, [sample for sample in samples if sample[0] > period.start]))
    for _ in counters.take(before):
        pass  # what was counted before the period does not belong to it
    counters.complete_until(period.start)
    yield from counters.take(within)


def _spans(pods: Mapping[str, str], jaeger: Jaeger | Tempo, period: Period) -> list[Evidence]:
    reader = Spans(pods.__contains__, remembered=_SPANS, calls=True)
    evidence: list[Evidence] = []
    lack = ""
    name = TEMPO if isinstance(jaeger, Tempo) else "Jaeger"
    try:
        if isinstance(jaeger, Tempo):
            for trace in jaeger.traces(period.start, period.end):
                evidence += reader.read(trace, 0.0)
        else:
            for groups in jaeger.traces(round(period.start * _NANO), round(period.end * _NANO)):
                evidence += spans_of(groups, reader, 0.0)
    except BackendError as error:
        lack = f"{error}; what it told until then counts"
    state = SourceState(name, counted(reader.spans, "span"), lack, period.end, incomplete=bool(lack))
    return [*evidence, state]
