"""Parses what channelz says of a subchannel, and finds which part of it is new. No I/O.

The trace is a list of texts with timestamps; the oldest are dropped when its memory is full. gRPC computes
the timestamps anew at each reading, and they shift by about 0.1 ms. So the old and the new list are aligned
by their texts, with a tolerance for the timestamps.
"""

import json
import re
from calendar import timegm
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from grpc_lb_instrumentor.records import SubchannelState

_CHANGED = re.compile(r"connectivity state changed to ([A-Z_]+)")
_STATES = {
    "IDLE": SubchannelState.IDLE,
    "CONNECTING": SubchannelState.CONNECTING,
    "READY": SubchannelState.READY,
    "TRANSIENT_FAILURE": SubchannelState.TRANSIENT_FAILURE,
}
_STAMP = re.compile(r"^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z$")
_TOLERANCE = 2_000_000  # ns


@dataclass(frozen=True, slots=True)
class Entered:
    """A state that a subchannel entered, and when, in ns since the Unix epoch."""

    state: SubchannelState
    at: int


@dataclass(frozen=True, slots=True)
class SubchannelReading:
    """One reading of a subchannel: its address and its trace."""

    address: str
    entered: tuple[Entered, ...]


def read_subchannel(text: bytes) -> SubchannelReading:
    """Parse channelz's JSON of a subchannel. Raises ValueError or KeyError."""
    data: dict[str, Any] = json.loads(text)["subchannel"]["data"]
    entered = []
    for event in data.get("trace", {}).get("events", ()):
        state = _state_of(event.get("description", ""))
        if state is not None:
            entered.append(Entered(state, parse_stamp(event["timestamp"])))
    return SubchannelReading(_address(data.get("target", "")), tuple(entered))


def news(known: Sequence[Entered], reading: Sequence[Entered]) -> Sequence[Entered]:
    """Return the part of a reading that comes after the entries in ``known``."""
    for dropped in range(len(known) + 1):
        kept = known[dropped:]
        if len(kept) <= len(reading) and all(map(_same, kept, reading)):
            return reading[len(kept) :]
    return reading


def parse_stamp(stamp: str) -> int:
    """Convert RFC 3339 in UTC, with up to nine decimals, to ns since the Unix epoch. Raises ValueError."""
    match = _STAMP.match(stamp)
    if match is None:
        raise ValueError(f"no time stamp: {stamp!r}")
    *calendar, fraction = match.groups()
    seconds = timegm((*map(int, calendar), 0, 0, 0))
    return seconds * 1_000_000_000 + int((fraction or "0").ljust(9, "0"))


def _same(entry: Entered, other: Entered) -> bool:
    return entry.state is other.state and abs(entry.at - other.at) <= _TOLERANCE


def _state_of(description: str) -> SubchannelState | None:
    match = _CHANGED.search(description)
    if match:
        return _STATES.get(match[1])
    lowered = description.lower()
    if lowered == "subchannel created":
        return SubchannelState.CREATED
    return SubchannelState.REMOVED if lowered == "subchannel destroyed" else None


def _address(target: str) -> str:
    scheme, colon, rest = target.partition(":")
    return unquote(rest) if colon and scheme in {"ipv4", "ipv6"} else unquote(target)
