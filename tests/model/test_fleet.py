"""Many clients at once are what the same many clients are one by one."""

from dataclasses import replace

import numpy as np
import pytest
from lbstudy.model.fleet import simulate, turns
from lbstudy.model.parameters import Parameters
from lbstudy.model.predict import _settled, price, scale_up
from lbstudy.model.servers import ServerLife, added, present, removed
from scipy.stats import ks_2samp

P = Parameters(min_interval=5, max_age=10, ready=1)
CLIENTS = 1500


@pytest.mark.parametrize(
    "parameters", [P, replace(P, min_interval=30, max_age=20), replace(P, min_interval=1)]
)
def test_servers_are_found_as_in_the_exact_model(parameters: Parameters) -> None:
    servers = [*present(3), added(0, parameters), added(0, parameters)]
    record = simulate(parameters, servers, CLIENTS, 121)
    exact = scale_up(parameters, 3, 5, draws=CLIENTS, watched=120)

    fast = record.listed[:, 3] - servers[3].ready
    slow = np.array([one.seconds for one in exact.detect[::2]], float)
    assert not np.isnan(fast).any()
    assert ks_2samp(fast, slow).pvalue > 0.001


def test_it_costs_what_it_costs_in_the_exact_model() -> None:
    record = simulate(P, present(3), CLIENTS, 600)
    exact = price(P, 3, draws=300)

    assert record.lookups.sum() / CLIENTS / 10 == pytest.approx(exact.lookups, rel=0.01)
    assert record.connections.sum() / CLIENTS / 10 == pytest.approx(exact.connections, rel=0.01)


@pytest.mark.parametrize("parameters", [P, replace(P, max_age=float("inf"), min_interval=2)])
def test_a_removal_that_dns_is_late_to_tell_is_the_same(parameters: Parameters) -> None:
    """DNS keeps two of four servers for 7 s; GOAWAY after 1 s: look-ups and refusals second by second."""
    p = replace(parameters, propagation=7)
    servers = [*present(2), *(removed(one, at, p) for one, at in zip(present(2), (10, 12), strict=True))]
    record = simulate(p, servers, CLIENTS, 40)
    seen = _settled(p, servers, 40, CLIENTS, 3)

    instants = np.array([at for one in seen for at in one.lookups if at >= 0])
    exact = np.bincount(instants.astype(int), minlength=40)[:40]
    # Counts of independent clients: a second's differ by a few standard deviations at most.
    assert np.abs(record.lookups - exact).max() <= 5 * np.sqrt(2 * CLIENTS) * 0.5 + 2
    assert record.lookups.sum() == pytest.approx(exact.sum(), rel=0.02)
    assert record.refused.sum() == pytest.approx(sum(one.refused for one in seen), rel=0.05)
    assert record.refused.sum() > CLIENTS


def test_the_number_of_threads_changes_nothing() -> None:
    servers = [*present(400), added(1, P)]
    one, two = (simulate(P, servers, 1200, 10, seed=4, threads=threads) for threads in (1, 2))

    assert np.array_equal(one.listed, two.listed, equal_nan=True)
    assert np.array_equal(one.lookups, two.lookups)
    assert one.events == two.events


def test_stock_clients_do_nothing_until_a_server_goes() -> None:
    """Then all of them look up DNS in the same instant: the herd."""
    p = Parameters(ready=1)
    servers = [*present(2), removed(present(1)[0], 5, p)]
    record = simulate(p, servers, 1000, 20)

    assert record.lookups.tolist() == [0] * 6 + [1000] + [0] * 13
    assert np.isnan(record.listed).all()


def test_a_turn_of_round_robin() -> None:
    """Ten servers at 5 RPC/s: up to 2 s, 1 s on average. Begun anew all the time: at random, 2 s."""
    rng = np.random.default_rng(0)
    whole = turns(10, 5.0, 0.0, 20_000, rng)
    broken = turns(10, 5.0, 1000.0, 2000, rng)

    assert whole.max() <= 2
    assert whole.mean() == pytest.approx(1, abs=0.02)
    assert broken.mean() == pytest.approx(2, abs=0.25)


def test_servers_of_a_new_list_are_connected_to() -> None:
    servers = [*present(1), ServerLife(ready=2, published=2.5)]
    p = replace(P, max_age=1000, min_interval=1)
    with_end = [servers[0], ServerLife(ready=2, published=2.5)]
    # The first server's connections all end at 5 s: each client looks, and connects to the second.
    with_end[0] = replace(servers[0], terminating=4, unpublished=4.5, goaway=5)
    record = simulate(p, with_end, 200, 10)

    assert record.listed[:, 1] == pytest.approx(np.full(200, 5 + p.lookup), abs=2.6)
    assert record.connections[5] >= 150
