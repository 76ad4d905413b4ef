"""What a setting will and will not do, said before anything runs."""

from itertools import pairwise

from pydantic import Field

from lbstudy.config.scenario import Scenario
from lbstudy.config.setting import Setting
from lbstudy.model.parameters import Parameters
from lbstudy.model.predict import price, scale_down, scale_up
from lbstudy.model.removal import graceful
from lbstudy.model.statements import Statement, statements
from lbstudy.result.model import DelaySummary, Part

QUERIES: int = 2
"""DNS queries of a look-up: A and AAAA (with a search list, as many for each of its entries)."""


class PredictedChange(Part):
    """A scale step of the scenario, for clients that have run for long, each at a phase of its own."""

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


class Cost(Part):
    """What the setting costs while nothing changes, for each client."""

    servers: int = Field(description="that the client is connected to")
    lookups_per_minute: float
    queries_per_minute: float = Field(description="A and AAAA")
    connections_per_minute: float = Field(description="made anew, to servers")
    streams: int = Field(description="held open to a control plane")


class Advice(Part):
    """All that is said of a setting."""

    setting: str
    description: str
    policy: str
    scenario: str
    changes: list[PredictedChange]
    cost: Cost
    statements: list[Statement]


def advise(setting: Setting, scenario: Scenario, *, seed: int = 0) -> Advice:
    """Predict the scenario's scale steps under a setting, and say what the options will do."""
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
        cost=Cost(
            servers=servers if parameters.connects_to_all else 1,
            lookups_per_minute=0 if is_pushed else cost.lookups,
            queries_per_minute=0 if is_pushed else cost.lookups * QUERIES,
            streams=1 if is_pushed else 0,
            connections_per_minute=cost.connections,
        ),
        statements=statements(setting, scenario, parameters),
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
