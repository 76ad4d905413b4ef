"""Makes the answer to a packet. No I/O; it never raises, whatever the packet."""

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
"""Bytes that every client accepts over UDP (RFC 1035, 4.2.1)."""
TCP_SIZE = 65535
_TYPES = {
    "ipv4": (dns.rdatatype.A,),
    "ipv6": (dns.rdatatype.AAAA,),
    "both": (dns.rdatatype.A, dns.rdatatype.AAAA),
}
"""A zone's families → the records that there are of an address."""


@dataclass(frozen=True, slots=True)
class Zone:
    """What the server knows: the addresses of each name, all of them under ``origin``."""

    origin: dns.name.Name
    ttl: int  # s
    addresses: Mapping[dns.name.Name, tuple[str, ...]] = field(default_factory=dict)  # IPv4, in order
    families: str = "ipv4"  # as ``config.scenario.Families``: which records there are of an address

    @classmethod
    def of(cls, origin: str, ttl: int, addresses: Mapping[str, list[str]], families: str = "ipv4") -> "Zone":
        """Make a zone from plain names, absolute or not: ``greeter.lbstudy.svc.cluster.local``."""
        return cls(
            dns.name.from_text(origin),
            ttl,
            {dns.name.from_text(name): tuple(published) for name, published in addresses.items()},
            families,
        )


@dataclass(frozen=True, slots=True)
class DnsReply:
    """A reply, and what is logged about it."""

    wire: bytes
    name: str  # as asked, without the final dot; "" if the question could not be read
    qtype: str  # "A", "AAAA" …; "" if the question could not be read
    rcode: str  # "NOERROR" …
    addresses: tuple[str, ...]
    truncated: bool = False


def answer(packet: bytes, zone: Zone, *, stream: bool) -> DnsReply | None:
    """Answer one message.

    Like CoreDNS for a headless Service: a name with addresses has A records, AAAA records or both, as the
    zone's families say, and no others; a name without addresses, or an unknown name, is NXDOMAIN; other zones
    are REFUSED. The records' order is random, as with CoreDNS's ``loadbalance`` (dnspython shuffles them).

    Loopback has one IPv6 address only, and more need root. So AAAA records have the IPv4 addresses in IPv6's
    form, ``::ffff:127.0.1.2`` (RFC 4291, 2.5.5.2), by which clients reach the servers all the same.

    Args:
        packet: the message, without TCP's length prefix.
        zone: the present zone.
        stream: whether it came over TCP. Over UDP, an answer beyond 512 bytes, or beyond the size in the
            client's EDNS, is sent empty with TC set, so that the client asks again over TCP.

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


def _respond(query: dns.message.Message, zone: Zone, *, stream: bool) -> DnsReply:
    question = query.question[0]
    name = question.name
    response = dns.message.make_response(query, our_payload=1232)
    response.flags &= ~dns.flags.RA
    published: tuple[str, ...] = ()
    if question.rdclass != dns.rdataclass.IN or not name.is_subdomain(zone.origin):
        response.set_rcode(dns.rcode.REFUSED)
    else:
        response.flags |= dns.flags.AA
        known = zone.addresses.get(name, ())
        types = [kind for kind in _TYPES[zone.families] if question.rdtype in (kind, dns.rdatatype.ANY)]
        if known and types:
            for kind in types:
                own = known if kind == dns.rdatatype.A else tuple(f"::ffff:{address}" for address in known)
                published += own
                # Made by hand: dnspython would check a list of text records for duplicates, each against all.
                records = [dns.rdata.from_text(dns.rdataclass.IN, kind, address) for address in own]
                response.answer.append(dns.rrset.from_rdata_list(name, zone.ttl, records))
        else:
            if not known and name != zone.origin:
                response.set_rcode(dns.rcode.NXDOMAIN)
            response.authority.append(_start_of_authority(zone))
    size = TCP_SIZE if stream else max(UDP_SIZE, min(query.payload, 4096))
    wire = _to_wire(response, size)
    return DnsReply(
        wire,
        name.to_text(omit_final_dot=True),
        dns.rdatatype.to_text(question.rdtype),
        dns.rcode.to_text(response.rcode()),
        published,
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
    """Return the record that says how long a negative answer is valid (RFC 2308)."""
    origin = zone.origin.to_text()
    text = f"ns.dns.{origin} hostmaster.{origin} 1 7200 1800 86400 {zone.ttl}"
    return dns.rrset.from_text(zone.origin, zone.ttl, "IN", "SOA", text)


def _refuse(packet: bytes, rcode: dns.rcode.Rcode) -> DnsReply:
    """Return a bare header: the question could not be read, or is of a kind that is not answered here."""
    (identifier, flags) = struct.unpack_from("!HH", packet)
    kept = flags & 0x7900  # keep opcode and RD
    wire = struct.pack("!HHHHHH", identifier, 0x8000 | kept | int(rcode), 0, 0, 0, 0)
    return DnsReply(wire, "", "", dns.rcode.to_text(rcode), ())
