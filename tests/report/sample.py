"""Sample Results for the report's tests: made up, but consistent in themselves and true to what gRPC does."""

from dataclasses import dataclass

import numpy as np
from lbstudy.result.model import (
    Adaptability,
    Added,
    Change,
    ClientView,
    Delay,
    DelaySummary,
    Distribution,
    Entry,
    Errors,
    Expectation,
    Failure,
    Histogram,
    Latency,
    Ledger,
    Link,
    Phase,
    PhaseDistribution,
    PhaseErrors,
    Provenance,
    Quantiles,
    Ready,
    Removed,
    Result,
    ServerShare,
    SettingResult,
    Stage,
    StageName,
    Timeline,
    TimelineEvent,
    Usage,
    Utilisation,
    Verdict,
)

UP, DOWN, END = 20.0, 50.0, 80.0
BUCKET = 0.5


@dataclass(frozen=True)
class Shape:
    """What one sample setting is to look like."""

    name: str
    description: str
    initial: int = 3
    peak: int = 6
    final: int = 2
    clients: int = 2
    rate: float = 60.0
    discovers: bool = False
    errors: int = 2
    ledger_closes: bool = True
    pod_prefix: str = "greeter-{setting}-6f7d9c5b8d-"


class _Lane:
    """One simulated setting; the pieces of its result are made from the same few arrays."""

    def __init__(self, shape: Shape, seed: int) -> None:
        self.shape = shape
        self.rng = np.random.default_rng(seed)
        prefix = shape.pod_prefix.format(setting=shape.name)
        letters = np.array(list("bcdfghjklmnpqrstvwxz2456789"))
        self.servers = [prefix + "".join(self.rng.choice(letters, 5)) for _ in range(shape.peak)]
        self.clients = [f"client-{i}" for i in range(shape.clients)]
        self.ready_at = {
            s: (-1.4 + 0.05 * i if i < shape.initial else UP + 1.1 + 0.27 * (i - shape.initial))
            for i, s in enumerate(self.servers)
        }
        self.gone_at = {s: (END if i < shape.final else DOWN) for i, s in enumerate(self.servers)}
        self.found_at = {
            (s, c): self._found(i, k) for i, s in enumerate(self.servers) for k, c in enumerate(self.clients)
        }
        self.starts = np.arange(0.0, END, BUCKET)
        self.counts = self._requests()
        self.errors_per_bucket = np.zeros(len(self.starts))
        if shape.rate:
            self.errors_per_bucket[int(DOWN / BUCKET)] = shape.errors

    def _found(self, server: int, client: int) -> float | None:
        if server < self.shape.initial:
            return 0.0
        if not self.shape.discovers:
            return None
        return self.ready_at[self.servers[server]] + 2.9 + 2.7 * client + 0.8 * (server % 3)

    def _requests(self) -> dict[str, np.ndarray]:
        counts = {s: np.zeros(len(self.starts), dtype=int) for s in self.servers}
        if not self.shape.rate:
            return counts
        per_client = round(self.shape.rate * BUCKET / self.shape.clients)
        sent = 0
        for b, start in enumerate(self.starts):
            for c in self.clients:
                found = {s: self.found_at[s, c] for s in self.servers}
                known = [
                    s for s in self.servers if (f := found[s]) is not None and f <= start < self.gone_at[s]
                ]
                for _ in range(per_client):
                    sent += 1
                    counts[known[sent % len(known)]][b] += 1
        return counts

    def ready_in(self, at: float) -> list[str]:
        return [s for s in self.servers if self.ready_at[s] <= at < self.gone_at[s]]

    def link(self) -> Link:
        return Link(trace_id=self.rng.bytes(16).hex(), span_id=self.rng.bytes(8).hex())

    def phases(self) -> list[Phase]:
        n = self.shape
        cuts = [(0.0, UP, f"{n.initial} servers")]
        if n.peak > n.initial:
            cuts.append((UP, DOWN, f"{n.initial} → {n.peak} servers"))
        cuts.append((DOWN, END, f"{n.peak} → {n.final} servers"))
        cuts[0] = (0.0, cuts[1][0], cuts[0][2])
        return [
            Phase(index=i, start=a, end=b, label=label, ready=self.ready_in((a + b) / 2))
            for i, (a, b, label) in enumerate(cuts)
        ]

    def timeline(self) -> Timeline:
        ready = [(start, len(self.ready_in(start))) for start in sorted({*self.ready_at.values(), DOWN})]
        total = np.sum(list(self.counts.values()), axis=0) / BUCKET
        busy = [len(self.ready_in(t)) for t in self.starts]
        addresses = [
            float(
                np.mean(
                    [
                        sum(
                            1
                            for s in self.servers
                            if (f := self.found_at[s, c]) is not None and f - 0.1 <= t < self.gone_at[s] + 0.3
                        )
                        for c in self.clients
                    ]
                )
            )
            for t in self.starts
        ]
        slow = np.where((self.starts >= DOWN) & (self.starts < DOWN + 1), 4.0, 1.0)
        active = bool(self.shape.rate)
        p50 = 0.0213 + 0.0008 * self.rng.random(len(self.starts))
        p99 = (0.026 + 0.009 * self.rng.random(len(self.starts))) * slow
        return Timeline(
            bucket=BUCKET,
            start=0.0,
            requests={s: [float(v) for v in c / BUCKET] for s, c in self.counts.items()},
            unanswered=[float(v) for v in self.errors_per_bucket / BUCKET],
            errors=[float(v) for v in self.errors_per_bucket / BUCKET],
            fair_share=[float(t / n) if n else None for t, n in zip(total, busy, strict=True)],
            addresses=list(addresses),
            ready=[Ready(at=a, servers=n) for a, n in ready],
            latency_p50=[float(v) if active else None for v in p50],
            latency_p99=[float(v) if active else None for v in p99],
            coverage=[self._coverage(b, float(t)) for b, t in enumerate(self.starts)],
            events=self.events(),
        )

    def _coverage(self, bucket: int, at: float) -> float | None:
        ready = self.ready_in(at)
        return sum(self.counts[s][bucket] > 0 for s in ready) / len(ready) if ready else None

    def updates(self) -> list[tuple[float, str, str]]:
        """(at, client, outcome)."""
        found = []
        for k, c in enumerate(self.clients):
            found.append((-0.4 + 0.03 * k, c, "changed"))
            if self.shape.discovers:
                joined = sorted({f for s in self.servers if (f := self.found_at[s, c]) and f > 0})
                found += [(t - 0.1, c, "changed") for t in joined]
                found += [
                    (t, c, "unchanged")
                    for t in np.arange(5.3 + k, END, 6.7)
                    if all(abs(t - j) > 1 for j in [*joined, DOWN])
                ]
            if self.shape.final < self.shape.peak:
                found.append((DOWN + 0.21 + 0.05 * k, c, "changed"))
                found.append((DOWN + 1.4 + 0.05 * k, c, "nxdomain" if k else "unchanged"))
        return sorted((float(t), c, o) for t, c, o in found)

    def events(self) -> list[TimelineEvent]:
        n = self.shape
        events = [TimelineEvent(at=-2.0, kind="scale", label=f"0 → {n.initial}")]
        if n.peak > n.initial:
            events.append(TimelineEvent(at=UP, kind="scale", label=f"{n.initial} → {n.peak}"))
        events.append(TimelineEvent(at=DOWN, kind="scale", label=f"{n.peak} → {n.final}"))
        for s in self.servers:
            at = self.ready_at[s]
            events.append(TimelineEvent(at=at, kind="ready", label="Ready", server=s))
            events.append(TimelineEvent(at=at + 0.06, kind="published", label="in DNS", server=s))
            if self.gone_at[s] < END:
                gone = self.gone_at[s]
                for offset, kind in ((0.02, "terminating"), (0.03, "unpublished"), (0.6, "exited")):
                    events.append(TimelineEvent(at=gone + offset, kind=kind, label=kind, server=s))
        for at, client, outcome in self.updates():
            events.append(
                TimelineEvent(
                    at=at,
                    kind="update",
                    label=f"{outcome} (unknown)",
                    client=client,
                    outcome=outcome,
                    link=self.link(),
                )
            )
        return sorted(events, key=lambda e: e.at)

    def distribution(self) -> Distribution:
        phases = []
        for phase in self.phases():
            inside = (self.starts >= phase.start) & (self.starts < phase.end)
            counts = {s: int(c[inside].sum()) for s, c in self.counts.items()}
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
        return Distribution(total={s: int(c.sum()) for s, c in self.counts.items()}, phases=phases)

    def latency(self) -> Latency:
        active = bool(self.shape.rate)

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

        total = self.answered()
        bounds = [0.016, 0.0178, 0.02, 0.0224, 0.0251, 0.0282, 0.0316, 0.0355, 0.0398, 0.05, 0.063, 0.1, 0.2]
        weights = [0, 0, 0.72, 0.21, 0.03, 0.02, 0.008, 0.005, 0.003, 0.002, 0.001, 0.001]
        return Latency(
            all=quantiles(total, 1.0),
            steady=quantiles(total * 3 // 4, 0.95),
            transition=quantiles(total // 4, 1.6),
            transition_window=5.0,
            histogram=Histogram(bounds=bounds, counts=[int(w * total) for w in weights]),
            offered_rate=self.shape.rate,
            achieved_rate=self.shape.rate,
            lateness_p50=0.0004 if active else None,
            lateness_p99=0.0021 if active else None,
            lateness_max=0.0094 if active else None,
        )

    def answered(self) -> int:
        return int(sum(c.sum() for c in self.counts.values()))

    def failed(self) -> int:
        return int(self.errors_per_bucket.sum())

    def errors(self) -> Errors:
        answered, failed = self.answered(), self.failed()
        victim = self.servers[-1] if self.shape.discovers else ""
        codes = ["CANCELLED", "UNAVAILABLE"]
        failures = [
            Failure(
                at=DOWN + 0.03 * (k + 1),
                code=codes[k % 2],
                server=victim or None,
                client=self.clients[k % len(self.clients)],
                latency=0.0121 + k * 0.004,
                link=self.link(),
            )
            for k in range(failed)
        ]
        by_code = {"OK": answered}
        for f in failures:
            by_code[f.code] = by_code.get(f.code, 0) + 1
        phases = self.phases()
        per_phase = self.distribution().phases
        return Errors(
            client_by_code=by_code if answered else {},
            server_by_code={"OK": answered, "CANCELLED": failed // 2} if answered else {},
            ratio=failed / (answered + failed) if answered else None,
            phases=[
                PhaseErrors(
                    phase=p.index,
                    requests=d.requests + (failed if p is phases[-1] else 0),
                    errors=failed if p is phases[-1] else 0,
                    ratio=(failed / (d.requests + failed) if p is phases[-1] else 0.0)
                    if d.requests
                    else None,
                )
                for p, d in zip(phases, per_phase, strict=True)
            ],
            by_server={victim: {k: v for k, v in by_code.items() if k != "OK"}} if failures else {},
            failures=failures,
        )

    def adaptability(self) -> Adaptability:
        n = self.shape
        added = [self._added(s) for s in self.servers[n.initial :]]
        removed = [self._removed(s) for s in self.servers[n.final :]]
        detect = [v.detect for a in added for v in a.clients]
        discovery = [v.discovery for a in added for v in a.clients if v.discovery]
        changes = [
            Change(
                at=DOWN,
                before=n.peak,
                after=n.final,
                added=[],
                removed=self.servers[n.final :],
                failed=self.failed(),
            )
        ]
        if added:
            changes.insert(
                0,
                Change(
                    at=UP,
                    before=n.initial,
                    after=n.peak,
                    added=self.servers[n.initial :],
                    removed=[],
                    failed=0,
                ),
            )
        updates = self.updates()
        return Adaptability(
            changes=changes,
            added=added,
            removed=removed,
            detect=summary(detect),
            discovery=summary(discovery),
            undiscovered=[] if n.discovers else self.servers[n.initial :],
            updates_by_outcome={
                o: k for o in ("changed", "unchanged", "nxdomain") if (k := sum(u[2] == o for u in updates))
            },
            updates_by_cause={"first": n.clients, "connection_lost": len(updates) - n.clients},
        )

    def _added(self, server: str) -> Added:
        ready = self.ready_at[server]
        until = self.gone_at[server]
        clients = []
        for c in self.clients:
            found = self.found_at[server, c]
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
                clients.append(ClientView(client=c, stages=stages, detect=missed, discovery=missed))
                continue
            stages = [
                Stage(name=StageName.UPDATE, at=found - 0.1, link=self.link()),
                Stage(name=StageName.CONNECTED, at=found - 0.06),
                Stage(name=StageName.FIRST_RPC, at=found, link=self.link()),
                Stage(name=StageName.FAIR_SHARE, at=found + 1.1),
            ]
            clients.append(
                ClientView(
                    client=c,
                    stages=stages,
                    detect=Delay(seconds=round(found - 0.1 - ready, 3)),
                    discovery=Delay(seconds=round(found - ready, 3)),
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
            fair_share=Delay(seconds=6.9) if self.shape.discovers else Delay(censored_after=until - ready),
        )

    def _removed(self, server: str) -> Removed:
        knew = [c for c in self.clients if self.found_at[server, c] is not None]
        views = [
            ClientView(
                client=c,
                stages=[
                    Stage(name=StageName.UPDATE, at=DOWN + 0.21 + 0.05 * k, link=self.link()),
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
            failed=self.failed() if server == self.servers[-1] else 0,
        )

    def utilisation(self) -> Utilisation:
        usages = []
        for server in self.servers:
            end = END if self.gone_at[server] == END else DOWN + 0.6
            at = np.arange(np.ceil(max(0.0, self.ready_at[server])), end, 1.0)
            counts = self.counts[server]
            busy = np.array([counts[int(t / BUCKET) : int(t / BUCKET) + 2].sum() for t in at])
            active = busy > 0
            age: list[float | None] = []
            last = self.ready_at[server]
            for t, works in zip(at, active, strict=True):
                last = t - 0.04 if works else last
                age.append(float(t - last))
            cpu = 0.006 + busy * 0.0011 + 0.002 * self.rng.random(len(at))
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

    def ledger(self) -> Ledger:
        answered, failed = self.answered(), self.failed()
        sent = answered + failed
        lost = 0 if self.shape.ledger_closes else 7
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

    def result(self) -> SettingResult:
        options: dict[str, dict[str, int | float | str | bool]] = {"policy": {"name": "round_robin"}}
        if self.shape.discovers:
            options["server"] = {"grpc.max_connection_age_ms": 8000, "grpc.max_connection_age_grace_ms": 5000}
            options["channel"] = {"grpc.dns_min_time_between_resolutions_ms": 1000}
        return SettingResult(
            name=self.shape.name,
            description=self.shape.description,
            options=options,
            servers=self.servers,
            clients=self.clients,
            phases=self.phases(),
            timeline=self.timeline(),
            distribution=self.distribution(),
            latency=self.latency(),
            errors=self.errors(),
            adaptability=self.adaptability(),
            utilisation=self.utilisation(),
            ledger=self.ledger(),
        )


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


STOCK = Shape("stock", "round_robin over dns:/// and nothing else")
MAX_AGE = Shape(
    "max-age",
    "the servers close connections after 8 s, and the client may resolve again each second",
    discovers=True,
    errors=3,
)


def result(*shapes: Shape, headline: str = "") -> Result:
    """A Result with the given settings; by default the default run's."""
    chosen = shapes or (STOCK, MAX_AGE)
    settings = [_Lane(shape, seed).result() for seed, shape in enumerate(chosen)]
    closes = all(s.ledger.closes for s in settings)
    return Result(
        provenance=Provenance(
            run_id="20261123-151005-3f9a",
            scenario="scale",
            scenario_description="3 servers, scaled up to 6 after 20 s and down to 2 after 50 s",
            scenario_toml='name = "scale"\n\n[load]\nrate = 30\nclients = 2\nduration = "80 s"\n\n'
            "[[scale]]\nat = 20\nservers = 6\n\n[[scale]]\nat = 50\nservers = 2\n",
            settings_toml={s.name: f'name = "{s.name}"\n\n[policy]\nname = "round_robin"\n' for s in chosen},
            command="lbstudy run scale --settings " + ",".join(s.name for s in chosen),
            started="2026-11-23T15:10:05Z",
            duration=END,
            seed=0,
            platform="local",
            machine={"system": "Linux 6.12", "cores": "2", "memory": "8 GiB"},
            versions={"lbstudy": "0.1.0", "grpcio": "1.85.0", "python": "3.11.9"},
        ),
        verdict=Verdict(
            headline=headline
            or "With stock settings, the 3 servers that were added never got a request; "
            f"with max-age, clients found them after {settings[-1].adaptability.discovery.median} (median).",
            points=[
                "stock: 3 of 6 Ready servers did all the work until the scale-down.",
                f"{chosen[-1].name}: {settings[-1].adaptability.discovery.largest} at the latest.",
                "5 of 9,605 RPCs failed, all of them within 0.2 s of the scale-down.",
            ],
        ),
        settings=settings,
        expectations=[
            Expectation(
                setting=chosen[-1].name,
                measure="discovery.median",
                expected="at most 10 s",
                found=str(settings[-1].adaptability.discovery.median),
                met=chosen[-1].discovers,
            )
        ],
        ledger_closes=closes,
    )


def no_rpcs() -> Result:
    return result(Shape("silent", "no load at all", rate=0.0, errors=0), headline="No RPC was sent.")


def no_added() -> Result:
    return result(Shape("shrink", "down only", initial=4, peak=4, errors=0), headline="Only removals.")


def open_ledger() -> Result:
    return result(STOCK, Shape("max-age", MAX_AGE.description, discovers=True, ledger_closes=False))


def long_names() -> Result:
    prefix = "a-deployment-with-a-name-that-goes-on-and-on-until-it-is-sixty-three-"
    return result(
        Shape("setting-with-a-rather-long-name-of-its-own", "long " * 40, pod_prefix=prefix, discovers=True),
        Shape("max-age", MAX_AGE.description, pod_prefix=prefix),
    )


HOSTILE = "<script>alert('x')</script>&amp;\"onload=\"&"


def hostile() -> Result:
    return result(Shape(HOSTILE, HOSTILE, pod_prefix=HOSTILE + "{setting}"), headline=HOSTILE)


def many_servers() -> Result:
    return result(
        Shape("stock", STOCK.description, initial=10, peak=30, final=5, clients=4, rate=240),
        Shape(
            "max-age", MAX_AGE.description, initial=10, peak=30, final=5, clients=4, rate=240, discovers=True
        ),
    )


VARIANTS = {
    "default": result,
    "single": lambda: result(STOCK, headline="The 3 servers that were added never got a request."),
    "no_rpcs": no_rpcs,
    "no_added": no_added,
    "open_ledger": open_ledger,
    "long_names": long_names,
    "hostile": hostile,
    "many_servers": many_servers,
}
