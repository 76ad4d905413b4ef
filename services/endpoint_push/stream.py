"""One client's stream: what it asked for, what it was sent, what it took. Pure: instants are given to it.

The protocol is Envoy's xDS, aggregated, state of the world: a request with the nonce of a response takes it
(ACK) or, with ``error_detail``, refuses it (NACK); a request with an earlier nonce says nothing new.
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
from endpoint_push.wire import Kind
from endpoint_push.xds.v3.discovery_pb2 import DiscoveryRequest, DiscoveryResponse

_KINDS = {kind.value: kind for kind in Kind}

Lists = dict[str, frozenset[Endpoint]]


@dataclass(slots=True)
class _Outstanding:
    record: VersionSent
    lists: Lists


@dataclass(slots=True)
class _Subscription:
    names: frozenset[str] = frozenset()
    sent: dict[str, int] = field(default_factory=dict)  # name → version of what was sent last
    lists: Lists = field(default_factory=dict)  # the endpoints that were sent last
    taken: Lists = field(default_factory=dict)  # the endpoints that the client uses
    outstanding: dict[str, _Outstanding] = field(default_factory=dict)  # by nonce, in order


class Stream:
    """A client's stream, from its first request on.

    Args:
        number: unique in this process.
        catalog: what there is to be pushed.
    """

    def __init__(self, number: int, catalog: Catalog) -> None:
        self.number = number
        self.node = ""
        self._catalog = catalog
        self._introduced = False
        self._nonces = 0
        self._subscriptions = {kind: _Subscription() for kind in Kind}

    def received(self, request: DiscoveryRequest, at: int) -> list[Record]:
        """Take in a request; ``due`` has what is to be sent then."""
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
                return records  # not the last one's: whatever else it says, the last one's will say again
        subscription.names = frozenset(request.resource_names)
        for known in (subscription.sent, subscription.lists, subscription.taken):
            for name in known.keys() - subscription.names:
                del known[name]
        return records

    def due(self, at: int) -> list[tuple[DiscoveryResponse, VersionSent]]:
        """What the client has to be sent now; it counts as sent."""
        found = []
        for kind, subscription in self._subscriptions.items():
            there = {
                name: resource
                for name in sorted(subscription.names)
                if (resource := self._catalog.resource(kind, name)) is not None
            }
            versions = {name: resource.version for name, resource in there.items()}
            if versions.items() <= subscription.sent.items():
                continue
            lists = {name: there[name].endpoints for name in there} if kind is Kind.ENDPOINTS else {}
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
            found.append((response, record))
        return found

    def ended(self, at: int) -> list[Record]:
        """The stream has ended."""
        records: list[Record] = [
            Unanswered(at, outstanding.record)
            for subscription in self._subscriptions.values()
            for outstanding in subscription.outstanding.values()
        ]
        if self._introduced:
            records.append(ClientDisconnected(at, self.number, self.node))
        return records

    def may_use(self, service: str, matches: Callable[[Endpoint], bool]) -> bool:
        """Whether the client may still send RPCs to such an endpoint of a service.

        A client that has not taken any list on this stream may have one from a stream before.
        """
        subscription = self._subscriptions[Kind.ENDPOINTS]
        if service not in subscription.names:
            return False
        if service not in subscription.taken:
            return True
        lists = [subscription.taken[service]]
        lists += [one.lists.get(service, frozenset()) for one in subscription.outstanding.values()]
        return any(matches(endpoint) for endpoints in lists for endpoint in endpoints)

    def _answered(self, subscription: _Subscription, request: DiscoveryRequest, at: int) -> list[Record]:
        """An ACK or a NACK of what is outstanding; what was sent before that has no answer any more."""
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
