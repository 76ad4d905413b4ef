"""Following CoreDNS' log where it may be read: who asked for the watched Services' names, and when.

It needs the Role of k8s/watch/coredns.yaml, and the plugin ``log`` in the Corefile. A query by a pod of a
watched Service's namespace is a look-up of that pod's resolver; what others ask is counted.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import httpx2
from lightkube.resources.core_v1 import Pod

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes.api import Cluster, api_errors, status_of
from lbstudy.watch.dnslog import Query, read
from lbstudy.watch.evidence import ClientUpdate, DnsQuery, Evidence, SourceState
from lbstudy.watch.find import status_of_cause
from lbstudy.watch.identity import without_hashes
from lbstudy.watch.service import is_name_of
from lbstudy.watch.words import counted

NAME: Final = "CoreDNS's log"
NAMESPACE: Final = "kube-system"
SELECTOR: Final = {"k8s-app": "kube-dns"}
_EVERY: Final = 15.0  # s, between two looks at which pods there are
_SAID_EVERY: Final = 1.0  # s
_AGAIN: Final = 2.0  # s, until a log that broke off is followed again
_LONGEST: Final = 65_536  # bytes of a line: what is longer is no query's
_REFUSED: Final = frozenset({401, 403})
_ANSWERED: Final = "NOERROR"
_ROLE: Final = "k8s/watch/coredns.yaml has the Role"


@dataclass(slots=True)
class CoreDnsLog:
    """Follows the logs of all CoreDNS pods.

    Args:
        cluster: whose.
        services: each "namespace/service".
        take: is given what is found.
        workload: a client pod's name → its workload, where other sources tell; None: they do not.
    """

    cluster: Cluster
    services: tuple[str, ...]
    take: Callable[[Evidence], object]
    workload: Callable[[str], str | None]
    queries: int = 0
    _askers: dict[str, str] = field(default_factory=dict)  # IP → the pod of a watched namespace
    _following: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _refused: str = ""
    _said: float = 0.0

    async def run(self) -> None:
        """Follow until cancelled; what cannot be read is told as a lack."""
        try:
            while True:
                lack = ""
                try:
                    await self._look()
                except PlatformError as error:
                    lack = (
                        f"it may not be read; {_ROLE}" if status_of_cause(error) in _REFUSED else str(error)
                    )
                self._say(lack)
                await asyncio.sleep(_EVERY)
        finally:
            for task in self._following.values():
                task.cancel()
            await asyncio.gather(*self._following.values(), return_exceptions=True)

    def line(self, text: str) -> None:
        """A line of a log."""
        query = read(text, [f".{watched.partition('/')[0]}." for watched in self.services])
        if query is None:
            return
        for service in self.services:
            if is_name_of(service, query.name):
                self.queries += 1
                self.take(DnsQuery(service, query.asker, query.at, query.name, query.qtype, query.rcode))
                self._looked_up(query)
                if time.monotonic() - self._said > _SAID_EVERY:
                    self._say("")

    def _looked_up(self, query: Query) -> None:
        pod = self._askers.get(query.asker)
        if pod is not None and query.rcode == _ANSWERED:
            workload = self.workload(pod) or without_hashes(pod)
            self.take(ClientUpdate(workload, pod, "", query.name, query.at, None))

    async def _look(self) -> None:
        """Which pods there are now."""
        there = await self._pods(NAMESPACE, SELECTOR)
        askers: dict[str, str] = {}
        for namespace in dict.fromkeys(service.partition("/")[0] for service in self.services):
            askers |= {ip: name for name, ip in (await self._pods(namespace)).items() if ip}
        self._askers = askers
        for name in [name for name, task in self._following.items() if task.done() or name not in there]:
            self._following.pop(name).cancel()
        for name in there:
            if name not in self._following:
                self._following[name] = asyncio.create_task(self._follow(name))

    async def _pods(self, namespace: str, labels: Mapping[str, str] | None = None) -> dict[str, str]:
        with api_errors(f"looking for pods in {namespace}"):
            return {
                str(pod.metadata.name): str(pod.status.podIP or "") if pod.status else ""
                async for pod in self.cluster.objects.list(
                    Pod, namespace=namespace, labels=dict(labels) if labels else None
                )
                if pod.metadata
            }

    async def _follow(self, pod: str) -> None:
        there = replace(self.cluster, namespace=NAMESPACE)
        while True:
            try:
                await self._read(there, pod)
                self._refused = ""
            except (httpx2.HTTPError, OSError) as error:
                status = status_of(error)
                self._refused = f"it may not be read; {_ROLE}" if status in _REFUSED else str(error)
                self._say("")
            await asyncio.sleep(_AGAIN)

    async def _read(self, there: Cluster, pod: str) -> None:
        url = f"/api/v1/namespaces/{there.namespace}/pods/{pod}/log"
        query = {"follow": "true", "timestamps": "true", "sinceSeconds": "1"}
        async with there.http.stream("GET", url, params=query) as answer:
            if answer.status_code >= httpx2.codes.BAD_REQUEST:
                await answer.aread()
            answer.raise_for_status()
            rest = b""
            async for chunk in answer.aiter_bytes():
                *complete, rest = (rest + chunk).split(b"\n")
                rest = rest[-_LONGEST:]
                for text_line in complete:
                    self.line(text_line.decode("utf-8", "replace"))

    def _say(self, lack: str) -> None:
        if not lack and not self._following:
            lack = f"no pod of {NAMESPACE} is labelled k8s-app=kube-dns"
        lack = lack or self._refused
        if not lack and not self.queries:
            lack = "it has no query for these Services yet; the Corefile's plugin log writes them"
        self._said = time.monotonic() if self.queries else 0.0
        has = counted(self.queries, "query") if self.queries == 1 else f"{self.queries:,} queries"
        self.take(SourceState(NAME, has if self.queries else "", lack, time.time()))
