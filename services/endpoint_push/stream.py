"""One client's stream: what it asked for, was sent, and accepted. No I/O: callers pass the instants.

The protocol is Envoy's xDS, aggregated, state of the world. A request with the nonce of a response accepts it
(ACK) or, with ``error_detail``, refuses it (NACK). A request with an earlier nonce says nothing new.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from endpoint_push.catalog import Catalog, texts
from endpoint_push.endpoints import Endpoint
from endpoint_push.records import (
    Acked,
    ClientConnected,
    ClientDisconnected,
    Nacked,
    Record,
    Unanswered,
    VersionSent,
)
from endpoint_push.wire import ResourceType
from endpoint_push.xds.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse

_KINDS = {kind.value: kind for kind in ResourceType}

Lists = dict[str, frozenset[Endpoint]]


@dataclass(slots=True)
class _Outstanding:
    record: VersionSent
    lists: Lists


@dataclass(slots=True)
class _Subscription:
    names: frozenset[str] = frozenset()
    sent: dict[str, int] = field(default_factory=dict)  # name → version that was sent last
    lists: Lists = field(default_factory=dict)  # the endpoints that were sent last
    taken: Lists = field(default_factory=dict)  # the endpoints that the client uses
    outstanding: dict[str, _Outstanding] = field(default_factory=dict)  # by nonce, in order


class Stream:
    """A client's stream, from its first request on.

    Args:
        number: unique in this process.
        catalog: what can be pushed.
    """

    def __init__(self, number: int, catalog: Catalog) -> None:
        self.number = number
        self.node = ""
        self._catalog = catalog
        self._introduced = False
        self._nonces = 0
        self._subscriptions = {kind: _Subscription() for kind in ResourceType}

    def received(self, request: DiscoveryRequest, at: int) -> list[Record]:
        """Process a request; ``due`` then returns what has to be sent."""
        records: list[Record] = []
        if not self._introduced:
            self._introduced = True
            self.node = request.node.id
            records.append(ClientConnected(at, self.number, self.node))
        kind = _KINDS.get(request.type_url)
        if kind is None:
            return records
        subscription = self._subscriptions[kind]
        nonce = request.response_nonce
        if nonce:
            records += self._answered(subscription, request, at)
            if subscription.outstanding:
                return records  # an earlier nonce: whatever else the request says, a later request repeats it
        subscription.names = frozenset(request.resource_names)
        for known in (subscription.sent, subscription.lists, subscription.taken):
            for name in known.keys() - subscription.names:
                del known[name]
        return records

    def due(self, at: int) -> list[tuple[DiscoveryResponse, VersionSent]]:
        """Return what the client has to be sent now; it counts as sent."""
        responses = []
        for kind, subscription in self._subscriptions.items():
            there = {
                name: resource
                for name in sorted(subscription.names)
                if (resource := self._catalog.resource(kind, name)) is not None
            }
            versions = {name: resource.version for name, resource in there.items()}
            if versions.items() <= subscription.sent.items():
                continue
            lists = {name: there[name].endpoints for name in there} if kind is ResourceType.ENDPOINTS else {}
            before, now = _union(subscription.lists), _union(lists)
            self._nonces += 1
            nonce = f"{self.number}-{self._nonces}"
            record = VersionSent(
                at=at,
                stream=self.number,
                node=self.node,
                kind=kind,
                version=max(versions.values()),
                resources=tuple(there),
                addresses=texts(now),
                added=texts(now - before),
                removed=texts(before - now),
            )
            subscription.sent, subscription.lists = versions, lists
            subscription.outstanding[nonce] = _Outstanding(record, lists)
            response = DiscoveryResponse(
                version_info=str(record.version),
                resources=[resource.body for resource in there.values()],
                type_url=kind,
                nonce=nonce,
            )
            responses.append((response, record))
        return responses

    def ended(self, at: int) -> list[Record]:
        """Note that the stream has ended."""
        records: list[Record] = [
            Unanswered(at, outstanding.record)
            for subscription in self._subscriptions.values()
            for outstanding in subscription.outstanding.values()
        ]
        if self._introduced:
            records.append(ClientDisconnected(at, self.number, self.node))
        return records

    def may_use(self, service: str, matches: Callable[[Endpoint], bool]) -> bool:
        """Return whether the client may still send RPCs to a matching endpoint of a service.

        A client that has not accepted any list on this stream may have one from an earlier stream.
        """
        subscription = self._subscriptions[ResourceType.ENDPOINTS]
        if service not in subscription.names:
            return False
        if service not in subscription.taken:
            return True
        lists = [subscription.taken[service]]
        lists += [response.lists.get(service, frozenset()) for response in subscription.outstanding.values()]
        return any(matches(endpoint) for endpoints in lists for endpoint in endpoints)

    def _answered(self, subscription: _Subscription, request: DiscoveryRequest, at: int) -> list[Record]:
        """Process an ACK or a NACK of an outstanding response; earlier ones will not be answered any more."""
        if request.response_nonce not in subscription.outstanding:
            return []
        records: list[Record] = []
        for nonce in list(subscription.outstanding):
            outstanding = subscription.outstanding.pop(nonce)
            if nonce != request.response_nonce:
                records.append(Unanswered(at, outstanding.record))
                continue
            if request.HasField("error_detail"):
                records.append(Nacked(at, outstanding.record, request.error_detail.message))
            else:
                subscription.taken = dict(outstanding.lists)
                records.append(Acked(at, outstanding.record))
            break
        return records


def _union(lists: Lists) -> frozenset[Endpoint]:
    return frozenset().union(*lists.values())
