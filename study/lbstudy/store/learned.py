"""What clients learned of the servers, and what became of their connections to them, out of a run's store."""

import json
from collections.abc import Callable, Sequence
from typing import Any, Final

from grpc_lb_instrumentor import names

from lbstudy.observation.addresses import unmapped
from lbstudy.observation.push import read_push
from lbstudy.observation.records import SpanRef, Transition, Update
from lbstudy.observation.transitions import in_order
from lbstudy.store.database import RunStore

Seconds = Callable[[int], float]
"""From ns since the Unix epoch to seconds since time zero."""

_EVENTS: Final = """
SELECT coalesce(pod, ''), coalesce(channel_id, 0), start_unix_nano, end_unix_nano, attributes,
    trace_id, span_id
FROM spans WHERE setting = $setting AND name = $name ORDER BY end_unix_nano, start_unix_nano
"""

_PUSHES: Final = """
SELECT start_unix_nano, end_unix_nano, attributes, trace_id, span_id
FROM spans WHERE name = $name ORDER BY end_unix_nano, start_unix_nano
"""


def updates(
    store: RunStore, seconds: Seconds, setting: str, clients: dict[tuple[str, int], int]
) -> tuple[Update, ...]:
    """The updates that the clients' resolvers made."""
    listed = []
    for row in _events(store, setting, names.SPAN_RESOLVER_UPDATE):
        pod, channel, start, end, text, trace, span = row
        values = json.loads(text)
        listed.append(
            Update(
                client=clients[pod, channel],
                started=seconds(start),
                ended=seconds(end),
                outcome=str(values.get(names.RESOLVER_OUTCOME, "")),
                cause=str(values.get(names.RESOLVER_CAUSE, "")),
                addresses=frozenset(values.get(names.RESOLVER_ADDRESSES) or ()),
                added=frozenset(values.get(names.RESOLVER_ADDED) or ()),
                removed=frozenset(values.get(names.RESOLVER_REMOVED) or ()),
                ref=SpanRef(trace, span),
                families=tuple(values.get(names.RESOLVER_FAMILIES) or ()),
                missing=tuple(str(values.get(names.RESOLVER_MISSING, "")).split()),
                questions=values.get(names.RESOLVER_QUESTIONS),
            )
        )
    return tuple(listed)


def pushes(store: RunStore, seconds: Seconds, clients: dict[tuple[str, int], int]) -> tuple[Update, ...]:
    """What a control plane told the clients, each as an update at the instant of the client's ACK.

    A client process follows the control plane once, for all its channels.
    """
    rows = store.query(_PUSHES, {"name": names.SPAN_PUSH})
    channels: dict[str, list[int]] = {}
    for (pod, _), client in clients.items():
        channels.setdefault(pod, []).append(client)
    taken = []
    for start, end, text, trace, span in rows:
        push = read_push(json.loads(text))
        if push is not None:
            taken += [
                push.update(client, seconds(start), seconds(end), SpanRef(trace, span))
                for client in channels.get(push.node, ())
            ]
    return tuple(taken)


def transitions(
    store: RunStore, seconds: Seconds, setting: str, clients: dict[tuple[str, int], int]
) -> tuple[Transition, ...]:
    """The states that the clients' subchannels entered."""
    entered = []
    for row in _events(store, setting, names.SPAN_SUBCHANNEL):
        pod, channel, start, _, text, trace, span = row
        values = json.loads(text)
        entered.append(
            Transition(
                client=clients[pod, channel],
                subchannel=int(values.get(names.SUBCHANNEL_ID, -1)),
                address=_address(values),
                state=str(values.get(names.SUBCHANNEL_STATE, "")),
                at=seconds(start),
                ref=SpanRef(trace, span),
            )
        )
    return in_order(entered)


def connections(
    store: RunStore, seconds: Seconds, clients: Sequence[tuple[str, int]]
) -> tuple[list[Transition], float | None]:
    """What the kernel showed of the clients' connections, and how often it was looked at; None: never.

    A client is a process here: to the kernel its channels are one.
    """
    if not store.has("connections", "pod"):
        return [], None
    index = {pod: i for i, (pod, _) in reversed(list(enumerate(clients)))}
    rows = store.query(
        "SELECT at_unix_nano, error, pod, state, local, remote FROM connections "
        "WHERE list_contains($pods, pod) ORDER BY at_unix_nano",
        {"pods": list(index)},
    )
    is_watched = any(state == "watched" for _, _, _, state, *_ in rows)
    every = max(error for _, error, *_ in rows) if is_watched else None
    numbers: dict[tuple[str, str], int] = {}
    seen = []
    for at, error, pod, state, local, remote in rows:
        if state == "watched":
            continue
        if state == "open":
            numbers[pod, local] = len(numbers)
        seen.append(
            Transition(
                client=index[pod],
                subchannel=numbers.get((pod, local), -1),
                address=remote,
                state="ready" if state == "open" else "removed",
                at=seconds(at),
                ref=None,
                error=error,
            )
        )
    return seen, every


def _events(store: RunStore, setting: str, name: str) -> Sequence[tuple[Any, ...]]:
    return store.query(_EVENTS, {"setting": setting, "name": name})


def _address(values: dict[str, Any]) -> str:
    """The peer as one text, "127.0.1.2:50051" or "[::1]:50051"."""
    host = unmapped(str(values.get(names.NETWORK_PEER_ADDRESS, "")))
    port = values.get(names.NETWORK_PEER_PORT)
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
