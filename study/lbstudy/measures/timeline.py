"""The timeline: everything on one time axis, in buckets of equal width.

A bucket is 1 s wide, or wider in a long run: there are at most 600. The first begins with the load; the last
contains the end of the last RPC. An answered RPC, an unanswered one and an error count for the bucket in
which they *ended* (a stream counts as answered with its first message). Latency, which streams do not have,
counts for the bucket in which the RPC was *due*. ``fair_share`` is the answered rate ÷ the mean number of
Ready servers in the bucket, ``coverage`` the share of the servers Ready for all of the bucket that answered
in it, ``addresses`` the mean length of the clients' address lists at the bucket's end.
"""

import math
from typing import Any, Final

import numpy as np
from grpc_lb_instrumentor.records import Outcome
from numpy.typing import NDArray

from lbstudy.measures.codes import OK
from lbstudy.measures.delays import unseen
from lbstudy.measures.failures import are_failures_timed
from lbstudy.measures.latency import due_at, exact_quantiles, without_streams
from lbstudy.measures.moments import moments
from lbstudy.measures.readiness import is_ready_throughout, mean_ready, ready_steps
from lbstudy.observation.known import Seen, Unseen
from lbstudy.observation.push import CAUSE as PUSH
from lbstudy.observation.records import NO_SERVER, FaultPeriod, Lane, PodLife, Update
from lbstudy.observation.streams import answered_at
from lbstudy.result.model import Link, Ready, Timeline, TimelineEvent

Floats = NDArray[np.float64]

MOST_BUCKETS: Final = 600
MOST_UPDATES: Final = 500
"""If there are more resolver updates, only those that changed the list or failed are listed."""
_WIDTHS: Final = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
GOOD_OUTCOMES: Final = frozenset({Outcome.CHANGED.value, Outcome.UNCHANGED.value})
"""The outcomes of a resolver update that set the client's address list; others leave it unchanged."""


def timeline(lane: Lane) -> Timeline:
    """Return what is drawn on one time axis."""
    rpcs = lane.rpcs
    span = max(lane.end, float(rpcs.ended.max(initial=0.0)))
    width = bucket_width(max(span, MOST_BUCKETS * _coarseness(lane)))
    buckets = max(math.ceil(span / width), 1)
    edges = np.arange(buckets + 1, dtype=np.float64) * width
    bucket = np.clip((rpcs.ended / width).astype(np.int64), 0, buckets - 1)
    is_answered = rpcs.server >= 0
    answered = answered_at(rpcs, lane.streams)[is_answered]
    answered_in = np.clip((answered / width).astype(np.int64), 0, buckets - 1)
    reason = unseen(lane.known.answers) if isinstance(lane.known.answers, Unseen) else None
    by_server = np.bincount(
        rpcs.server[is_answered] * np.int64(buckets) + answered_in,
        minlength=len(lane.servers) * buckets,
    ).reshape(len(lane.servers), buckets)
    counted = None if lane.watched is None else lane.watched.counted
    if counted is not None:
        counted_in = np.clip((counted.at / width).astype(np.int64), 0, buckets - 1)
        by_server = np.bincount(
            counted.server * np.int64(buckets) + counted_in,
            weights=counted.count,
            minlength=len(lane.servers) * buckets,
        ).reshape(len(lane.servers), buckets)
    p50, p99 = _latencies(lane, width, buckets)
    timed = are_failures_timed(lane)
    return Timeline(
        bucket=width,
        start=0.0,
        requests={
            server: _list(counts / width) for server, counts in zip(lane.servers, by_server, strict=True)
        }
        if reason is None
        else {},
        unanswered=_seen(
            np.bincount(bucket[rpcs.server == NO_SERVER], minlength=buckets) / width, all_are=timed
        ),
        errors=_seen(np.bincount(bucket[rpcs.code != OK], minlength=buckets) / width, all_are=timed),
        fair_share=fair_shares(by_server.sum(axis=0) / width, mean_ready(lane, edges))
        if reason is None
        else [None] * buckets,
        addresses=_addresses(lane, edges[1:]),
        ready=ready_steps(lane) if lane.watched is None else _since_zero(ready_steps(lane)),
        latency_p50=p50,
        latency_p99=p99,
        coverage=_coverage(lane, edges, by_server) if reason is None else [None] * buckets,
        not_observed=reason,
        events=events(lane),
    )


def _since_zero(steps: list[Ready]) -> list[Ready]:
    """A step function from time zero on."""
    before = [step for step in steps if step.at <= 0]
    return [Ready(at=0.0, servers=step.servers) for step in before[-1:]] + steps[len(before) :]


def _coarseness(lane: Lane) -> float:
    """By how much the instants of answers may be off, where counters tell of them."""
    part = lane.known.answers
    return part.error or 0.0 if isinstance(part, Seen) else 0.0


def _seen(rates: Floats, *, all_are: bool) -> list[float | None]:
    """Return the rates; if not all RPCs of the kind are seen, a rate of 0 becomes None."""
    return [rate if rate or all_are else None for rate in rates.tolist()]


def bucket_width(span: float) -> float:
    """Return the width, in seconds, with which the span fits into the most buckets."""
    for width in _WIDTHS:
        if span <= width * MOST_BUCKETS:
            return width
    return math.ceil(span / MOST_BUCKETS / 3600.0) * 3600.0


def fair_shares(answered: Floats, ready: Floats) -> list[float | None]:
    """Return answered RPC/s ÷ Ready servers, if there was at least one."""
    return [
        rate / servers if servers >= 1 else None
        for rate, servers in zip(answered.tolist(), ready.tolist(), strict=True)
    ]


def events(lane: Lane) -> list[TimelineEvent]:
    """Return what happened at an instant, in order of time."""
    if lane.watched is None:
        listed = [
            TimelineEvent(at=command.at, kind="scale", label=f"scale to {command.servers}")
            for command in lane.commands
        ]
    else:
        listed = [TimelineEvent(at=moment.at, kind="scale", label=moment.label) for moment in moments(lane)]
    is_pushed = any(update.cause == PUSH for update in lane.updates)
    for pod in lane.pods:
        listed.extend(_pod_events(pod, "the pushed list" if is_pushed else "DNS"))
    for fault in lane.faults:
        listed.extend(_fault_events(fault))
    shown = lane.updates
    if len(shown) > MOST_UPDATES:
        shown = tuple(update for update in shown if update.outcome != Outcome.UNCHANGED)
    listed.extend(_update_event(lane, update) for update in shown)
    if lane.watched is not None:
        listed = [event for event in listed if event.at >= 0]  # what was before the watch is none of its news
    return sorted(listed, key=lambda event: event.at)


def _pod_events(pod: PodLife, where: str) -> list[TimelineEvent]:
    stages = [
        ("ready", "is Ready", pod.ready),
        ("published", f"is in {where}", pod.published),
        ("terminating", "is told to stop", pod.terminating),
        ("unpublished", f"is out of {where}", pod.unpublished),
        ("exited", "has exited", pod.exited),
    ]
    for interruption in pod.interruptions:
        stages += [
            ("unready", "is not Ready any more", interruption.unready),
            ("ready", "is Ready again", interruption.ready),
            ("published", f"is in {where} again", interruption.published),
        ]
        if interruption.unpublished != pod.unpublished:
            stages.append(("unpublished", f"is out of {where}", interruption.unpublished))
    return [
        TimelineEvent(at=at, kind=kind, label=f"{pod.name} {what}", server=pod.name)
        for kind, what, at in stages
        if at is not None
    ]


def _fault_events(fault: FaultPeriod) -> list[TimelineEvent]:
    listed = [TimelineEvent(at=fault.began, kind="fault", label=fault.label, server=fault.server)]
    if fault.lifted is not None:
        listed.append(
            TimelineEvent(at=fault.lifted, kind="lifted", label=f"end of: {fault.label}", server=fault.server)
        )
    return listed


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
        label=f"{label}; cause: {update.cause.replace('_', ' ')}" if update.cause else label,
        client=lane.clients[update.client],
        outcome=update.outcome,
        link=Link(trace_id=update.ref.trace_id, span_id=update.ref.span_id) if update.ref else None,
    )


def _latencies(lane: Lane, width: float, buckets: int) -> tuple[list[float | None], list[float | None]]:
    rpcs = without_streams(lane)
    if isinstance(lane.known.latency, Unseen):
        return [None] * buckets, [None] * buckets
    due = due_at(rpcs)
    bucket = np.clip((due / width).astype(np.int64), 0, buckets - 1)
    order = np.argsort(bucket, kind="stable")
    parts = np.split((rpcs.ended - due)[order], np.searchsorted(bucket[order], np.arange(1, buckets)))
    quantiles = [exact_quantiles(part, (0.5, 0.99)) for part in parts]
    return [p50 for p50, _ in quantiles], [p99 for _, p99 in quantiles]


def _addresses(lane: Lane, ends: Floats) -> list[float | None]:
    """Return the mean length of the clients' lists at each bucket's end, over clients with a list."""
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


def _coverage(lane: Lane, edges: Floats, by_server: NDArray[Any]) -> list[float | None]:
    shares: list[float | None] = []
    for i in range(len(edges) - 1):
        ready = [
            server
            for server, pod in enumerate(lane.pods)
            if is_ready_throughout(pod, float(edges[i]), float(edges[i + 1]))
        ]
        shares.append(float(np.mean(by_server[ready, i] > 0)) if ready else None)
    return shares


def _list(values: Floats) -> list[float]:
    return [float(value) for value in values]
