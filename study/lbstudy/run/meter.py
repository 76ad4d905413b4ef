"""Reads a run's traffic from Prometheus for the view, if the run's telemetry is sent elsewhere."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from grpc_lb_instrumentor import names

from lbstudy.backends.http import BackendError
from lbstudy.backends.metrics import label
from lbstudy.backends.prometheus import Prometheus
from lbstudy.live.view import Traffic, View
from lbstudy.observation import attributes
from lbstudy.searches.promql import CLIENT

_EVERY: Final = 2.0  # s
_SETTING: Final = label(attributes.SETTING)
_SERVER: Final = label(names.SERVER_POD)
_CODE: Final = label(names.RPC_STATUS_CODE)

Counts = Mapping[tuple[str, str, str], int]  # (setting, server or "", code) → RPCs


async def show_traffic(prometheus: Prometheus, run_id: str, settings: Iterable[str], view: View) -> None:
    """Pass the traffic to the view until cancelled; a failed query is repeated the next time."""
    of_run = f'{label(attributes.RUN_ID)}="{run_id}"'
    expression = f"sum by ({_SETTING}, {_SERVER}, {_CODE}) ({CLIENT}_count{{{of_run}}})"
    known = set(settings)
    seen: dict[tuple[str, str, str], int] = {}
    while True:
        await asyncio.sleep(_EVERY)
        try:
            result = await asyncio.to_thread(prometheus.query, expression, time.time())
        except BackendError:
            continue
        counts = counts_of(result)
        for part in since(seen, counts):
            if part.setting in known:
                view.traffic(part)
        seen |= counts


def counts_of(result: Iterable[Mapping[str, Any]]) -> Counts:
    """Parse the result of the query."""
    return {
        (
            sample["metric"].get(_SETTING, ""),
            sample["metric"].get(_SERVER, ""),
            sample["metric"].get(_CODE, ""),
        ): round(float(sample["value"][1]))
        for sample in result
    }


def since(before: Counts, now: Counts) -> list[Traffic]:
    """Return the traffic between two results, by setting; counters never decrease."""
    answered: dict[str, dict[str, int]] = {}
    failed: dict[str, int] = {}
    for (setting, server, code), count in now.items():
        more = count - before.get((setting, server, code), 0)
        if more <= 0:
            continue
        if code == "OK":
            servers = answered.setdefault(setting, {})
            servers[server] = servers.get(server, 0) + more
        else:
            failed[setting] = failed.get(setting, 0) + more
    return [
        Traffic(setting, answered.get(setting, {}), failed.get(setting, 0))
        for setting in dict.fromkeys([*answered, *failed])
    ]
