"""CoreDNS' log: lines that CoreDNS 1.14.7 wrote, with the kubelet's time before them, and who reads them."""

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lbstudy.watch.coredns import CoreDnsLog
from lbstudy.watch.dnslog import Query, read
from lbstudy.watch.evidence import ClientUpdate, DnsQuery, Evidence, SourceState

from tests.watch.api import Api
from tests.watch.recorded import BEGAN, Watched
from tests.watch.test_command import watching
from tests.watch.told import SERVICE

AT = "1970-01-01T00:17:10.123456789Z"
A = (
    f'{AT} [INFO] 10.0.1.7:54462 - 22468 "A IN orders.shop.svc.cluster.local. udp 47 false 512"'
    " NOERROR qr,aa,rd 92 0.000174683s"
)
AAAA = A.replace('"A IN', '"AAAA IN').replace(" 92 ", " 47 ")
FAILED = A.replace("NOERROR qr,aa,rd", "SERVFAIL qr,rd")


def test_a_line_is_a_query() -> None:
    name = "orders.shop.svc.cluster.local"
    assert read(A, [".shop."]) == Query(1_030.123456, "10.0.1.7", name, "A", "NOERROR")
    assert read(FAILED, [".shop."]) == Query(1_030.123456, "10.0.1.7", name, "A", "SERVFAIL")


@pytest.mark.parametrize(
    "line",
    [
        "",
        f"{AT} [INFO] plugin/reload: Running configuration SHA512 = .shop.",
        f"{AT} [ERROR] plugin/errors: 2 orders.shop.svc.cluster.local. A: read udp 10.0.0.1:1: i/o timeout",
        A.replace("10.0.1.7:54462", "nobody"),
        A.replace(AT, "yesterday"),
        A.replace(".shop.", ".elsewhere."),
        A + "x" * 3_000,
    ],
)
def test_what_is_no_query_for_these_names_is_passed_over(line: str) -> None:
    assert read(line, [".shop."]) is None


def told(*lines: str) -> list[Evidence]:
    found: list[Evidence] = []
    log = CoreDnsLog(None, (SERVICE,), found.append, lambda _: None)  # type: ignore[arg-type]  # none is asked
    log._askers = {"10.0.1.7": "checkout-67f75665bb-bbdcm"}
    for line in lines:
        log.line(line)
    return [one for one in found if not isinstance(one, SourceState)]


def test_a_query_of_a_pod_that_is_known_is_a_look_up_of_its_client() -> None:
    asked, update = told(A)
    assert isinstance(asked, DnsQuery)
    assert update == ClientUpdate(
        "checkout", "checkout-67f75665bb-bbdcm", "", "orders.shop.svc.cluster.local", 1_030.123456, None
    )


def test_a_failed_look_up_and_that_of_somebody_unknown_are_queries_and_nothing_more() -> None:
    assert [type(one) for one in told(FAILED, A.replace("10.0.1.7", "10.9.9.9"))] == [DnsQuery, DnsQuery]


def test_a_report_counts_the_queries_where_the_log_was_read() -> None:
    price = Watched(told(A, AAAA)).result().settings[0].price
    assert price is not None
    assert price.dns_queries == 2
    without = Watched().result().settings[0].price
    assert without is not None
    assert without.dns_queries is None
    assert BEGAN < 1_030


async def test_the_watch_finds_it_by_itself_and_says_what_it_has(tmp_path: Path) -> None:
    now = f"{datetime.fromtimestamp(time.time() + 1, UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"
    api = Api(has_dns=True)
    async with api.serve():
        api.pod("orders-a", "10.0.1.7", time.time() - 3600)
        async with watching(api, tmp_path) as command:
            await command.until("1 Ready")
            await api.wrote(A.replace(AT, now))
            await command.until("CoreDNS's log: 1 query")
            found = await command.end()
    has = {source["name"]: source["has"] for source in found["sources"]}
    assert has["CoreDNS's log"] == "1 query"


async def test_a_log_that_may_not_be_read_is_a_lack(tmp_path: Path) -> None:
    api = Api(has_dns=True, forbidden=frozenset({"log"}))
    async with api.serve():
        api.pod("orders-a", "10.0.0.1", time.time() - 3600)
        async with watching(api, tmp_path) as command:
            await command.until("k8s/watch/coredns.yaml has the Role")
            await command.end()
