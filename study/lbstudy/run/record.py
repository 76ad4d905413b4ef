"""What a run leaves besides telemetry: changes, the programs' own counts, the DNS server's log."""

import json
from collections.abc import Sequence
from pathlib import Path

from lbstudy.facts.model import RunFacts
from lbstudy.platform.interface import Change, Platform
from lbstudy.run.logs import client_tally, server_tally
from lbstudy.run.plan import RunPlan
from lbstudy.run.specs import client_deployment, server_deployment
from lbstudy.store.database import RunStore
from lbstudy.store.description import RunDescription
from lbstudy.store.rows import LookupRow


async def collect(
    plan: RunPlan, platform: Platform, changes: Sequence[Change], description: RunDescription
) -> RunFacts:
    """Gather everything, when all pods have ended."""
    clients, servers = {}, {}
    for setting in plan.settings:
        tallies = [
            client_tally(pod, await platform.logs(pod))
            for pod in platform.pods(client_deployment(setting.name))
        ]
        clients[setting.name] = [tally for tally in tallies if tally is not None]
        servers[setting.name] = [
            server_tally(pod, await platform.logs(pod))
            for pod in platform.pods(server_deployment(setting.name))
        ]
    return RunFacts(
        description=description,
        changes=tuple(changes),
        client_tallies=clients,
        server_tallies=servers,
        lookups=tuple(_lookups(plan.run_dir / "dns.jsonl")),
    )


def record(facts: RunFacts, store: RunStore) -> None:
    """Add everything but the description to the store. Raises StoreError when it cannot be written."""
    store.add_changes(facts.changes)
    for setting, clients in facts.client_tallies.items():
        store.add_client_tallies(setting, clients)
    for setting, servers in facts.server_tallies.items():
        store.add_server_tallies(setting, servers)
    store.add_lookups(facts.lookups)


def _lookups(log: Path) -> list[LookupRow]:
    if not log.exists():
        return []  # the DNS server is not the platform's own, and tells nobody what it was asked
    with log.open(encoding="utf-8") as lines:
        return [LookupRow.from_log(json.loads(line)) for line in lines]
