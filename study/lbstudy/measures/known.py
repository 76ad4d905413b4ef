"""What is known of a setting, and from whom, for the report's provenance."""

from typing import Final

from lbstudy.measures.delays import unseen
from lbstudy.observation.known import Seen
from lbstudy.observation.records import Lane
from lbstudy.result.model import KnownPart

CONNECTIONS: Final = "the client’s connections to servers"
_PARTS: Final = {
    "codes": "how many RPCs ended with which code",
    "rpcs": "when each RPC was sent and ended",
    "latency": "how long each RPC took",
    "answers": "who answered each RPC",
    "updates": "when the client’s resolver was told what",
    "connections": CONNECTIONS,
}
"""A field of ``observation.known.Known`` → what it is, for people."""


def known(lane: Lane) -> list[KnownPart]:
    """Return each part of the lane with who reported it, or why nobody did."""
    parts = []
    for field, what in _PARTS.items():
        part = getattr(lane.known, field)
        if isinstance(part, Seen):
            parts.append(KnownPart(what=what, by=part.by.value, note=part.note, error=part.error))
        else:
            parts.append(KnownPart(what=what, by="", not_observed=unseen(part)))
    return parts
