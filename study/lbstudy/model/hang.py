"""What a hanging server costs: everything that is sent to it until its clients give up the connection."""

from lbstudy.config.fault import Stop
from lbstudy.config.scenario import Scenario
from lbstudy.config.setting import Setting
from lbstudy.model.keepalive import keepalive
from lbstudy.model.parameters import Parameters

REACHES: float = 1.0
"""s in addition to keepalive's own time: the ping's phase, and RPCs that were under way."""


def hung(setting: Setting, p: Parameters, scenario: Scenario) -> tuple[float, str]:
    """Return the most RPCs that all clients lose in a scenario's worst hang, and what it depends on.

    A hung server keeps its connections, so its clients go on sending their share to it. Each such RPC ends at
    its deadline, unless the server continues sooner. That lasts until keepalive gives up the connection, if
    it does. A resolution without the server, after its readiness probe has failed, may end it sooner; that is
    not assumed, so this is an upper bound.
    """
    effective = keepalive(setting)
    most, why = 0.0, ""
    for fault in scenario.fault:
        if not isinstance(fault, Stop):
            continue
        servers = _wanted(scenario, fault.at)
        share = min((fault.servers or servers) / servers, 1.0)
        until = fault.until or scenario.duration
        lasts = max(until - fault.at - p.timeout, 0.0) + p.work if fault.until else until - fault.at
        window = min(lasts, effective.detects_after + REACHES)
        # With pick_first, all RPCs of a client may go there: the bound is for all clients.
        lost = scenario.load.clients * p.rate * window * (share if p.connects_to_all else 1.0)
        if lost >= most:
            most = lost
            why = (
                f"keepalive gives it up within {effective.detects_after:g} s"
                if effective.gives_up
                else "no keepalive gives it up"
            )
    return most, why


def _wanted(scenario: Scenario, at: float) -> int:
    return next(step.servers for step in reversed(scenario.step) if step.at <= at) or 1
