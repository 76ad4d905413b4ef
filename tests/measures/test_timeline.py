import pytest
from lbstudy.measures.timeline import MOST_BUCKETS, MOST_UPDATES, bucket_width, timeline

from tests.measures.lanes import Rpc, lane, pod, rpcs, update

# 4 s, a bucket each; b Ready from 1.5 s on, told to stop at 3.0 s.
#   bucket       0–1         1–2            2–3            3–4
#   Ready        a           a, b for 0.5   a, b           a
#   a answers    2           2              1              1
#   b answers    –           –              1              1 (an INTERNAL)
#   nobody       –           –              1              –
LANE = lane(
    end=4,
    commands=[(-5, 1), (1, 2), (3, 1)],
    pods=[
        pod("a"),
        pod("b", commanded=1, ready=1.5, published=1.6, terminating=3.0, removal_commanded=3.0),
    ],
    clients=2,
    rpcs=[
        *rpcs([0.1, 0.2, 1.1, 1.2], "a", took=0.1),
        Rpc(1.95, "a", took=0.5),  # due in bucket 1, ended in bucket 2
        Rpc(2.5, "b", took=0.1),
        Rpc(2.6, None, code="UNAVAILABLE", took=0.1),
        Rpc(3.1, "b", code="INTERNAL", took=0.1),
        Rpc(3.2, "a", took=0.1),
    ],
    updates=[
        update(-1, "a", 0, cause="first"),
        update(-1, "a", 1, cause="first"),
        update(2.5, "ab", 0, added=frozenset({"10.0.0.2"})),
        update(2.6, "", 1, outcome="servfail", cause="retry"),
    ],
)
FOUND = timeline(LANE)


def test_requests_count_where_they_ended() -> None:
    assert (FOUND.bucket, FOUND.start) == (1.0, 0.0)
    assert FOUND.requests == {"a": [2, 2, 1, 1], "b": [0, 0, 1, 1]}
    assert FOUND.unanswered == [0, 0, 1, 0]
    assert FOUND.errors == [0, 0, 1, 1]


def test_fair_share_is_the_answered_rate_over_the_mean_number_of_ready_servers() -> None:
    assert FOUND.fair_share == pytest.approx([2 / 1, 2 / 1.5, 2 / 2, 2 / 1])


def test_coverage_is_of_the_servers_that_were_ready_for_all_of_the_bucket() -> None:
    assert FOUND.coverage == [1.0, 1.0, 1.0, 1.0]
    idle = timeline(lane(end=2, pods=[pod("a"), pod("b")], rpcs=rpcs([0.5], "a")))
    assert idle.coverage == [0.5, 0.0]
    assert timeline(lane(end=1, pods=[pod("a", ready=0.5)])).coverage == [None]


def test_latency_counts_where_it_was_due() -> None:
    assert FOUND.latency_p50 == pytest.approx([0.1, 0.1, 0.1, 0.1])
    assert FOUND.latency_p99 == pytest.approx([0.1, 0.5, 0.1, 0.1])


def test_the_address_lists_follow_good_updates_only() -> None:
    # Both have one address; client-0 two from 2.5 s on; client-1's failed update leaves its list.
    assert FOUND.addresses == [1.0, 1.0, 1.5, 1.5]
    unknown = timeline(lane(end=2, pods=[pod("a")], updates=[update(1.5, "a")]))
    assert unknown.addresses == [None, 1.0]


def test_what_happened_in_order_of_time() -> None:
    told = [(event.at, event.kind, event.label) for event in FOUND.events]
    assert told == [
        (-5, "scale", "scale to 1"),
        (-4, "ready", "a is Ready"),
        (-1, "update", "1 address; cause: first"),
        (-1, "update", "1 address; cause: first"),
        (1, "scale", "scale to 2"),
        (1.5, "ready", "b is Ready"),
        (1.6, "published", "b is in DNS"),
        (2.5, "update", "2 addresses (+1 −0); cause: unknown"),
        (2.6, "update", "servfail; cause: retry"),
        (3, "scale", "scale to 1"),
        (3.0, "terminating", "b is told to stop"),
    ]
    assert FOUND.events[7].client == "client-0"
    assert FOUND.events[7].link is not None


def test_the_last_bucket_holds_what_ended_after_the_load() -> None:
    late = timeline(lane(end=2, pods=[pod("a")], rpcs=[Rpc(1.9, "a", took=3.5)]))
    assert late.requests == {"a": [0, 0, 0, 0, 0, 1]}


def test_a_long_run_has_wider_buckets_and_rates_stay_rates() -> None:
    assert [bucket_width(span) for span in (80, 600, 601, 3600, 86_400)] == [1, 1, 2, 10, 300]
    # An RPC each second for 20 minutes: 2 s a bucket, 600 of them, 1 RPC/s in each.
    long = timeline(lane(end=1200, pods=[pod("a")], rpcs=rpcs([i + 0.5 for i in range(1200)], "a")))
    assert (long.bucket, len(long.errors)) == (2.0, MOST_BUCKETS)
    assert set(long.requests["a"]) == {1.0}


def test_of_many_updates_the_unchanged_are_left_out() -> None:
    many = [update(i, "a", outcome="unchanged") for i in range(1, MOST_UPDATES + 1)]
    kinds = [event.kind for event in timeline(lane(end=600, pods=[pod("a")], updates=many)).events]
    assert kinds.count("update") == MOST_UPDATES
    more = timeline(lane(end=600, pods=[pod("a")], updates=[update(0, "a"), *many]))
    assert [event.at for event in more.events if event.kind == "update"] == [0]


def test_an_empty_lane() -> None:
    found = timeline(lane(end=2, pods=[]))
    assert (found.requests, found.errors, found.fair_share) == ({}, [0, 0], [None, None])
