"""What there is to be pushed: services, their endpoints, and versions. Pure but for the version's start."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from google.protobuf.any_pb2 import Any

from endpoint_push import resources
from endpoint_push.endpoints import Endpoint
from endpoint_push.policy import Policy
from endpoint_push.records import EndpointsChanged, EndpointsWithheld
from endpoint_push.wire import Kind

_REMEMBERED = 1000
"""Endpoints that are gone, for each service, by which AwaitRemoved knows whose they were."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource as it stands now."""

    body: Any
    version: int
    endpoints: frozenset[Endpoint] = frozenset()  # of Kind.ENDPOINTS only


@dataclass(slots=True)
class _Service:
    fixed: dict[Kind, Resource]
    assignment: Resource
    withheld: bool = False
    gone: dict[Endpoint, None] = field(default_factory=dict)  # in order of going


class Catalog:
    """Every service that had an endpoint once. It never forgets one, and never empties its list.

    Args:
        policy: of every service.
        first_version: the versions go up from here; a control plane that is started again must not give
            other contents the version that they had before.
    """

    def __init__(self, policy: Policy, first_version: int = 1) -> None:
        self._policy = policy
        self._version = first_version - 1
        self._services: dict[str, _Service] = {}

    def set_endpoints(
        self, service: str, endpoints: Iterable[Endpoint], at: int
    ) -> EndpointsChanged | EndpointsWithheld | None:
        """A service has exactly these endpoints; returns what that changes, or None for nothing."""
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

    def resource(self, kind: Kind, name: str) -> Resource | None:
        """A resource as it stands now; None when the service never had an endpoint."""
        service = self._services.get(name)
        if service is None:
            return None
        return service.assignment if kind is Kind.ENDPOINTS else service.fixed[kind]

    @property
    def services(self) -> tuple[str, ...]:
        """The names of all services."""
        return tuple(self._services)

    @property
    def version(self) -> int:
        """The latest version."""
        return self._version

    def services_of(self, matches: Callable[[Endpoint], bool]) -> list[str]:
        """The services that have, or had, such an endpoint; all of them when none has."""
        found = [
            name
            for name, service in self._services.items()
            if any(map(matches, service.assignment.endpoints)) or any(map(matches, service.gone))
        ]
        return found or list(self._services)

    def is_listed(self, service: str, matches: Callable[[Endpoint], bool]) -> bool:
        """Whether the service has such an endpoint now, and it is not only withheld that it has none."""
        known = self._services[service]
        return not known.withheld and any(map(matches, known.assignment.endpoints))

    def is_kept(self, service: str, matches: Callable[[Endpoint], bool]) -> bool:
        """Whether such an endpoint is gone, and clients keep it since an empty list is withheld."""
        known = self._services[service]
        return known.withheld and any(map(matches, known.assignment.endpoints))

    def _fixed(self, service: str, version: int) -> dict[Kind, Resource]:
        return {
            Kind.LISTENER: Resource(resources.listener(service), version),
            Kind.ROUTE: Resource(resources.route(service, self._policy), version),
            Kind.CLUSTER: Resource(resources.cluster(service, self._policy), version),
        }


def texts(endpoints: Iterable[Endpoint]) -> tuple[str, ...]:
    """Endpoints as records have them."""
    return tuple(str(endpoint) for endpoint in sorted(endpoints))
