"""What is pushed: services, their endpoints, and versions. No I/O, but the first version is the clock's."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from google.protobuf.any_pb2 import Any

from endpoint_push import resources
from endpoint_push.endpoints import Endpoint
from endpoint_push.policy import Policy
from endpoint_push.records import EndpointsChanged, EndpointsWithheld
from endpoint_push.wire import ResourceType

_REMEMBERED = 1000
"""Removed endpoints kept for each service, so that AwaitRemoved knows which service they belonged to."""


@dataclass(frozen=True, slots=True)
class Resource:
    """The present state of a resource."""

    body: Any
    version: int
    endpoints: frozenset[Endpoint] = frozenset()  # only for Kind.ENDPOINTS


@dataclass(slots=True)
class _Service:
    fixed: dict[ResourceType, Resource]
    assignment: Resource
    withheld: bool = False
    gone: dict[Endpoint, None] = field(default_factory=dict)  # in order of removal


class Catalog:
    """Every service that ever had an endpoint. It forgets no service, and never empties a service's list.

    Args:
        policy: applies to every service.
        first_version: versions count up from here. A restarted control plane must not give a version that it
            used before to other contents.
    """

    def __init__(self, policy: Policy, first_version: int = 1) -> None:
        self._policy = policy
        self._version = first_version - 1
        self._services: dict[str, _Service] = {}

    def set_endpoints(
        self, service: str, endpoints: Iterable[Endpoint], at: int
    ) -> EndpointsChanged | EndpointsWithheld | None:
        """Set a service's endpoints; returns what that changes, or None if nothing changes."""
        wanted = frozenset(endpoints)
        known = self._services.get(service)
        before = frozenset[Endpoint]() if known is None else known.assignment.endpoints
        if not wanted:
            if known is None or known.withheld:
                return None
            known.withheld = True
            return EndpointsWithheld(at, service, texts(before))
        if known is not None:
            known.withheld = False
            if wanted == before:
                return None
        self._version += 1
        version = self._version
        assignment = Resource(resources.assignment(service, sorted(wanted)), version, wanted)
        if known is None:
            self._services[service] = _Service(self._fixed(service, version), assignment)
        else:
            known.assignment = assignment
            for endpoint in wanted:
                known.gone.pop(endpoint, None)
            for endpoint in sorted(before - wanted):
                known.gone[endpoint] = None
            while len(known.gone) > _REMEMBERED:
                del known.gone[next(iter(known.gone))]
        return EndpointsChanged(
            at, service, version, texts(wanted), texts(wanted - before), texts(before - wanted)
        )

    def resource(self, kind: ResourceType, name: str) -> Resource | None:
        """Return the present state of a resource; None if the service never had an endpoint."""
        service = self._services.get(name)
        if service is None:
            return None
        return service.assignment if kind is ResourceType.ENDPOINTS else service.fixed[kind]

    @property
    def services(self) -> tuple[str, ...]:
        """The names of all services."""
        return tuple(self._services)

    @property
    def version(self) -> int:
        """The latest version."""
        return self._version

    def services_of(self, matches: Callable[[Endpoint], bool]) -> list[str]:
        """Return the services that have, or had, a matching endpoint; all services if none has."""
        names = [
            name
            for name, service in self._services.items()
            if any(map(matches, service.assignment.endpoints)) or any(map(matches, service.gone))
        ]
        return names or list(self._services)

    def is_listed(self, service: str, matches: Callable[[Endpoint], bool]) -> bool:
        """Return whether the service has a matching endpoint now, and it is not just a withheld removal."""
        known = self._services[service]
        return not known.withheld and any(map(matches, known.assignment.endpoints))

    def is_kept(self, service: str, matches: Callable[[Endpoint], bool]) -> bool:
        """Return whether a matching endpoint is gone while clients keep it, as an empty list is withheld."""
        known = self._services[service]
        return known.withheld and any(map(matches, known.assignment.endpoints))

    def _fixed(self, service: str, version: int) -> dict[ResourceType, Resource]:
        return {
            ResourceType.LISTENER: Resource(resources.listener(service), version),
            ResourceType.ROUTE: Resource(resources.route(service, self._policy), version),
            ResourceType.CLUSTER: Resource(resources.cluster(service, self._policy), version),
        }


def texts(endpoints: Iterable[Endpoint]) -> tuple[str, ...]:
    """Return endpoints as texts, as records have them."""
    return tuple(str(endpoint) for endpoint in sorted(endpoints))
