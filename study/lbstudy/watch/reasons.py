"""Why a client workload does not call a Ready pod, as far as that is observed. No I/O."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from lbstudy.watch.clients import ClientPod, Workload
from lbstudy.watch.pods import Pod
from lbstudy.watch.words import ago


class Why(StrEnum):
    """What keeps a client's requests from a pod."""

    NOT_LISTED = "not listed"
    WAITS = "waits"
    OLD_ANSWER = "old answer"
    CONNECTED = "connected"
    CONNECTING = "connecting"
    KNOWS = "knows"
    NOT_OBSERVED = "not observed"


@dataclass(frozen=True, slots=True)
class Reason:
    """The reason, and the same in words that follow a colon."""

    why: Why
    words: str


def reason(pod: Pod, workload: Workload | None, silent: Collection[str], now: float) -> Reason:
    """Return why a workload's pods do not call a Ready pod.

    Args:
        pod: the pod that is not called.
        workload: the client workload; None: nothing is known of any client.
        silent: the names of its pods that do not call.
        now: s since the Unix epoch.
    """
    if pod.listed is False:
        return Reason(
            Why.NOT_LISTED, "no EndpointSlice of the Service lists it as ready, so no client is told of it"
        )
    known = {} if workload is None else workload.present(now)
    updated = [client for name, client in known.items() if name in silent and client.last_update is not None]
    if pod.ready is None or not updated:
        return Reason(
            Why.NOT_OBSERVED,
            "why is not observed: the instrumentor in the client would tell its resolver updates",
        )
    states = set[str]().union(*(client.states(pod.ip) for client in updated))
    return _by_connections(states) if states else _by_updates(pod.ip, pod.ready.at, updated, now)


def _by_connections(states: set[str]) -> Reason:
    if "READY" in states:
        return Reason(
            Why.CONNECTED,
            "they are connected to it and send it nothing: their balancing policy does not pick it",
        )
    return Reason(Why.CONNECTING, f"their connection to it is {' or '.join(sorted(states))}")


def _by_updates(address: str, ready: float, updated: list[ClientPod], now: float) -> Reason:
    latest = max(client.last_update or 0.0 for client in updated)
    if all(client.knows(address) for client in updated):
        return Reason(
            Why.KNOWS,
            f"they know its address (last resolver update {ago(now - latest)} ago),"
            " and no connection to it is observed",
        )
    if latest < ready:
        return Reason(
            Why.WAITS,
            f"their last resolver update was {ago(now - latest)} ago, before it was Ready:"
            " they are waiting for a connection to end",
        )
    if not address or not all(client.updates for client in updated):
        return Reason(
            Why.NOT_OBSERVED,
            f"their last resolver update was {ago(now - latest)} ago, since it is Ready;"
            " whether it had its address is not observed: the clients' spans would tell",
        )
    return Reason(
        Why.OLD_ANSWER,
        f"their last resolver update, {ago(now - latest)} ago, did not have its address:"
        " what told them was behind, and they ask again when a connection ends",
    )
