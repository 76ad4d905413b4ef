"""Queries Prometheus repeatedly while Services are watched."""

import asyncio
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import httpx2

from lbstudy.watch.counters import Counters, Sampled
from lbstudy.watch.evidence import ClientUpdate, Evidence, EvidenceSource, SourceState
from lbstudy.watch.series import (
    CLIENT_COUNTS,
    LAST_UPDATE,
    SERVER_COUNTS,
    Labels,
    NamedPod,
    called_pod,
    caller,
    joined,
    server_pod,
)
from lbstudy.watch.words import cannot_ask, counted, listed

NAME: Final = "Prometheus"
_EVERY: Final = 5.0  # s
_TIMEOUT: Final = 10.0  # s, for an answer
_WIDEST: Final = 150.0  # s of samples in an answer
_FIRST_WINDOW: Final = 90.0
_INFO_EVERY: Final = 30.0
_NEEDS: Final = (
    "no histogram of requests (rpc_server_call_duration, rpc_server_duration) names a pod of these Services"
)


class PrometheusPoller:
    """Asks a Prometheus for the counters of requests.

    Args:
        url: its base URL.
        pods: name or IP → namespace of each pod that is watched now.
        take: called with the evidence.
        since: s since the Unix epoch.
        way: returns why the last connection failed, if that is known; "".
    """

    def __init__(
        self,
        url: str,
        pods: Callable[[], Mapping[str, str]],
        take: Callable[[Evidence], object],
        since: float,
        way: Callable[[], str] = str,
    ) -> None:
        self._url = url.rstrip("/")
        self._pods = pods
        self._take = take
        self._way = way
        self._info: dict[tuple[str, str], Labels] = {}
        self._info_at = 0.0
        self._window = _FIRST_WINDOW
        self._servers = Counters(EvidenceSource.SERVER_METRICS, self._server, since)
        self._clients = Counters(EvidenceSource.CLIENT_METRICS, self._client, since)
        self._updates = 0  # gauges of resolver updates in the last answer

    async def run(self) -> None:
        """Ask until cancelled; a failed query is reported as a lack."""
        # No proxy: Prometheus is on this machine, or the user's own (lbstudy.direct).
        async with httpx2.AsyncClient(timeout=_TIMEOUT, trust_env=False) as http:
            while True:
                await self._ask(http)
                await asyncio.sleep(_EVERY)

    async def _ask(self, http: httpx2.AsyncClient) -> None:
        try:
            await self._counts(http)
            lack = "" if self._servers.labels else _NEEDS
            if lack and self._servers.unmatched:
                lack += f"; {counted(self._servers.unmatched, 'counter')} of other pods"
        except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, KeyError, TypeError) as error:
            lack = cannot_ask(error, self._way())
        self._take(SourceState(NAME, self._has(), lack, time.time()))

    async def _counts(self, http: httpx2.AsyncClient) -> None:
        if time.monotonic() - self._info_at > _INFO_EVERY or not self._info_at:
            infos = await self._query(http, "target_info")
            self._info = {
                (info["metric"].get("job", ""), info["metric"].get("instance", "")): info["metric"]
                for info in infos
            }
            self._info_at = time.monotonic()
        window = f"[{self._window * 1000:.0f}ms]"
        servers = await self._query(http, f'{{__name__=~"{SERVER_COUNTS}"}}{window}')
        clients = await self._query(http, f'{{__name__=~"{CLIENT_COUNTS}"}}{window}')
        updates = await self._query(http, LAST_UPDATE)
        self._window = _window(servers) or self._window
        for counters, answer in ((self._servers, servers), (self._clients, clients)):
            for requests in counters.take(_samples(series) for series in answer):
                self._take(requests)
        self._updates = 0
        for series in updates:
            self._update(series["metric"], float(series["value"][1]))

    def _update(self, labels: Labels, at: float) -> None:
        workload, client = caller(joined(labels, self._info))
        if workload is None or client is None:
            return
        self._updates += 1
        target = labels.get("grpc_lb_resolver_target", "")
        self._take(ClientUpdate(workload, client, "", target, at, None))

    async def _query(self, http: httpx2.AsyncClient, expression: str) -> list[dict[str, Any]]:
        answer = await http.get(f"{self._url}/api/v1/query", params={"query": expression})
        answer.raise_for_status()
        return list(answer.json()["data"]["result"])

    def _server(self, labels: Labels) -> NamedPod | None:
        return server_pod(joined(labels, self._info), self._pods())

    def _client(self, labels: Labels) -> NamedPod | None:
        return called_pod(labels, self._pods())

    def _has(self) -> str:
        parts = []
        if self._servers.labels:
            labels = listed(sorted(self._servers.labels))
            parts.append(
                f"{counted(self._servers.labels.total(), 'counter')} of servers' requests, pods by {labels}"
            )
        if self._clients.labels:
            parts.append(f"{counted(self._clients.labels.total(), 'counter')} of clients' requests")
        if self._updates:
            parts.append(f"{counted(self._updates, 'time')} of a last resolver update")
        return "; ".join(parts)


def _samples(series: Mapping[str, Any]) -> Sampled:
    return series["metric"], [(float(at), float(value)) for at, value in series.get("values", ())]


def _window(answer: list[dict[str, Any]]) -> float | None:
    """Return a time that contains a few samples of each series, whatever the interval; None: unknown."""
    gaps = [
        (float(series["values"][-1][0]) - float(series["values"][0][0])) / (len(series["values"]) - 1)
        for series in answer
        if len(series.get("values", ())) > 1
    ]
    return None if not gaps else min(_WIDEST, max(4 * statistics.median(gaps), 4 * _EVERY))
