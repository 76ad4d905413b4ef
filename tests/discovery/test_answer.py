"""What the tap reads of an answer, with dnspython as referee."""

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from grpc_lb_instrumentor.discovery.tap.answer import Answer, read_answer
from hypothesis import given, settings
from hypothesis import strategies as st

FEW = 60
"""Examples: making one takes milliseconds."""
LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=20)
NAME = st.lists(LABEL, min_size=1, max_size=5).map(lambda labels: ".".join(labels) + ".")
RECORD = st.one_of(
    st.tuples(st.just("A"), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just("AAAA"), st.ip_addresses(v=6).map(str)),
    st.tuples(st.just("CNAME"), NAME),
    st.tuples(st.just("TXT"), st.just('"grpc_config=[]"')),
    st.tuples(st.just("NS"), NAME),
)
RECORDS = st.lists(st.tuples(NAME, RECORD), max_size=6)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    asked = dns.message.make_query(draw(NAME), draw(st.sampled_from(["A", "AAAA", "TXT"])), use_edns=False)
    made = dns.message.make_response(asked)
    made.set_rcode(draw(st.sampled_from([dns.rcode.NOERROR, dns.rcode.NXDOMAIN, dns.rcode.SERVFAIL])))
    for section in (made.answer, made.authority, made.additional):
        for name, (kind, text) in draw(RECORDS):
            section.append(dns.rrset.from_text(dns.name.from_text(name), 5, "IN", kind, text))
    return made.to_wire()


def by_dnspython(packet: bytes) -> Answer | None:
    try:
        message = dns.message.from_wire(packet, ignore_trailing=True, one_rr_per_rrset=True)
    except (dns.exception.DNSException, ValueError):
        return None
    kinds = {dns.rdatatype.A, dns.rdatatype.AAAA}
    addresses = [record.address for rrset in message.answer if rrset.rdtype in kinds for record in rrset]
    return Answer(message.rcode(), tuple(addresses))


@settings(max_examples=FEW)
@given(answers())
def test_it_reads_what_dnspython_reads(packet: bytes) -> None:
    assert read_answer(packet) == by_dnspython(packet)


@settings(max_examples=FEW)
@given(answers(), st.floats(0, 1, exclude_max=True))
def test_a_cut_answer_is_none(packet: bytes, part: float) -> None:
    cut = packet[: int(len(packet) * part)]
    assert read_answer(cut) is None
    assert by_dnspython(cut) is None


@settings(max_examples=FEW)
@given(answers(), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), min_size=1, max_size=4))
def test_no_damage_makes_it_fail(packet: bytes, damages: list[tuple[int, int]]) -> None:
    damaged = bytearray(packet)
    for at, value in damages:
        damaged[at % len(packet)] = value
    read_answer(bytes(damaged))


@pytest.mark.parametrize("packet", [b"", b"\0" * 11, bytes(range(12)), b"\xff" * 600])
def test_what_is_no_message(packet: bytes) -> None:
    assert read_answer(packet) is None


def test_many_addresses_and_a_name_that_points_back() -> None:
    asked = dns.message.make_query("greeter.lbstudy.svc.cluster.local", "A", use_edns=False)
    made = dns.message.make_response(asked)
    addresses = [f"10.0.{number // 250}.{number % 250 + 1}" for number in range(1000)]
    made.answer.append(dns.rrset.from_text(asked.question[0].name, 5, "IN", "A", *addresses))
    found = read_answer(made.to_wire(max_size=65535))
    assert found is not None
    assert sorted(found.addresses) == sorted(addresses)  # dnspython shuffles them
