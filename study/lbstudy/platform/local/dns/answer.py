"""From a packet to its answer: pure, and never raises, whatever the packet."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset

HEADER_SIZE = 12
UDP_SIZE = 512
"""Bytes that every client takes over UDP (RFC 1035, 4.2.1)."""
TCP_SIZE = 65535


@dataclass(frozen=True, slots=True)
class Zone:
    """What the server knows: the addresses behind each name, all of them under ``origin``."""

    origin: dns.name.Name
    ttl: int  # s
    addresses: Mapping[dns.name.Name, tuple[str, ...]] = field(default_factory=dict)  # IPv4, in order

    @classmethod
    def of(cls, origin: str, ttl: int, addresses: Mapping[str, list[str]]) -> "Zone":
        """A zone of plain text names, absolute or not: ``greeter.lbstudy.svc.cluster.local``."""
        return cls(
            dns.name.from_text(origin),
            ttl,
            {dns.name.from_text(name): tuple(found) for name, found in addresses.items()},
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply, and what it says for the log."""

    wire: bytes
    name: str  # as asked, without the final dot; "" where the question could not be read
    qtype: str  # "A", "AAAA" …; "" likewise
    rcode: str  # "NOERROR" …
    addresses: tuple[str, ...]
    truncated: bool = False


def answer(packet: bytes, zone: Zone, *, stream: bool) -> Answer | None:
    """Answer one message.

    As CoreDNS does for a headless Service: a name with addresses has A records and no other; a name without
    any, or unknown, is NXDOMAIN; other zones are REFUSED. The records' order is random, as under CoreDNS's
    ``loadbalance`` (dnspython shuffles them).

    Args:
        packet: the message, without TCP's length prefix.
        zone: what is published now.
        stream: whether it came over TCP: over UDP an answer beyond 512 bytes, or the size that the client
            tells by EDNS, is sent empty with TC set, so that the client asks again over TCP.

    Returns:
        The answer; None for what must not be answered: no DNS header, or itself a response.
    """
    if len(packet) < HEADER_SIZE or packet[2] & 0x80:
        return None
    try:
        query = dns.message.from_wire(packet)
    except Exception:  # the parser raises many kinds, and no packet may stop the server
        return _refuse(packet, dns.rcode.FORMERR)
    if query.opcode() != dns.opcode.QUERY:
        return _refuse(packet, dns.rcode.NOTIMP)
    if len(query.question) != 1:
        return _refuse(packet, dns.rcode.FORMERR)
    try:
        return _respond(query, zone, stream=stream)
    except dns.exception.DNSException:
        return _refuse(packet, dns.rcode.SERVFAIL)


def _respond(query: dns.message.Message, zone: Zone, *, stream: bool) -> Answer:
    question = query.question[0]
    name = question.name
    response = dns.message.make_response(query, our_payload=1232)
    response.flags &= ~dns.flags.RA
    found: tuple[str, ...] = ()
    if question.rdclass != dns.rdataclass.IN or not name.is_subdomain(zone.origin):
        response.set_rcode(dns.rcode.REFUSED)
    else:
        response.flags |= dns.flags.AA
        known = zone.addresses.get(name, ())
        if known and question.rdtype in (dns.rdatatype.A, dns.rdatatype.ANY):
            found = known
            # Made by hand: a list of text records would be checked for duplicates one against all.
            records = [dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.A, one) for one in found]
            response.answer.append(dns.rrset.from_rdata_list(name, zone.ttl, records))
        else:
            if not known and name != zone.origin:
                response.set_rcode(dns.rcode.NXDOMAIN)
            response.authority.append(_start_of_authority(zone))
    size = TCP_SIZE if stream else max(UDP_SIZE, min(query.payload, 4096))
    wire = _to_wire(response, size)
    return Answer(
        wire,
        name.to_text(omit_final_dot=True),
        dns.rdatatype.to_text(question.rdtype),
        dns.rcode.to_text(response.rcode()),
        found,
        truncated=bool(wire[2] & 0x02),
    )


def _to_wire(response: dns.message.Message, size: int) -> bytes:
    try:
        return response.to_wire(max_size=size)
    except dns.exception.TooBig:
        response.answer.clear()
        response.authority.clear()
        response.flags |= dns.flags.TC
        return response.to_wire(max_size=size)


def _start_of_authority(zone: Zone) -> dns.rrset.RRset:
    """What tells a resolver for how long a negative answer holds (RFC 2308)."""
    origin = zone.origin.to_text()
    text = f"ns.dns.{origin} hostmaster.{origin} 1 7200 1800 86400 {zone.ttl}"
    return dns.rrset.from_text(zone.origin, zone.ttl, "IN", "SOA", text)


def _refuse(packet: bytes, rcode: dns.rcode.Rcode) -> Answer:
    """A bare header: the question could not be read, or is of no kind that is answered here."""
    (identifier, flags) = struct.unpack_from("!HH", packet)
    kept = flags & 0x7900  # opcode and RD
    wire = struct.pack("!HHHHHH", identifier, 0x8000 | kept | int(rcode), 0, 0, 0, 0)
    return Answer(wire, "", "", dns.rcode.to_text(rcode), ())
