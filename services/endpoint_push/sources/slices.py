"""Turns EndpointSlices into endpoints of services: conditions, and several slices of a service. No I/O.

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
        """Whether it should get new RPCs: it is ready (unknown counts as ready) and not terminating.

        ``serving`` does not matter: it says whether a terminating server still answers, but clients are to
        leave that server anyway. ``terminating`` does, since with publishNotReadyAddresses all endpoints are
        ready.
        """
        return self.ready is not False and not self.terminating


@dataclass(frozen=True, slots=True)
class Slice:
    """The fields of an EndpointSlice that matter here."""

    name: str
    service: str  # the label kubernetes.io/service-name
    endpoints: tuple[SliceEndpoint, ...]
    ports: tuple[tuple[str, int], ...]  # (name or "", number), only TCP

    def listed(self, port_name: str) -> Iterable[Endpoint]:
        """Return the wanted endpoints, on the port of that name, or on the only port."""
        port = _port(self.ports, port_name)
        if port is None:
            return
        for endpoint in self.endpoints:
            if endpoint.is_wanted:
                for address in endpoint.addresses[:1]:  # the API defines no meaning for further addresses
                    yield Endpoint(address, port)


class Slices:
    """All slices of a namespace."""

    def __init__(self, port_name: str) -> None:
        self._port_name = port_name
        self._slices: dict[str, Slice] = {}

    def replace(self, slices: Iterable[Slice]) -> list[str]:
        """Replace all slices; returns the services that had or have one."""
        before, self._slices = self._slices, {piece.name: piece for piece in slices}
        return sorted({piece.service for piece in (*before.values(), *self._slices.values())})

    def put(self, new: Slice) -> list[str]:
        """Add or modify a slice; returns the services that it concerns."""
        before = self._slices.get(new.name)
        self._slices[new.name] = new
        return sorted({new.service} if before is None else {before.service, new.service})

    def delete(self, name: str) -> list[str]:
        """Delete a slice; returns the services that it concerns."""
        gone = self._slices.pop(name, None)
        return [] if gone is None else [gone.service]

    def endpoints(self, service: str) -> frozenset[Endpoint]:
        """Return a service's endpoints from all its slices; one that is in two slices counts once.

        While the controller moves an endpoint from one slice to another, the slice in which it is not wanted
        may be the older one. So it is enough if it is wanted in either.
        """
        return frozenset(
            endpoint
            for piece in self._slices.values()
            if piece.service == service
            for endpoint in piece.listed(self._port_name)
        )


def _port(ports: Sequence[tuple[str, int]], wanted: str) -> int | None:
    for name, number in ports:
        if name == wanted:
            return number
    return ports[0][1] if len(ports) == 1 else None
