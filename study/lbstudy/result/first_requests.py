"""When servers that were added got their first request, in words."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from lbstudy.result.model import Adaptability
from lbstudy.result.words import time


@dataclass(frozen=True, slots=True)
class FirstRequests:
    """When the added servers got their first request from any client."""

    servers: int  # servers that were Ready while they were watched
    waited: list[float]  # s from Ready, for servers that got one
    watched: list[float]  # s for which those were watched that never got one
    briefly: list[float]  # the same, where another server waited longer than that: so it says nothing
    hidden: int = 0  # servers for which it is unknown
    is_never: bool = True  # nobody called those, not only those clients of which it is known whom they called

    @classmethod
    def of(cls, adaptability: Adaptability) -> "FirstRequests":
        """Return when the servers that a setting's changes added got theirs."""
        waited: list[float] = []
        watched: list[float] = []
        hidden = 0
        is_never = True
        for server in adaptability.added:
            if server.ready is None:
                continue
            seen = [view.discovery.seconds for view in server.clients if view.discovery]
            times = [seconds for seconds in seen if seconds is not None]
            if times:
                waited.append(min(times))
            elif any(view.discovery and view.discovery.not_observed for view in server.clients):
                hidden += 1
            else:
                watched.append(server.watched_until - server.ready)
                is_never = is_never and server.server not in adaptability.unknown
        servers = len(waited) + len(watched) + hidden
        enough = max(waited, default=0.0)
        long = sorted(seconds for seconds in watched if seconds > enough)
        briefly = sorted(seconds for seconds in watched if seconds <= enough)
        return cls(servers, sorted(waited), long, briefly, hidden, is_never)

    def words(self) -> str:
        """Return a clause about them."""
        if self.hidden:
            which = (
                "the added server" if self.servers == 1 else f"{self.hidden} of {self.servers} added servers"
            )
            known = replace(self, servers=self.servers - self.hidden, hidden=0)
            others = f"; of the others, {known.words()}" if known.servers else ""
            return f"when {which} got the first request was not observed{others}"
        if self.watched:
            which = (
                "the added server"
                if self.servers == 1
                else f"{len(self.watched)} of {self.servers} added servers"
            )
            what = f"{which} never got a request" if self.is_never else f"no request to {which} was observed"
            clause = f"{what} (watched {_span(self.watched)})"
            if self.waited:
                clause += f"; {_others(len(self.waited))} within {time(self.waited[-1])}"
            return clause + self._cut_short()
        if self.briefly:
            return (
                f"{len(self.waited)} of {self.servers} added servers got their first request within"
                f" {time(self.waited[-1])} of being Ready{self._cut_short()}"
            )
        if self.servers == 1:
            return f"the added server got its first request {time(self.waited[0])} after it was Ready"
        return (
            f"each of {self.servers} added servers got its first request within {time(self.waited[-1])}"
            f" of being Ready (median {time(_median(self.waited))})"
        )

    def _cut_short(self) -> str:
        """Return a clause about servers that were not watched for long enough; empty if there are none."""
        if not self.briefly:
            return ""
        number = len(self.briefly)
        were, them = ("was", "it") if number == 1 else ("were", "them")
        watched = f"{number} {were} watched for only {_span(self.briefly)}"
        return f"; {watched}, and no request to {them} was observed"


def _others(count: int) -> str:
    return "the other one got its first" if count == 1 else f"the other {count} got theirs"


def _span(seconds: Sequence[float]) -> str:
    low, high = f"{seconds[0]:.0f}", f"{seconds[-1]:.0f}"
    return f"{low} s" if low == high else f"{low} to {high} s"


def _median(ordered: Sequence[float]) -> float:
    """Return the smallest value that at least half do not exceed, as in ``delays``."""
    return ordered[(len(ordered) - 1) // 2]
