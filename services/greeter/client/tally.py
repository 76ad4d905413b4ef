"""What the client counts: pure bookkeeping, without telemetry."""

from __future__ import annotations  # array[float] is for the type checker only

import math
from array import array
from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """RPCs scheduled = sent + not sent; sent = answered, by status code, once none is in flight."""

    not_sent: int = 0
    by_code: Counter[str] = field(default_factory=Counter)
    by_server: Counter[str] = field(default_factory=Counter)  # answers with OK, by pod name
    lateness: array[float] = field(default_factory=lambda: array("d"))  # s, sent − scheduled; one an RPC sent

    def report(self, elapsed: float) -> dict[str, object]:
        """The tally as it is printed: the fields of the study's ClientTally.

        Args:
            elapsed: seconds that the schedule ran, by which counts become rates.
        """
        late = sorted(self.lateness)
        sent = len(late)
        scheduled = sent + self.not_sent
        return {
            "scheduled": scheduled,
            "sent": sent,
            "not_sent": self.not_sent,
            "by_code": dict(self.by_code),
            "by_server": dict(self.by_server),
            "offered_rate": scheduled / elapsed if elapsed > 0 else 0.0,
            "achieved_rate": sent / elapsed if elapsed > 0 else 0.0,
            "lateness_p50": quantile(late, 0.5),
            "lateness_p99": quantile(late, 0.99),
            "lateness_max": quantile(late, 1.0),
        }


def quantile(ascending: list[float], q: float) -> float:
    """The nearest-rank quantile, 0 < q ≤ 1, of sorted values; 0.0 of none."""
    if not ascending:
        return 0.0
    return ascending[max(0, math.ceil(q * len(ascending)) - 1)]
