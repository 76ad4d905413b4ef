"""What a run records besides telemetry: changes, the programs' counts, the DNS server's log, connections."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lbstudy.config.setting import Setting
from lbstudy.platform.interface import Change, Platform
from lbstudy.result.model import NotApplied
from lbstudy.run.busy import LoadLog
from lbstudy.run.incidents import incidents
from lbstudy.run.logs import client_tally, not_applied, server_tally
from lbstudy.run.plan import RunPlan
from lbstudy.run.specs import client_deployment, server_deployment
from lbstudy.store.description import DescribedSetting, RunDescription
from lbstudy.store.rows import ConnectionRow, LookupRow
from lbstudy.traces.facts import RunFacts


async def collect(
    plan: RunPlan,
    platform: Platform,
    changes: Sequence[Change],
    description: RunDescription,
    load: LoadLog,
) -> RunFacts:
    """Collect all of it, after all pods have ended."""
    clients, servers, settings = {}, {}, []
    for setting in plan.settings:
        tallies = [
            client_tally(pod, await platform.logs(pod))
            for pod in platform.pods(client_deployment(setting.name))
        ]
        clients[setting.name] = [tally for tally in tallies if tally is not None]
        servers[setting.name] = [
            server_tally(pod, await platform.logs(pod))
            for pod in platform.pods(server_deployment(plan, setting))
        ]
        settings.append(await _with_what_was_told(plan, setting, platform, changes, description))
    return RunFacts(
        description=description.model_copy(update={"settings": settings}),
        changes=tuple(changes),
        client_tallies=clients,
        server_tallies=servers,
        lookups=tuple(LookupRow.from_log(entry) for entry in _entries(plan.run_dir / "dns.jsonl")),
        connections=tuple(
            ConnectionRow.from_log(entry) for entry in _entries(plan.run_dir / "connections.jsonl")
        ),
        busy=tuple(load.busy),
        decisions=tuple(load.decisions),
    )


async def _with_what_was_told(
    plan: RunPlan,
    setting: Setting,
    platform: Platform,
    changes: Sequence[Change],
    description: RunDescription,
) -> DescribedSetting:
    """Add to a setting's description what its programs reported, and how they ended unplanned."""
    described = next(candidate for candidate in description.settings if candidate.name == setting.name)
    servers = server_deployment(plan, setting)
    reported: dict[tuple[str, str, str], None] = {}
    for who, deployment in (("client", client_deployment(setting.name)), ("servers", servers)):
        for pod in platform.pods(deployment):
            reported |= {(who, *option): None for option in not_applied(await platform.logs(pod))}
    said = [NotApplied(who=who, option=option, why=why, told_by="program") for who, option, why in reported]
    return described.model_copy(
        update={
            "not_applied": [*described.not_applied, *said],
            "incidents": incidents(changes, servers),
        }
    )


def _entries(log: Path) -> list[dict[str, Any]]:
    if not log.exists():
        return []  # a cluster has no log of DNS queries and no list of connections
    with log.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
