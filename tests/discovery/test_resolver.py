"""Resolver updates of real channels, with gRPC's own trace as the referee."""

import os
import signal
import time

import dns.rcode
import pytest

from tests.discovery.conftest import MakeProbe
from tests.discovery.lab.client import Message, Probe
from tests.discovery.lab.dns_server import DnsServer
from tests.discovery.lab.echo_servers import EchoServers
from tests.discovery.lab.referee import read_trace

NAME = "servers.test"
FAST = {"dns_min_time_between_resolutions_ms": 100, "initial_reconnect_backoff_ms": 200}
ROUNDED = 1_000_000  # ns; more than what the stamps in gRPC's trace are rounded by


def target(dns_server: DnsServer, echo: EchoServers, name: str = NAME) -> str:
    return f"dns://127.0.0.1:{dns_server.port}/{name}:{echo.port or 50051}"


def assert_complete(probe: Probe) -> list[Message]:
    """Every resolution of gRPC's trace has its update, with as many addresses, and none is made up.

    How exact the instants are is measured by benchmarks/truth.py; here a wrong pairing must show.
    """
    told_to_quit = time.time_ns()
    probe.quit()
    trace = read_trace(probe.log)
    updates = sorted(probe.all("update"), key=lambda update: update["started"])
    # One that is under way at the program's end may be missing here or there.
    assert len(updates) - len(trace.resolutions) <= trace.under_way
    assert all(one.ended > told_to_quit for one in trace.resolutions[len(updates) :])
    for update, one in zip(updates, trace.resolutions, strict=False):
        assert (len(update["addresses"]) or None) == (one.addresses or None)
        assert one.started - ROUNDED <= update["started"] <= one.ended + ROUNDED
    return updates


@pytest.mark.parametrize("kind", [(), ("--aio",)], ids=["sync", "aio"])
def test_good_changed_and_unchanged_answers(
    kind: tuple[str, ...], make_probe: MakeProbe, dns_server: DnsServer, echo: EchoServers
) -> None:
    echo.start("127.0.71.1", "127.0.71.2")
    dns_server.set(NAME, "127.0.71.1", "127.0.71.2")
    probe = make_probe(*kind)
    given = target(dns_server, echo)
    opened = probe.open(given, **FAST)
    assert opened["target"].endswith(f"/{NAME}:{echo.port}")
    assert f":{dns_server.port}/" not in opened["target"]

    first = probe.wait_update()
    assert (first["channel"], first["target"], first["question"]) == (0, given, NAME)
    assert (first["outcome"], first["cause"]) == ("changed", "first")
    assert first["added"] == first["addresses"] == ["127.0.71.1", "127.0.71.2"]
    assert set(probe.call(times=10)) <= {"127.0.71.1", "127.0.71.2"}

    dns_server.set(NAME, "127.0.71.1")
    echo.stop("127.0.71.2")
    lost = probe.wait_update(removed=["127.0.71.2"])
    assert (lost["outcome"], lost["cause"], lost["addresses"]) == (
        "changed",
        "connection_lost",
        ["127.0.71.1"],
    )

    echo.stop("127.0.71.1")
    same = probe.wait_update(since=len(probe.messages), outcome="unchanged")
    assert (same["added"], same["removed"], same["cause"]) == ([], [], "connection_lost")
    assert_complete(probe)


@pytest.mark.parametrize(
    ("outcome", "behaviour"),
    [
        ("nxdomain", {"rcode": dns.rcode.NXDOMAIN}),
        ("servfail", {"rcode": dns.rcode.SERVFAIL}),
        ("servfail", {"rcode": dns.rcode.REFUSED}),
        ("empty", {}),
    ],
    ids=["nxdomain", "servfail", "refused", "empty"],
)
def test_failures_and_what_follows(
    outcome: str, behaviour: dict[str, object], probe: Probe, dns_server: DnsServer, echo: EchoServers
) -> None:
    echo.start("127.0.71.1")
    dns_server.set(NAME, **behaviour)
    probe.open(target(dns_server, echo), **FAST)
    failed = probe.wait_update()
    assert (failed["outcome"], failed["cause"]) == (outcome, "first")
    assert (failed["addresses"], failed["added"]) == ([], [])

    dns_server.set(NAME, "127.0.71.1")
    recovered = probe.wait_update(outcome="changed")
    assert (recovered["cause"], recovered["added"]) == ("retry", ["127.0.71.1"])
    assert probe.call() == ["127.0.71.1"]
    assert_complete(probe)


def test_nothing_answers_and_the_answer_comes_too_late(
    probe: Probe, dns_server: DnsServer, echo: EchoServers
) -> None:
    echo.start("127.0.71.1")
    dns_server.set(NAME, dropped=frozenset({"A", "AAAA"}))
    # gRPC gives up by itself, before c-ares does.
    probe.open(target(dns_server, echo), dns_ares_query_timeout=700, **FAST)
    silent = probe.wait_update()
    assert (silent["outcome"], silent["addresses"]) == ("timeout", [])
    first = probe.traced(1)[0]
    assert silent["ended"] - first.started > 650_000_000  # since before the query, so at least that much

    since = len(probe.messages)
    dns_server.set(NAME, "127.0.71.1", delay=4)
    late = probe.wait_update(since=since, outcome="timeout")
    assert late["addresses"] == []
    dns_server.set(NAME, "127.0.71.1")
    assert probe.wait_update(since=since, outcome="changed")["cause"] == "retry"
    assert_complete(probe)


def test_the_slow_family_holds_back_the_good_answer(
    probe: Probe, dns_server: DnsServer, echo: EchoServers
) -> None:
    echo.start("127.0.71.1")
    dns_server.set(NAME, "127.0.71.1", dropped=frozenset({"AAAA"}))
    probe.open(target(dns_server, echo), dns_ares_query_timeout=1500, **FAST)
    update = probe.wait_update()
    probe.quit()
    (traced,) = read_trace(probe.log).resolutions
    assert traced.addresses == 1
    assert update["ended"] - traced.started > 1_400_000_000  # since before the query, so at least that much
    assert (update["families"], update["missing"]) == (["A", "AAAA"], ["AAAA"])
    assert update["addresses"] == ["127.0.71.1"]


def test_a_channel_that_is_closed_before_the_slow_family_has_no_update(
    probe: Probe, dns_server: DnsServer, echo: EchoServers
) -> None:
    """Its resolver returned nothing, though the other family had been answered."""
    echo.start("127.0.71.1")
    dns_server.set(NAME, "127.0.71.1", dropped=frozenset({"AAAA"}))
    dns_server.set("other.test", "127.0.71.1")
    probe.open(target(dns_server, echo), dns_ares_query_timeout=120_000, **FAST)
    probe.wait_trace("c-ares resolver gets a AF_INET result")
    probe.command("closed", close=0)
    probe.wait(lambda message: message.get("ended") == 0)
    probe.open(target(dns_server, echo, "other.test"), **FAST)
    probe.wait_update(question="other.test")
    probe.quit()
    assert {update["question"] for update in probe.all("update")} == {"other.test"}


def test_a_hundred_addresses_come_over_tcp(probe: Probe, dns_server: DnsServer, echo: EchoServers) -> None:
    addresses = [f"127.0.72.{number}" for number in range(1, 101)]
    echo.start("127.0.72.1")
    dns_server.set(NAME, *addresses)
    probe.open(target(dns_server, echo), **FAST)
    update = probe.wait_update()
    assert update["addresses"] == sorted(addresses)
    assert {asked.tcp for asked in dns_server.asked if asked.qtype == "A"} == {False, True}
    probe.quit()
    traced = read_trace(probe.log).resolutions[0]
    assert traced.addresses == 100
    assert traced.started - ROUNDED <= update["started"] < update["ended"] <= traced.ended + ROUNDED


def test_search_steps_are_one_resolution(
    make_probe: MakeProbe, dns_server: DnsServer, echo: EchoServers
) -> None:
    echo.start("127.0.71.1")
    dns_server.set("short", "127.0.71.1")
    probe = make_probe(env={"LOCALDOMAIN": "one.test", "RES_OPTIONS": "ndots:5"})
    probe.open(target(dns_server, echo, "short"), **FAST)
    update = probe.wait_update()
    assert (update["outcome"], update["question"]) == ("changed", "short")
    assert {asked.name for asked in dns_server.asked} == {"short.one.test", "short"}
    assert_complete(probe)


def test_channels_are_told_apart(probe: Probe, dns_server: DnsServer, echo: EchoServers) -> None:
    echo.start("127.0.71.1", "127.0.71.2")
    dns_server.set("one.test", "127.0.71.1")
    dns_server.set("two.test", "127.0.71.2")
    probe.open(target(dns_server, echo, "one.test"))
    probe.open(target(dns_server, echo, "two.test"))
    assert probe.wait_update(channel=0)["addresses"] == ["127.0.71.1"]
    assert probe.wait_update(channel=1)["addresses"] == ["127.0.71.2"]
    for channel, address in ((0, "127.0.71.1"), (1, "127.0.71.2")):
        ready = probe.wait_subchannel(channel=channel, state="ready")
        assert ready["address"] == f"{address}:{echo.port}"


def test_the_tap_is_killed_while_in_use(probe: Probe, dns_server: DnsServer, echo: EchoServers) -> None:
    echo.start("127.0.71.1", "127.0.71.2")
    dns_server.set(NAME, "127.0.71.1", "127.0.71.2")
    probe.open(target(dns_server, echo), **FAST)
    probe.wait_update()
    for address in ("127.0.71.1", "127.0.71.2"):
        probe.wait_subchannel(address=f"{address}:{echo.port}", state="ready")
    killed = probe.command("tap", tap=1)["tap"]
    os.kill(killed, signal.SIGKILL)
    assert set(probe.call(times=4)) <= {"127.0.71.1", "127.0.71.2"}

    dns_server.set(NAME, "127.0.71.1")
    echo.stop("127.0.71.2")
    # On the same port: the channel knows no other, and its first query after this one is answered.
    assert probe.wait_update(removed=["127.0.71.2"])["outcome"] == "changed"
    assert probe.call(times=2) == ["127.0.71.1"] * 2
    assert probe.command("tap", tap=1)["tap"] not in {killed, None}
    assert probe.all("warning") == []
    assert_complete(probe)
