"""One simulated setting of the sample Results: who is Ready when, and who gets which requests."""

from dataclasses import dataclass

import numpy as np
from lbstudy.result.model import Link, Phase

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

    def answered(self) -> int:
        return int(sum(c.sum() for c in self.counts.values()))

    def failed(self) -> int:
        return int(self.errors_per_bucket.sum())
