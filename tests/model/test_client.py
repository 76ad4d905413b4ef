"""One client's events, worked out by hand.

In all of these: look-ups take 10 ms, the nameserver reads its zone half-way; connections take 1 ms.
"""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from lbstudy.model.client import Client, SeenByClient
from lbstudy.model.fleet import turns
from lbstudy.model.parameters import Parameters
from lbstudy.model.servers import ServerLife, present, removed

P = Parameters(min_interval=30, propagation=0.5, drain_wait=1, rate=10, work=0.02, lookup=0.01, connect=0.001)


def run(parameters: Parameters, servers: list[ServerLife], end: float, start: float = -100.0) -> SeenByClient:
    return Client(parameters, servers, np.random.default_rng(1)).run(start, end)


def test_a_scale_up_alone_is_never_seen() -> None:
    seen = run(P, [*present(2), ServerLife(ready=0, published=0.5)], 10_000)

    assert seen.lookups == [-100]
    assert seen.listed.keys() == {0, 1}


def test_goaway_makes_a_client_look_up_dns_at_once() -> None:
    """SIGTERM at 0, out of DNS at 0.5, GOAWAY at 1: asked at 1, told at 1.01."""
    first, second = present(2)
    seen = run(P, [first, removed(second, 0, P)], 100)

    assert seen.lookups == [-100, 1]
    assert seen.unlisted == {1: pytest.approx(1.01)}
    assert seen.refused == 1  # it tried to connect again before it knew


def test_a_goaway_in_the_cooldown_is_deferred_to_its_end_once() -> None:
    """GOAWAYs at 1, 6 and 8; the interval counts from the start of the look-up at 1."""
    servers = [present(1)[0], *(removed(one, at, P) for one, at in zip(present(3), (0, 5, 7), strict=True))]
    seen = run(P, servers, 100)

    assert seen.lookups == [-100, 1, 31]
    assert seen.unlisted[2] == seen.unlisted[3] == pytest.approx(31.01)


def test_what_was_added_before_the_end_of_the_cooldown_is_found_then() -> None:
    """As above, with a server in DNS at 20: it waits for the timer that a GOAWAY has set."""
    added = ServerLife(ready=19.5, published=20)
    servers = [
        present(1)[0],
        *(removed(one, at, P) for one, at in zip(present(2), (0, 5), strict=True)),
        added,
    ]
    seen = run(P, servers, 100)

    assert seen.listed[3] == pytest.approx(31.01)
    connected = seen.listed[3] + P.connect
    # One of two servers, a first RPC within 0.1 s, the turn of the other before it or not, then 20 ms of
    # work.
    assert connected + 0.02 < seen.answered[3] < connected + 0.02 + 2 / P.rate


def test_a_request_while_a_look_up_runs_is_dropped() -> None:
    """GOAWAYs at 1 and at 1.005; the second comes before the answer, and sets no timer. The nameserver had
    lost both at 0.9."""
    p = replace(P, propagation=0.2)
    servers = [present(1)[0], removed(present(1)[0], 0, p), removed(present(1)[0], 0.005, p)]

    assert run(p, servers, 1000).lookups == [-100, 1]


def test_stale_dns_is_asked_at_each_interval() -> None:
    """DNS keeps a server for 3 s that has said GOAWAY at 1: asked at 1, 2 and 3 s, told at the third.

    The answers of 1 and 2 name a server that is in back-off: each sets the timer for a second later.
    """
    p = replace(P, min_interval=1, propagation=3)
    seen = run(p, [present(1)[0], removed(present(1)[0], 0, p)], 100)

    assert seen.lookups == [-100, 1, 2, 3]
    assert seen.unlisted == {1: pytest.approx(3.01)}


def test_attempts_back_off_from_one_second_on() -> None:
    """A server that stays in DNS for ever: attempts 1, 1.6, 2.56 … s ± 20 % apart, until 120 s."""
    gone = ServerLife(ready=-math.inf, published=-math.inf, goaway=0)
    seen = run(P, [present(1)[0], gone], 400)

    gaps = [1.6**k for k in range(20)]
    fewest = sum(1 for k in range(20) if sum(min(g, 120) for g in gaps[: k + 1]) * 1.2 < 400)
    most = sum(1 for k in range(20) if sum(min(g, 120) for g in gaps[: k + 1]) * 0.8 < 400)
    assert 1 + fewest <= seen.refused <= 1 + most


def test_connections_end_after_their_age_and_make_the_client_look() -> None:
    """One connection, 20 s ± 10 %; an interval below that never defers: a look-up at each end."""
    p = replace(P, max_age=20, min_interval=5)
    seen = run(p, present(1), 1000, start=0)

    ages = np.diff(seen.connected)
    assert len(seen.lookups) == len(seen.connected)
    assert ages.min() >= 18
    assert ages.max() <= 22 + 2 * p.connect
    assert np.ptp(ages) > 1


def test_an_age_below_the_interval_buys_nothing() -> None:
    """20 s under 30 s, three connections: one ends within each interval, so it looks each 30 s, no sooner."""
    seen = run(replace(P, max_age=20, min_interval=30), present(3), 1000, start=0)

    assert np.diff(seen.lookups) == pytest.approx(np.full(len(seen.lookups) - 1, 30.0))


def test_pick_first_has_one_connection_and_may_go_on_to_any_server() -> None:
    p = replace(P, policy="pick_first", max_age=20, min_interval=5)
    first = {
        next(iter(Client(p, present(3), np.random.default_rng(seed)).run(0, 10).answered))
        for seed in range(30)
    }
    seen = run(p, present(3), 2000, start=0)

    assert first == {0, 1, 2}
    assert seen.answered.keys() == {0, 1, 2}
    # One connection after the other, each of 18 s at least.
    assert np.diff(seen.connected).min() >= 18


def test_an_empty_answer_keeps_the_old_list() -> None:
    gone = removed(present(1)[0], 0, P)

    assert run(P, [gone], 50).unlisted == {}


def test_an_empty_answer_is_asked_for_again_with_back_off_whatever_the_minimum_interval() -> None:
    """Measured (scenario evict, interval 30 s): NXDOMAIN at 17.78 s, asked again at 18.76, 20.12, 22.84 s."""
    gone, new = removed(present(1)[0], 0, P), ServerLife(ready=5.5, published=6)
    seen = run(P, [gone, new], 50)

    assert seen.lookups[:2] == [-100, 1]
    waits = [after - before - P.lookup for before, after in pairwise(seen.lookups[1:])]
    assert len(waits) == 3
    for number, wait in enumerate(waits):
        assert 0.8 * 1.6**number <= wait <= 1.2 * 1.6**number
    assert seen.listed[1] == pytest.approx(seen.lookups[-1] + P.lookup)


def test_a_change_of_the_connections_lets_a_new_server_wait_for_another_turn() -> None:
    """Ten servers at 5 RPC/s: a whole turn takes 2 s, 1 s in the mean. Connections end each 0.2 s in the
    mean, and are made anew: each begins the turn anew. As ``turns`` draws it, which is no part of the client.
    """
    p = replace(P, min_interval=1, propagation=0, max_age=2, rate=5, work=0)
    servers = [*present(9), ServerLife(ready=20, published=20)]

    def wait(seed: int) -> float:
        seen = Client(p, servers, np.random.default_rng(seed)).run(-5, 60)
        return seen.answered[9] - seen.listed[9]

    client = np.mean([wait(seed) for seed in range(300)])
    drawn = turns(10, p.rate, 2 * 10 / p.max_age, 20_000, np.random.default_rng(1)).mean()
    assert drawn > 1.5
    assert client == pytest.approx(drawn, rel=0.15)
