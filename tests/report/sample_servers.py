"""What became of the sample's servers: adaptability, utilisation, ledger."""

import numpy as np
from lbstudy.measures import attribution
from lbstudy.result.model import (
    Adaptability,
    Added,
    Change,
    ClientView,
    Delay,
    DelaySummary,
    Entry,
    Ledger,
    Removed,
    Stage,
    StageName,
    Usage,
    Utilisation,
    Wait,
    WaitedFor,
)

from tests.report.sample_lane import BUCKET, DOWN, END, UP, Lane


def adaptability(lane: Lane) -> Adaptability:
    n = lane.shape
    added = [_added(lane, s) for s in lane.servers[n.initial :]]
    removed = [_removed(lane, s) for s in lane.servers[n.final :]]
    detect = [v.detect for a in added for v in a.clients]
    discovery = [v.discovery for a in added for v in a.clients if v.discovery]
    changes = [
        Change(
            at=DOWN,
            before=n.peak,
            after=n.final,
            added=[],
            removed=lane.servers[n.final :],
            failed=lane.failed(),
        )
    ]
    if added:
        changes.insert(
            0,
            Change(
                at=UP,
                before=n.initial,
                after=n.peak,
                added=lane.servers[n.initial :],
                removed=[],
                failed=0,
            ),
        )
    updates = lane.updates()
    return Adaptability(
        changes=changes,
        added=added,
        removed=removed,
        detect=summary(detect),
        discovery=summary(discovery),
        undiscovered=[] if n.discovers else lane.servers[n.initial :],
        waits=attribution.summary([(a.ready, v) for a in added if a.ready is not None for v in a.clients]),
        updates_by_outcome={
            o: k for o in ("changed", "unchanged", "nxdomain") if (k := sum(u[2] == o for u in updates))
        },
        updates_by_cause={"first": n.clients, "connection_lost": len(updates) - n.clients},
    )


def _added(lane: Lane, server: str) -> Added:
    ready = lane.ready_at[server]
    until = lane.gone_at[server]
    clients = []
    for c in lane.clients:
        found = lane.found_at[server, c]
        if found is None:
            stages = [
                Stage(name=s, at=None)
                for s in (
                    StageName.UPDATE,
                    StageName.CONNECTED,
                    StageName.FIRST_RPC,
                    StageName.FAIR_SHARE,
                )
            ]
            missed = Delay(censored_after=round(until - ready, 3))
            waits = [
                Wait(what=WaitedFor.READY, start=UP, end=ready),
                Wait(what=WaitedFor.DNS, start=ready, end=ready + 0.06),
                Wait(what=WaitedFor.TRIGGER, start=ready + 0.06, end=until, open=True),
            ]
            clients.append(ClientView(client=c, stages=stages, detect=missed, discovery=missed, waits=waits))
            continue
        stages = [
            Stage(name=StageName.UPDATE, at=found - 0.1, link=lane.link()),
            Stage(name=StageName.CONNECTED, at=found - 0.06),
            Stage(name=StageName.FIRST_RPC, at=found, link=lane.link()),
            Stage(name=StageName.FAIR_SHARE, at=found + 1.1),
        ]
        clients.append(
            ClientView(
                client=c,
                stages=stages,
                detect=Delay(seconds=round(found - 0.1 - ready, 3)),
                discovery=Delay(seconds=round(found - ready, 3)),
                waits=[
                    Wait(what=WaitedFor.READY, start=UP, end=ready),
                    Wait(what=WaitedFor.DNS, start=ready, end=ready + 0.06),
                    Wait(what=WaitedFor.TRIGGER, start=ready + 0.06, end=found - 1.5),
                    Wait(what=WaitedFor.MINIMUM_INTERVAL, start=found - 1.5, end=found - 0.1),
                    Wait(what=WaitedFor.CONNECT, start=found - 0.1, end=found - 0.06),
                    Wait(what=WaitedFor.FIRST_RPC, start=found - 0.06, end=found),
                ],
            )
        )
    return Added(
        server=server,
        command=UP,
        ready=ready,
        watched_until=until,
        stages=[
            Stage(name=StageName.COMMAND, at=UP),
            Stage(name=StageName.CREATED, at=UP + 0.01),
            Stage(name=StageName.STARTED, at=UP + 0.05),
            Stage(name=StageName.READY, at=ready),
            Stage(name=StageName.PUBLISHED, at=ready + 0.06),
        ],
        clients=clients,
        detect=summary([v.detect for v in clients]),
        discovery=summary([v.discovery for v in clients if v.discovery]),
        fair_share=Delay(seconds=6.9) if lane.shape.discovers else Delay(censored_after=until - ready),
    )


def _removed(lane: Lane, server: str) -> Removed:
    knew = [c for c in lane.clients if lane.found_at[server, c] is not None]
    views = [
        ClientView(
            client=c,
            stages=[
                Stage(name=StageName.UPDATE, at=DOWN + 0.21 + 0.05 * k, link=lane.link()),
                Stage(name=StageName.LAST_RPC, at=DOWN + 0.045 - 0.02 * k),
            ],
            detect=Delay(seconds=0.19 + 0.05 * k),
            discovery=None,
        )
        for k, c in enumerate(knew)
    ]
    return Removed(
        server=server,
        command=DOWN,
        watched_until=END,
        stages=[
            Stage(name=StageName.COMMAND, at=DOWN),
            Stage(name=StageName.TERMINATING, at=DOWN + 0.02),
            Stage(name=StageName.UNPUBLISHED, at=DOWN + 0.03),
            Stage(name=StageName.LAST_RPC, at=DOWN + 0.045 if knew else None),
            Stage(name=StageName.EXITED, at=DOWN + 0.6),
        ],
        clients=views,
        detect=summary([v.detect for v in views]),
        last_rpc=DOWN + 0.045 if knew else None,
        failed=lane.failed() if server == lane.servers[-1] else 0,
    )


def utilisation(lane: Lane) -> Utilisation:
    usages = []
    for server in lane.servers:
        end = END if lane.gone_at[server] == END else DOWN + 0.6
        at = np.arange(np.ceil(max(0.0, lane.ready_at[server])), end, 1.0)
        counts = lane.counts[server]
        busy = np.array([counts[int(t / BUCKET) : int(t / BUCKET) + 2].sum() for t in at])
        active = busy > 0
        age: list[float | None] = []
        last = lane.ready_at[server]
        for t, works in zip(at, active, strict=True):
            last = t - 0.04 if works else last
            age.append(float(t - last))
        cpu = 0.006 + busy * 0.0011 + 0.002 * lane.rng.random(len(at))
        memory = 41e6 + 2e5 * np.arange(len(at)) ** 0.5
        usages.append(
            Usage(
                server=server,
                at=[float(t) for t in at],
                cpu=[None, *(float(v) for v in cpu[1:])] if len(at) else [],
                memory=[float(v) for v in memory],
                inactivity_age=age,
                cpu_mean=float(cpu.mean()) if len(at) else None,
                memory_max=float(memory.max()) if len(at) else None,
                inactivity_max=max((a for a in age if a is not None), default=None),
                idle_share=float(np.mean([a is not None and a > 1 for a in age])) if len(at) else None,
            )
        )
    return Utilisation(servers=usages)


def ledger(lane: Lane) -> Ledger:
    answered, failed = lane.answered(), lane.failed()
    sent = answered + failed
    lost = 0 if lane.shape.ledger_closes else 7
    entries = [
        Entry(
            name="schedule",
            left="RPCs scheduled",
            left_count=sent,
            right="RPCs sent + not sent",
            right_count=sent,
            referee="the client programs",
            closes=True,
        ),
        Entry(
            name="answers",
            left="RPCs sent",
            left_count=sent,
            right="RPCs ended, by code",
            right_count=sent,
            referee="the client programs",
            closes=True,
        ),
        Entry(
            name="spans",
            left="client RPC spans stored",
            left_count=sent - lost,
            right="RPCs sent",
            right_count=sent,
            referee="the client programs",
            closes=not lost,
            note="spans were lost on their way to the store" if lost else "",
        ),
        Entry(
            name="servers",
            left="RPCs answered by the servers",
            left_count=answered,
            right="RPCs the clients got answered",
            right_count=answered,
            referee="the server programs",
            closes=True,
            note="" if failed == 0 else f"{failed} RPCs failed before an answer",
        ),
    ]
    return Ledger(entries=entries, closes=not lost)


def summary(delays: list[Delay]) -> DelaySummary:
    """Quantiles by rank, censored ones last: good enough for a sample."""
    ranked = sorted(
        delays, key=lambda d: (d.seconds is None, d.seconds if d.seconds is not None else d.censored_after)
    )
    if not ranked:
        return DelaySummary(count=0, censored=0, median=None, p95=None, largest=None)
    return DelaySummary(
        count=len(ranked),
        censored=sum(d.seconds is None for d in ranked),
        median=ranked[(len(ranked) - 1) // 2],
        p95=ranked[-1],
        largest=ranked[-1],
    )
