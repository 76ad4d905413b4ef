"""Takes endpoints from a cluster: a watch of a namespace's EndpointSlices, resumed whenever it is lost.

Only this module imports lightkube, which is an extra of this distribution: servers and clients do without.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Self, TypeVar

from httpx2 import HTTPError
from lightkube import AsyncClient, ConfigError
from lightkube.models.discovery_v1 import EndpointConditions
from lightkube.resources.discovery_v1 import EndpointSlice

from endpoint_push.control_plane import ControlPlane
from endpoint_push.sources.slices import Slice, SliceEndpoint, Slices

SERVICE_LABEL = "kubernetes.io/service-name"
WATCH_SECONDS = 60
"""Seconds after which the API server ends a watch, and a new one continues from there."""
_SILENT = WATCH_SECONDS + 10
"""Seconds without a message after which the connection counts as dead."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0

_Item = TypeVar("_Item")


class KubernetesError(Exception):
    """No cluster can be watched. The message is one line."""


class EndpointSliceWatch:
    """Keeps a control plane's endpoints equal to those of a namespace.

    Args:
        control_plane: gets the endpoints.
        namespace: the namespace whose EndpointSlices are watched.
        port_name: the port that speaks gRPC, for a Service with several ports.
        client: the API's client.
    """

    def __init__(
        self, control_plane: ControlPlane, namespace: str, port_name: str, client: AsyncClient
    ) -> None:
        self._control_plane = control_plane
        self._namespace = namespace
        self._client = client
        self._slices = Slices(port_name)

    @classmethod
    def open(cls, control_plane: ControlPlane, namespace: str, port_name: str) -> Self:
        """Connect with the pod's service account or the kubeconfig; raises KubernetesError without either."""
        try:
            client = AsyncClient(namespace=namespace)
        except (ConfigError, OSError) as error:
            raise KubernetesError(f"there is no cluster to watch: {error}") from error
        return cls(control_plane, namespace, port_name, client)

    async def run(self) -> None:
        """List, then watch; whenever the watch is lost, list again and push what has changed."""
        pause = _FIRST_PAUSE
        while True:
            try:
                version = await self._list()
                pause = _FIRST_PAUSE
                await self._watch(version)
            except (HTTPError, OSError, TimeoutError) as error:
                reason = " ".join(str(error).split()) or type(error).__name__
                self._control_plane.source_lost(reason)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def close(self) -> None:
        """Close the client."""
        await self._client.close()

    async def _list(self) -> str:
        listed = self._client.list(EndpointSlice, namespace=self._namespace, labels={SERVICE_LABEL: None})
        concerned = self._slices.replace([_slice(item) async for item in listed])
        self._update(concerned)
        self._control_plane.source_synced()
        return listed.resourceVersion

    async def _watch(self, version: str) -> None:
        # The client's own loop resumes a watch that the server ended in order, and raises in other cases.
        events = self._client.watch(
            EndpointSlice,
            namespace=self._namespace,
            labels={SERVICE_LABEL: None},
            resource_version=version,
            server_timeout=WATCH_SECONDS,
        )
        async for kind, item in _each_within(aiter(events), _SILENT):
            if kind == "DELETED":
                assert item.metadata is not None
                self._update(self._slices.delete(item.metadata.name or ""))
            else:
                self._update(self._slices.put(_slice(item)))

    def _update(self, services: list[str]) -> None:
        for service in services:
            self._control_plane.set_endpoints(service, self._slices.endpoints(service))


async def _each_within(items: AsyncIterator[_Item], seconds: float) -> AsyncIterator[_Item]:
    """Yield each item; raises TimeoutError if one takes longer."""
    while True:
        try:
            async with asyncio.timeout(seconds):
                item = await anext(items)
        except StopAsyncIteration:
            return
        yield item


def _slice(item: EndpointSlice) -> Slice:
    assert item.metadata is not None
    return Slice(
        name=item.metadata.name or "",
        service=(item.metadata.labels or {}).get(SERVICE_LABEL, ""),
        endpoints=tuple(
            SliceEndpoint(tuple(endpoint.addresses), conditions.ready, conditions.terminating)
            for endpoint in item.endpoints or ()
            for conditions in (endpoint.conditions or EndpointConditions(),)
        )
        if item.addressType in {"IPv4", "IPv6"}
        else (),
        ports=tuple(
            (port.name or "", port.port)
            for port in item.ports or ()
            if port.port is not None and port.protocol in {None, "TCP"}
        ),
    )
