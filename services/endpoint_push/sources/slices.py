"""EndpointSlices as endpoints of services: what the conditions mean, and several slices of one service. Pure.

https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from endpoint_push.endpoints import Endpoint


@dataclass(frozen=True, slots=True)
class SliceEndpoint:
    """One entry of a slice."""

    addresses: tuple[str, ...]
    ready: bool | None = None
    terminating: bool | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether it is to get new RPCs: ready (unknown counts as ready), and not told to end.

        ``serving`` is not looked at: it tells of a server that ends whether it still answers, and those are
        what clients are to leave. ``terminating`` is, since with publishNotReadyAddresses all are ready.
        """
        return self.ready is not False and not self.terminating


@dataclass(frozen=True, slots=True)
class Slice:
    """An EndpointSlice, as far as it matters here."""

    name: str
    service: str  # its label kubernetes.io/service-name
    endpoints: tuple[SliceEndpoint, ...]
    ports: tuple[tuple[str, int], ...]  # (name or "", number), of TCP

    def listed(self, port_name: str) -> Iterable[Endpoint]:
        """The endpoints that are wanted, on the port of that name, or on the only port there is."""
        port = _port(self.ports, port_name)
        if port is None:
            return
        for endpoint in self.endpoints:
            if endpoint.is_wanted:
                for address in endpoint.addresses[:1]:  # of further ones no semantics are defined
                    yield Endpoint(address, port)


class Slices:
    """All slices of a namespace."""

    def __init__(self, port_name: str) -> None:
        self._port_name = port_name
        self._slices: dict[str, Slice] = {}

    def replace(self, slices: Iterable[Slice]) -> list[str]:
        """These are all; returns the services that had or have one."""
        before, self._slices = self._slices, {one.name: one for one in slices}
        return sorted({one.service for one in (*before.values(), *self._slices.values())})

    def put(self, new: Slice) -> list[str]:
        """A slice was added or modified; returns the services that it concerns."""
        before = self._slices.get(new.name)
        self._slices[new.name] = new
        return sorted({new.service} if before is None else {before.service, new.service})

    def delete(self, name: str) -> list[str]:
        """A slice was deleted; returns the services that it concerns."""
        gone = self._slices.pop(name, None)
        return [] if gone is None else [gone.service]

    def endpoints(self, service: str) -> frozenset[Endpoint]:
        """The endpoints of a service, out of all its slices; one that is in two of them counts once.

        While the controller moves an endpoint from slice to slice, the one in which it is not wanted is
        not the newer one for certain; being wanted in either is enough.
        """
        return frozenset(
            endpoint
            for one in self._slices.values()
            if one.service == service
            for endpoint in one.listed(self._port_name)
        )


def _port(ports: Sequence[tuple[str, int]], wanted: str) -> int | None:
    for name, number in ports:
        if name == wanted:
            return number
    return ports[0][1] if len(ports) == 1 else None
