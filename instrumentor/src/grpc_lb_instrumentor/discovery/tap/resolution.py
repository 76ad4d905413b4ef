"""One resolution of a channel, as a state machine that is fed with packets and their instants. No I/O.

A resolution consists of all queries from one UDP source port: A and AAAA (and SRV, TXT), and every search
step. When the client retries, or turns to TCP after a truncated answer, it keeps the query id. So a question
is identified by (id, qtype). A question is open until an answer that was not truncated has been delivered.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from grpc_lb_instrumentor.discovery.tap.answer import AAAA, NOERROR, NXDOMAIN, A, read_answer

_FAMILIES = {A: "A", AAAA: "AAAA"}
_TC = 0x02  # in the third byte of the header

Key = tuple[int, int]
"""Query id and qtype."""


class ResolutionResult(StrEnum):
    """How a resolution ended, as far as its packets show."""

    GOOD = "good"
    EMPTY = "empty"
    NXDOMAIN = "nxdomain"
    SERVFAIL = "servfail"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Report:
    """One resolution. Instants are nanoseconds since the Unix epoch, addresses are sorted."""

    started: int
    ended: int
    result: ResolutionResult
    question: str
    addresses: tuple[str, ...]
    families: tuple[str, ...] = ()  # the record types that were asked for: "A", "AAAA"
    missing: tuple[str, ...] = ()  # of these, those without an answer, or with an error in its place
    questions: int = 0  # each search step asks one for each family
    complete: bool = True  # every question was answered


@dataclass(slots=True)
class _Question:
    name: str
    qtype: int
    result: ResolutionResult | None = None  # of the last delivered answer; None while open
    addresses: tuple[str, ...] = ()
    truncated: bool = False  # the client asks again over TCP
    delivered: int = 0  # answers that were delivered, as far as is known


def key_of(packet: bytes) -> Key | None:
    """Return the key of a query or an answer; None if it is not a DNS message with one question."""
    question = _question_of(packet)
    return None if question is None else (int.from_bytes(packet[:2]), question[1])


class Resolution:
    """The state of one resolution so far."""

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
        return any(question.qtype == A for question in self._questions.values())

    @property
    def awaits_tcp(self) -> bool:
        """Whether every open question was answered truncated, so that the client will ask over TCP."""
        opened = [question for question in self._questions.values() if question.result is None]
        return bool(opened) and all(question.truncated for question in opened)

    def awaits(self, key: Key) -> bool:
        """Return whether a TCP query continues a question of this resolution that was answered truncated."""
        question = self._questions.get(key)
        return question is not None and question.truncated

    def query(self, at: int, packet: bytes) -> None:
        """Note a query of the client: its first, a retry, or one over TCP."""
        self.quiet_since = at
        asked = _question_of(packet)
        if asked is None:
            return
        key = (int.from_bytes(packet[:2]), asked[1])
        question = self._questions.setdefault(key, _Question(*asked))
        # A retry that crossed with an answer that has addresses changes nothing: the client has them.
        if question.result is not ResolutionResult.GOOD:
            question.result = None

    def answer(self, at: int, packet: bytes) -> None:
        """Note an answer that was delivered to the client."""
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
        """Note that an answer, believed delivered, came to a closed socket.

        If several were sent (to a question and its retries), the client has taken the first of them.
        """
        key = key_of(packet)
        question = self._questions.get(key) if key else None
        if question is not None and question.delivered:
            question.delivered -= 1
            if not question.delivered:
                question.result = None
                question.addresses = ()

    def end(self, at: int) -> Report | None:
        """End the resolution: the client's socket was seen closed at ``at``. Returns its report.

        Returns None if the client never asked for IPv4 addresses. gRPC always does, unless the hosts file has
        the name; then its other questions do not show how the resolution ended.
        """
        if not self.asks_addresses:
            return None
        result, question, addresses = self._outcome()
        ended = at if self.open or self._answered is None else self._answered
        results: dict[int, list[ResolutionResult | None]] = {}
        for asked in self._address_questions():
            results.setdefault(asked.qtype, []).append(asked.result)
        return Report(
            self.started,
            ended,
            result,
            question.name,
            addresses,
            families=tuple(name for qtype, name in _FAMILIES.items() if qtype in results),
            missing=tuple(name for qtype, name in _FAMILIES.items() if _is_missing(results.get(qtype, []))),
            questions=len(self._address_questions()),
            complete=not self.open,
        )

    def _address_questions(self) -> list[_Question]:
        return [question for question in self._questions.values() if question.qtype in _FAMILIES]

    def _outcome(self) -> tuple[ResolutionResult, _Question, tuple[str, ...]]:
        families = self._address_questions()
        good = [question for question in families if question.addresses]
        if good:
            addresses = {address for question in good for address in question.addresses}
            return ResolutionResult.GOOD, good[-1], tuple(sorted(addresses))
        last = families[-1]
        results = [question.result for question in families]
        if None in results:
            return ResolutionResult.TIMEOUT, last, ()
        for result in (ResolutionResult.SERVFAIL, ResolutionResult.EMPTY):
            if result in results:
                return result, last, ()
        return ResolutionResult.NXDOMAIN, last, ()


def _is_missing(results: Sequence[ResolutionResult | None]) -> bool:
    """Whether a record type had no answer, or an error in its place, by the results of its questions.

    With a search list, a name that exists without such addresses has been answered, whatever comes of names
    that are tried after it.
    """
    if not results or results[-1] is None:
        return bool(results)
    known = {ResolutionResult.GOOD, ResolutionResult.EMPTY}
    return results[-1] is ResolutionResult.SERVFAIL and known.isdisjoint(results)


def _question_of(packet: bytes) -> tuple[str, int] | None:
    """Return the name and qtype of a message's only question, without reading the rest."""
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


def _read(packet: bytes) -> tuple[ResolutionResult, tuple[str, ...]]:
    answer = read_answer(packet)
    if answer is None:
        return ResolutionResult.SERVFAIL, ()  # the client cannot read it either
    if answer.rcode == NXDOMAIN:
        return ResolutionResult.NXDOMAIN, ()
    if answer.rcode != NOERROR:
        return ResolutionResult.SERVFAIL, ()
    return (ResolutionResult.GOOD if answer.addresses else ResolutionResult.EMPTY), answer.addresses
