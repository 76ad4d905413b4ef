"""The pure function from packet to answer, against dnspython as the client."""

import random

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lbstudy.platform.local.dns.answer import Zone, answer

NAME = "greeter.lbstudy.svc.cluster.local"
THREE = ["127.0.1.2", "127.0.1.3", "127.0.1.4"]


def zone(addresses: list[str] | None = None) -> Zone:
    return Zone.of("cluster.local", 5, {NAME: THREE if addresses is None else addresses})


def many(count: int) -> list[str]:
    return [f"127.{number // 62500 + 1}.{number // 250 % 250}.{number % 250 + 1}" for number in range(count)]


def ask(
    query: dns.message.Message, known: Zone | None = None, *, stream: bool = False
) -> dns.message.Message:
    found = answer(query.to_wire(), known or zone(), stream=stream)
    assert found is not None
    reply = dns.message.from_wire(found.wire)
    assert reply.id == query.id
    assert reply.flags & dns.flags.QR
    assert dns.rcode.to_text(reply.rcode()) == found.rcode
    return reply


def addresses(reply: dns.message.Message) -> list[str]:
    return [record.address for rrset in reply.answer for record in rrset]


def test_a_name_has_the_published_addresses_with_the_ttl() -> None:
    reply = ask(dns.message.make_query(NAME, "A"))

    assert sorted(addresses(reply)) == THREE
    assert reply.answer[0].ttl == 5
    assert reply.flags & dns.flags.AA


def test_the_order_changes_from_answer_to_answer_as_coredns_has_it() -> None:
    orders = {tuple(addresses(ask(dns.message.make_query(NAME, "A")))) for _ in range(100)}

    assert len(orders) > 1  # the same 100 times: once in 6 ** 99


def test_names_are_found_whatever_their_case() -> None:
    assert sorted(addresses(ask(dns.message.make_query(NAME.upper(), "A")))) == THREE


@pytest.mark.parametrize("qtype", ["AAAA", "SRV", "TXT"])
def test_other_types_of_a_known_name_are_empty(qtype: str) -> None:
    reply = ask(dns.message.make_query(NAME, qtype))

    assert reply.rcode() == dns.rcode.NOERROR
    assert reply.answer == []
    assert reply.authority[0].rdtype == dns.rdatatype.SOA


@pytest.mark.parametrize(("families", "a", "aaaa"), [("ipv4", 3, 0), ("ipv6", 0, 3), ("both", 3, 3)])
def test_a_zone_has_records_of_its_families_only(families: str, a: int, aaaa: int) -> None:
    known = Zone.of("cluster.local", 5, {NAME: THREE}, families)
    replies = [ask(dns.message.make_query(NAME, qtype), known) for qtype in ("A", "AAAA", "ANY")]

    assert [reply.rcode() for reply in replies] == [dns.rcode.NOERROR] * 3
    assert [len(addresses(reply)) for reply in replies] == [a, aaaa, a + aaaa]
    assert sorted(addresses(replies[1])) == [f"::ffff:{one}" for one in THREE][:aaaa]


@pytest.mark.parametrize("qtype", ["A", "AAAA"])
@pytest.mark.parametrize("known", [zone([]), zone()])
def test_unknown_names_and_names_without_addresses_do_not_exist(known: Zone, qtype: str) -> None:
    name = NAME if known.addresses and not next(iter(known.addresses.values())) else "no." + NAME

    assert ask(dns.message.make_query(name, qtype), known).rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize("name", ["example.com", "local", ".", "notcluster.local"])
def test_other_zones_are_refused(name: str) -> None:
    assert ask(dns.message.make_query(name, "A")).rcode() == dns.rcode.REFUSED


def test_other_classes_and_opcodes_are_not_answered_with_addresses() -> None:
    assert ask(dns.message.make_query(NAME, "A", rdclass="CH")).rcode() == dns.rcode.REFUSED
    notify = dns.message.make_query(NAME, "A")
    notify.set_opcode(dns.opcode.NOTIFY)
    assert ask(notify).rcode() == dns.rcode.NOTIMP


def test_without_edns_28_addresses_fit_and_29_truncate() -> None:
    # 12 header + 39 question + 16 a record: (512 − 51) ÷ 16 = 28.8.
    fits = ask(dns.message.make_query(NAME, "A"), zone(many(28)))
    truncated = ask(dns.message.make_query(NAME, "A"), zone(many(29)))

    assert len(addresses(fits)) == 28
    assert not fits.flags & dns.flags.TC
    assert truncated.flags & dns.flags.TC
    assert addresses(truncated) == []


def test_with_edns_more_fit() -> None:
    reply = ask(dns.message.make_query(NAME, "A", payload=1232), zone(many(60)))

    assert len(addresses(reply)) == 60
    assert reply.edns == 0


def test_hundreds_fit_over_tcp() -> None:
    reply = ask(dns.message.make_query(NAME, "A"), zone(many(2000)), stream=True)

    assert sorted(addresses(reply)) == sorted(many(2000))


def test_more_than_tcp_takes_is_truncated_too() -> None:
    reply = ask(dns.message.make_query(NAME, "A"), zone(many(4100)), stream=True)

    assert reply.flags & dns.flags.TC


def test_responses_and_fragments_are_not_answered() -> None:
    response = dns.message.make_response(dns.message.make_query(NAME, "A"))

    assert answer(response.to_wire(), zone(), stream=False) is None
    assert answer(b"\0" * 11, zone(), stream=False) is None


def test_a_broken_question_is_a_format_error_with_its_id() -> None:
    wire = dns.message.make_query(NAME, "A", id=4711).to_wire()
    found = answer(wire[:-3], zone(), stream=False)

    assert found is not None
    assert found.rcode == "FORMERR"
    assert dns.message.from_wire(found.wire).id == 4711


def check(packet: bytes, *, stream: bool) -> None:
    found = answer(packet, zone(), stream=stream)
    if found is None:
        assert len(packet) < 12 or packet[2] & 0x80
        return
    reply = dns.message.from_wire(found.wire)
    assert found.wire[:2] == packet[:2]
    assert reply.flags & dns.flags.QR
    assert len(found.wire) <= (65535 if stream else 4096)
    assert set(found.addresses) <= set(THREE)


@settings(max_examples=500)
@given(packet=st.binary(max_size=600), stream=st.booleans())
def test_any_bytes_get_an_answer_or_none(packet: bytes, stream: bool) -> None:
    check(packet, stream=stream)


@settings(max_examples=1000)
@given(
    qtype=st.sampled_from(["A", "AAAA", "ANY", "SOA", "SRV", "OPT", "AXFR", "TSIG"]),
    payload=st.sampled_from([None, 0, 512, 1232, 65535]),
    changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 30),
    tail=st.binary(max_size=30),
    stream=st.booleans(),
)
def test_mutated_queries_get_an_answer_or_none(
    qtype: str, payload: int | None, changes: list[tuple[int, int]], cut: int, tail: bytes, stream: bool
) -> None:
    query = dns.message.make_query(NAME, qtype, payload=payload)
    packet = bytearray(query.to_wire())
    for position, value in changes:
        packet[position % len(packet)] = value
    check(bytes(packet[: len(packet) - cut]) + tail, stream=stream)


def test_a_hundred_thousand_questions_do_no_harm() -> None:
    chance = random.Random(1)
    header = bytes([0, 1, 1, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0, 0])
    check(header + chance.randbytes(500), stream=False)
