"""What happens, in words, each event once. No I/O: the caller passes the time."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from lbstudy.watch.clients import Workload
from lbstudy.watch.evidence import Instant, SourceState
from lbstudy.watch.pods import Pod
from lbstudy.watch.reasons import Why, reason
from lbstudy.watch.service import Service
from lbstudy.watch.silence import Silence, fell_silent, is_observable, made_enough, silence
from lbstudy.watch.words import ago, counted, listed

AGAIN: Final = (1.0, 4.0, 60.0, 360.0)
"""An uncalled pod is reported after so many times the patience, and then each time the last one has passed.
"""
_UNKNOWN_AFTER: Final = 4  # times the patience, as the first samples of a counter may take a while


class EventKind(StrEnum):
    """What an event is about."""

    POD = "pod"
    FIRST_REQUEST = "first request"
    UNCALLED = "uncalled"
    NOT_OBSERVED = "not observed"
    SILENT = "silent"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, or that was found out.

    Attributes:
        at: s since the Unix epoch.
        pods: the pods that it is about.
        why: for an uncalled pod, by client workload.
    """

    at: float
    service: str
    kind: EventKind
    text: str
    pods: tuple[str, ...] = ()
    why: tuple[tuple[str, Why], ...] = ()


@dataclass(slots=True)
class _Told:
    """What has been reported about a pod."""

    status: str = ""
    ready: Instant | None = None
    first: bool = False  # its first request was reported
    named: int = 0  # how often it was reported as uncalled
    by: set[str] = field(default_factory=set)  # workloads that were reported not to call it
    unobserved: bool = False
    silent: bool = False


class Events:
    """Looks at a Service repeatedly, and reports what is new.

    Args:
        service: the watched Service.
        patience: s, after which a Ready pod that nobody calls is reported.
    """

    def __init__(self, service: Service, patience: float) -> None:
        self._service = service
        self._patience = patience
        self._told: dict[str, _Told] = {}

    def begin(self) -> None:
        """Note that everything known now is not new."""
        for pod in self._service:
            self._told[pod.name] = _Told(pod.status, pod.ready)

    def look(self, now: float) -> Iterator[Event]:
        """Yield what is new at this instant."""
        for pod in self._service:
            reported = self._told.setdefault(pod.name, _Told())
            yield from self._status(pod, reported, now)
            if pod.status == "Ready":
                yield from self._first(pod, reported, now)
                yield from self._uncalled(pod, reported, now)
                yield from self._uncalled_by_some(pod, reported, now)
                yield from self._fell_silent(pod, reported, now)
        present = {pod.name for pod in self._service}
        self._told = {name: reported for name, reported in self._told.items() if name in present}

    def _status(self, pod: Pod, reported: _Told, now: float) -> Iterator[Event]:
        if pod.status == reported.status and pod.ready == reported.ready:
            return
        before = reported.status
        reported.status, reported.ready = pod.status, pod.ready
        reported.first, reported.named, reported.unobserved, reported.silent = False, 0, False, False
        reported.by.clear()
        if not before and pod.status == "not Ready":
            yield self._event(now, EventKind.POD, f"{pod.name} was created", pod)
        else:
            yield self._event(now, EventKind.POD, f"{pod.name} is {pod.status}", pod)

    def _first(self, pod: Pod, reported: _Told, now: float) -> Iterator[Event]:
        first = self._service.first(pod)
        if reported.first or first is None or pod.ready is None:
            return
        reported.first = True
        callers = sorted(pod.callers())
        by = f", from {listed(callers)}" if callers else ""
        text = f"{pod.name} got its first request {after_ready(pod.ready, first)}{by}"
        yield self._event(now, EventKind.FIRST_REQUEST, text, pod)

    def _uncalled(self, pod: Pod, reported: _Told, now: float) -> Iterator[Event]:
        since = self._service.since(pod)
        if since is None or now - since < self._again(reported.named):
            return
        silent = silence(self._service, pod, now, self._patience)
        if silent is None:
            waited = now - since >= _UNKNOWN_AFTER * self._patience
            if (
                waited
                and not pod.called
                and not reported.unobserved
                and not is_observable(self._service, pod)
            ):
                reported.unobserved = True
                text = f"{pod.name} is Ready for {ago(now - since)}; whether anybody calls it is not observed"
                yield self._event(now, EventKind.NOT_OBSERVED, text, pod)
            return
        while now - since >= self._again(reported.named):
            reported.named += 1
        text, why = self._named(pod, silent, now)
        yield self._event(now, EventKind.UNCALLED, text, pod, why)

    def _again(self, named: int) -> float:
        """Return the seconds after which a pod that was reported so often is reported again."""
        if named < len(AGAIN):
            return AGAIN[named] * self._patience
        return AGAIN[-1] * self._patience * (named - len(AGAIN) + 2)

    def _named(self, pod: Pod, silent_pod: Silence, now: float) -> tuple[str, tuple[tuple[str, Why], ...]]:
        assert pod.ready is not None
        text = f"{pod.name} is Ready for {ago(now - pod.ready.at)}"
        if pod.ready.at < self._service.began:
            text += f", watched for {ago(now - self._service.began)}"
        if silent_pod.is_of_servers:
            text += f", and no request to it was observed ({silent_pod.source})"
        else:
            text += f", and no client that tells of itself has called it ({silent_pod.source})"
        if silent_pod.unproven:
            text += "; no pod of its template has told of a request yet, so it may be that it tells of none"
        parts, why = [], []
        for workload in self._service.workloads:
            silent = sorted(workload.present(now))
            if silent:
                because = reason(pod, workload, silent, now)
                parts.append(f"{who(workload, silent, now)} not called it: {because.words}")
                why.append((workload.name, because.why))
        if not parts:
            because = reason(pod, None, (), now)
            which = "which clients there are is not observed either: spans of clients would tell"
            parts.append(because.words if because.why is not Why.NOT_OBSERVED else which)
        return f"{text}; {'; '.join(parts)}", tuple(why)

    def _uncalled_by_some(self, pod: Pod, reported: _Told, now: float) -> Iterator[Event]:
        since = self._service.since(pod)
        if not pod.called or since is None or now - since < self._patience:
            return
        callers = pod.callers()
        for workload in self._service.workloads:
            if workload.name in callers or workload.name in reported.by:
                continue
            silent = sorted(workload.present(now))
            if not silent or not made_enough(self._service, pod, workload):
                continue
            reported.by.add(workload.name)
            because = reason(pod, workload, silent, now)
            text = (
                f"{pod.name} is Ready for {ago(now - since)} and others call it;"
                f" {who(workload, silent, now)} not called it: {because.words}"
            )
            yield self._event(now, EventKind.UNCALLED, text, pod, ((workload.name, because.why),))

    def _fell_silent(self, pod: Pod, reported: _Told, now: float) -> Iterator[Event]:
        since = fell_silent(self._service, pod, now, 3 * self._patience)
        if since is None:
            reported.silent = False
        elif not reported.silent:
            reported.silent = True
            text = f"{pod.name} got no request for {ago(now - since)}, while other pods did"
            yield self._event(now, EventKind.SILENT, text, pod)

    def _event(
        self, now: float, kind: EventKind, text: str, pod: Pod, why: tuple[tuple[str, Why], ...] = ()
    ) -> Event:
        return Event(now, self._service.name, kind, text, (pod.name,), why)


class SourceEvents:
    """Reports when a source goes or comes back."""

    def __init__(self) -> None:
        self.states: dict[str, SourceState] = {}
        self._were_whole: set[str] = set()  # sources that lacked nothing at some time

    def take(self, state: SourceState) -> Event | None:
        """Note a source's state; returns an event if it has changed."""
        before = self.states.get(state.name)
        self.states[state.name] = state
        if before is None or before.lack == state.lack:
            pass
        elif state.lack:
            return Event(
                state.at,
                "",
                EventKind.SOURCE,
                f"{state.name}: {state.lack}; the watch goes on with what is left",
            )
        elif state.name in self._were_whole:
            return Event(
                state.at, "", EventKind.SOURCE, f"{state.name}: back, with {state.has or 'nothing yet'}"
            )
        else:
            self._were_whole.add(state.name)
            return Event(state.at, "", EventKind.SOURCE, f"{state.name}: {state.has}")
        if not state.lack:
            self._were_whole.add(state.name)
        return None


def after_ready(ready: Instant, first: Instant) -> str:
    """Describe a first request after Ready: "0.35 s after it was Ready", with its bounds if they are wide."""
    latest = first.at - ready.earliest
    earliest = first.earliest - ready.at
    if latest - earliest < 0.05:
        return f"{ago(latest)} after it was Ready" if latest >= 0 else "as soon as it was Ready"
    if earliest <= 0:
        return f"at most {ago(latest)} after it was Ready"
    return f"{ago(earliest)} to {ago(latest)} after it was Ready"


def who(workload: Workload, silent: list[str], now: float) -> str:
    """Describe whose pods they are, such as "checkout (6 of 6 pods) has"."""
    return f"{workload.name} ({len(silent)} of {counted(len(workload.present(now)), 'pod')}) has"
