"""The timeline: everything on one time axis, in buckets of equal width.

A bucket is 1 s wide, or wider in a long run: there are at most 600. The first begins with the load; the last
one holds the last RPC that ended. An answered RPC, an unanswered one and an error count for the bucket in
which they *ended*; latency for the one in which the RPC was *due*. ``fair_share`` is the answered rate ÷ the
mean number of Ready servers in the bucket, ``coverage`` the share of the servers Ready for all of the bucket
that answered in it, ``addresses`` the mean length of the clients' address lists at the bucket's end.
"""

import math
from typing import Final

import numpy as np
from grpc_lb_instrumentor.records import Outcome
from numpy.typing import NDArray

from lbstudy.measures.codes import OK
from lbstudy.measures.latency import due_at, exact_quantiles
from lbstudy.measures.readiness import is_ready_throughout, mean_ready, ready_steps
from lbstudy.observation.records import NO_SERVER, FaultPeriod, Lane, PodLife, Update
from lbstudy.result.model import Link, Timeline, TimelineEvent

Floats = NDArray[np.float64]

MOST_BUCKETS: Final = 600
MOST_UPDATES: Final = 500
"""With more resolver updates than this, only those that changed the list, or failed, are told one by one."""
_WIDTHS: Final = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
GOOD_OUTCOMES: Final = frozenset({Outcome.CHANGED.value, Outcome.UNCHANGED.value})
"""The outcomes of a resolver update that give the client its address list; others leave it as it was."""


def timeline(lane: Lane) -> Timeline:
    """What is drawn on one time axis."""
    rpcs = lane.rpcs
    span = max(lane.end, float(rpcs.ended.max(initial=0.0)))
    width = bucket_width(span)
    buckets = max(math.ceil(span / width), 1)
    edges = np.arange(buckets + 1, dtype=np.float64) * width
    bucket = np.clip((rpcs.ended / width).astype(np.int64), 0, buckets - 1)
    is_answered = rpcs.server != NO_SERVER
    by_server = np.bincount(
        rpcs.server[is_answered] * np.int64(buckets) + bucket[is_answered],
        minlength=len(lane.servers) * buckets,
    ).reshape(len(lane.servers), buckets)
    p50, p99 = _latencies(lane, width, buckets)
    return Timeline(
        bucket=width,
        start=0.0,
        requests={
            server: _list(counts / width) for server, counts in zip(lane.servers, by_server, strict=True)
        },
        unanswered=_list(np.bincount(bucket[~is_answered], minlength=buckets) / width),
        errors=_list(np.bincount(bucket[rpcs.code != OK], minlength=buckets) / width),
        fair_share=fair_shares(by_server.sum(axis=0) / width, mean_ready(lane, edges)),
        addresses=_addresses(lane, edges[1:]),
        ready=ready_steps(lane),
        latency_p50=p50,
        latency_p99=p99,
        coverage=_coverage(lane, edges, by_server),
        events=events(lane),
    )


def bucket_width(span: float) -> float:
    """The width, in seconds, at which so long a time fits into the most buckets."""
    for width in _WIDTHS:
        if span <= width * MOST_BUCKETS:
            return width
    return math.ceil(span / MOST_BUCKETS / 3600.0) * 3600.0


def fair_shares(answered: Floats, ready: Floats) -> list[float | None]:
    """Answered RPC/s ÷ Ready servers, where there was at least one."""
    return [
        rate / servers if servers >= 1 else None
        for rate, servers in zip(answered.tolist(), ready.tolist(), strict=True)
    ]


def events(lane: Lane) -> list[TimelineEvent]:
    """What happened at an instant, in order of time."""
    found = [
        TimelineEvent(at=command.at, kind="scale", label=f"scale to {command.servers}")
        for command in lane.commands
    ]
    for pod in lane.pods:
        found.extend(_pod_events(pod))
    for fault in lane.faults:
        found.extend(_fault_events(fault))
    shown = lane.updates
    if len(shown) > MOST_UPDATES:
        shown = tuple(update for update in shown if update.outcome != Outcome.UNCHANGED)
    found.extend(_update_event(lane, update) for update in shown)
    return sorted(found, key=lambda event: event.at)


def _pod_events(pod: PodLife) -> list[TimelineEvent]:
    stages = [
        ("ready", "is Ready", pod.ready),
        ("published", "is in DNS", pod.published),
        ("terminating", "is told to stop", pod.terminating),
        ("unpublished", "is out of DNS", pod.unpublished),
        ("exited", "has exited", pod.exited),
    ]
    for interruption in pod.interruptions:
        stages += [
            ("unready", "is not Ready any more", interruption.unready),
            ("ready", "is Ready again", interruption.ready),
            ("published", "is in DNS again", interruption.published),
        ]
        if interruption.unpublished != pod.unpublished:
            stages.append(("unpublished", "is out of DNS", interruption.unpublished))
    return [
        TimelineEvent(at=at, kind=kind, label=f"{pod.name} {what}", server=pod.name)
        for kind, what, at in stages
        if at is not None
    ]


def _fault_events(fault: FaultPeriod) -> list[TimelineEvent]:
    found = [TimelineEvent(at=fault.began, kind="fault", label=fault.label, server=fault.server)]
    if fault.lifted is not None:
        found.append(
            TimelineEvent(at=fault.lifted, kind="lifted", label=f"end of: {fault.label}", server=fault.server)
        )
    return found


def _update_event(lane: Lane, update: Update) -> TimelineEvent:
    if update.outcome in GOOD_OUTCOMES:
        label = f"{len(update.addresses)} address{'es' if len(update.addresses) != 1 else ''}"
        if update.added or update.removed:
            label += f" (+{len(update.added)} −{len(update.removed)})"
    else:
        label = update.outcome
    return TimelineEvent(
        at=update.ended,
        kind="update",
        label=f"{label}; cause: {update.cause.replace('_', ' ')}",
        client=lane.clients[update.client],
        outcome=update.outcome,
        link=Link(trace_id=update.ref.trace_id, span_id=update.ref.span_id),
    )


def _latencies(lane: Lane, width: float, buckets: int) -> tuple[list[float | None], list[float | None]]:
    rpcs = lane.rpcs
    due = due_at(rpcs)
    bucket = np.clip((due / width).astype(np.int64), 0, buckets - 1)
    order = np.argsort(bucket, kind="stable")
    parts = np.split((rpcs.ended - due)[order], np.searchsorted(bucket[order], np.arange(1, buckets)))
    quantiles = [exact_quantiles(part, (0.5, 0.99)) for part in parts]
    return [p50 for p50, _ in quantiles], [p99 for _, p99 in quantiles]


def _addresses(lane: Lane, ends: Floats) -> list[float | None]:
    """The mean length of the clients' lists at each bucket's end; of the clients that have one by then."""
    total, clients = np.zeros(len(ends)), np.zeros(len(ends))
    for client in range(len(lane.clients)):
        good = [
            update for update in lane.updates if update.client == client and update.outcome in GOOD_OUTCOMES
        ]
        latest = np.searchsorted([update.ended for update in good], ends, side="right") - 1
        lengths = np.array([len(update.addresses) for update in good] or [0], dtype=np.float64)
        total += np.where(latest >= 0, lengths[np.maximum(latest, 0)], 0.0)
        clients += latest >= 0
    return [t / n if n else None for t, n in zip(total.tolist(), clients.tolist(), strict=True)]


def _coverage(lane: Lane, edges: Floats, by_server: NDArray[np.int64]) -> list[float | None]:
    found: list[float | None] = []
    for i in range(len(edges) - 1):
        ready = [
            server
            for server, pod in enumerate(lane.pods)
            if is_ready_throughout(pod, float(edges[i]), float(edges[i + 1]))
        ]
        found.append(float(np.mean(by_server[ready, i] > 0)) if ready else None)
    return found


def _list(values: Floats) -> list[float]:
    return [float(value) for value in values]
