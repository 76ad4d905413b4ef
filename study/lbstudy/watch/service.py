"""The state of one watched Service, from all evidence. No I/O and no clock."""

from collections.abc import Iterator
from typing import Final

from lbstudy.watch.clients import ClientWorkloads
from lbstudy.watch.evidence import (
    ClientUpdate,
    Connection,
    Evidence,
    EvidenceSource,
    Failed,
    Instant,
    Listed,
    PodGone,
    PodSeen,
    PodStage,
    Requests,
)
from lbstudy.watch.pods import Pod

GONE_KEPT: Final = 200
"""Pods that are gone and still remembered, the newest."""
_STALE: Final = 60.0  # s: a counter that increases for no pod may be as old as an exporter's usual interval


class Service:
    """A watched Service.

    Args:
        name: "namespace/service".
        began: when the watch began, s since the Unix epoch.
    """

    def __init__(self, name: str, began: float) -> None:
        self.name = name
        self.began = began
        self.workloads = ClientWorkloads()
        self._pods: dict[str, Pod] = {}  # by name, in the order in which they were seen
        self._by_address: dict[str, Pod] = {}
        self._listed: Listed | None = None
        self._grew: dict[EvidenceSource, float] = {}  # source → the last request that it reported, to any pod
        self._told: dict[EvidenceSource, float] = {}  # source → the instant up to which it counted
        self._counts: dict[EvidenceSource, int] = {}  # source → requests that it reported, to any pod
        self._lag: dict[EvidenceSource, float] = {}  # source → s: how late it reported, lately

    def __iter__(self) -> Iterator[Pod]:
        return iter(list(self._pods.values()))

    @property
    def ready(self) -> list[Pod]:
        """Return the Ready pods, in the order in which they were seen."""
        return [pod for pod in self._pods.values() if pod.status == "Ready"]

    def pod(self, name_or_address: str) -> Pod | None:
        """Return the pod with a name or an IP."""
        return self._pods.get(name_or_address) or self._by_address.get(name_or_address)

    def since(self, pod: Pod) -> float | None:
        """Return since when the pod is Ready and watched; None: it is not Ready."""
        return None if pod.ready is None else max(pod.ready.at, self.began)

    def first(self, pod: Pod) -> Instant | None:
        """Return the pod's first request since it is Ready; None: not observed, or it was Ready before."""
        ready = pod.became_ready
        return None if ready is None or ready.at < self.began else pod.first

    def addresses(self) -> dict[str, Pod]:
        """Return the pod that has each IP now."""
        return self._by_address

    def take(self, evidence: Evidence) -> None:
        """Process evidence."""
        match evidence:
            case PodSeen():
                self._see(evidence)
            case PodGone():
                self._gone(evidence)
            case Listed():
                self._listed = evidence
                for pod in self._pods.values():
                    self._list(pod)
            case Requests():
                self._count(evidence)
            case Failed():
                self._fail(evidence)
            case ClientUpdate() | Connection():
                self._client(evidence)

    # --- the cluster --------------------------------------------------------------------------------

    def _see(self, seen: PodSeen) -> None:
        pod = self._pods.get(seen.name)
        if pod is None or pod.gone:
            pod = self._pods[seen.name] = Pod(seen.name)
        if pod.see(seen):
            pod.busy = {workload.name: workload.count for workload in self.workloads}
            pod.all_busy, pod.before, pod.all_before = self.count, {}, None
        if pod.ip:
            self._by_address[pod.ip] = pod
        self._list(pod)

    def _list(self, pod: Pod) -> None:
        if self._listed is None or pod.gone:
            return
        pod.listed = pod.name in self._listed.pods
        if pod.listed:
            pod.stages.setdefault(PodStage.LISTED, self._listed.at)

    def _gone(self, gone_pod: PodGone) -> None:
        pod = self._pods.get(gone_pod.name)
        if pod is None:
            return
        pod.gone, pod.ready = True, None
        pod.stages.setdefault(PodStage.GONE, gone_pod.at)
        if self._by_address.get(pod.ip) is pod:
            del self._by_address[pod.ip]
        gone = [known.name for known in self._pods.values() if known.gone]
        for name in gone[:-GONE_KEPT]:
            del self._pods[name]

    # --- requests -----------------------------------------------------------------------------------

    def _count(self, requests: Requests) -> None:
        pod = self.pod(requests.pod)
        if pod is None:
            return
        source = requests.source
        self._told[source] = max(self._told.get(source, 0.0), requests.at)
        if requests.count:
            self._grew[source] = max(self._grew.get(source, 0.0), requests.at)
        if requests.received:
            lag = max(0.0, requests.received - requests.at)
            # The longest recent delay, which decays slowly, because batches come with an exporter's interval.
            self._lag[source] = max(lag, 0.999 * self._lag.get(source, 0.0))
        self._counts[source] = self._counts.get(source, 0) + requests.count
        self.workloads.requests(requests)
        pod.count(requests)
        if requests.count and pod.ready is not None and requests.at >= pod.ready.earliest:
            self._note_before(pod, requests)

    def _note_before(self, pod: Pod, requests: Requests) -> None:
        """Note how many requests others got before the pod's first one."""
        if pod.all_before is None:
            pod.all_before = max(0, self.count - pod.all_busy - requests.count)
        workload = None if requests.workload is None else self.workloads.get(requests.workload)
        if workload is not None and workload.name not in pod.before:
            made = workload.count - pod.busy.get(workload.name, 0)
            pod.before[workload.name] = max(0, made - requests.count)

    def _fail(self, update: Failed) -> None:
        """A lost request is this Service's by its pod, its channel's updates, or the name that it called."""
        workload = self.workloads.get(update.workload)
        client = None if workload is None else workload.pods.get(update.client)
        if update.pod is not None:
            mine = self.pod(update.pod) is not None
        elif update.channel is not None and client is not None and update.channel in client.updates:
            mine = True
        elif update.channel is not None and client is not None and update.channel in client.elsewhere:
            mine = False
        elif update.host:
            mine = is_name_of(self.name, update.host)
        else:
            mine = False
            if workload is not None:
                workload.failures.unplaced.append(update.at)
        if mine:
            self.workloads.failed(update)

    def _client(self, update: ClientUpdate | Connection) -> None:
        if isinstance(update, Connection):
            if update.address in self._by_address:
                self.workloads.connect(update)
        elif self._concerns(update):
            self.workloads.update(update)
        elif (workload := self.workloads.get(update.workload)) and (
            client := workload.pods.get(update.client)
        ):
            client.resolve_elsewhere(update.channel)

    def _concerns(self, update: ClientUpdate) -> bool:
        """Return whether a resolver's update is about this Service, by its target's name or its addresses."""
        if update.addresses and any(address in self._by_address for address in update.addresses):
            return True
        if is_bare(update.target) and update.addresses and self._by_address:
            return False  # its addresses would show it
        return is_name_of(self.name, update.target)

    # --- how complete a source is ---------------------------------------------------------------------

    def observed_until(self, source: EvidenceSource, pod: Pod) -> float | None:
        """Return up to when a source would have reported a request to the pod; None: unknown.

        A source would report it if it reported other requests of this pod, or requests of another pod of the
        Service after this one became Ready, as the pods are alike. It would have reported up to the last
        request that it reported, of any pod; if all counters stand still, up to a minute before the last
        sample.
        """
        since = self.since(pod)
        if since is None:
            return None
        tally = pod.tallies.get(source)
        grew = self._grew.get(source)
        if grew is not None and grew >= since:
            return grew
        if tally is not None and tally.told is not None:
            return self._told[source] - _STALE
        return None

    @property
    def count(self) -> int:
        """Return the requests to all pods, by the source that reported most."""
        return max(self._counts.values(), default=0)

    def requests_told_until(self, workload: str) -> float | None:
        """Return the last reported request of a client workload, to any pod, since that pod is Ready."""
        return max(
            (
                tally.callers[workload].last
                for pod in self._pods.values()
                for tally in pod.tallies.values()
                if workload in tally.callers
            ),
            default=None,
        )

    def lag(self, source: EvidenceSource) -> float:
        """Return how late the source reported lately, in seconds; 0 if unknown."""
        return self._lag.get(source, 0.0)

    def tells_now(self, source: EvidenceSource, now: float, within: float) -> bool:
        """Return whether the source reported any pod's requests lately."""
        return now - self._told.get(source, 0.0) <= within

    def grew(self, source: EvidenceSource) -> float | None:
        """Return the last request that the source reported, of any pod."""
        return self._grew.get(source)


def is_name_of(service: str, target: str) -> bool:
    """Whether a target names a Service: "dns:///orders.shop:50051", "orders.shop.svc", "orders".

    Args:
        service: "namespace/service".
        target: what a client was given, or a host's name.
    """
    namespace, _, name = service.partition("/")
    labels = _labels(target)
    return labels == [name] or labels[:2] == [name, namespace]


def is_bare(target: str) -> bool:
    """Whether a target names a Service of the client's own namespace, which is not told."""
    return len(_labels(target)) == 1


def _labels(target: str) -> list[str]:
    host = target.rpartition("/")[2]
    return (host.rpartition(":")[0] or host).rstrip(".").split(".")
