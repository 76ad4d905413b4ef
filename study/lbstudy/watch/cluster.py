"""Follows a Service's pods and EndpointSlices in a cluster, using only get, list and watch."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from lightkube.resources.core_v1 import Service

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes import wire
from lbstudy.platform.kubernetes.api import Cluster, api_errors
from lbstudy.platform.kubernetes.watch import Watch, WatchReport
from lbstudy.watch.evidence import Evidence, Instant, Listed, PodGone, SourceState
from lbstudy.watch.translate import pod_seen, ready_pods, service_label
from lbstudy.watch.words import counted

_AGAIN: Final = 10.0  # s until a watch that failed is tried again
_NANO: Final = 1e9


@dataclass(slots=True)
class ServiceWatch:
    """Follows one Service.

    Args:
        cluster: the cluster.
        name: "namespace/service".
        take: called with the evidence.
    """

    cluster: Cluster
    name: str
    take: Callable[[Evidence], object]
    listed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when pods and EndpointSlices were listed, or it was reported that they cannot be read."""
    _pods: dict[str, str] = field(default_factory=dict)  # name → uid
    _slices: dict[str, wire.EndpointSlice] = field(default_factory=dict)  # by uid
    _waiting: set[str] = field(default_factory=lambda: {"pods", "endpointslices"})

    async def selector(self) -> str:
        """Return the label selector of its pods. Raises PlatformError if the Service has none."""
        namespace, _, service = self.name.partition("/")
        with api_errors(f"looking for Service {self.name}"):
            current = await self.cluster.objects.get(Service, service, namespace=namespace)
        labels = (current.spec.selector if current.spec else None) or {}
        if not labels:
            raise PlatformError(f"Service {self.name} selects no pods: there is nothing to watch")
        return ",".join(f"{key}={value}" for key, value in labels.items())

    async def run(self, selector: str) -> None:
        """Follow until cancelled; what cannot be followed is reported as a lack, and tried again."""
        namespace, _, service = self.name.partition("/")
        there = replace(self.cluster, namespace=namespace)
        pods: Watch[wire.Pod] = Watch(
            there,
            ("api/v1", "pods"),
            wire.Pod,
            selector,
            self._saw_pods,
            lambda lack: self._say("pods", lack),
        )
        slices: Watch[wire.EndpointSlice] = Watch(
            there,
            ("apis/discovery.k8s.io/v1", "endpointslices"),
            wire.EndpointSlice,
            service_label(service),
            self._saw_slices,
            lambda lack: self._say("endpointslices", lack),
        )
        await asyncio.gather(self._follow(pods, "pods"), self._follow(slices, "endpointslices"))

    async def _follow(self, watch: Watch[Any], what: str) -> None:
        while True:
            try:
                await watch.run()
            except PlatformError as error:
                self._say(what, str(error))
                self._is_told(what)
            await asyncio.sleep(_AGAIN)

    def _say(self, what: str, lack: str) -> None:
        has = counted(len(self._pods), "pod") if what == "pods" else counted(len(self._slices), "slice")
        self.take(SourceState(f"{what} of {self.name}", has, lack, time.time()))

    def _is_told(self, what: str) -> None:
        self._waiting.discard(what)
        if not self._waiting:
            self.listed.set()

    def _saw_pods(self, seen: WatchReport[wire.Pod]) -> None:
        receipt = _receipt(seen)
        for pod in seen.changed:
            pod_evidence = pod_seen(self.name, pod, receipt)
            if pod_evidence is None:
                self._gone(pod.metadata.name, receipt)
            else:
                if self._pods.get(pod.metadata.name, pod.metadata.uid) != pod.metadata.uid:
                    self._gone(pod.metadata.name, receipt)  # a StatefulSet reuses names
                self._pods[pod.metadata.name] = pod.metadata.uid
                self.take(pod_evidence)
        for pod in seen.deleted:
            self._gone(pod.metadata.name, receipt)
        if seen.complete:
            present = {pod.metadata.name for pod in seen.changed}
            for name in [name for name in self._pods if name not in present]:
                self._gone(name, receipt)
            self._is_told("pods")
        self._say("pods", "")

    def _gone(self, name: str, receipt: Instant) -> None:
        if self._pods.pop(name, None) is not None:
            self.take(PodGone(self.name, name, receipt))

    def _saw_slices(self, seen: WatchReport[wire.EndpointSlice]) -> None:
        if seen.complete:
            self._slices.clear()
        for endpoint_slice in seen.changed:
            self._slices[endpoint_slice.metadata.uid] = endpoint_slice
        for endpoint_slice in seen.deleted:
            self._slices.pop(endpoint_slice.metadata.uid, None)
        self.take(Listed(self.name, ready_pods(list(self._slices.values())), _receipt(seen)))
        self._is_told("endpointslices")
        self._say("endpointslices", "")


def _receipt(seen: WatchReport[Any]) -> Instant:
    """Return when the evidence was received, by this machine's clock."""
    at = time.time() - (time.monotonic_ns() - seen.at) / _NANO
    return Instant(at, (seen.at - seen.since) / _NANO)
