"""What a run leaves besides telemetry: changes, the programs' own counts, the DNS server's log."""

import json
from collections.abc import Sequence
from pathlib import Path

from lbstudy.platform.interface import Change, Platform
from lbstudy.run.logs import client_tally, server_tally
from lbstudy.run.plan import RunPlan
from lbstudy.run.specs import client_deployment, server_deployment
from lbstudy.store.database import RunStore
from lbstudy.store.rows import LookupRow


async def record(plan: RunPlan, platform: Platform, store: RunStore, changes: Sequence[Change]) -> None:
    """Add everything to the store. Raises StoreError when it cannot be written."""
    store.add_changes(changes)
    for setting in plan.settings:
        clients = platform.pods(client_deployment(setting.name))
        tallies = [client_tally(pod, await platform.logs(pod)) for pod in clients]
        store.add_client_tallies(setting.name, [tally for tally in tallies if tally is not None])
        servers = platform.pods(server_deployment(setting.name))
        store.add_server_tallies(
            setting.name, [server_tally(pod, await platform.logs(pod)) for pod in servers]
        )
    store.add_lookups(_lookups(plan.run_dir / "dns.jsonl"))


def _lookups(log: Path) -> list[LookupRow]:
    with log.open(encoding="utf-8") as lines:
        return [LookupRow.from_log(json.loads(line)) for line in lines]
