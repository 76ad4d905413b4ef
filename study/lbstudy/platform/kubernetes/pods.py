"""Turns what the API's watches and DNS report into changes, each once. No I/O and no clock.

A pod is identified by its uid, because a name may be used again.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from lbstudy.platform.interface import Change, ChangeKind
from lbstudy.platform.kubernetes import wire
from lbstudy.platform.kubernetes.names import PORT, WORKLOAD

_SERVICE: Final = "kubernetes.io/service-name"
_ENDED: Final = frozenset({"Succeeded", "Failed"})
UNKNOWN_EXIT: Final = ""
"""The detail of EXITED if the exit status is unknown, because the pod was deleted first."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """When something was reported."""

    at: int  # ns since the Unix epoch
    error: float  # s: it may have happened that much earlier
    after: int = 0  # its version is larger than this one; 0: unknown
    version: int = 0  # its own version, or that of a later change; 0: unknown


@dataclass(slots=True, eq=False)
class KnownPod:
    """What is known of a pod so far."""

    name: str
    uid: str
    deployment: str
    node: str = ""
    ip: str = ""
    told: set[ChangeKind] = field(default_factory=set)
    ready: bool = False
    listed: bool = False  # whether it is in an EndpointSlice as ready
    published: bool = False  # whether it is in DNS
    exit_status: str | None = None
    restarts: int = 0
    last_words: str = ""  # the termination message of its container

    @property
    def address(self) -> str | None:
        """Where it listens; None while that is unknown."""
        if not self.ip:
            return None
        return f"[{self.ip}]:{PORT}" if ":" in self.ip else f"{self.ip}:{PORT}"

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return ChangeKind.EXITED in self.told


class Pods:
    """The state that reports are compared with.

    Args:
        is_server: returns whether the workload of that name is a Deployment of servers.
    """

    def __init__(self, is_server: Callable[[str], bool]) -> None:
        self._is_server = is_server
        self._pods: dict[str, KnownPod] = {}  # by uid, in order of creation
        self._slices: dict[str, wire.EndpointSlice] = {}  # by uid
        self._ready: dict[str, frozenset[str]] = {}  # service → pods that its slices list as ready
        self._answers: dict[str, frozenset[str]] = {}  # service → addresses in DNS
        self._since: dict[tuple[str, str], Receipt] = {}  # (service, pod or address) → when it came or went
        self.receipts: dict[Change, Receipt] = {}
        """When each change was reported, so that its bound can be corrected later."""

    def of(self, deployment: str) -> list[KnownPod]:
        """Return every pod that a workload ever had, in order of creation."""
        return [pod for pod in self._pods.values() if pod.deployment == deployment]

    def named(self, name: str) -> KnownPod | None:
        """Return the newest pod of that name."""
        return next((pod for pod in reversed(self._pods.values()) if pod.name == name), None)

    def present(self) -> list[KnownPod]:
        """Return the pods that have not ended."""
        return [pod for pod in self._pods.values() if not pod.ended]

    # --- pods -------------------------------------------------------------------------------------

    def see_pods(
        self, changed: Iterable[wire.Pod], deleted: Iterable[wire.Pod], receipt: Receipt, *, complete: bool
    ) -> list[Change]:
        """Process pods that are new, changed or gone; if ``complete``, all others are gone, too."""
        changes: list[Change] = []
        present = []
        for pod in sorted(changed, key=lambda seen_pod: seen_pod.metadata.creation_timestamp or ""):
            present.append(pod.metadata.uid)
            changes.extend(self._pod(pod, receipt))
        for pod in deleted:
            changes.extend(self._pod(pod, receipt))
            changes.extend(self._gone(pod.metadata.uid, receipt))
        if complete:
            for uid in [uid for uid, pod in self._pods.items() if not pod.ended and uid not in present]:
                changes.extend(self._gone(uid, receipt))
        return changes

    def _pod(self, pod: wire.Pod, receipt: Receipt) -> list[Change]:
        changes: list[Change] = []
        uid = pod.metadata.uid
        known = self._pods.get(uid)
        if known is None:
            known = KnownPod(pod.metadata.name, uid, pod.metadata.labels.get(WORKLOAD, ""))
            self._pods[uid] = known
        known.ip = pod.status.pod_ip or known.ip
        known.node = pod.spec.node_name or known.node
        self._once(known, ChangeKind.CREATED, receipt, changes)
        if known.node:
            self._once(known, ChangeKind.SCHEDULED, receipt, changes)
        states = [status.state for status in pod.status.container_statuses]
        known.restarts = max((status.restart_count for status in pod.status.container_statuses), default=0)
        ended = [state.terminated for state in states if state.terminated is not None]
        known.last_words = next(
            (terminated.message for terminated in ended if terminated.message), known.last_words
        )
        if any(state.running is not None or state.terminated is not None for state in states):
            self._once(known, ChangeKind.STARTED, receipt, changes)
        is_leaving = pod.metadata.deletion_timestamp is not None
        is_ready = not is_leaving and _is_ready(pod)
        if is_ready != known.ready:
            known.ready = is_ready
            # A terminating pod is no longer Ready, which needs no change of its own.
            if is_ready or not is_leaving:
                changes.append(
                    self._change(known, ChangeKind.READY if is_ready else ChangeKind.UNREADY, receipt)
                )
        if is_leaving:
            self._once(known, ChangeKind.TERMINATING, receipt, changes)
        has_stopped = bool(states) and all(state.terminated is not None for state in states)
        if pod.status.phase in _ENDED or (is_leaving and has_stopped):
            self._exit(known, _exit_status(states), receipt, changes)
        # Another source may have reported it before.
        changes.extend(self._listed(known.deployment))
        changes.extend(self._published(known.deployment, receipt))
        return changes

    def _gone(self, uid: str, receipt: Receipt) -> list[Change]:
        known = self._pods.get(uid)
        changes: list[Change] = []
        if known is not None:
            self._exit(known, UNKNOWN_EXIT, receipt, changes)
        return changes

    def _exit(self, known: KnownPod, status: str, receipt: Receipt, changes: list[Change]) -> None:
        known.ready = False
        if not known.ended:
            known.exit_status = status
            self._once(known, ChangeKind.EXITED, receipt, changes, status)

    def _once(
        self, known: KnownPod, kind: ChangeKind, receipt: Receipt, changes: list[Change], detail: str = ""
    ) -> None:
        if kind not in known.told:
            known.told.add(kind)
            changes.append(self._change(known, kind, receipt, detail))

    # --- EndpointSlices ---------------------------------------------------------------------------

    def see_slices(
        self,
        changed: Iterable[wire.EndpointSlice],
        deleted: Iterable[wire.EndpointSlice],
        receipt: Receipt,
        *,
        complete: bool,
    ) -> list[Change]:
        """Process EndpointSlices that are new, changed or gone; a Service may have several."""
        services: dict[str, None] = {}
        if complete:
            services |= dict.fromkeys(_service(endpoint_slice) for endpoint_slice in self._slices.values())
            self._slices.clear()
        for endpoint_slice in changed:
            services[_service(endpoint_slice)] = None
            self._slices[endpoint_slice.metadata.uid] = endpoint_slice
        for endpoint_slice in deleted:
            services[_service(endpoint_slice)] = None
            self._slices.pop(endpoint_slice.metadata.uid, None)
        for service in services:
            ready = self._listing(service)
            self._moved(service, self._ready.get(service, frozenset()) ^ ready, receipt)
            self._ready[service] = ready
        return [change for service in services for change in self._listed(service)]

    def _listing(self, service: str) -> frozenset[str]:
        return frozenset(
            endpoint.target_ref.name
            for endpoint_slice in self._slices.values()
            if _service(endpoint_slice) == service
            for endpoint in endpoint_slice.endpoints or ()
            if endpoint.target_ref is not None and endpoint.conditions.ready is not False
        )

    def _listed(self, service: str) -> list[Change]:
        ready = self._ready.get(service, frozenset())
        changes = []
        for pod in self.of(service):
            is_listed = pod.name in ready
            if is_listed != pod.listed:
                pod.listed = is_listed
                kind = ChangeKind.ENDPOINT if is_listed else ChangeKind.WITHDRAWN
                changes.append(self._change(pod, kind, self._since[service, pod.name]))
        return changes

    # --- DNS --------------------------------------------------------------------------------------

    def see_answer(self, service: str, addresses: Collection[str], receipt: Receipt) -> list[Change]:
        """Process another answer for a Service's name."""
        present = frozenset(addresses)
        self._moved(service, self._answers.get(service, frozenset()) ^ present, receipt)
        self._answers[service] = present
        return self._published(service, receipt)

    def _published(self, service: str, receipt: Receipt) -> list[Change]:
        if not self._is_server(service) or service not in self._answers:
            return []
        addresses = self._answers[service]
        changes = []
        holders = {
            pod.ip: pod for pod in self.of(service) if pod.ip
        }  # an address may be reused: the newest pod counts
        held = [pod.ip for pod in self.of(service)]
        for pod in self.of(service):
            is_published = pod.ip in addresses and holders.get(pod.ip) is pod
            if is_published != pod.published:
                pod.published = is_published
                kind = ChangeKind.PUBLISHED if is_published else ChangeKind.UNPUBLISHED
                # An address that passes from pod to pod need not leave DNS in between.
                when = self._since.get((service, pod.ip), receipt) if held.count(pod.ip) == 1 else receipt
                changes.append(self._change(pod, kind, when))
        return changes

    # --- instants -----------------------------------------------------------------------------------

    def _moved(self, service: str, names: Iterable[str], receipt: Receipt) -> None:
        """Note that these came or went; another watch may report their pods later."""
        for name in names:
            self._since[service, name] = receipt

    def _change(self, pod: KnownPod, kind: ChangeKind, receipt: Receipt, detail: str = "") -> Change:
        change = Change(receipt.at, receipt.error, kind, pod.deployment, pod.name, pod.address, detail)
        self.receipts[change] = receipt
        return change


def _is_ready(pod: wire.Pod) -> bool:
    return any(
        condition.type == "Ready" and condition.status == "True" for condition in pod.status.conditions
    )


def _exit_status(states: Iterable[wire.ContainerState]) -> str:
    codes = [state.terminated.exit_code for state in states if state.terminated is not None]
    return str(max(codes)) if codes else UNKNOWN_EXIT


def _service(endpoint_slice: wire.EndpointSlice) -> str:
    return endpoint_slice.metadata.labels.get(_SERVICE, "")
