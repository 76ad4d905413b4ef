"""Channels share connections as they do without the instrumentor: the same program, bare and with it."""

from typing import Any

import pytest
from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.discovery.history import ChannelHistory
from grpc_lb_instrumentor.discovery.sharing import LineGroup, sharing_key

from tests.discovery.conftest import MakeProbe
from tests.discovery.lab.dns_server import DnsServer
from tests.discovery.lab.echo_servers import EchoServers
from tests.discovery.lab.outcome import Programs

TARGET = "dns:///a.test:1"
LOCAL: list[Any] = ["grpc.use_local_subchannel_pool", 1]
CONFIG: list[Any] = ["grpc.service_config", '{"loadBalancingConfig":[{"round_robin":{}}]}']
PAIRS: list[list[list[list[Any]]]] = [
    [[], []],
    [[["a", 1], ["b", 2]], [["b", 2], ["a", 1]]],
    [[["a", 1], ["a", 2]], [["a", 1]]],
    [[["a", 1], ["a", 2]], [["a", 2]]],
    [[["a", 1]], [["a", 2]]],
    [[CONFIG], []],
    [[["grpc.inhibit_health_checking", 1]], []],
    [[["grpc.internal.no_subchannel.a", 1]], []],
    [[["grpc.lb_policy_name", "round_robin"]], []],
    [[["grpc.enable_retries", 0]], []],
    [[LOCAL], [LOCAL]],
]
CONNECTIONS = [1, 1, 1, 2, 2, 1, 1, 1, 2, 2, 2]
FEW = 8  # descriptors that the instrumentor itself may have


def test_which_channels_share(programs: Programs) -> None:
    bare = programs.bare("pairs", PAIRS)
    assert bare.told == CONNECTIONS
    assert programs.ours("pairs", PAIRS).told == CONNECTIONS
    keys = [
        [sharing_key(TARGET, [tuple(option) for option in options]) for options in pair] for pair in PAIRS
    ]
    assert [1 if one == other is not None else 2 for one, other in keys] == CONNECTIONS


def test_many_channels_cost_what_they_cost_without(programs: Programs) -> None:
    many = 30
    bare, ours = programs.bare("held", many, []), programs.ours("held", many, [])
    assert bare.told["connections"] == ours.told["connections"] == 1
    assert 0 < ours.told["descriptors"] - bare.told["descriptors"] <= FEW
    assert ours.told["children"] == bare.told["children"] == 0
    # Each resolution is told once: of all those that it may be of.
    updates = ours.named(names.SPAN_RESOLVER_UPDATE)
    assert len(updates) == many
    assert all(names.CHANNEL_ID not in update for update in updates)
    assert updates[-1][names.CHANNEL_COUNT] == many
    assert updates[-1][names.CHANNEL_IDS] == list(range(many))
    assert len(ours.named(names.SPAN_SUBCHANNEL, subchannel__state="ready")) == 1
    assert ours.warnings == []


def test_channels_with_pools_of_their_own_keep_their_own_updates(programs: Programs) -> None:
    count = 30
    bare, ours = programs.bare("held", count, [LOCAL]), programs.ours("held", count, [LOCAL])
    assert bare.told["connections"] == ours.told["connections"] == count
    assert ours.told["descriptors"] - bare.told["descriptors"] <= FEW
    for name, attributes in (
        (names.SPAN_RESOLVER_UPDATE, {}),
        (names.SPAN_SUBCHANNEL, {"subchannel__state": "ready"}),
    ):
        told = [span[names.CHANNEL_ID] for span in ours.named(name, **attributes)]
        assert sorted(told) == list(range(count)), f"{name}: {told}"


@pytest.mark.parametrize("how", ["closed", "dropped", "aio"])
def test_channels_for_one_rpc_each_are_all_seen(how: str, programs: Programs) -> None:
    count = 40
    ours = programs.ours("short", count, how)
    assert ours.told == {"answers": ["127.0.71.1"] * count}
    states = {
        state: len(ours.named(names.SPAN_SUBCHANNEL, subchannel__state=state))
        for state in ("created", "ready", "removed")
    }
    assert states.pop("removed") >= count - 1  # gRPC may remove the last one after the program's last word
    assert states == {"created": count, "ready": count}
    updates = ours.named(names.SPAN_RESOLVER_UPDATE, resolver__outcome="changed")
    told = [update[names.CHANNEL_ID] for update in updates]
    assert told == list(range(count)), " ".join(map(str, told))
    assert ours.warnings == []


def test_a_port_for_each_where_the_kernel_cannot_do_with_one(
    make_probe: MakeProbe, dns_server: DnsServer, echo: EchoServers
) -> None:
    echo.start("127.0.71.1")
    dns_server.set("servers.test", "127.0.71.1")
    probe = make_probe("--own-ports")
    given = f"dns://127.0.0.1:{dns_server.port}/servers.test:{echo.port}"
    led = [probe.open(given, number=number)["target"] for number in range(2)]
    assert all(one.startswith("dns://127.0.0.1:") for one in led)
    assert led[0] != led[1]
    assert [probe.wait_update(channel=channel)["addresses"] for channel in range(2)] == [["127.0.71.1"]] * 2
    # As many as there may be: then targets are left as they are, and the warning says why.
    assert probe.open(given, number=2)["target"] == given
    assert "takes no more channels" in probe.all("warning")[0]


# --- whose resolution it may be ---


def test_candidates() -> None:
    group = LineGroup(ChannelHistory(1, TARGET))
    group.open(1, 10)
    group.open(2, 20)
    assert (group.candidates(15), group.opened_by(15)) == ((1,), 1)
    assert (group.candidates(25), group.opened_by(25)) == ((1, 2), 2)
    group.close(1, 30)
    group.close(1, 90)  # told twice: the first time counts
    assert (group.candidates(35), group.candidates(30), group.live) == ((2,), (1, 2), True)
    group.close(2, 40)
    assert not group.live
    assert [group.closed_by(channel, 35) for channel in (1, 2)] == [True, False]
    group.close(7, 50)
    assert group.candidates(95) == (1, 2)  # of one of them it must be


def test_a_group_forgets_channels_that_are_long_gone() -> None:
    group = LineGroup(ChannelHistory(1, TARGET))
    for channel in range(5):
        group.open(channel, channel)
        group.close(channel, channel + 1)
    group.open(9, 10**12)
    assert group.candidates(10**12) == (9,)
    assert group.opened_by(10**12) == 6
