"""From what a watch saw of one Service to a lane, which measures read. Pure.

Time zero is the watch's begin. What nobody could see is told as such: commands, DNS, scheduled instants, the
programs' own counts.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lbstudy.observation.known import Known
from lbstudy.observation.records import (
    UNKNOWN_SERVER,
    CountedTable,
    DnsLookup,
    Lane,
    PodLife,
    RpcTable,
    SpanRef,
    Transition,
    Update,
    UsageTable,
    WatchedService,
)
from lbstudy.observation.transitions import in_order
from lbstudy.watch.calls import OTHERS
from lbstudy.watch.changes import changes
from lbstudy.watch.evidence import EvidenceSource
from lbstudy.watch.known import Told, known_of
from lbstudy.watch.lives import Life, pod_life
from lbstudy.watch.model import PodResult, ServiceResult
from lbstudy.watch.recorder import Growths, HeardClient, Recorder

_VIEWS: Final = 20_000
"""Pairs of a pod that came or went, and a client: where there are more, the quietest clients become one."""
_SAMPLED: Final = 0.9  # of the requests that counters count, spans tell of fewer: they are sampled
_DEFAULT_INTERVAL: Final = 30.0  # s, gRPC's own, between the starts of two resolutions


def lane_of(recorder: Recorder, service: ServiceResult, ended: float) -> Lane:
    """Everything observed of a Service.

    Args:
        recorder: what was kept.
        service: the Service's part of the watch's own result.
        ended: when the watch ended, s since the Unix epoch.
    """
    return _Lanes(recorder, service, ended).lane()


class _Lanes:
    def __init__(self, recorder: Recorder, service: ServiceResult, ended: float) -> None:
        self._recorder = recorder
        self._results = {pod.name: pod for pod in service.pods}
        self._zero = max(recorder.began, recorder.calls.complete_since or 0.0)
        self._ended = ended
        self._lives = [
            life
            for life in sorted(recorder.lives, key=lambda item: item.index)
            if "exited" not in life.stages or life.stages["exited"].at >= self._zero
        ]
        self._servers = _numbers([life.index for life in self._lives], UNKNOWN_SERVER)
        self._growths = self._chosen_growths()
        self._kept = self._kept_clients()
        self._clients = _numbers(self._kept, 0)

    def lane(self) -> Lane:
        end = self._ended - self._zero
        rpcs, refs = self._rpcs()
        counted = self._counted()
        updates = self._updates()
        transitions = self._transitions()
        known = self._known(rpcs, updates, transitions)
        none = np.zeros(0)
        served = self._recorder.calls.served()
        return Lane(
            setting=self._recorder.name,
            end=end,
            servers=tuple(life.name for life in self._lives),
            clients=tuple(self._names()),
            commands=tuple(change.command(self._zero) for change in changes(self._lives, self._zero)),
            pods=tuple(self._pods()),
            rpcs=rpcs,
            served=replace(served, server=self._servers_of(served.server)),
            updates=updates,
            transitions=transitions,
            usage=UsageTable(none, _whole(none), none, none, none, none),
            lookups=self._lookups(),
            lookups_known=bool(self._recorder.queries),
            streams=self._recorder.calls.streams(rpcs, self._zero),
            span_refs=refs,
            resolution_interval=_interval(updates),
            known=known,
            watched=self._watched(counted),
        )

    # --- pods and clients -------------------------------------------------------------------------------

    def _pods(self) -> list[PodLife]:
        lists = self._recorder.lives.lists
        return [pod_life(life, self._zero, lists=lists) for life in self._lives]

    def _kept_clients(self) -> list[int]:
        """The clients that are told apart, the busiest; and OTHERS, where it stands for any."""
        moved = sum(life.arrived is not None or life.left is not None for life in self._lives)
        most = max(8, _VIEWS // max(1, moved))
        heard = self._recorder.calls.of_clients() if self._growths is None else self._growths.of_clients()
        is_others = heard[OTHERS] > 0 or len(self._recorder.clients) - 1 > most
        for index, client in enumerate(self._recorder.clients):
            heard[index] += client.updates + client.connections
        ranked = sorted(range(1, len(self._recorder.clients)), key=lambda number: (-heard[number], number))
        kept = sorted(number for number in ranked[:most] if heard[number])
        return [OTHERS, *kept] if is_others or not kept else kept

    def _chosen_growths(self) -> Growths | None:
        """The counters that tell of answers, where no span does; None: spans do, or nothing."""
        if len(self._recorder.calls):
            return None
        growths = self._recorder.growths
        of_servers, of_clients = (
            growths[EvidenceSource.SERVER_METRICS],
            growths[EvidenceSource.CLIENT_METRICS],
        )
        if of_servers.requests or not of_clients.requests:
            return of_servers if len(of_servers) else None
        return of_clients

    def _is_sampled(self) -> bool:
        counted = self._recorder.growths[EvidenceSource.SERVER_METRICS].requests
        calls = self._recorder.calls
        return self._recorder.is_incomplete or (
            calls.complete_since is None and 0 < len(calls) < _SAMPLED * counted
        )

    def _that(self, tells: Callable[[HeardClient], bool]) -> frozenset[int]:
        return frozenset(
            number
            for number, index in enumerate(self._kept)
            if index != OTHERS and tells(self._recorder.clients[index])
        )

    def _names(self) -> list[str]:
        clients = [self._recorder.clients[index] for index in self._kept]
        pods = Counter(client.pod for client in clients)
        return [_name(client, pods) for client in clients]

    def _watched(self, counted: CountedTable | None) -> WatchedService:
        heard: dict[int, tuple[float, float] | None] = {}
        for number, index in enumerate(self._kept):
            client = self._recorder.clients[index]
            heard[number] = None if index == OTHERS else (client.first - self._zero, client.last - self._zero)
        return WatchedService(
            heard=heard,
            resolvers=self._that(lambda client: client.updates > 0),
            connections=self._that(lambda client: client.connections > 0),
            uncalled=frozenset(name for name, pod in self._results.items() if pod.uncalled),
            observed={
                number: until - self._zero
                for number, life in enumerate(self._lives)
                if (until := _observed(self._results.get(life.name), life)) is not None
            },
            sampled=self._is_sampled(),
            counted=counted,
        )

    # --- requests ---------------------------------------------------------------------------------------

    def _rpcs(self) -> tuple[RpcTable, dict[int, SpanRef]]:
        table, refs = self._recorder.calls.table(self._zero, self._ended)
        return replace(table, server=self._servers_of(table.server), client=self._clients[table.client]), refs

    def _servers_of(self, indexes: NDArray[np.int32]) -> NDArray[np.int32]:
        """The numbers of pods in the lane; what is no pod's index stays."""
        servers = np.where(indexes >= 0, self._servers[np.maximum(indexes, 0)], indexes)
        return servers.astype(np.int32)

    def _counted(self) -> CountedTable | None:
        if self._growths is None:
            return None
        table = self._growths.table(self._zero, self._ended)
        server = self._servers[table.server]
        kept = server >= 0
        return CountedTable(
            after=table.after[kept],
            at=table.at[kept],
            server=server[kept],
            client=self._clients[table.client][kept],
            count=table.count[kept],
        )

    # --- what clients were told, and made of it -----------------------------------------------------------

    def _updates(self) -> tuple[Update, ...]:
        updates = []
        lists: dict[int, frozenset[str]] = {}
        for entry in sorted(self._recorder.updates, key=lambda item: item.found.at):
            if entry.client not in self._kept:
                continue
            update, client = entry.found, int(self._clients[entry.client])
            before = lists.get(client, frozenset())
            addresses = update.addresses or frozenset()
            if addresses:
                lists[client] = addresses
            started = update.at if update.started is None else update.started
            updates.append(
                Update(
                    client=client,
                    started=started - self._zero,
                    ended=update.at - self._zero,
                    outcome=update.outcome,
                    cause=update.cause,
                    addresses=addresses,
                    added=addresses - before if addresses else frozenset(),
                    removed=before - addresses if addresses else frozenset(),
                    ref=None if update.span is None else SpanRef(*update.span),
                )
            )
        return tuple(updates)

    def _lookups(self) -> tuple[DnsLookup, ...]:
        """What CoreDNS' log has; it does not say what was answered."""
        return tuple(
            DnsLookup(query.at - self._zero, query.name, query.qtype, query.rcode, frozenset(), query.asker)
            for query in self._recorder.queries
            if query.at >= self._zero
        )

    def _transitions(self) -> tuple[Transition, ...]:
        subchannels: dict[tuple[int, str], int] = {}
        transitions = []
        for entered in self._recorder.connections:
            if entered.client not in self._kept:
                continue
            connection, client = entered.found, int(self._clients[entered.client])
            number = subchannels.setdefault((client, connection.subchannel), len(subchannels))
            transitions.append(
                Transition(
                    client=client,
                    subchannel=number,
                    address=connection.address,
                    state="removed" if connection.state == "SHUTDOWN" else connection.state.lower(),
                    at=connection.at - self._zero,
                    ref=None if connection.span is None else SpanRef(*connection.span),
                )
            )
        return in_order(transitions)

    def _known(self, rpcs: RpcTable, updates: Sequence[Any], transitions: Sequence[Any]) -> Known:
        clients = [self._recorder.clients[index] for index in self._kept if index != OTHERS]
        return known_of(
            Told(
                of_clients=self._recorder.spans_of_clients,
                by_servers_alone=self._recorder.calls.of_clients()[OTHERS],
                answers=self._recorder.calls.by(),
                unknown=int((rpcs.server == UNKNOWN_SERVER).sum()),
                counted_every=None if self._growths is None else self._growths.widest,
                is_sampled=self._is_sampled(),
                clients=len(clients) + (OTHERS in self._kept),
                resolvers=sum(client.updates > 0 for client in clients) if updates else 0,
                connections=sum(client.connections > 0 for client in clients) if transitions else 0,
                has_addresses=any(life.ip for life in self._lives),
            )
        )


def _name(client: HeardClient, pods: Mapping[str, int]) -> str:
    return client.name if pods[client.pod] == 1 or not client.channel else f"{client.name} #{client.channel}"


def _observed(result: PodResult | None, life: Life) -> float | None:
    """Until when a request to a pod would have been told, from whomever; None: that is not known."""
    return None if result is None or "exited" in life.stages else result.observed_until


def _numbers(kept: list[int], other: int) -> NDArray[np.int32]:
    """An array that gives for each index its place among those that are kept."""
    numbers = np.full(max(kept, default=-1) + 1, other, dtype=np.int32)
    for number, index in enumerate(kept):
        numbers[index] = number
    return numbers


def _interval(updates: Sequence[Update]) -> float:
    """The least time between the starts of two resolutions of a client: the option is not known, this is."""
    last: dict[int, float] = {}
    least = _DEFAULT_INTERVAL
    for update in updates:
        if update.client in last and update.started > last[update.client]:
            least = min(least, update.started - last[update.client])
        last[update.client] = update.started
    return least


def _whole(empty: NDArray[np.float64]) -> NDArray[Any]:
    return empty.astype(np.int32)
