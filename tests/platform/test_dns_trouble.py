"""What goes wrong with answers: the pure function, with dnspython as the client."""

import dns.flags
import dns.message
import dns.rcode
import pytest
from lbstudy.platform.local.dns.answer import Zone, answer
from lbstudy.platform.local.dns.trouble import NO_ANSWER, DnsTrouble, History, Reply, troubled

NAME = "greeter.lbstudy.svc.cluster.local"
OLD, NEW = ["127.0.1.2"], ["127.0.1.2", "127.0.1.3"]


def ask(*troubles: DnsTrouble, now: float = 100.0, stream: bool = False, qtype: str = "A") -> Reply:
    history = History()
    for at, addresses in ((0.0, []), (50.0, OLD), (90.0, NEW)):
        history.add(at, Zone.of("cluster.local", 5, {NAME: addresses}))
    packet = dns.message.make_query(NAME, qtype).to_wire()
    found = answer(packet, history.at(now), stream=stream)
    assert found is not None
    return troubled(packet, found, troubles, history, now, stream=stream)


def said(reply: Reply) -> tuple[str, list[str], bool]:
    message = dns.message.from_wire(reply.answer.wire)
    addresses = sorted(record.address for rrset in message.answer for record in rrset)
    assert (
        sorted(reply.answer.addresses) == addresses or reply.answer.truncated
    )  # what is logged is what is said
    assert reply.answer.rcode == dns.rcode.to_text(message.rcode())
    return dns.rcode.to_text(message.rcode()), addresses, bool(message.flags & dns.flags.TC)


def test_without_trouble_nothing_changes() -> None:
    assert said(ask()) == ("NOERROR", NEW, False)


@pytest.mark.parametrize(
    ("seconds", "rcode", "addresses"),
    [
        (5, "NOERROR", NEW),
        (10, "NOERROR", NEW),
        (11, "NOERROR", OLD),
        (51, "NXDOMAIN", []),
        (200, "NXDOMAIN", []),
    ],
)
def test_stale_answers_are_those_of_so_long_ago(seconds: float, rcode: str, addresses: list[str]) -> None:
    assert said(ask(DnsTrouble("dns-stale", seconds))) == (rcode, addresses, False)


@pytest.mark.parametrize(("kind", "rcode"), [("dns-nxdomain", "NXDOMAIN"), ("dns-servfail", "SERVFAIL")])
@pytest.mark.parametrize("stream", [False, True])
def test_failures(kind: str, rcode: str, *, stream: bool) -> None:
    assert said(ask(DnsTrouble(kind), stream=stream)) == (rcode, [], False)


def test_truncated_over_udp_and_whole_over_tcp() -> None:
    assert said(ask(DnsTrouble("dns-truncated"))) == ("NOERROR", [], True)
    assert said(ask(DnsTrouble("dns-truncated"), stream=True)) == ("NOERROR", NEW, False)


def test_silence_is_logged_as_such() -> None:
    reply = ask(DnsTrouble("dns-silent"))
    assert not reply.sent
    assert (reply.answer.rcode, reply.answer.addresses) == (NO_ANSWER, ())


def test_late_answers_are_the_same_ones() -> None:
    reply = ask(DnsTrouble("dns-late", 2.5), DnsTrouble("dns-stale", 11))
    assert (reply.delay, said(reply)) == (2.5, ("NOERROR", OLD, False))


@pytest.mark.parametrize(("family", "troubled_type", "other"), [("ipv4", "A", "AAAA"), ("ipv6", "AAAA", "A")])
@pytest.mark.parametrize("kind", ["dns-silent", "dns-servfail", "dns-late"])
def test_a_fault_of_one_family_leaves_the_other_alone(
    kind: str, family: str, troubled_type: str, other: str
) -> None:
    trouble = DnsTrouble(kind, 1.5, family)
    assert ask(trouble, qtype=other).answer.rcode == ask(qtype=other).answer.rcode
    assert (ask(trouble, qtype=other).sent, ask(trouble, qtype=other).delay) == (True, 0.0)
    hit, well = ask(trouble, qtype=troubled_type), ask(qtype=troubled_type)
    assert (hit.sent, hit.delay, hit.answer.rcode) != (well.sent, well.delay, well.answer.rcode)
