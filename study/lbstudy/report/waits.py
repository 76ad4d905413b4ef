"""What a delay consists of, in words; the terminal and the HTML say the same."""

from collections.abc import Iterable
from typing import Final

from lbstudy.result import figures
from lbstudy.result.model import Wait, WaitedFor, WaitSummary

MEANING: Final = {
    WaitedFor.READY: "the server is not Ready yet",
    WaitedFor.PUSH: "nobody has told the client yet",
    WaitedFor.DNS: "the answers of DNS do not have it yet",
    WaitedFor.TRIGGER: "nothing makes the client look up DNS again",
    WaitedFor.MINIMUM_INTERVAL: "a connection broke, but the client may not look up DNS again so soon",
    WaitedFor.RESOLVER_BACKOFF: "the last look-up failed, and the client waits before the next one",
    WaitedFor.RESOLUTION: "DNS is being asked",
    WaitedFor.POLICY: "the client knows it, and its load balancing policy does not connect",
    WaitedFor.CONNECT: "the connection is being made",
    WaitedFor.CONNECTION_BACKOFF: "connecting failed, and the client waits before it tries again",
    WaitedFor.HEALTH_CHECK: "connected, but passed over: health checking, or a weight",
    WaitedFor.TURN: "connected, and the next request for it has not come yet",
    WaitedFor.FAILING: "its answers are errors",
    WaitedFor.EJECTION: "passed over after errors: outlier detection",
    WaitedFor.FIRST_RPC: "its first request is under way",
}
"""What each wait means, for a reader who does not know gRPC's internals."""

_SMALL: Final = 0.05
"""A part below this share of the whole is not listed on its own."""
_MOST: Final = 3


def in_words(summary: WaitSummary) -> str:
    """Return one sentence: ``of 8.4 s from Ready to the first RPC (mean of 6): 6.1 s no trigger …``."""
    if summary.open == 0:
        whole = f"of {figures.seconds(summary.mean)} from Ready to the first RPC (mean of {summary.count})"
    else:
        whole = (
            f"of {figures.seconds(summary.mean)} from Ready on (mean of {summary.count},"
            f" {summary.open} of which got no RPC while watched)"
        )
    return f"{whole}: {_largest((part.what, part.mean) for part in summary.parts)}"


def of_one(waits: Iterable[Wait], ready: float) -> str:
    """Return one client's waits for one server from Ready on; an open last one is marked."""
    after_ready = [wait for wait in waits if wait.end > ready]
    words = _largest((wait.what, wait.end - max(wait.start, ready)) for wait in after_ready)
    return (
        f"{words}; then still {after_ready[-1].what.value}" if after_ready and after_ready[-1].open else words
    )


def _largest(parts: Iterable[tuple[WaitedFor, float]]) -> str:
    sums: dict[WaitedFor, float] = {}
    for what, seconds in parts:
        sums[what] = sums.get(what, 0.0) + seconds
    whole = sum(sums.values())
    ranked = sorted(sums, key=lambda what: -sums[what])
    shown = [what for what in ranked if sums[what] >= _SMALL * whole][:_MOST]
    if len(ranked) == len(shown) + 1:
        shown = ranked
    words = [f"{figures.seconds(sums[what])} {what.value}" for what in shown]
    rest = whole - sum(sums[what] for what in shown)
    if len(shown) < len(sums):
        words.append(f"{figures.seconds(rest)} other")
    return ", ".join(words) or figures.NONE
