"""Many clients with pick_first at once: by hand, and as the same many clients are one by one."""

from dataclasses import replace

import numpy as np
import pytest
from lbstudy.model.fleet import simulate
from lbstudy.model.parameters import Parameters
from lbstudy.model.part import FleetRecord
from lbstudy.model.predict import _settled
from lbstudy.model.servers import ServerLife, added, present, removed
from scipy.stats import ks_2samp

P = Parameters(policy="pick_first", min_interval=5, max_age=10, ready=1)
LASTING = replace(P, max_age=float("inf"))
CLIENTS = 1500


def beside_the_exact(
    parameters: Parameters, servers: list[ServerLife], end: int
) -> tuple[FleetRecord, dict[str, int]]:
    """The fleet, and what as many clients one by one came to, from time 0 on."""
    seen = _settled(parameters, servers, end, CLIENTS, 3)
    exact = {
        "lookups": sum(0 <= at < end for one in seen for at in one.lookups),
        "connected": sum(0 <= at < end for one in seen for at in one.connected),
        "refused": sum(one.refused for one in seen),
    }
    return simulate(parameters, servers, CLIENTS, end), exact


def test_without_a_disconnect_nothing_is_found() -> None:
    record = simulate(LASTING, [*present(3), added(0, LASTING)], 200, 1000)

    assert (record.lookups.sum(), record.connections.sum()) == (0, 0)
    assert np.isnan(record.listed).all()
    assert record.answered is not None
    assert np.isnan(record.answered[:, 3]).all()


def test_only_the_clients_of_a_server_that_goes_look_and_then_find_what_was_added() -> None:
    """Two servers, a third in DNS at 1.5 s; the second's GOAWAY comes at 11 s, out of DNS at 10.5 s.

    Half of the clients were connected to it: each asks DNS at 11 s, and is then at one of two servers.
    """
    servers = [present(1)[0], removed(present(1)[0], 10, LASTING), added(0, LASTING)]
    record = simulate(LASTING, servers, 2000, 40)

    assert record.lookups.nonzero()[0].tolist() == [11]
    assert record.lookups.sum() == pytest.approx(1000, abs=120)  # 5 standard deviations
    found = record.listed[:, 2]
    assert found[~np.isnan(found)] == pytest.approx(11 + LASTING.lookup)
    assert (~np.isnan(found)).sum() == record.lookups.sum()
    assert record.connections.sum() == record.lookups.sum()
    assert record.answered is not None
    to_the_new = ~np.isnan(record.answered[:, 2])
    assert to_the_new.sum() == pytest.approx(500, abs=100)
    # Asked, connected, an RPC within 1/30 s, 20 ms of work.
    soonest = 11 + LASTING.lookup + LASTING.connect + LASTING.work
    assert record.answered[to_the_new, 2].min() >= soonest - 1e-9
    assert record.answered[to_the_new, 2].max() <= soonest + 1 / LASTING.rate + 1e-9


def test_a_list_is_gone_through_until_a_server_lets_the_client_in() -> None:
    """DNS keeps a server for 20 s after its GOAWAY at 1 s: half of its clients then try it first, in vain."""
    p = replace(LASTING, propagation=20)
    record = simulate(p, [present(1)[0], removed(present(1)[0], 0, p)], 2000, 10)

    assert record.lookups.sum() == pytest.approx(1000, abs=120)
    assert record.connections.sum() == record.lookups.sum()  # to the other one, all of them
    assert record.refused.sum() == pytest.approx(record.lookups.sum() / 2, abs=90)


@pytest.mark.parametrize(
    "parameters", [P, replace(P, min_interval=30, max_age=20), replace(P, min_interval=1)]
)
def test_servers_are_found_and_used_as_in_the_exact_model(parameters: Parameters) -> None:
    servers = [*present(3), added(0, parameters), added(0, parameters)]
    record, exact = beside_the_exact(parameters, servers, 121)
    seen = _settled(parameters, servers, 121, CLIENTS, 4)

    for name, found in (("listed", record.listed[:, 3]), ("answered", record.answered[:, 3])):  # type: ignore[index]
        slow = np.array([getattr(one, name).get(3, 1000.0) for one in seen])
        assert ks_2samp(np.nan_to_num(found, nan=1000.0), slow).pvalue > 0.001
    assert record.lookups.sum() == pytest.approx(exact["lookups"], rel=0.02)
    assert record.connections.sum() == pytest.approx(exact["connected"], rel=0.02)


def test_a_removal_that_dns_is_late_to_tell_is_the_same() -> None:
    p = replace(P, propagation=7)
    servers = [*present(2), *(removed(one, at, p) for one, at in zip(present(2), (10, 12), strict=True))]
    record, exact = beside_the_exact(p, servers, 40)

    assert record.lookups.sum() == pytest.approx(exact["lookups"], rel=0.03)
    assert record.connections.sum() == pytest.approx(exact["connected"], rel=0.03)
    assert record.refused.sum() == pytest.approx(exact["refused"], rel=0.1)
