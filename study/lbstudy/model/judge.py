"""Whether a setting meets the clauses of a requirement, by the model alone; and what it does not judge.

A clause *holds* when it does in 95 % of the simulated runs (``HOLDS_IN``, the share that the proof by runs
takes for good, too). Simulated are two kinds of clients, since both occur, and the worse of them counts:
those that have run for long, each at a phase of its own; and those whose connections are equally old. For a
new server these are the clients of the scenario's own runs, by which the requirement is proved; for an
update, clients that began together some time ago, as after a deployment. ``LATER`` and
``DEARER`` are kept for what is not in the model: a busy client's own delays, and a platform's.

What the model does not know is ``NOT_JUDGED``, never ``HOLDS``.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from itertools import chain, pairwise
from statistics import fmean
from typing import Any, Final

import numpy as np
from scipy.special import pdtr

from lbstudy.config.fault import Kill
from lbstudy.config.notes import MIN_INTERVAL
from lbstudy.config.requirement import (
    HOLDS_IN,
    AnyClause,
    Connections,
    DnsQueries,
    HungServer,
    KilledServer,
    NewServer,
    RemovedServer,
    RollingUpdate,
)
from lbstudy.config.scenario import Replace, Scenario
from lbstudy.config.setting import Setting
from lbstudy.model.cost import cost
from lbstudy.model.found import (
    LEADS,
    Floats,
    by_its_own,
    by_settled,
    removes,
    scale_ups,
    until_the_last_scale_up,
)
from lbstudy.model.hang import hung
from lbstudy.model.limits import unmodelled
from lbstudy.model.parameters import Parameters
from lbstudy.model.removal import graceful, killed
from lbstudy.model.update import outages

LATER: Final = 0.3
"""s of the time that a clause allows: by so much measured clients were later than the model's, on a busy
machine (docs/answers/requirements.md)."""
DEARER: Final = 0.1
"""Of the price that a clause allows: so much do the runs of a minute vary."""
_KEPT: Final = f" (a margin of {DEARER * 100:.0f} % is kept)"
_MOST_RUNS: Final = f"{HOLDS_IN * 20:.0f} of 20 runs"
UPDATES: Final = 60
"""Simulated, of each kind of clients: what decides is whether they are cut off, which many are or none."""


class ByModel(StrEnum):
    """What the model says of a clause."""

    HOLDS = "holds"
    FAILS = "does not hold"
    NOT_JUDGED = "not judged by the model"


@dataclass(frozen=True, slots=True)
class Judged:
    """A clause, a setting, and what the model says of them."""

    verdict: ByModel
    why: str


def judge(clause: AnyClause, setting: Setting, scenario: Scenario, *, seed: int = 0) -> Judged:
    """Return what the model says of a clause with a setting.

    Args:
        clause: what must hold.
        setting: the setting.
        scenario: a scenario that can show whether the clause holds.
        seed: for random numbers.
    """
    asks = _ASKS.get(type(clause))
    if asks is None:
        return _not_judged("the model knows nothing of it")
    if (reason := _left_out(clause, setting)) is not None:
        return _not_judged(reason)
    return asks(clause, setting, scenario, seed)


def _left_out(clause: AnyClause, setting: Setting) -> str | None:
    """Return why the model cannot judge a clause with a setting, although it knows the kind; else None."""
    if isinstance(clause, NewServer | RollingUpdate) and setting.discovery == "xds":
        return "how soon a push arrives is not modelled; docs/push.md has what was measured"
    # These do not affect what a new server's clients do, nor the cost, but they affect what is lost.
    if not isinstance(clause, NewServer | Connections | DnsQueries) and (missing := unmodelled(setting)):
        return f"not modelled: {'; '.join(missing)}"
    return None


def _not_judged(why: str) -> Judged:
    return Judged(ByModel.NOT_JUDGED, why)


def _by(share: float, why: str) -> Judged:
    return Judged(ByModel.HOLDS if share >= HOLDS_IN else ByModel.FAILS, why)


# --- what it costs --------------------------------------------------------------------------------


def _costs(clause: Connections | DnsQueries, setting: Setting, scenario: Scenario, seed: int) -> Judged:
    price = cost(setting, Parameters.of(setting, scenario), scenario.step[0].servers, seed=seed)
    rate = price.connections if isinstance(clause, Connections) else price.queries
    what = "new connections" if isinstance(clause, Connections) else "DNS queries"
    why = f"{rate:.3g} {what} a minute while nothing changes"
    if rate * (1 + DEARER) <= clause.at_most:
        return Judged(ByModel.HOLDS, why)
    return Judged(ByModel.FAILS, why if rate > clause.at_most else f"{why}{_KEPT}")


# --- new servers ----------------------------------------------------------------------------------


def _found(clause: NewServer, setting: Setting, scenario: Scenario, seed: int) -> Judged:
    p = Parameters.of(setting, scenario)
    if not p.ages:
        return Judged(
            ByModel.FAILS,
            "no connection ends, so nothing makes a client look up DNS: a new server stays unknown",
        )
    within = max(clause.within - LATER, 0.0)
    own = until_the_last_scale_up(scenario.step)
    # Where none is removed before, the drain is no matter: settings that differ in it alone are asked once.
    plain = replace(p, drain_wait=0.0, drain_grace=0.0)
    clients = scenario.load.clients
    kinds: Iterator[Floats] = chain(
        (by_settled(plain, *step_pair, clients, within, seed) for step_pair in scale_ups(scenario.step)),
        (by_its_own(p if removes(own) else plain, own, clients, lead, within, seed) for lead in LEADS),
    )
    worst, share = 0.0, 1.0
    for latest in kinds:
        share = min(share, float(np.mean(latest <= within)))
        worst = max(worst, float(np.quantile(latest, HOLDS_IN, method="inverted_cdf")))
        if share < HOLDS_IN:  # the others change nothing, and take their time
            break
    if math.isfinite(worst):
        why = f"in {_MOST_RUNS} the last client calls a new server within {worst:.1f} s"
    else:
        why = (
            f"in fewer than {_MOST_RUNS} every client calls a new server within {within:.1f} s (a margin of"
            f" {LATER:g} s is kept)"
        )
    return _by(share, why)


# --- what is lost ---------------------------------------------------------------------------------


def _at_most(lost_at_most: int, expected: float, what: str) -> Judged:
    """Judge RPCs that are lost singly: so many are expected, and a run's count is Poisson-distributed."""
    return _by(float(pdtr(lost_at_most, expected)), f"{what}: {expected:.2g} requests lost, expected")


def _removed(clause: RemovedServer, setting: Setting, scenario: Scenario, _: int) -> Judged:
    p = Parameters.of(setting, scenario)
    most = max(
        graceful(p, before.servers).failed * (before.servers - after.servers)
        for before, after in pairwise(scenario.step)
        if after.servers < before.servers
    )
    return _at_most(clause.lost_at_most, most * scenario.load.clients, "what crosses a server's GOAWAY")


def _killed(clause: KilledServer, setting: Setting, scenario: Scenario, _: int) -> Judged:
    p = Parameters.of(setting, scenario)
    count = max(
        (fault.servers or scenario.step[0].servers) for fault in scenario.fault if isinstance(fault, Kill)
    )
    expected = killed(p, scenario.step[0].servers).failed * scenario.load.clients * count
    return _at_most(clause.lost_at_most, expected, "what a server works on when it is killed")


def _hung(clause: HungServer, setting: Setting, scenario: Scenario, _: int) -> Judged:
    most, why = hung(setting, Parameters.of(setting, scenario), scenario)
    verdict = ByModel.HOLDS if most <= clause.lost_at_most else ByModel.FAILS
    return Judged(verdict, f"{why}: up to {most:.0f} requests lost")


def _updated(clause: RollingUpdate, setting: Setting, scenario: Scenario, seed: int) -> Judged:
    p = Parameters.of(setting, scenario)
    clients = scenario.load.clients
    rolling = next(candidate for candidate in scenario.replace if candidate.how == "rolling-update")
    count = next(step.servers for step in reversed(scenario.step) if step.at <= rolling.at)
    if not count:
        return _not_judged("an update of no servers")
    worst: tuple[float, ...] = ()
    for together in (False, True):
        seconds = _outages(p, count, rolling, clients, seed, together=together)
        worst = max(worst, seconds, key=math.fsum) if worst else seconds
    crossing = graceful(p, count).failed * count * clients
    lost = [crossing + outage * p.rate for outage in worst]
    share = fmean(float(pdtr(clause.lost_at_most, each)) for each in lost)
    why = f"an update: {fmean(lost):.2g} requests lost, expected"
    if without := sum(outage > 0 for outage in worst):
        why += (
            f"; in {without * 100 / len(worst):.0f} of 100 runs the last old server goes before a client may"
            f" look up DNS again ({MIN_INTERVAL})"
        )
    return _by(share, why)


@lru_cache(maxsize=4096)
def _outages(
    p: Parameters, count: int, rolling: Replace, clients: int, seed: int, *, together: bool
) -> tuple[float, ...]:
    """Return for each simulated run the seconds without any connection, summed over all clients."""
    rng = np.random.default_rng(seed)
    return tuple(
        math.fsum(outages(p, count, rolling, clients, rng, together=together)) for _ in range(UPDATES)
    )


_ASKS: Final[dict[type, Callable[[Any, Setting, Scenario, int], Judged]]] = {
    Connections: _costs,
    DnsQueries: _costs,
    NewServer: _found,
    RemovedServer: _removed,
    RollingUpdate: _updated,
    HungServer: _hung,
    KilledServer: _killed,
}
"""The kinds of clauses that the model knows → the function that judges each."""
