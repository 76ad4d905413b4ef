"""Whether every client called in time the pods that became Ready during a watch. No I/O.

The instants of a watch have bounds of error. A first request is in time only if even its longest possible
delay is within the limit, and late only if even its shortest possible delay exceeds it; between the two it is
undecided. A client that never called a pod is late if its requests to other pods were reported for longer
than the limit. A client is called late only if it made so many requests to other pods meanwhile that some
should have reached this pod, by the watch's own rule.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lbstudy.gate.model import State
from lbstudy.watch.model import ClientResult, FirstCall, PodResult, ServiceResult, WatchResult, When
from lbstudy.watch.silence import enough
from lbstudy.watch.words import ago

ANYBODY: Final = "anybody"


@dataclass(frozen=True, slots=True)
class Called:
    """What a watch shows of one pod and one client workload.

    Attributes:
        client: the workload; "anybody" if it is not about a certain workload.
        words: the finding, as a sentence without its full stop.
        latest: s, the longest possible time from Ready to its first request; None: it made none.
    """

    pod: str
    client: str
    state: State
    words: str
    latest: float | None = None


def new_pods(service: ServiceResult, began: float) -> list[PodResult]:
    """Return the pods that became Ready during the watch."""
    return [pod for pod in service.pods if pod.last_ready is not None and pod.last_ready.at >= began]


def calls(within: float, service: ServiceResult, watch: WatchResult) -> list[Called]:
    """Return what is known of each pod that became Ready, and each client workload of the Service.

    Args:
        within: s, from Ready to the first request of each client workload.
        service: the Service that was watched.
        watch: the watch.
    """
    return [
        called
        for pod in new_pods(service, watch.began)
        if pod.last_ready is not None
        for called in _pod(within, pod, pod.last_ready, service, watch)
    ]


def _pod(
    within: float, pod: PodResult, ready: When, service: ServiceResult, watch: WatchResult
) -> Iterator[Called]:
    count = sum(other.status == "Ready" for other in service.pods)
    results = [_only_last(_client(within, pod, ready, client), pod, ready) for client in service.clients]
    if any(call.state is State.FAILS for call in results):
        yield from results
    elif (late := _late_for_all(within, pod, ready, count)) is not None:
        yield late
    elif results:
        yield from results
    elif pod.first_request is not None:
        words = f"{pod.name} was called, but which clients called it is not observed: their spans would tell"
        yield Called(pod.name, ANYBODY, State.NOT_OBSERVED, words)
    elif pod.observed_until is None:
        words = f"whether anybody called {pod.name} is not observed{_needs(watch)}"
        yield Called(pod.name, ANYBODY, State.NOT_OBSERVED, words)
    else:
        seen = ago(pod.observed_until - ready.at)
        words = f"nobody was seen to call {pod.name} in the {seen} since it was Ready: too short, or too few"
        yield Called(pod.name, ANYBODY, State.UNDECIDED, f"{words} requests to the others")


def _late_for_all(within: float, pod: PodResult, ready: When, count: int) -> Called | None:
    """Return that nobody called the pod in time while others were called; None if that is not certain."""
    if pod.others is None or not enough(pod.others, count):
        return None
    if (first := pod.first_request) is not None:
        earliest, latest = _delay(ready, first)
        if earliest > within:
            words = f"{pod.name} got its first request {_between(earliest, latest)} after it was Ready"
            return Called(pod.name, ANYBODY, State.FAILS, words, latest)
    elif pod.observed_until is not None and pod.observed_until - ready.at > within:
        seen = ago(pod.observed_until - ready.at)
        words = f"{pod.name} got no request from anybody in the {seen} since it was Ready"
        return Called(pod.name, ANYBODY, State.FAILS, words)
    return None


def _client(within: float, pod: PodResult, ready: When, client: ClientResult) -> Called:
    call = next((caller for caller in pod.callers if caller.workload == client.name), None)
    if call is not None:
        return _called(within, pod, ready, client, call)
    if client.since is None:
        words = f"whether {client.name} called {pod.name} is not observed: none of its requests were told"
        return Called(pod.name, client.name, State.NOT_OBSERVED, words)
    if pod.status != "Ready":
        words = f"{client.name} was not seen to call {pod.name}, which is {pod.status}"
        return Called(pod.name, client.name, State.UNDECIDED, words)
    return _never_called(within, pod, ready, client.name, client.since)


def _never_called(within: float, pod: PodResult, ready: When, client: str, since: float) -> Called:
    left_out = next((workload for workload in pod.left_out_by if workload.workload == client), None)
    if left_out is None:
        words = f"{client} was not seen to call {pod.name}, but it made few requests since that was Ready"
        return Called(pod.name, client, State.UNDECIDED, words)
    seen = left_out.until - max(ready.at, since)
    words = f"{client} did not call {pod.name} in the {ago(seen)} since that was Ready"
    if seen <= within:
        return Called(pod.name, client, State.UNDECIDED, f"{words}, and then the watch ended")
    if not pod.proven:
        words += ", as far as known: no pod of its template has told of any request"
    return Called(pod.name, client, State.FAILS if pod.proven else State.UNDECIDED, words)


def _called(within: float, pod: PodResult, ready: When, client: ClientResult, call: FirstCall) -> Called:
    earliest, latest = _delay(ready, call.first)
    words = f"{client.name} called {pod.name} {_between(earliest, latest)} after that was Ready"
    state = State.UNDECIDED
    if latest <= within:
        state = State.HOLDS
    elif earliest <= within:
        words += f": by the bounds of these instants, that may be within {within:g} s or not"
    elif not enough(call.before, client.ready):
        words += ", but it made few requests until then"
    elif client.since is not None and client.since > ready.at and _since(call, client.since) <= within:
        words += ", but its own first request was not before that"
    else:
        state = State.FAILS
    return Called(pod.name, client.name, state, words, latest)


def _since(call: FirstCall, began: float) -> float:
    """Return the shortest possible time from a client's beginning to its first call of a pod."""
    return call.first.at - call.first.error - began


def _only_last(called: Called, pod: PodResult, ready: When) -> Called:
    """Weaken a finding on a pod that was Ready several times: the watch has only the last time's requests."""
    if called.state is not State.HOLDS or pod.stages.get("ready") == ready:
        return called
    words = f"{called.words} for the last time; what was before is not kept"
    return Called(called.pod, called.client, State.UNDECIDED, words, called.latest)


def _delay(ready: When, first: When) -> tuple[float, float]:
    """Return the shortest and longest possible seconds from Ready to a first request."""
    earliest = max(0.0, first.at - first.error - ready.at)
    return earliest, max(earliest, first.at - (ready.at - ready.error))


def _between(earliest: float, latest: float) -> str:
    if ago(earliest) == ago(latest):
        return ago(latest)
    return f"{ago(earliest)} to {ago(latest)}" if earliest else f"at most {ago(latest)}"


def _needs(watch: WatchResult) -> str:
    lacks = [f"{source.name}: {source.lacks}" for source in watch.sources if source.lacks]
    return f" ({'; '.join(lacks)})" if lacks else ""
