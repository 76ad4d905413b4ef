"""`advise` names the known pitfalls, and only where they are."""

import pytest
from lbstudy.config import Scenario, Setting, load_scenario, load_setting
from lbstudy.model.advice import advise
from lbstudy.model.keepalive import keepalive
from lbstudy.model.limits import unmodelled, unmodelled_load
from lbstudy.model.parameters import Parameters, policy_of
from lbstudy.model.statements import Statement, Topic, statements


def said(scenario: Scenario | None = None, **fields: object) -> list[Statement]:
    setting = Setting.model_validate({"name": "mine", **fields})
    scenario = scenario or load_scenario("scale")
    return statements(setting, scenario, Parameters.of(setting, scenario))


def warnings(found: list[Statement]) -> str:
    return "\n".join(one.text for one in found if one.warns)


def test_stock_never_sees_a_scale_up() -> None:
    assert "A scale-up alone is never seen" in warnings(said())
    assert "never seen" not in warnings(said(server={"grpc.max_connection_age_ms": 60_000}))


def test_an_age_below_the_interval_buys_nothing_and_says_what_to_expect() -> None:
    found = said(server={"grpc.max_connection_age_ms": 20_000})

    assert "buys nothing" in warnings(found)
    assert any("expect up to 30 s" in one.text for one in found if one.topic is Topic.ADDED)


def test_the_ping_time_out_governs() -> None:
    channel = {"grpc.keepalive_time_ms": 10_000, "grpc.keepalive_timeout_ms": 3000}
    assert "grpc.http2.ping_timeout_ms (60000), which governs" in warnings(said(channel=channel))
    assert "within 70 s" in "\n".join(one.text for one in said(channel=channel))

    channel["grpc.http2.ping_timeout_ms"] = 3000
    assert "governs" not in warnings(said(channel=channel))
    assert "within 13 s" in "\n".join(one.text for one in said(channel=channel))


def test_idle_pings_that_servers_do_not_tolerate() -> None:
    channel = {"grpc.keepalive_time_ms": 10_000, "grpc.keepalive_permit_without_calls": 1}
    tolerant = {"grpc.http2.min_ping_interval_without_data_ms": 5000}

    assert "too_many_pings" in warnings(said(channel=channel))
    assert "too_many_pings" not in warnings(said(channel=channel, server=tolerant))


def test_without_keepalive_a_hung_server_goes_unnoticed() -> None:
    assert "A server that hangs is not noticed" in warnings(said())
    assert "1 in 3 RPCs" in warnings(said())


def test_a_load_that_is_not_modelled_is_named() -> None:
    assert "streams, but for what is said of them" in warnings(said(load_scenario("long-streams")))
    cold = warnings(said(load_scenario("cold-servers")))
    assert "servers that have to warm up" in cold
    assert "the size of requests and answers" in cold
    assert "what TLS adds to connecting" in warnings(said(load_scenario("tls-restart")))
    assert "Not in the model" not in warnings(said())


def test_what_becomes_of_streams() -> None:
    """Streams of 25 s; age 10 s ± 10 % and a grace of 5 s make 16 s at most; the drain gives 1 + 5 s."""
    streams = load_scenario("long-streams")
    plain = [one.text for one in said(streams) if one.topic is Topic.STREAMS]
    assert [text for text in plain if "for up to 25 s" in text]
    assert "of its age" not in "".join(plain)
    assert "gives them 6 s (the drain's wait and grace)" in warnings(said(streams))

    aged = said(
        streams, server={"grpc.max_connection_age_ms": 10_000, "grpc.max_connection_age_grace_ms": 5000}
    )
    assert "gives them 5 s" in warnings(aged)
    assert "none lasts longer than 16 s" in warnings(aged)
    assert "are cut" not in warnings(said(streams, drain={"wait": 1, "grace": 30}))
    assert not [one for one in said() if one.topic is Topic.STREAMS]


NEVER = 2**31 - 1


def test_what_is_set_to_never_is_not_said_to_be_unset() -> None:
    for channel, text in (
        ({}, "(grpc.keepalive_time_ms is not set)"),
        ({"grpc.keepalive_time_ms": NEVER}, "(grpc.keepalive_time_ms = 2147483647, which means never)"),
        (
            {"grpc.keepalive_time_ms": 10_000, "grpc.http2.ping_timeout_ms": NEVER},
            "(grpc.http2.ping_timeout_ms = 2147483647, which means never)",
        ),
    ):
        assert f"A server that hangs is not noticed {text}" in warnings(said(channel=channel))
    age = {"grpc.max_connection_age_ms": NEVER}
    assert "[server] grpc.max_connection_age_ms = 2147483647, which means never" in warnings(said(server=age))


def test_a_drain_shorter_than_dns() -> None:
    slow_dns = load_scenario("scale").model_copy(
        update={"dns": load_scenario("scale").dns.model_copy(update={"propagation": 3.0})}
    )
    assert "get the old list" in warnings(said(slow_dns))
    assert "get the old list" not in warnings(said())


def test_a_grace_shorter_than_the_work() -> None:
    slow = load_scenario("scale")
    slow = slow.model_copy(update={"server": slow.server.model_copy(update={"work": 8.0})})

    assert "are cut off" in warnings(said(slow))
    assert "are cut off" not in warnings(said())


def test_pick_first_balances_nothing() -> None:
    assert "pick_first keeps one connection" in warnings(said(policy="pick_first"))


@pytest.mark.parametrize(
    ("config", "policy"),
    [
        ({"loadBalancingConfig": [{"weighted_round_robin": {}}]}, "weighted_round_robin"),
        ({"loadBalancingPolicy": "ROUND_ROBIN"}, "round_robin"),
        ({"methodConfig": []}, "pick_first"),
        (
            {
                "loadBalancingConfig": [
                    {"outlier_detection_experimental": {"childPolicy": [{"pick_first": {}}]}}
                ]
            },
            "pick_first",
        ),
    ],
)
def test_the_policy_that_grpc_will_use(config: dict[str, object], policy: str) -> None:
    assert policy_of(Setting.model_validate({"name": "mine", "service_config": config})) == policy


def test_never_is_no_time() -> None:
    """2³¹ − 1 ms is gRPC's infinity."""
    setting = Setting.model_validate({"name": "mine", "server": {"grpc.max_connection_age_ms": 2**31 - 1}})

    assert not Parameters.of(setting, load_scenario("scale")).ages
    assert not keepalive(setting).is_on


def test_advice_on_the_default_scenario() -> None:
    """Up to 6, down to 2; DNS's 0.5 s, and a connection's age and a cooldown at most."""
    advice = advise(load_setting("max-age"), load_scenario("scale"))

    assert [(one.before, one.after) for one in advice.changes] == [(3, 6), (6, 2)]
    up, down = advice.changes
    assert up.discovery is not None
    assert up.discovery.median is not None
    assert up.discovery.median.seconds is not None
    assert 2 < up.discovery.median.seconds < 5
    assert up.failed is None
    assert down.discovery is None
    assert advice.cost.connections_per_minute == pytest.approx(18, rel=0.1)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"policy": "weighted_round_robin"}, ["the servers' weights (each gets the same)"]),
        ({"service_config": {"healthCheckConfig": {"serviceName": ""}}}, ["health checking by the client"]),
        (
            {"service_config": {"methodConfig": [{"retryPolicy": {"maxAttempts": 2}}]}},
            ["retries (failed RPCs are counted as without retries)"],
        ),
        (
            {"channel": {"grpc.client_idle_timeout_ms": 5000}},
            ["idle channels (grpc.client_idle_timeout_ms)"],
        ),
        (
            {"discovery": "xds", "push": {"retry": {"on": ["unavailable"], "attempts": 3}}},
            ["retries (failed RPCs are counted as without retries)"],
        ),
        (
            {"service_config": {"loadBalancingConfig": [{"ring_hash_experimental": {}}]}},
            ["the policy ring_hash_experimental (taken as round_robin)"],
        ),
        ({}, []),
        ({"policy": "pick_first"}, []),
    ],
)
def test_what_the_model_leaves_out_is_named(fields: dict[str, object], named: list[str]) -> None:
    assert unmodelled(Setting.model_validate({"name": "mine", **fields})) == named
    assert ("Not in the model" in warnings(said(**fields))) is bool(named)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("ipv6-only", []),  # to a client it is the same
        ("dual-stack", ["servers with two addresses (each has one, and is picked once in turn)"]),
        ("search-list", ["the clients' search list (each look-up asks two questions)"]),
        ("lost-family", ["faults of DNS (it answers at once, and both families)"]),
    ],
)
def test_what_the_model_leaves_out_of_dns_is_named(name: str, named: list[str]) -> None:
    assert unmodelled_load(load_scenario(name)) == named


def test_what_the_model_leaves_out_of_a_load_is_named() -> None:
    scenario = load_scenario("autoscale")
    named = [
        "the autoscaler (nobody adds or removes servers)",
        "a load that changes (it stays at 10 RPC/s of each client)",
        "the servers' capacity (no RPC waits for its turn)",
    ]
    assert unmodelled_load(scenario) == named
    assert unmodelled_load(load_scenario("scale")) == []
    setting = Setting.model_validate({"name": "mine"})
    found = statements(setting, scenario, Parameters.of(setting, scenario))
    assert any(all(one in each.text for one in named) for each in found if each.warns)


def test_push_waits_for_neither_interval_nor_dns() -> None:
    assert not warnings(said(discovery="xds", channel={"grpc.keepalive_time_ms": 10_000}))
    vain = said(
        discovery="xds",
        channel={"grpc.dns_min_time_between_resolutions_ms": 30_000},
        server={"grpc.max_connection_age_ms": 20_000},
    )
    assert (
        "[channel] grpc.dns_min_time_between_resolutions_ms and [server] grpc.max_connection_age_ms do"
        " nothing for discovery here" in warnings(vain)
    )
    assert not any("a client looks up DNS" in one.text for one in vain)


def test_push_with_a_server_that_does_not_wait_for_its_clients() -> None:
    assert "A server stops at once ([drain] wait = 0)" in warnings(said(discovery="xds", drain={"wait": 0}))
    assert "stops at once" not in warnings(said(discovery="xds"))


def test_the_price_of_push_is_told() -> None:
    (price,) = (one.text for one in said(discovery="xds") if one.topic is Topic.PRICE)
    assert "It needs a control plane" in price
    assert "of 6 servers in this scenario, to 2 clients at most" in price
