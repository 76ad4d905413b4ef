"""Reads the code and the addresses of a DNS answer (RFC 1035 4.1). No I/O.

Written by hand, because dnspython, which reads the whole message, took half of the tap's start and half of
its time for a resolution. The tests compare the two.
"""

import socket
from typing import NamedTuple

A, AAAA = 1, 28
NOERROR, NXDOMAIN = 0, 3
_INTERNET = 1
_POINTER = 0xC0
_HEADER = 12
_FIXED = 10  # bytes of a record between its name and its data: type, class, TTL, length


class Answer(NamedTuple):
    """An answer's code, and the addresses in it."""

    rcode: int
    addresses: tuple[str, ...]


def read_answer(packet: bytes) -> Answer | None:
    """Read an answer; None if it is not a whole DNS message, which the client could not read either."""
    if len(packet) < _HEADER:
        return None
    questions, answers, authorities, others = (int.from_bytes(packet[at : at + 2]) for at in (4, 6, 8, 10))
    addresses: list[str] = []
    at = _HEADER
    for _ in range(questions):
        after = _after_name(packet, at)
        if after is None or after + 4 > len(packet):
            return None
        at = after + 4
    for number in range(answers + authorities + others):
        after = _after_name(packet, at)
        if after is None or after + _FIXED > len(packet):
            return None
        at = after
        kind, of = int.from_bytes(packet[at : at + 2]), int.from_bytes(packet[at + 2 : at + 4])
        begin = at + _FIXED
        at = begin + int.from_bytes(packet[begin - 2 : begin])
        if at > len(packet):
            return None
        if number < answers and of == _INTERNET and kind in {A, AAAA}:
            family, size = (socket.AF_INET, 4) if kind == A else (socket.AF_INET6, 16)
            if at - begin != size:
                return None
            addresses.append(socket.inet_ntop(family, packet[begin:at]))
    return Answer(packet[3] & 0x0F, tuple(addresses))


def _after_name(packet: bytes, at: int) -> int | None:
    """Return where the name that begins at ``at`` ends; None if it does not end within the packet."""
    while at < len(packet):
        length = packet[at]
        if length == 0:
            return at + 1
        if length & _POINTER == _POINTER:
            # A compressed name continues at an earlier place. Only its end here matters.
            before = int.from_bytes(packet[at : at + 2]) & 0x3FFF
            return at + 2 if at + 2 <= len(packet) and _HEADER <= before < at else None
        if length & _POINTER:
            return None
        at += 1 + length
    return None
