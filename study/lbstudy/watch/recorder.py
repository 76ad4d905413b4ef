"""What a report will need of one watched Service, while it is watched: in bounded memory. Pure.

Beside ``service``, which holds what is so now, this holds what was. It is there only where a report is
wanted.
"""

from array import array
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from lbstudy.observation.records import UNKNOWN_SERVER, CountedTable
from lbstudy.watch.calls import OTHERS, RecentRpcs
from lbstudy.watch.evidence import (
    ClientUpdate,
    Connection,
    DnsQuery,
    Evidence,
    EvidenceSource,
    Listed,
    PodGone,
    PodSeen,
    Requests,
    RpcSeen,
    SourceState,
)
from lbstudy.watch.lives import Lives
from lbstudy.watch.service import is_bare, is_name_of

CLIENTS: Final = 256
"""Clients that are told apart: a pod and its channel. The others are told of as one."""
UPDATES: Final = 20_000
"""Resolver updates that are kept, the newest; DNS queries likewise."""
CONNECTIONS: Final = 100_000
"""States of connections that are kept, the newest."""
SAMPLES: Final = 1_000_000
"""Growths of counters that are kept, the newest."""
_LISTS: Final = 256  # lists of addresses that are kept once, however many clients have them
_UNPLACED: Final = 10_000  # spans of clients of which it is not known yet whose they are
_NO_CHANNEL: Final = frozenset({"", "-"})


@dataclass(slots=True)
class HeardClient:
    """A client: from when to when something was told of it."""

    name: str
    pod: str
    channel: str
    first: float
    last: float
    updates: int = 0
    connections: int = 0

    def hear(self, at: float) -> None:
        """Something was told of it."""
        self.first, self.last = min(self.first, at), max(self.last, at)


@dataclass(frozen=True, slots=True)
class _Told:
    client: int
    found: ClientUpdate


@dataclass(frozen=True, slots=True)
class _Entered:
    client: int
    found: Connection


class Growths:
    """What counters of requests grew by, by pod and client: the newest."""

    def __init__(self) -> None:
        self._after, self._at = array("d"), array("d")
        self._server, self._client, self._count = array("i"), array("i"), array("q")
        self.requests = 0
        self.widest = 0.0
        """The longest stretch of time between two samples, s."""

    def __len__(self) -> int:
        return len(self._at)

    def add(self, requests: Requests, server: int, client: int) -> None:
        """A counter has grown."""
        self._after.append(requests.after)
        self._at.append(requests.at)
        self._server.append(server)
        self._client.append(client)
        self._count.append(requests.count)
        self.requests += requests.count
        self.widest = max(self.widest, requests.at - requests.after)
        if len(self._at) > SAMPLES + SAMPLES // 8:
            for column in (self._after, self._at, self._server, self._client, self._count):
                del column[: SAMPLES // 8]

    def of_clients(self) -> Counter[int]:
        """Requests by client."""
        counts: Counter[int] = Counter()
        for client, count in zip(self._client, self._count, strict=True):
            counts[client] += count
        return counts

    def table(self, zero: float, end: float) -> CountedTable:
        """All of them within the watch, instants from ``zero`` on."""
        at = np.array(self._at)
        order = np.argsort(at, kind="stable")
        order = order[(at[order] >= zero) & (at[order] <= end)]
        return CountedTable(
            after=np.array(self._after)[order] - zero,
            at=at[order] - zero,
            server=np.array(self._server, dtype=np.int32)[order],
            client=np.array(self._client, dtype=np.int32)[order],
            count=np.array(self._count, dtype=np.int64)[order],
        )


class Recorder:
    """Takes in the evidence about one Service.

    Args:
        name: "namespace/service".
        began: since when it is watched, s since the Unix epoch.
        past: its time is over, and metrics tell of its pods.
    """

    def __init__(self, name: str, began: float, *, past: bool = False) -> None:
        self.name = name
        self.began = began
        self.lives = Lives(began, past=past)
        self.calls = RecentRpcs()
        self.growths = {EvidenceSource.SERVER_METRICS: Growths(), EvidenceSource.CLIENT_METRICS: Growths()}
        self.clients: list[HeardClient] = [HeardClient("other clients", "", "", began, began)]
        self.updates: deque[_Told] = deque(maxlen=UPDATES)
        self.connections: deque[_Entered] = deque(maxlen=CONNECTIONS)
        self.queries: deque[DnsQuery] = deque(maxlen=UPDATES)
        self.is_incomplete = False
        """Whether a source has left out single requests."""
        self.spans_of_clients = 0
        self._unplaced: OrderedDict[str, RpcSeen] = OrderedDict()
        self._index: dict[tuple[str, str], int] = {}
        self._lists: OrderedDict[frozenset[str], frozenset[str]] = OrderedDict()

    def take(self, evidence: Evidence) -> None:
        """Take evidence in; what is about another Service is passed over."""
        match evidence:
            case PodSeen() if evidence.service == self.name:
                self.lives.see(evidence)
            case PodGone() if evidence.service == self.name:
                self.lives.gone(evidence)
            case Listed() if evidence.service == self.name:
                self.lives.list(evidence)
            case RpcSeen():
                self._call(evidence)
            case DnsQuery() if evidence.service == self.name:
                self.queries.append(evidence)
            case Requests() if evidence.source in self.growths:
                self._grow(evidence)
            case ClientUpdate() if evidence.span is not None:
                self._update(evidence)
            case Connection():
                self._connect(evidence)
            case SourceState() if evidence.incomplete:
                self.is_incomplete = True

    def _call(self, call: RpcSeen) -> None:
        if call.start < self.began:
            return
        life = None if call.pod is None else self.lives.find(call.pod)
        if life is None and not (call.is_client and call.pod is None and self._is_own(call)):
            if call.is_client and call.pod is None:
                self._wait(call)
            return
        client = self._client(call.client, call.channel, call.start) if call.is_client else OTHERS
        if call.is_client:
            self.spans_of_clients += 1
            self.clients[client].hear(call.end)
        self.calls.add(call, UNKNOWN_SERVER if life is None else life.index, client)
        if not call.is_client and (other := self._unplaced.pop(call.key, None)) is not None:
            self._call(other)

    def _wait(self, call: RpcSeen) -> None:
        """Nothing says whose a client's span is: the server's span may, if it comes."""
        self._unplaced[call.key] = call
        if len(self._unplaced) > _UNPLACED:
            self._unplaced.popitem(last=False)

    def _is_own(self, call: RpcSeen) -> bool:
        """Whether a client's span that names no pod is about this Service."""
        if self.calls.awaits(call.key):
            return True  # one of its pods has answered it
        if not is_name_of(self.name, call.target):
            return False
        return not is_bare(call.target) or (call.client or "", call.channel) in self._index

    def _grow(self, requests: Requests) -> None:
        life = self.lives.find(requests.pod)
        if life is None or requests.at < self.began:
            return
        client = OTHERS if requests.client is None else self._client(requests.client, "", requests.at)
        self.growths[requests.source].add(requests, life.index, client)

    def _update(self, update: ClientUpdate) -> None:
        is_own = any(self.lives.find(address) for address in update.addresses or ())
        if not is_own and not is_name_of(self.name, update.target):
            return
        if not is_own and is_bare(update.target) and update.addresses:
            return  # a Service of the same name in another namespace
        if update.addresses is not None:
            kept = self._lists.setdefault(update.addresses, update.addresses)
            self._lists.move_to_end(update.addresses)
            if len(self._lists) > _LISTS:
                self._lists.popitem(last=False)
            update = replace(update, addresses=kept)
        for client in self._channels(update.client, update.channel, update.at):
            self.clients[client].updates += 1
            self.updates.append(_Told(client, update))

    def _connect(self, connection: Connection) -> None:
        if self.lives.find(connection.address) is None:
            return
        for client in self._channels(connection.client, connection.channel, connection.at):
            self.clients[client].connections += 1
            self.connections.append(_Entered(client, connection))

    # --- clients --------------------------------------------------------------------------------------

    def _channels(self, pod: str, channel: str, at: float) -> list[int]:
        """The client of a channel; of a channel that is not told, all of the pod's."""
        if channel in _NO_CHANNEL:
            own = [index for (name, _), index in self._index.items() if name == pod]
            if own:
                for index in own:
                    self.clients[index].hear(at)
                return own
            channel = ""
        number = self._client(pod, channel, at)
        return [] if number == OTHERS else [number]

    def _client(self, pod: str | None, channel: str, at: float) -> int:
        if pod is None:
            return OTHERS
        index = self._index.get((pod, channel))
        if index is None:
            if len(self.clients) > CLIENTS:
                return OTHERS
            index = self._index[pod, channel] = len(self.clients)
            self.clients.append(HeardClient(pod, pod, channel, at, at))
        self.clients[index].hear(at)
        return index
