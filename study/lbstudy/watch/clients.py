"""What is known of the workloads that call a watched Service, in bounded memory. No I/O."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lbstudy.watch.evidence import ClientUpdate, Connection, EvidenceSource, Failed, Requests
from lbstudy.watch.failures import Failures
from lbstudy.watch.tally import CLIENTS, WORKLOADS

CHANNELS: Final = 64
"""Most channels, and most subchannels, that are kept for a client pod."""
GONE: Final = "SHUTDOWN"
"""The state of a subchannel that is there no more."""
FORGOTTEN: Final = 600.0
"""s: a client pod counts as gone if nothing was reported about it for so long."""


@dataclass(slots=True)
class ClientPod:
    """One pod of a client workload.

    Attributes:
        heard: the last instant of any evidence about it.
        updates: channel → its last resolver update with addresses.
        told: the last resolver update that a gauge showed, without addresses; None: no gauge shows one.
        connections: subchannel → the last state that it entered. Those that are gone are kept as well, since
            an earlier state of them may come late.
    """

    heard: float = 0.0
    told: float | None = None
    updates: OrderedDict[str, ClientUpdate] = field(default_factory=OrderedDict)
    connections: OrderedDict[str, Connection] = field(default_factory=OrderedDict)
    elsewhere: OrderedDict[str, None] = field(default_factory=OrderedDict)
    """Channels to other Services."""

    def update(self, update: ClientUpdate) -> None:
        """Note a result of a channel's resolver."""
        if update.addresses is None and update.span is not None:
            return  # a failed resolution leaves the addresses unchanged
        if update.addresses is None:
            self.told = max(self.told or 0.0, update.at)
            return
        before = self.updates.get(update.channel)
        if before is not None and before.at > update.at:
            return  # it arrived late
        self.updates[update.channel] = update
        self.updates.move_to_end(update.channel)
        if len(self.updates) > CHANNELS:
            self.updates.popitem(last=False)

    def resolve_elsewhere(self, channel: str) -> None:
        """Note that a channel leads to another Service."""
        self.elsewhere[channel] = None
        self.elsewhere.move_to_end(channel)
        if len(self.elsewhere) > CHANNELS:
            self.elsewhere.popitem(last=False)

    def connect(self, connection: Connection) -> None:
        """Note a state that a subchannel entered; the newest counts, as sources report in any order."""
        before = self.connections.get(connection.subchannel)
        if before is not None and before.at > connection.at:
            return
        self.connections[connection.subchannel] = connection
        self.connections.move_to_end(connection.subchannel)
        if len(self.connections) > CHANNELS:
            oldest = next(iter(self.connections))
            gone = (key for key, link in self.connections.items() if link.state == GONE)
            self.connections.pop(next(gone, oldest))

    @property
    def last_update(self) -> float | None:
        """Return when one of its resolvers last gave a result."""
        instants = [] if self.told is None else [self.told]
        return max([*instants, *(update.at for update in self.updates.values())], default=None)

    def knows(self, address: str) -> bool:
        """Return whether each of its channels has the address in its list."""
        return bool(self.updates) and all(
            update.addresses is not None and address in update.addresses for update in self.updates.values()
        )

    def states(self, address: str) -> set[str]:
        """Return the states of its connections to an address."""
        there = (connection for connection in self.connections.values() if connection.state != GONE)
        return {connection.state for connection in there if connection.address == address}


@dataclass(slots=True)
class Workload:
    """A client workload: the pods that reported telemetry, and how many requests it made to the Service."""

    name: str
    pods: OrderedDict[str, ClientPod] = field(default_factory=OrderedDict)
    counts: dict[EvidenceSource, int] = field(default_factory=dict)
    since: float | None = None
    """When its first reported request was; None: none was reported."""
    spans_until: float | None = None
    """Its last request that a span reported; None: none did."""
    failures: Failures = field(default_factory=Failures)

    @property
    def count(self) -> int:
        """Return its requests to all pods, by the source that reports most."""
        return max(self.counts.values(), default=0)

    def pod(self, name: str, at: float) -> ClientPod:
        """Return a pod of it; evidence about the pod is of the instant ``at``."""
        pod = self.pods.get(name)
        if pod is None:
            pod = self.pods[name] = ClientPod()
            if len(self.pods) > CLIENTS:
                self.pods.popitem(last=False)
        if at >= pod.heard:
            pod.heard = at
            self.pods.move_to_end(name)
        return pod

    def present(self, now: float) -> dict[str, ClientPod]:
        """Return the pods that are not gone, as far as is known."""
        return {name: pod for name, pod in self.pods.items() if now - pod.heard < FORGOTTEN}


class ClientWorkloads:
    """All client workloads of one Service."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Workload] = OrderedDict()
        self.left_out = 0
        """How often there was evidence about a workload for which there was no room."""

    def __iter__(self) -> Iterator[Workload]:
        return iter(list(self._known.values()))

    def get(self, name: str) -> Workload | None:
        """Return the workload of that name; None if there is no evidence about it."""
        return self._known.get(name)

    def of(self, name: str) -> Workload | None:
        """Return the workload of that name, made if it is new; None if there is no room for it."""
        workload = self._known.get(name)
        if workload is None:
            if len(self._known) >= WORKLOADS:
                self.left_out += 1
                return None
            workload = self._known[name] = Workload(name)
        return workload

    def requests(self, requests: Requests) -> None:
        """Note requests of a client to a pod of the Service."""
        if requests.workload is None or not requests.count:
            return
        workload = self.of(requests.workload)
        if workload is None:
            return
        workload.counts[requests.source] = workload.counts.get(requests.source, 0) + requests.count
        workload.since = requests.at if workload.since is None else min(workload.since, requests.at)
        if requests.source is EvidenceSource.CLIENT_SPANS:
            workload.spans_until = max(workload.spans_until or 0.0, requests.at)
        if requests.client is not None:
            workload.pod(requests.client, requests.at)

    def failed(self, update: Failed) -> None:
        """A request of a client to the Service was lost."""
        if (workload := self.of(update.workload)) is not None:
            workload.failures.add(update.at, update.code)
            workload.spans_until = max(workload.spans_until or 0.0, update.at)
            workload.pod(update.client, update.at)

    def update(self, update: ClientUpdate) -> None:
        """Note a result of a client's resolver for the Service."""
        if (workload := self.of(update.workload)) is not None:
            workload.pod(update.client, update.at).update(update)

    def connect(self, connection: Connection) -> None:
        """Note a client's connection to a pod of the Service."""
        if (workload := self.of(connection.workload)) is not None:
            workload.pod(connection.client, connection.at).connect(connection)
