"""Reads gRPC's own trace: every resolution and every state of a subchannel, stamped in µs.

Needs GRPC_VERBOSITY=debug, TZ=UTC and
GRPC_TRACE=event_engine_client_channel_resolver,cares_resolver,subchannel.
"""

import re
from calendar import timegm
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_LINE = re.compile(r"[IWED](\d{4}) (\d\d):(\d\d):(\d\d)\.(\d{6}) +(\d+) ([\w.]+):\d+\] (.*)")
_RESOLVER = re.compile(r"\[polling resolver (0x[0-9a-f]+)\] (.*)")
_SUBCHANNEL = r"subchannel (0x[0-9a-f]+) \{address=(?:ipv[46]:)?([^,]+), .*"
_STATE = re.compile(_SUBCHANNEL + r"reporting connectivity state (\w+)")
_CREATED = re.compile(_SUBCHANNEL + r": created$")


@dataclass(frozen=True, slots=True)
class TracedResolution:
    """One resolution, in ns since the Unix epoch."""

    resolver: str
    started: int
    ended: int
    addresses: int | None  # None: it failed


@dataclass(frozen=True, slots=True)
class TracedState:
    """One state of a subchannel, in lower case; "created" too."""

    subchannel: str
    address: str
    state: str
    at: int


@dataclass(frozen=True, slots=True)
class Trace:
    """All that a trace file tells."""

    resolutions: list[TracedResolution]
    states: list[TracedState]
    under_way: int  # resolutions that began and whose end it does not tell


def read_trace(log: Path) -> Trace:
    resolutions: list[TracedResolution] = []
    states: list[TracedState] = []
    asked: dict[str, int] = {}  # thread → when it set the DNS server, the last step before the first query
    started: dict[str, int] = {}
    completed: dict[str, int] = {}
    year = datetime.now(tz=UTC).year
    text = log.read_text(encoding="utf-8", errors="replace")
    for match in _LINE.finditer(text, 0, text.rfind("\n") + 1):  # its last line may not be all there yet
        date, hour, minute, second, fraction, thread, source, text = match.groups()
        moment = (year, int(date[:2]), int(date[2:]), int(hour), int(minute), int(second), 0, 0, 0)
        at = timegm(moment) * 1_000_000_000 + int(fraction) * 1000
        if source == "ares_resolver.cc" and "Using DNS server" in text:
            asked[thread] = at
        elif source == "polling_resolver.cc" and (told := _RESOLVER.search(text)):
            resolver, what = told.groups()
            if what.startswith("starting resolution"):
                started[resolver] = asked.pop(thread, at)
            elif what == "request complete":
                completed[resolver] = at
            elif what.startswith("returning result"):
                count = re.search(r"addresses=<(\d+) addresses>", what)
                resolutions.append(
                    TracedResolution(
                        resolver,
                        started.pop(resolver),
                        completed.pop(resolver),
                        int(count[1]) if count else None,
                    )
                )
        elif source == "subchannel.cc" and (state := _STATE.search(text)):
            states.append(TracedState(state[1], state[2], state[3].lower(), at))
        elif source == "subchannel.cc" and (created := _CREATED.search(text)):
            states.append(TracedState(created[1], created[2], "created", at))
    return Trace(resolutions, states, len(started))
