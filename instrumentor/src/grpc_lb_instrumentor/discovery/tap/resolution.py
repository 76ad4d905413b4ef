"""One resolution of a channel, as a state machine fed with stamped packets. No I/O.

A resolution is all that comes from one UDP source port: A and AAAA (and SRV, TXT), every search step. A retry
of the client keeps the query id, and so does its turn to TCP after a truncated answer: a question is known by
(id, qtype). A question is open until an answer that was not truncated has been delivered.
"""

from dataclasses import dataclass
from enum import StrEnum

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

_ADDRESS_TYPES = frozenset({dns.rdatatype.A, dns.rdatatype.AAAA})
_TC = 0x02  # in the third byte of the header

Key = tuple[int, int]
"""Query id and qtype."""


class Result(StrEnum):
    """How a resolution ended, as far as the wire tells."""

    GOOD = "good"
    EMPTY = "empty"
    NXDOMAIN = "nxdomain"
    SERVFAIL = "servfail"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Report:
    """One resolution: instants in nanoseconds since the Unix epoch, addresses sorted."""

    started: int
    ended: int
    result: Result
    question: str
    addresses: tuple[str, ...]


@dataclass(slots=True)
class _Question:
    name: str
    qtype: int
    result: Result | None = None  # of the last delivered answer; None while open
    addresses: tuple[str, ...] = ()
    truncated: bool = False  # so the client asks again over TCP
    delivered: int = 0  # answers, as far as is known


def key_of(packet: bytes) -> Key | None:
    """What a query or an answer belongs to; None when it is no DNS message with one question."""
    question = _question_of(packet)
    return None if question is None else (int.from_bytes(packet[:2]), question[1])


class Resolution:
    """What is known of one resolution so far."""

    def __init__(self, started: int) -> None:
        self.started = started
        self.quiet_since = started
        self._questions: dict[Key, _Question] = {}
        self._answered: int | None = None

    @property
    def open(self) -> bool:
        """Whether a question has no delivered answer yet."""
        return any(question.result is None for question in self._questions.values())

    @property
    def asks_addresses(self) -> bool:
        """Whether IPv4 addresses were asked for."""
        return any(question.qtype == dns.rdatatype.A for question in self._questions.values())

    @property
    def awaits_tcp(self) -> bool:
        """Whether every open question was answered truncated, so that the client now turns to TCP."""
        opened = [question for question in self._questions.values() if question.result is None]
        return bool(opened) and all(question.truncated for question in opened)

    def awaits(self, key: Key) -> bool:
        """Whether a TCP query is the turn of a truncated answer of this resolution."""
        question = self._questions.get(key)
        return question is not None and question.truncated

    def query(self, at: int, packet: bytes) -> None:
        """The client asked, for the first time, again, or over TCP."""
        self.quiet_since = at
        asked = _question_of(packet)
        if asked is None:
            return
        key = (int.from_bytes(packet[:2]), asked[1])
        question = self._questions.setdefault(key, _Question(*asked))
        # One that crossed with an answer that has addresses changes nothing: the client has them.
        if question.result is not Result.GOOD:
            question.result = None

    def answer(self, at: int, packet: bytes) -> None:
        """An answer was delivered to the client."""
        self.quiet_since = at
        key = key_of(packet)
        question = self._questions.get(key) if key else None
        if question is None:
            return
        if packet[2] & _TC:
            question.truncated = True
            return
        question.truncated = False
        question.delivered += 1
        question.result, question.addresses = _read(packet)
        self._answered = at

    def undelivered(self, packet: bytes) -> None:
        """An answer thought delivered came to a closed socket.

        Where several were sent, to a question and its repetitions, the client has taken the first of them.
        """
        key = key_of(packet)
        question = self._questions.get(key) if key else None
        if question is not None and question.delivered:
            question.delivered -= 1
            if not question.delivered:
                question.result = None
                question.addresses = ()

    def end(self, at: int) -> Report | None:
        """The client has closed its socket, seen at this instant.

        None when it never asked for IPv4 addresses, as gRPC always does but when the hosts file has the name:
        then what was asked besides does not tell how the resolution ended.
        """
        if not self.asks_addresses:
            return None
        result, question, addresses = self._outcome()
        ended = at if self.open or self._answered is None else self._answered
        return Report(self.started, ended, result, question.name, addresses)

    def _outcome(self) -> tuple[Result, _Question, tuple[str, ...]]:
        asked = list(self._questions.values())
        families = [question for question in asked if question.qtype in _ADDRESS_TYPES]
        good = [question for question in families if question.addresses]
        if good:
            addresses = {address for question in good for address in question.addresses}
            return Result.GOOD, good[-1], tuple(sorted(addresses))
        last = families[-1]
        results = [question.result for question in families]
        if None in results:
            return Result.TIMEOUT, last, ()
        for result in (Result.SERVFAIL, Result.EMPTY):
            if result in results:
                return result, last, ()
        return Result.NXDOMAIN, last, ()


def _question_of(packet: bytes) -> tuple[str, int] | None:
    """The name and qtype of a message's only question, without reading the rest."""
    if len(packet) < 17 or packet[4:6] != b"\x00\x01":
        return None
    labels: list[str] = []
    at = 12
    while at < len(packet) and packet[at]:
        length = packet[at]
        if length > 63 or at + 1 + length > len(packet):
            return None
        labels.append(packet[at + 1 : at + 1 + length].decode("ascii", "backslashreplace"))
        at += 1 + length
    if at + 5 > len(packet):
        return None
    return ".".join(labels).lower(), int.from_bytes(packet[at + 1 : at + 3])


def _read(packet: bytes) -> tuple[Result, tuple[str, ...]]:
    try:
        message = dns.message.from_wire(packet, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return Result.SERVFAIL, ()  # the client cannot read it either
    if message.rcode() == dns.rcode.NXDOMAIN:
        return Result.NXDOMAIN, ()
    if message.rcode() != dns.rcode.NOERROR:
        return Result.SERVFAIL, ()
    addresses = tuple(
        str(record.address) for rrset in message.answer if rrset.rdtype in _ADDRESS_TYPES for record in rrset
    )
    return (Result.GOOD if addresses else Result.EMPTY), addresses
