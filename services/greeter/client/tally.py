"""What the client counts. No I/O, no telemetry."""

from __future__ import annotations  # array[float] is only for the type checker

import math
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greeter.client.streams import MessagesOfStream, TallyOfStreams


@dataclass(slots=True)
class Tally:
    """RPCs scheduled = sent + not sent. Once none is in flight: sent = answered, by status code."""

    not_sent: int = 0
    by_code: Counter[str] = field(default_factory=Counter)
    by_server: Counter[str] = field(default_factory=Counter)  # answers with OK, by pod name
    # s from scheduled to sent, for each RPC sent
    lateness: array[float] = field(default_factory=lambda: array("d"))
    streams: TallyOfStreams | None = None  # None: a load without streams

    def ended(self, code: str, server: str, messages: MessagesOfStream | None) -> None:
        """Count an RPC's end.

        Args:
            code: the status code's name.
            server: the pod that the answer named, or "".
            messages: a stream's messages; None if the RPC is not a stream.
        """
        self.by_code[code] += 1
        if code == "OK" and server:
            self.by_server[server] += 1
        if messages is not None and self.streams is not None:
            self.streams.ended(messages, server, ok=code == "OK")

    def report(self, elapsed: float) -> dict[str, object]:
        """Return the tally as it is printed: the fields of the study's ClientTally.

        Args:
            elapsed: seconds that the schedule ran; counts are divided by it for rates.
        """
        late = sorted(self.lateness)
        sent = len(late)
        scheduled = sent + self.not_sent
        streams = {} if self.streams is None else {"streams": self.streams.report()}
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
            **streams,
        }


def quantile(ascending: list[float], q: float) -> float:
    """Return the nearest-rank quantile, 0 < q ≤ 1, of sorted values; 0.0 if there are none."""
    if not ascending:
        return 0.0
    return ascending[max(0, math.ceil(q * len(ascending)) - 1)]
