"""Predicts what a setting will and will not do."""

from itertools import pairwise
from typing import Final

from pydantic import Field

from lbstudy.config.scenario import Replace, Scenario
from lbstudy.config.setting import Setting
from lbstudy.model.cost import QUERIES
from lbstudy.model.parameters import Parameters
from lbstudy.model.predict import price, scale_down, scale_up
from lbstudy.model.removal import graceful
from lbstudy.model.statements import Statement, statements
from lbstudy.model.update import overlaps, replaced, update
from lbstudy.result.model import DelaySummary, Part

_LONG: Final = "that have run for long"
_ANY: Final = "at any phase"
_TOGETHER: Final = "that began a short time before (within a minimum interval and a connection age)"


class PredictedChange(Part):
    """A scale step of the scenario, for clients that have run for long, at different phases."""

    before: int = Field(description="servers")
    after: int
    detect: DelaySummary | None = Field(
        description="added: from Ready to the update with it; removed: from the command to the one without;"
        " None: pushed, which is not predicted"
    )
    discovery: DelaySummary | None = Field(description="added: from Ready to the first RPC answered")
    failed: float | None = Field(
        description="removed: expected failed RPCs of all clients at the drain's end, without retries"
    )


class ClientsInReplacement(Part):
    """What a replacement of all servers does to one kind of clients."""

    who: str = Field(description="in words")
    detect: DelaySummary | None = Field(
        description="from each new server's Ready to the update with it; None: pushed, which is not predicted"
    )
    failed: float = Field(description="expected failed RPCs of all clients, without retries")
    chance_of_outage: float = Field(description="share of clients that have no connection for a time")
    outage: float = Field(description="s without any connection, in the mean over all clients")
    connections: float = Field(description="made by each client")
    queries: float = Field(description="DNS queries of each client, A and AAAA")


class PredictedReplacement(Part):
    """A [[replace]] of the scenario."""

    at: float
    how: str
    servers: int
    clients: list[ClientsInReplacement] = Field(description="by kind; none where it is not modelled")
    not_modelled: str = Field(description="why nothing is predicted; empty where something is")


class IdleCost(Part):
    """What the setting costs each client while nothing changes."""

    servers: int = Field(description="that the client is connected to")
    lookups_per_minute: float
    queries_per_minute: float = Field(description="A and AAAA")
    connections_per_minute: float = Field(description="made anew, to servers")
    streams: int = Field(description="held open to a control plane")


class Advice(Part):
    """Everything that is predicted of a setting."""

    setting: str
    description: str
    policy: str
    scenario: str
    changes: list[PredictedChange]
    replacements: list[PredictedReplacement]
    cost: IdleCost
    statements: list[Statement]


def advise(setting: Setting, scenario: Scenario, *, seed: int = 0) -> Advice:
    """Predict the scenario's scale steps with a setting, and describe what the options will do."""
    parameters = Parameters.of(setting, scenario)
    is_pushed = setting.discovery == "xds"
    changes = [
        _change(parameters, before.servers, after.servers, scenario.load.clients, seed, is_pushed=is_pushed)
        for before, after in pairwise(scenario.step)
        if before.servers != after.servers
    ]
    servers = scenario.step[0].servers
    cost = price(parameters, servers, seed=seed)
    return Advice(
        setting=setting.name,
        description=setting.description,
        policy=parameters.policy,
        scenario=scenario.name,
        changes=changes,
        replacements=[
            _replacement(parameters, scenario, replace, seed, is_pushed=is_pushed)
            for replace in scenario.replace
        ],
        cost=IdleCost(
            servers=servers if parameters.connects_to_all else 1,
            lookups_per_minute=0 if is_pushed else cost.lookups,
            queries_per_minute=0 if is_pushed else cost.lookups * QUERIES,
            streams=1 if is_pushed else 0,
            connections_per_minute=cost.connections,
        ),
        statements=statements(setting, scenario, parameters),
    )


def _replacement(
    parameters: Parameters, scenario: Scenario, how: Replace, seed: int, *, is_pushed: bool
) -> PredictedReplacement:
    count = next(step.servers for step in reversed(scenario.step) if step.at <= how.at)
    reason = "" if count else "a replacement of no servers"
    if is_pushed and count and not overlaps(replaced(count, how, parameters), count):
        reason = "under push, how soon clients have the new servers when all old ones are gone"
    kinds = []
    if is_pushed and not reason:
        kinds.append(_pushed_replacement(parameters, count, scenario.load.clients))
    for together in () if reason or is_pushed else (False, True):
        modelled = update(parameters, count, how, together=together, seed=seed)
        kinds.append(
            ClientsInReplacement(
                who=_TOGETHER if together else _LONG,
                detect=modelled.detect,
                failed=modelled.lost * scenario.load.clients,
                chance_of_outage=modelled.chance_of_outage,
                outage=modelled.outage,
                connections=modelled.connections,
                queries=modelled.lookups * QUERIES,
            )
        )
    return PredictedReplacement(at=how.at, how=how.how, servers=count, clients=kinds, not_modelled=reason)


def _pushed_replacement(parameters: Parameters, count: int, clients: int) -> ClientsInReplacement:
    """Clients have the list with each new server before an old one goes: what crosses a GOAWAY is lost."""
    return ClientsInReplacement(
        who=_ANY,
        detect=None,
        failed=graceful(parameters, count).failed * count * clients,
        chance_of_outage=0.0,
        outage=0.0,
        connections=float(count if parameters.connects_to_all else 1),
        queries=0.0,
    )


def _change(
    parameters: Parameters, before: int, after: int, clients: int, seed: int, *, is_pushed: bool
) -> PredictedChange:
    removals = clients * (before - after)
    if is_pushed:
        lost = graceful(parameters, before).failed * removals if removals > 0 else None
        return PredictedChange(before=before, after=after, detect=None, discovery=None, failed=lost)
    if after > before:
        up = scale_up(parameters, before, after, seed=seed)
        return PredictedChange(
            before=before,
            after=after,
            detect=up.detect_summary,
            discovery=up.discovery_summary,
            failed=None,
        )
    down = scale_down(parameters, before, after, seed=seed)
    return PredictedChange(
        before=before,
        after=after,
        detect=down.detect_summary,
        discovery=None,
        failed=graceful(parameters, before, down.detect).failed * removals,
    )
