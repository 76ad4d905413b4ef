"""The tap's decisions, on hand-made packets."""

from dataclasses import replace

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from grpc_lb_instrumentor.discovery.tap.link import MessageReader, encode, read_report, report_message
from grpc_lb_instrumentor.discovery.tap.nameservers import Turn, failure_answer, parse_resolv_conf
from grpc_lb_instrumentor.discovery.tap.resolution import Report, Resolution, ResolutionResult
from grpc_lb_instrumentor.discovery.targets import Address, parse_target


def query(name: str = "a.test", qtype: str = "A") -> dns.message.Message:
    return dns.message.make_query(name, qtype, use_edns=False)


def answer(
    asked: dns.message.Message,
    *addresses: str,
    rcode: dns.rcode.Rcode = dns.rcode.NOERROR,
    truncated: bool = False,
) -> bytes:
    made = dns.message.make_response(asked)
    made.set_rcode(rcode)
    question = asked.question[0]
    if addresses:
        made.answer.append(dns.rrset.from_text(question.name, 5, "IN", question.rdtype, *addresses))
    if truncated:
        made.flags |= dns.flags.TC
    return made.to_wire()


def resolution(*events: tuple[int, bytes]) -> Resolution:
    """Queries and answers at their instants, told apart by the QR bit."""
    made = Resolution(events[0][0])
    for at, packet in events:
        (made.answer if packet[2] & 0x80 else made.query)(at, packet)
    return made


def core(report: Report | None) -> Report | None:
    """A report without what it says of families and questions."""
    return None if report is None else replace(report, families=(), missing=(), questions=0, complete=True)


A, AAAA = query(), query(qtype="AAAA")


def test_both_families_are_waited_for() -> None:
    made = resolution((1, A.to_wire()), (2, AAAA.to_wire()), (5, answer(A, "10.0.0.2", "10.0.0.1")))
    assert made.open
    made.answer(9, answer(AAAA, "::1"))
    assert not made.open
    addresses = ("10.0.0.1", "10.0.0.2", "::1")
    assert made.end(50) == Report(
        1, 9, ResolutionResult.GOOD, "a.test", addresses, families=("A", "AAAA"), questions=2
    )


def test_a_good_family_beside_a_silent_one_ends_with_the_socket() -> None:
    made = resolution((1, A.to_wire()), (2, AAAA.to_wire()), (5, answer(A, "10.0.0.1")))
    told = made.end(50)
    assert told is not None
    assert (told.started, told.ended, told.result) == (1, 50, ResolutionResult.GOOD)
    assert (told.addresses, told.families, told.missing) == (("10.0.0.1",), ("A", "AAAA"), ("AAAA",))
    assert not told.complete


@pytest.mark.parametrize(
    ("a", "aaaa", "missing"),
    [
        (dns.rcode.NOERROR, dns.rcode.NOERROR, ()),  # no address of a family is an answer
        (dns.rcode.NXDOMAIN, dns.rcode.NXDOMAIN, ()),
        (dns.rcode.NOERROR, dns.rcode.SERVFAIL, ("AAAA",)),
        (dns.rcode.REFUSED, dns.rcode.NOERROR, ("A",)),
        (None, dns.rcode.NOERROR, ("A",)),
        (None, None, ("A", "AAAA")),
    ],
)
def test_a_family_is_missing_without_an_answer_or_with_an_error(
    a: dns.rcode.Rcode | None, aaaa: dns.rcode.Rcode | None, missing: tuple[str, ...]
) -> None:
    made = resolution((1, A.to_wire()), (2, AAAA.to_wire()))
    for asked, rcode in ((A, a), (AAAA, aaaa)):
        if rcode is not None:
            made.answer(3, answer(asked, rcode=rcode))
    told = made.end(9)
    assert told is not None
    assert told.missing == missing


def test_each_step_of_a_search_list_asks_for_both_families() -> None:
    """The last name counts: that the first one failed does not make a family missing."""
    steps = [(query(name), query(name, "AAAA")) for name in ("a.test.one.test", "a.test")]
    made = Resolution(1)
    for step, rcode in zip(steps, (dns.rcode.SERVFAIL, dns.rcode.NOERROR), strict=True):
        for asked in step:
            made.query(2, asked.to_wire())
            made.answer(3, answer(asked, rcode=rcode))
    told = made.end(9)
    assert told is not None
    assert (told.questions, told.families, told.missing) == (4, ("A", "AAAA"), ())


@pytest.mark.parametrize(
    ("rcodes", "missing"),
    [
        ((dns.rcode.NOERROR, dns.rcode.REFUSED), ()),  # a pod's short name: there is no such address
        ((dns.rcode.NXDOMAIN, dns.rcode.SERVFAIL), ("AAAA",)),
        ((dns.rcode.NOERROR, None), ("AAAA",)),  # it had to be waited for
    ],
)
def test_a_name_without_addresses_is_an_answer_whatever_the_names_after_it(
    rcodes: tuple[dns.rcode.Rcode, dns.rcode.Rcode | None], missing: tuple[str, ...]
) -> None:
    made = resolution((1, A.to_wire()), (2, answer(A, "10.0.0.1")))
    for name, rcode in zip(("a.test", "a"), rcodes, strict=True):
        asked = query(name, "AAAA")
        made.query(3, asked.to_wire())
        if rcode is not None:
            made.answer(4, answer(asked, rcode=rcode))
    told = made.end(9)
    assert told is not None
    assert (told.missing, told.questions) == (missing, 3)


def test_who_asked_for_one_family_misses_no_other() -> None:
    told = resolution((1, A.to_wire()), (5, answer(A, "10.0.0.1"))).end(9)
    assert told is not None
    assert (told.families, told.missing, told.questions) == (("A",), (), 1)


def test_the_tap_tells_all_of_a_resolution() -> None:
    told = resolution((1, A.to_wire()), (2, AAAA.to_wire()), (5, answer(A, "10.0.0.1"))).end(50)
    assert told is not None
    (message,) = MessageReader().feed(encode(report_message("127.0.0.2:40000", told)))
    assert read_report(message) == told


@pytest.mark.parametrize(
    ("rcodes", "result"),
    [
        ((dns.rcode.NXDOMAIN, dns.rcode.NXDOMAIN), ResolutionResult.NXDOMAIN),
        ((dns.rcode.NOERROR, dns.rcode.NOERROR), ResolutionResult.EMPTY),
        ((dns.rcode.NXDOMAIN, dns.rcode.NOERROR), ResolutionResult.EMPTY),
        ((dns.rcode.NXDOMAIN, dns.rcode.SERVFAIL), ResolutionResult.SERVFAIL),
        ((dns.rcode.REFUSED, dns.rcode.NOERROR), ResolutionResult.SERVFAIL),
        ((dns.rcode.NOERROR, None), ResolutionResult.TIMEOUT),
        ((None, dns.rcode.SERVFAIL), ResolutionResult.TIMEOUT),
    ],
)
def test_failures(rcodes: tuple[dns.rcode.Rcode | None, ...], result: ResolutionResult) -> None:
    made = resolution((1, A.to_wire()), (2, AAAA.to_wire()))
    for asked, rcode in zip((A, AAAA), rcodes, strict=True):
        if rcode is not None:
            made.answer(5, answer(asked, rcode=rcode))
    report = made.end(50)
    assert report is not None
    assert (report.result, report.addresses) == (result, ())
    assert report.ended == (50 if None in rcodes else 5)


def test_search_steps_and_a_retry() -> None:
    step = query("a.test.one.test")
    made = resolution((1, step.to_wire()), (3, answer(step, rcode=dns.rcode.NXDOMAIN)), (4, A.to_wire()))
    made.query(9, A.to_wire())  # the same id again
    made.answer(11, answer(A, "10.0.0.1"))
    assert core(made.end(50)) == Report(1, 11, ResolutionResult.GOOD, "a.test", ("10.0.0.1",))


def test_a_truncated_answer_is_none_until_tcp_brings_it() -> None:
    made = resolution((1, A.to_wire()), (2, answer(A, "10.0.0.1", truncated=True)))
    key = (A.id, int(dns.rdatatype.A))
    assert made.open
    assert made.awaits_tcp
    assert made.awaits(key)
    assert not made.awaits((A.id ^ 1, key[1]))
    made.query(3, A.to_wire())
    made.answer(6, answer(A, "10.0.0.1", "10.0.0.2"))
    assert not made.awaits_tcp
    assert core(made.end(50)) == Report(1, 6, ResolutionResult.GOOD, "a.test", ("10.0.0.1", "10.0.0.2"))


def test_an_answer_to_a_closed_socket_is_none() -> None:
    late = answer(A, "10.0.0.1")
    made = resolution((1, A.to_wire()), (5, late))
    made.undelivered(late)
    assert core(made.end(7)) == Report(1, 7, ResolutionResult.TIMEOUT, "a.test", ())


def test_a_second_answer_to_a_closed_socket_does_not_undo_the_first() -> None:
    """The client asked again before it had the answer, and got one for each: it took the first."""
    made = resolution((1, A.to_wire()), (2, A.to_wire()), (5, answer(A, "10.0.0.1")))
    made.answer(6, answer(A, "10.0.0.1"))
    made.undelivered(answer(A, "10.0.0.1"))
    assert core(made.end(7)) == Report(1, 6, ResolutionResult.GOOD, "a.test", ("10.0.0.1",))
    made.undelivered(answer(A, "10.0.0.1"))
    assert core(made.end(7)) == Report(1, 7, ResolutionResult.TIMEOUT, "a.test", ())


def test_a_question_that_crosses_with_its_answer_does_not_undo_it() -> None:
    made = resolution((1, A.to_wire()), (5, answer(A, "10.0.0.1")), (6, A.to_wire()))
    assert core(made.end(7)) == Report(1, 5, ResolutionResult.GOOD, "a.test", ("10.0.0.1",))
    failed = resolution((1, A.to_wire()), (5, answer(A, rcode=dns.rcode.SERVFAIL)), (6, A.to_wire()))
    assert core(failed.end(7)) == Report(1, 7, ResolutionResult.TIMEOUT, "a.test", ())


def test_other_questions_do_not_say_how_it_ended() -> None:
    text = query("_grpc_config.a.test", "TXT")
    made = resolution((1, A.to_wire()), (1, text.to_wire()), (2, answer(A, "10.0.0.1")))
    made.answer(8, answer(text, rcode=dns.rcode.NXDOMAIN))
    assert core(made.end(50)) == Report(1, 8, ResolutionResult.GOOD, "a.test", ("10.0.0.1",))
    # Without a question for IPv4 addresses the answer came from elsewhere.
    assert resolution((1, AAAA.to_wire()), (2, answer(AAAA))).end(50) is None


@pytest.mark.parametrize("packet", [b"", b"\0" * 11, b"\0" * 12, b"\0" * 5 + b"\1" + b"\xff" * 40])
def test_no_packet_upsets_it(packet: bytes) -> None:
    made = resolution((1, A.to_wire()))
    made.query(2, packet)
    made.answer(3, packet)
    made.undelivered(packet)
    made.answer(4, A.to_wire()[:12] + b"\xff" * 9)
    assert core(made.end(9)) == Report(1, 9, ResolutionResult.TIMEOUT, "a.test", ())


# --- whom to ask ---

ONE, TWO, THREE = (Address(f"10.0.0.{number}", 53) for number in (1, 2, 3))


def test_a_failure_asks_the_next_and_a_retry_goes_on_from_there() -> None:
    turn = Turn([ONE, TWO, THREE])
    failed = answer(A, rcode=dns.rcode.SERVFAIL)
    assert turn.begin() == ONE
    assert turn.passes_on(failed)
    assert turn.failed() == TWO
    assert turn.begin() == THREE  # the client asks again: TWO was silent
    assert turn.failed() == ONE
    assert turn.failed() == TWO
    assert not turn.passes_on(failed)
    assert turn.failed() is None
    assert not Turn([ONE]).passes_on(failed)


def test_a_good_or_absent_name_is_not_asked_again() -> None:
    turn = Turn([ONE, TWO])
    turn.begin()
    assert not turn.passes_on(answer(A, "10.0.0.1"))
    assert not turn.passes_on(answer(A, rcode=dns.rcode.NXDOMAIN))
    assert turn.passes_on(answer(A, rcode=dns.rcode.REFUSED))
    assert turn.passes_on(answer(A, rcode=dns.rcode.NOTIMP))


def test_the_answer_when_nobody_is_there() -> None:
    made = dns.message.from_wire(failure_answer(A.to_wire()))
    assert made.is_response(A) or A.is_response(made)
    assert made.rcode() == dns.rcode.SERVFAIL


def test_resolv_conf() -> None:
    text = "# nameserver 9.9.9.9\nsearch a b\nnameserver 10.0.0.1\nnameserver ::1\nnameserver oops\n"
    assert parse_resolv_conf(text) == (Address("10.0.0.1", 53), Address("::1", 53))
    assert parse_resolv_conf("") == (Address("127.0.0.1", 53),)
    assert len(parse_resolv_conf("nameserver 10.0.0.1\n" * 5)) == 3


# --- targets ---


@pytest.mark.parametrize(
    ("target", "led"),
    [
        ("dns:///servers:50051", "dns://127.0.0.1:9/servers:50051"),
        ("dns:servers.ns.svc:50051", "dns://127.0.0.1:9/servers.ns.svc:50051"),
        ("DNS:///servers:50051", "dns://127.0.0.1:9/servers:50051"),
        ("servers:50051", "dns://127.0.0.1:9/servers:50051"),
        ("servers", "dns://127.0.0.1:9/servers"),
        ("dns:///servers.", "dns://127.0.0.1:9/servers."),
        ("dns:///servers:https", "dns://127.0.0.1:9/servers:https"),
        ("dns://10.0.0.1:53/servers:50051", "dns://127.0.0.1:9/servers:50051"),
        ("dns://[::1]:53/servers:50051", "dns://127.0.0.1:9/servers:50051"),
    ],
)
def test_targets_that_are_led_through_the_tap(target: str, led: str) -> None:
    parsed = parse_target(target)
    assert parsed is not None
    assert parsed.through(Address("127.0.0.1", 9)) == led
    assert (parsed.authority is not None) == ("53" in target)


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:50051", "dns:///127.0.0.1:50051", "dns:///[::1]:50051", "[::1]:50051", "::1", "dns:///::1",
        "localhost:50051", "dns:///localhost", "dns:///a.localhost:1", "unix:/tmp/s", "unix:1", "unix:///tmp/s",
        "unix-abstract:a", "xds:///a", "ipv4:127.0.0.1:1,127.0.0.2:1", "ipv6:[::1]:1", "vsock:1:2", "my:///a",
        "google-c2p:///a", "dns://nameserver:53/a:1", "dns://10.0.0.1/a:1", "dns:///a%41:1", "dns:///",
        "dns:", "", "dns:///a/b", "dns:///:50051",
    ],
)  # fmt: skip
def test_targets_that_are_left_alone(target: str) -> None:
    assert parse_target(target) is None
