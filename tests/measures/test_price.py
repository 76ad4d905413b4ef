import math
from dataclasses import replace

import pytest
from lbstudy.measures.price import price
from lbstudy.observation.records import DnsLookup

from tests.measures.lanes import connected, lane, pod, rpcs, sample


def lookup(at: float, qtype: str = "A") -> DnsLookup:
    return DnsLookup(at, "greeter.", qtype, "NOERROR", frozenset(), "127.0.0.1:1")


def test_connections_and_queries_per_client_and_minute_under_load() -> None:
    found = price(
        lane(
            end=30,
            pods=[pod("a"), pod("b")],
            clients=2,
            transitions=[connected(-1, "a"), connected(10, "b"), connected(20, "b", 1), connected(31, "a")],
            lookups=[lookup(-1), lookup(5), lookup(5, "AAAA"), lookup(29), lookup(30.5)],
        )
    )
    # Under load 2 connections and 3 queries: of 2 clients in half a minute, so as many a client-minute.
    assert (found.connections, found.connections_rate) == (2, 2.0)
    assert (found.dns_queries, found.dns_rate) == (3, 3.0)
    assert (found.client_cpu, found.server_cpu) == (None, None)


def test_cpu_per_rpc_is_what_all_processes_used_under_load() -> None:
    found = price(
        lane(
            end=10,
            pods=[pod("a"), pod("b")],
            rpcs=rpcs(range(10), "a"),
            usage=[
                sample(-1, "a", cpu=9.0), sample(1, "a", cpu=9.0), sample(3, "a", cpu=0.5),
                sample(2, "b", cpu=math.nan), sample(6, "b", cpu=0.25), sample(11, "b", cpu=9.0),
            ],
            client_usage=[(0, math.nan), (10, 0.2)],
        )
    )  # fmt: skip
    # a: 2 s × 0.5; b: 4 s × 0.25; what reaches over the load's ends is left out. 2 s ÷ 10 RPCs.
    assert found.server_cpu == pytest.approx(0.2)
    assert found.client_cpu == pytest.approx(0.2)  # 10 s × 0.2 ÷ 10


def test_queries_that_nobody_counted_are_not_none_asked() -> None:
    found = price(replace(lane(end=30, pods=[pod("a")], clients=1), lookups_known=False))
    assert (found.dns_queries, found.dns_rate) == (None, None)


def test_without_load_there_is_no_rate() -> None:
    found = price(lane(end=10, pods=[], commands=[(-5, 0)], clients=0, client_usage=[]))
    assert (found.connections_rate, found.dns_rate, found.client_cpu) == (None, None, None)
