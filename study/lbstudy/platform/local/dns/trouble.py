"""What goes wrong with the answers for a name: pure."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import dns.flags
import dns.message
import dns.name
import dns.rcode

from lbstudy.platform.local.dns.answer import Answer, Zone, answer

NO_ANSWER = "NONE"
"""In place of the rcode in the log, where nothing was sent."""
DNS_FAULTS = frozenset(
    {"dns-stale", "dns-nxdomain", "dns-servfail", "dns-silent", "dns-truncated", "dns-late"}
)
_MOST_ZONES = 2000


@dataclass(frozen=True, slots=True)
class DnsTrouble:
    """One fault of a name's answers."""

    kind: str  # one of DNS_FAULTS
    seconds: float = 0.0  # of "dns-stale" and "dns-late"


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent, and when."""

    answer: Answer
    sent: bool = True
    delay: float = 0.0  # s


@dataclass(slots=True)
class History:
    """The zones of the past."""

    since: list[float] = field(default_factory=list)  # ascending
    zones: list[Zone] = field(default_factory=list)

    def add(self, at: float, zone: Zone) -> None:
        """From an instant on, the zone is this."""
        self.since.append(at)
        self.zones.append(zone)
        if len(self.since) > _MOST_ZONES:
            del self.since[0], self.zones[0]

    def at(self, instant: float) -> Zone:
        """The zone at an instant; before the first, that one."""
        return self.zones[max(0, bisect_right(self.since, instant) - 1)]


def troubled(
    packet: bytes,
    found: Answer,
    troubles: Iterable[DnsTrouble],
    history: History,
    now: float,
    *,
    stream: bool,
) -> Reply:
    """What becomes of an answer while its name has troubles; the later one counts where two exclude another.

    Args:
        packet: the query.
        found: what would be answered without.
        troubles: those of the name that was asked for.
        history: the zones up to now.
        now: on the history's clock.
        stream: whether the query came over TCP.
    """
    reply = Reply(found)
    for trouble in troubles:
        match trouble.kind:
            case "dns-stale":
                stale = answer(packet, history.at(now - trouble.seconds), stream=stream)
                reply = replace(reply, answer=stale or found)
            case "dns-nxdomain":
                zone = history.at(now)
                none = answer(packet, Zone(zone.origin, zone.ttl), stream=stream)
                reply = replace(reply, answer=none or found)
            case "dns-servfail":
                reply = replace(reply, answer=_servfail(packet, found))
            case "dns-truncated":
                reply = replace(reply, answer=reply.answer if stream else _truncated(reply.answer))
            case "dns-silent":
                reply = Reply(replace(found, rcode=NO_ANSWER, addresses=()), sent=False)
            case "dns-late":
                reply = replace(reply, delay=reply.delay + trouble.seconds)
    return reply


def _servfail(packet: bytes, found: Answer) -> Answer:
    response = dns.message.make_response(dns.message.from_wire(packet))
    response.set_rcode(dns.rcode.SERVFAIL)
    return replace(found, wire=response.to_wire(), rcode="SERVFAIL", addresses=(), truncated=False)


def _truncated(found: Answer) -> Answer:
    response = dns.message.from_wire(found.wire)
    response.answer.clear()
    response.authority.clear()
    response.flags |= dns.flags.TC
    return replace(found, wire=response.to_wire(), truncated=True)
