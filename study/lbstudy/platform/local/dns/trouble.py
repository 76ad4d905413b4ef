"""What is wrong with the answers for a name. No I/O."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import dns.flags
import dns.message
import dns.name
import dns.rcode

from lbstudy.platform.local.dns.answer import DnsReply, Zone, answer

NO_ANSWER = "NONE"
"""Logged instead of the rcode if nothing was sent."""
_MOST_ZONES = 2000
_QTYPES = {"ipv4": "A", "ipv6": "AAAA"}


@dataclass(frozen=True, slots=True)
class DnsTrouble:
    """One fault of a name's answers."""

    kind: str  # a kind that, by config.fault_kinds, DNS makes
    seconds: float = 0.0  # of "dns-stale" and "dns-late"
    family: str = ""  # "ipv4", "ipv6": only what is asked of it; "": whatever is asked


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent, and when."""

    answer: DnsReply
    sent: bool = True
    delay: float = 0.0  # s


@dataclass(slots=True)
class History:
    """Earlier zones."""

    since: list[float] = field(default_factory=list)  # ascending
    zones: list[Zone] = field(default_factory=list)

    def add(self, at: float, zone: Zone) -> None:
        """Note that the zone is this from an instant on."""
        self.since.append(at)
        self.zones.append(zone)
        if len(self.since) > _MOST_ZONES:
            del self.since[0], self.zones[0]

    def at(self, instant: float) -> Zone:
        """Return the zone at an instant; before the first zone, the first."""
        return self.zones[max(0, bisect_right(self.since, instant) - 1)]


def troubled(
    packet: bytes,
    untroubled: DnsReply,
    troubles: Iterable[DnsTrouble],
    history: History,
    now: float,
    *,
    stream: bool,
) -> Reply:
    """Return the answer for a name with troubles; if two exclude each other, the later one counts.

    Args:
        packet: the query.
        untroubled: the answer without troubles.
        troubles: the troubles of the name.
        history: the zones up to now.
        now: the present time, on the history's clock.
        stream: whether the query came over TCP.
    """
    reply = Reply(untroubled)
    for trouble in troubles:
        if trouble.family and untroubled.qtype != _QTYPES[trouble.family]:
            continue
        match trouble.kind:
            case "dns-stale":
                stale = answer(packet, history.at(now - trouble.seconds), stream=stream)
                reply = replace(reply, answer=stale or untroubled)
            case "dns-nxdomain":
                zone = history.at(now)
                none = answer(packet, Zone(zone.origin, zone.ttl, families=zone.families), stream=stream)
                reply = replace(reply, answer=none or untroubled)
            case "dns-servfail":
                reply = replace(reply, answer=_servfail(packet, untroubled))
            case "dns-truncated":
                reply = replace(reply, answer=reply.answer if stream else _truncated(reply.answer))
            case "dns-silent":
                reply = Reply(replace(untroubled, rcode=NO_ANSWER, addresses=()), sent=False)
            case "dns-late":
                reply = replace(reply, delay=reply.delay + trouble.seconds)
    return reply


def _servfail(packet: bytes, reply: DnsReply) -> DnsReply:
    response = dns.message.make_response(dns.message.from_wire(packet))
    response.set_rcode(dns.rcode.SERVFAIL)
    return replace(reply, wire=response.to_wire(), rcode="SERVFAIL", addresses=(), truncated=False)


def _truncated(reply: DnsReply) -> DnsReply:
    response = dns.message.from_wire(reply.wire)
    response.answer.clear()
    response.authority.clear()
    response.flags |= dns.flags.TC
    return replace(reply, wire=response.to_wire(), truncated=True)
