"""Subchannels, with gRPC's own trace as the referee; and the reading of channelz by itself."""

import json
from collections import Counter

import pytest
from grpc_lb_instrumentor.discovery.channelz.trace import Entered, news, parse_stamp, read_subchannel
from grpc_lb_instrumentor.discovery.channelz.watcher import channel_options
from grpc_lb_instrumentor.records import SubchannelState

from tests.discovery.conftest import MakeProbe
from tests.discovery.lab.client import Probe
from tests.discovery.lab.dns_server import DnsServer
from tests.discovery.lab.echo_servers import EchoServers
from tests.discovery.lab.referee import read_trace

NAME = "servers.test"
ROUNDED = 1_000_000  # ns; more than what stamps are rounded by, here and in gRPC's trace
C, R, I = SubchannelState.CONNECTING, SubchannelState.READY, SubchannelState.IDLE  # noqa: E741


@pytest.mark.parametrize("kind", [(), ("--aio",)], ids=["sync", "aio"])
def test_every_state_of_grpcs_trace(
    kind: tuple[str, ...], make_probe: MakeProbe, dns_server: DnsServer, echo: EchoServers
) -> None:
    one, two = "127.0.71.1", "127.0.71.2"
    echo.start(one, two)
    dns_server.set(NAME, one, two)
    probe = make_probe(*kind)
    probe.open(
        f"dns://127.0.0.1:{dns_server.port}/{NAME}:{echo.port}",
        dns_min_time_between_resolutions_ms=200,
        initial_reconnect_backoff_ms=200,
        min_reconnect_backoff_ms=20_000,  # what an attempt may take
    )
    for address in (one, two):
        probe.wait_subchannel(address=f"{address}:{echo.port}", state="ready")
    since = len(probe.messages)
    echo.stop(two)
    lost = probe.wait_subchannel(since, address=f"{two}:{echo.port}", state="idle")
    assert lost["previous"] == "ready"
    probe.wait_subchannel(since, address=f"{two}:{echo.port}", state="transient_failure")
    since = len(probe.messages)
    echo.start(two)
    probe.wait_subchannel(since, address=f"{two}:{echo.port}", state="ready")
    dns_server.set(NAME, one)
    echo.stop(two)
    probe.wait_subchannel(address=f"{two}:{echo.port}", state="removed")
    assert probe.call(times=2) == [one, one]
    probe.command("closed", close=0)  # at exit its end may come too late for us, and yet be in the trace
    probe.wait_subchannel(address=f"{one}:{echo.port}", state="removed")
    assert probe.quit() == 0

    assert_states_are_traced(probe)
    removed = [event["address"] for event in probe.all("subchannel") if event["state"] == "removed"]
    assert Counter(removed) == {f"{one}:{echo.port}": 1, f"{two}:{echo.port}": 1}


def assert_states_are_traced(probe: Probe) -> None:
    events = sorted(probe.all("subchannel"), key=lambda event: event["subchannel"])
    traced = read_trace(probe.log).states
    for address in {event["address"] for event in events}:
        ours = [
            (event["state"], event["at"])
            for event in events
            if event["address"] == address and event["state"] != "removed"
        ]
        theirs = [(one.state, one.at) for one in traced if one.address == address]
        # When the channel closes, its trace tells SHUTDOWN and channelz IDLE.
        theirs = [(state, at) for state, at in theirs if state != "shutdown"]
        ours = ours[: len(theirs)] if [s for s, _ in ours[len(theirs) :]] in ([], ["idle"]) else ours
        assert [state for state, _ in ours] == [state for state, _ in theirs]
        for (_, entered), (_, before), (_, after) in zip(ours[1:-1], theirs[:-2], theirs[2:], strict=True):
            assert before - ROUNDED <= entered <= after + ROUNDED


def test_a_stop_of_every_server_and_the_channels_close(
    probe: Probe, dns_server: DnsServer, echo: EchoServers
) -> None:
    echo.start("127.0.71.1")
    dns_server.set(NAME, "127.0.71.1")
    opened = probe.open(f"dns://127.0.0.1:{dns_server.port}/{NAME}:{echo.port}")
    probe.wait_subchannel(state="ready")
    probe.command("closed", close=0)
    probe.wait_subchannel(state="removed")
    probe.wait(lambda message: message.get("ended") == 0)
    # Its port is given up: another channel may have it, and a query there is answered by nobody.
    again = probe.open(f"dns://127.0.0.1:{dns_server.port}/{NAME}:{echo.port}")
    assert again["opened"] == 1
    assert again["target"] != opened["target"]
    assert probe.call(1) == ["127.0.71.1"]


def test_a_resolution_brings_a_look_at_the_subchannels(
    make_probe: MakeProbe, dns_server: DnsServer, echo: EchoServers
) -> None:
    """So that its cause is known, whatever the time of the last look."""
    echo.start("127.0.71.1", "127.0.71.2")
    dns_server.set(NAME, "127.0.71.1", "127.0.71.2")
    probe = make_probe("--seldom")
    given = f"dns://127.0.0.1:{dns_server.port}/{NAME}:{echo.port}"
    probe.open(given, dns_min_time_between_resolutions_ms=100)
    probe.wait_update()
    assert set(probe.call(times=20)) == {"127.0.71.1", "127.0.71.2"}
    since = len(probe.messages)
    echo.stop("127.0.71.2")
    assert probe.wait_update(since)["cause"] == "connection_lost"


def test_the_applications_own_options_stay() -> None:
    given = [("grpc.enable_channelz", 0), ("grpc.max_channel_trace_event_memory_per_node", 7), ("a", "b")]
    assert channel_options(given) == given
    assert dict(channel_options([("a", "b")]))["grpc.enable_channelz"] == 1


# --- reading ---


def subchannel(*events: tuple[str, str]) -> bytes:
    trace = [{"description": text, "timestamp": stamp} for text, stamp in events]
    data = {"target": "ipv6:%5B::1%5D:50051", "trace": {"events": trace}}
    return json.dumps({"subchannel": {"data": data}}).encode()


def test_a_reading() -> None:
    reading = read_subchannel(
        subchannel(
            ("subchannel created", "2026-11-23T15:10:28.156438243Z"),
            ("Handshake connection", "2026-11-23T15:10:28.2Z"),
            ("Subchannel connectivity state changed to READY", "2026-11-23T15:10:28Z"),
            ("Subchannel connectivity state changed to TRANSIENT_FAILURE: no", "2026-11-23T15:10:29Z"),
            ("Subchannel destroyed", "2026-11-23T15:10:30Z"),
        )
    )
    assert reading.address == "[::1]:50051"
    states = [entered.state.value for entered in reading.entered]
    assert states == ["created", "ready", "transient_failure", "removed"]
    assert reading.entered[0].at == 1795446628_156438243


def test_stamps() -> None:
    assert parse_stamp("1970-01-01T00:00:01.5Z") == 1_500_000_000
    with pytest.raises(ValueError, match="no time stamp"):
        parse_stamp("yesterday")


def entered(*pairs: tuple[SubchannelState, int]) -> list[Entered]:
    return [Entered(state, at) for state, at in pairs]


MS = 1_000_000


def test_stamps_that_moved_are_not_news() -> None:
    known = entered((C, 100 * MS), (R, 200 * MS))
    again = entered((C, 100 * MS + 90_000), (R, 200 * MS - 90_000), (I, 300 * MS))
    assert news(known, again) == again[2:]
    assert news(again, again) == []


def test_a_trace_that_forgot_its_beginning() -> None:
    known = entered((C, 100 * MS), (R, 200 * MS), (I, 300 * MS))
    assert news(known, entered((I, 300 * MS), (C, 310 * MS))) == entered((C, 310 * MS))
    forgotten = entered((C, 900 * MS), (R, 950 * MS))
    assert news(known, forgotten) == forgotten
