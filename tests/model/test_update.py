"""The replacement of all servers: when which pod goes, and what clients make of it."""

from dataclasses import replace

import pytest
from lbstudy.config import available_settings, load_scenario, load_setting
from lbstudy.config.builtin import BuiltIn
from lbstudy.config.scenario import Replace
from lbstudy.model.advice import advise
from lbstudy.model.parameters import Parameters
from lbstudy.model.update import replaced, update

P = Parameters(propagation=0.5, drain_wait=1.0, ready=1.0, rate=10)
ROLLING = Replace(at=1, how="rolling-update")
EVICT = Replace(at=1, how="evict")


def test_a_rolling_update_of_three_goes_one_by_one() -> None:
    """25 % of 3: one more (rounded up), none fewer (rounded down). Each new pod is Ready 1 s after its start,
    which is when the one before it lets an old one go: new at 1, 2, 3 s; old told at the same instants."""
    servers = replaced(3, ROLLING, P)

    assert [one.terminating for one in servers[:3]] == [1, 2, 3]
    assert [one.ready for one in servers[3:]] == [1, 2, 3]
    assert [one.goaway for one in servers[:3]] == [2, 3, 4]


def test_max_unavailable_lets_old_ones_go_at_once() -> None:
    """Of 4, at most 1 more and 1 fewer: one goes and two start at once; when both are Ready, two more go."""
    servers = replaced(4, Replace(at=1, how="rolling-update", max_surge=1, max_unavailable=1), P)

    assert [one.terminating for one in servers[:4]] == [0, 1, 1, 2]
    assert [one.ready for one in servers[4:]] == [1, 1, 2, 2]


def test_eviction_leaves_clients_alone_until_their_next_look_up() -> None:
    """All stop at 1 s, the new ones are in DNS at 1.5 s: the look-up at the GOAWAY finds nothing, and is made
    again 0.8 to 1.2 s later. At 10 RPC/s some 10 RPCs of each client are lost. Clients that have just looked
    up DNS may not do so at the GOAWAY: they wait for what is left of 30 s."""
    found = update(P, 3, EVICT)

    assert found.chance_of_outage == 1
    assert found.outage == pytest.approx(1, abs=0.2)
    assert found.lost == pytest.approx(10, abs=2)
    assert update(P, 3, EVICT, together=True).outage == pytest.approx(14.5, abs=2.5)


def test_a_rolling_update_cuts_off_clients_whose_interval_is_not_over() -> None:
    """Clients of long ago may look up DNS at the first GOAWAY. Those that have just looked may not, and all
    that they know is gone within 4 s."""
    long_ago, just_now = update(P, 3, ROLLING), update(P, 3, ROLLING, together=True)

    assert long_ago.chance_of_outage == 0
    assert just_now.chance_of_outage > 0.8
    assert update(replace(P, min_interval=0.5), 3, ROLLING, together=True).chance_of_outage < 0.1


@pytest.mark.parametrize("name", ["rolling-update", "evict", "recreate"])
def test_advise_says_what_a_replacement_costs(name: str) -> None:
    found = advise(load_setting("stock"), load_scenario(name))

    (one,) = found.replacements
    assert (found.changes, one.how, one.servers, one.not_modelled) == ([], name, 3, "")
    long_ago, just_now = one.clients
    assert long_ago.connections == pytest.approx(3, abs=0.5)
    assert just_now.failed > 100


@pytest.mark.parametrize("name", ["push", "push-combined"])
def test_advise_says_what_a_replacement_costs_under_push(name: str) -> None:
    """Measured (docs/model.md): nothing was lost. Of 3 servers each gets 1/3 of 40 RPC/s; what is sent in the
    1 ms before a GOAWAY is lost: 3 × 13.3 × 0.001 = 0.04."""
    (one,) = advise(load_setting(name), load_scenario("rolling-update")).replacements

    (clients,) = one.clients
    assert (one.not_modelled, clients.detect, clients.chance_of_outage) == ("", None, 0)
    assert clients.failed == pytest.approx(0.04)
    assert (clients.connections, clients.queries) == (3, 0)


def test_advise_predicts_nothing_under_push_when_all_old_servers_go_first() -> None:
    (one,) = advise(load_setting("push"), load_scenario("evict")).replacements

    assert (one.clients, one.not_modelled[:11]) == ([], "under push,")


@pytest.mark.parametrize("one", available_settings(), ids=lambda one: one.name)
def test_advise_says_what_an_update_costs_under_every_setting(one: BuiltIn) -> None:
    (found,) = advise(load_setting(one.name), load_scenario("rolling-update")).replacements

    assert found.not_modelled == ""
    assert found.clients
