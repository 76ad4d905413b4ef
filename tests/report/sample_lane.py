"""One simulated setting of the sample Results: who is Ready when, and who gets which requests."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from lbstudy.observation import records

from tests.measures import lanes

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


class Lane:
    """One simulated setting; the pieces of its result are made from the same few arrays."""

    def __init__(self, shape: Shape, seed: int) -> None:
        self.shape = shape
        self.rng = np.random.default_rng(seed)
        prefix = shape.pod_prefix.format(setting=shape.name)
        letters = np.array(list("bcdfghjklmnpqrstvwxz2456789"))
        self.servers = [prefix + "".join(self.rng.choice(letters, 5)) for _ in range(shape.peak)]
        self.clients = [f"client-{i}" for i in range(shape.clients)]
        self.ready_at = {
            s: (-1.4 + 0.05 * i if i < shape.initial else UP + 1.36 + 0.01 * (i - shape.initial))
            for i, s in enumerate(self.servers)
        }
        self.gone_at = {s: (END if i < shape.final else DOWN) for i, s in enumerate(self.servers)}
        self.found_at = {
            (s, c): self._found(i, k) for i, s in enumerate(self.servers) for k, c in enumerate(self.clients)
        }
        self.rpcs = [*self._answered(), *self._failed()]

    def _found(self, server: int, client: int) -> float | None:
        if server < self.shape.initial:
            return 0.0
        if not self.shape.discovers:
            return None
        return UP + 5.0 + 2.5 * client  # one answer brings all of them

    def _answered(self) -> Iterator[lanes.Rpc]:
        """Each client's turn goes round the servers that it knows."""
        per_client = round(self.shape.rate * BUCKET / self.shape.clients)
        turn = 0
        for start in np.arange(0.0, END, BUCKET):
            for k, client in enumerate(self.clients):
                found = [(s, self.found_at[s, client]) for s in self.servers]
                known = [s for s, at in found if at is not None and at <= start < self.gone_at[s]]
                for i in range(per_client):
                    turn += 1
                    due = float(start) + (i + 0.5) * BUCKET / per_client * 0.9
                    yield lanes.Rpc(due, known[turn % len(known)], took=0.02 + 0.005 * (turn % 4), client=k)

    def _failed(self) -> Iterator[lanes.Rpc]:
        victim = self.servers[-1] if self.shape.discovers else None
        for k in range(self.shape.errors if self.shape.rate else 0):
            code = ("CANCELLED", "UNAVAILABLE")[k % 2]
            yield lanes.Rpc(DOWN + 0.02 * (k + 1), victim, took=0.01, code=code, client=k % len(self.clients))

    def observed(self) -> records.Lane:
        """What a source would have of it."""
        n = self.shape
        ref = records.SpanRef("c" * 32, "c" * 16)
        addresses = {s: f"10.0.{i}.1:50051" for i, s in enumerate(self.servers)}
        return lanes.lane(
            setting=n.name,
            end=END,
            clients=n.clients,
            commands=[(-2.0, n.initial), *([(UP, n.peak)] if n.peak > n.initial else []), (DOWN, n.final)],
            pods=[self._pod(s, addresses[s]) for s in self.servers],
            rpcs=self.rpcs,
            updates=[
                records.Update(
                    self.clients.index(c),
                    at - (1.2 if outcome == "changed" and UP < at < DOWN else 0.01),
                    at,
                    outcome,
                    "unknown",
                    frozenset(addresses[s].partition(":")[0] for s in self._known(c, at)),
                    frozenset(),
                    frozenset(),
                    records.SpanRef(f"{number:032x}", f"{number:016x}"),
                )
                for number, (at, c, outcome) in enumerate(self.updates(), start=1)
            ],
            transitions=[
                records.Transition(self.clients.index(c), number, addresses[s], "ready", at - 0.06, ref)
                for number, ((s, c), at) in enumerate(self.found_at.items(), start=1)
                if at is not None
            ],
            usage=[sample for s in self.servers for sample in self._usage(s)],
        )

    def _known(self, client: str, at: float) -> list[str]:
        found = [(s, self.found_at[s, client]) for s in self.servers]
        return [s for s, f in found if f is not None and f - 0.1 <= at < self.gone_at[s] + 0.2]

    def _pod(self, server: str, address: str) -> records.PodLife:
        ready, gone = self.ready_at[server], self.gone_at[server]
        life = records.PodLife(
            server, address, -2.0 if ready < 0 else UP, ready=ready, published=ready + 0.06
        )
        if gone == END:
            return life
        return replace(
            life,
            removal_commanded=DOWN,
            terminating=gone + 0.02,
            unpublished=gone + 0.03,
            exited=gone + 0.6,
        )

    def _usage(self, server: str) -> Iterator[tuple[float, str, float, float, float]]:
        last = self.ready_at[server]
        busy = {int(rpc.due) for rpc in self.rpcs if rpc.server == server}
        end = END if self.gone_at[server] == END else DOWN + 0.6
        for i, at in enumerate(np.arange(np.ceil(max(0.0, last)), end, 1.0)):
            last = at - 0.04 if int(at) in busy else last
            cpu = math.nan if i == 0 else 0.01 + 0.03 * (int(at) in busy)
            yield lanes.sample(float(at), server, cpu=cpu, memory=41e6 + 2e5 * i**0.5, age=float(at - last))

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
                    if all(abs(t - j) > 1 for j in [*joined, DOWN]) and not any(UP < t < j for j in joined)
                ]
            if self.shape.final < self.shape.peak:
                found.append((DOWN + 0.21 + 0.05 * k, c, "changed"))
                found.append((DOWN + 1.4 + 0.05 * k, c, "nxdomain" if k else "unchanged"))
        return sorted((float(t), c, o) for t, c, o in found)

    def answered(self) -> int:
        return sum(rpc.code == "OK" for rpc in self.rpcs)

    def failed(self) -> int:
        return len(self.rpcs) - self.answered()
