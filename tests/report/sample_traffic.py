"""What the sample's clients saw: timeline, distribution, latency, errors."""

import numpy as np
from lbstudy.result.model import (
    Distribution,
    Errors,
    Failure,
    Histogram,
    Latency,
    PhaseDistribution,
    PhaseErrors,
    Quantiles,
    Ready,
    ServerShare,
    Timeline,
    TimelineEvent,
)

from tests.report.sample_lane import BUCKET, DOWN, END, UP, Lane


def timeline(lane: Lane) -> Timeline:
    ready = [(start, len(lane.ready_in(start))) for start in sorted({*lane.ready_at.values(), DOWN})]
    total = np.sum(list(lane.counts.values()), axis=0) / BUCKET
    busy = [len(lane.ready_in(t)) for t in lane.starts]
    addresses = [
        float(
            np.mean(
                [
                    sum(
                        1
                        for s in lane.servers
                        if (f := lane.found_at[s, c]) is not None and f - 0.1 <= t < lane.gone_at[s] + 0.3
                    )
                    for c in lane.clients
                ]
            )
        )
        for t in lane.starts
    ]
    slow = np.where((lane.starts >= DOWN) & (lane.starts < DOWN + 1), 4.0, 1.0)
    active = bool(lane.shape.rate)
    p50 = 0.0213 + 0.0008 * lane.rng.random(len(lane.starts))
    p99 = (0.026 + 0.009 * lane.rng.random(len(lane.starts))) * slow
    return Timeline(
        bucket=BUCKET,
        start=0.0,
        requests={s: [float(v) for v in c / BUCKET] for s, c in lane.counts.items()},
        unanswered=[float(v) for v in lane.errors_per_bucket / BUCKET],
        errors=[float(v) for v in lane.errors_per_bucket / BUCKET],
        fair_share=[float(t / n) if n else None for t, n in zip(total, busy, strict=True)],
        addresses=list(addresses),
        ready=[Ready(at=a, servers=n) for a, n in ready],
        latency_p50=[float(v) if active else None for v in p50],
        latency_p99=[float(v) if active else None for v in p99],
        coverage=[_coverage(lane, b, float(t)) for b, t in enumerate(lane.starts)],
        events=events(lane),
    )


def _coverage(lane: Lane, bucket: int, at: float) -> float | None:
    ready = lane.ready_in(at)
    return sum(lane.counts[s][bucket] > 0 for s in ready) / len(ready) if ready else None


def events(lane: Lane) -> list[TimelineEvent]:
    n = lane.shape
    events = [TimelineEvent(at=-2.0, kind="scale", label=f"0 → {n.initial}")]
    if n.peak > n.initial:
        events.append(TimelineEvent(at=UP, kind="scale", label=f"{n.initial} → {n.peak}"))
    events.append(TimelineEvent(at=DOWN, kind="scale", label=f"{n.peak} → {n.final}"))
    for s in lane.servers:
        at = lane.ready_at[s]
        events.append(TimelineEvent(at=at, kind="ready", label="Ready", server=s))
        events.append(TimelineEvent(at=at + 0.06, kind="published", label="in DNS", server=s))
        if lane.gone_at[s] < END:
            gone = lane.gone_at[s]
            for offset, kind in ((0.02, "terminating"), (0.03, "unpublished"), (0.6, "exited")):
                events.append(TimelineEvent(at=gone + offset, kind=kind, label=kind, server=s))
    for at, client, outcome in lane.updates():
        events.append(
            TimelineEvent(
                at=at,
                kind="update",
                label=f"{outcome} (unknown)",
                client=client,
                outcome=outcome,
                link=lane.link(),
            )
        )
    return sorted(events, key=lambda e: e.at)


def distribution(lane: Lane) -> Distribution:
    phases = []
    for phase in lane.phases():
        inside = (lane.starts >= phase.start) & (lane.starts < phase.end)
        counts = {s: int(c[inside].sum()) for s, c in lane.counts.items()}
        total, n = sum(counts.values()), len(phase.ready)
        x = np.array([counts[s] for s in phase.ready], dtype=float)
        phases.append(
            PhaseDistribution(
                phase=phase.index,
                requests=total,
                fair_share=1 / n if n else 0.0,
                servers=[
                    ServerShare(
                        server=s, requests=k, share=k / total if total else 0.0, ready=s in phase.ready
                    )
                    for s, k in counts.items()
                    if k or s in phase.ready
                ],
                largest_deviation=float(max(abs(x / total * n - 1))) if total and n else None,
                jain=float(x.sum() ** 2 / (n * (x**2).sum())) if total and n else None,
                chi2_p=(0.83 if x.min() > 0.9 * x.max() else 1.4e-118) if total and n else None,
                coverage=float((x > 0).mean()) if total and n else None,
            )
        )
    return Distribution(total={s: int(c.sum()) for s, c in lane.counts.items()}, phases=phases)


def latency(lane: Lane) -> Latency:
    active = bool(lane.shape.rate)

    def quantiles(count: int, factor: float) -> Quantiles:
        if not active:
            return Quantiles(
                count=0, p50=None, p90=None, p99=None, largest=None, sent_p50=None, sent_p99=None
            )
        return Quantiles(
            count=count,
            p50=0.0216,
            p90=0.0239 * factor,
            p99=0.0307 * factor,
            largest=0.187 * factor,
            sent_p50=0.0212,
            sent_p99=0.0279 * factor,
        )

    total = lane.answered()
    bounds = [0.016, 0.0178, 0.02, 0.0224, 0.0251, 0.0282, 0.0316, 0.0355, 0.0398, 0.05, 0.063, 0.1, 0.2]
    weights = [0, 0, 0.72, 0.21, 0.03, 0.02, 0.008, 0.005, 0.003, 0.002, 0.001, 0.001]
    return Latency(
        all=quantiles(total, 1.0),
        steady=quantiles(total * 3 // 4, 0.95),
        transition=quantiles(total // 4, 1.6),
        transition_window=5.0,
        histogram=Histogram(bounds=bounds, counts=[int(w * total) for w in weights]),
        offered_rate=lane.shape.rate,
        achieved_rate=lane.shape.rate,
        lateness_p50=0.0004 if active else None,
        lateness_p99=0.0021 if active else None,
        lateness_max=0.0094 if active else None,
    )


def errors(lane: Lane) -> Errors:
    answered, failed = lane.answered(), lane.failed()
    victim = lane.servers[-1] if lane.shape.discovers else ""
    codes = ["CANCELLED", "UNAVAILABLE"]
    failures = [
        Failure(
            at=DOWN + 0.03 * (k + 1),
            code=codes[k % 2],
            server=victim or None,
            client=lane.clients[k % len(lane.clients)],
            latency=0.0121 + k * 0.004,
            link=lane.link(),
        )
        for k in range(failed)
    ]
    by_code = {"OK": answered}
    for f in failures:
        by_code[f.code] = by_code.get(f.code, 0) + 1
    phases = lane.phases()
    per_phase = distribution(lane).phases
    return Errors(
        client_by_code=by_code if answered else {},
        server_by_code={"OK": answered, "CANCELLED": failed // 2} if answered else {},
        ratio=failed / (answered + failed) if answered else None,
        phases=[
            PhaseErrors(
                phase=p.index,
                requests=d.requests + (failed if p is phases[-1] else 0),
                errors=failed if p is phases[-1] else 0,
                ratio=(failed / (d.requests + failed) if p is phases[-1] else 0.0) if d.requests else None,
            )
            for p, d in zip(phases, per_phase, strict=True)
        ],
        by_server={victim: {k: v for k, v in by_code.items() if k != "OK"}} if failures else {},
        failures=failures,
    )
