"""From what the API's watches and DNS told to changes, each once. Pure: no clock, no I/O.

A pod is known by its uid: a name may be used again.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Final

from lbstudy.platform.interface import Change, ChangeKind
from lbstudy.platform.kubernetes import wire
from lbstudy.platform.kubernetes.names import WORKLOAD
from lbstudy.platform.programs import PORT

_SERVICE: Final = "kubernetes.io/service-name"
_ENDED: Final = frozenset({"Succeeded", "Failed"})
UNKNOWN_EXIT: Final = ""
"""The detail of an EXITED whose status nobody told: the pod was gone before."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """When something was told."""

    at: int  # ns since the Unix epoch
    error: float  # s: it may have happened so much earlier


@dataclass(slots=True, eq=False)
class KnownPod:
    """What has been told of a pod so far."""

    name: str
    uid: str
    deployment: str
    node: str = ""
    ip: str = ""
    told: set[ChangeKind] = field(default_factory=set)
    ready: bool = False
    listed: bool = False  # in an EndpointSlice as ready
    published: bool = False  # in DNS
    exit_status: str | None = None

    @property
    def address(self) -> str | None:
        """Where it listens, when that is known."""
        if not self.ip:
            return None
        return f"[{self.ip}]:{PORT}" if ":" in self.ip else f"{self.ip}:{PORT}"

    @property
    def ended(self) -> bool:
        """Whether it has ended."""
        return ChangeKind.EXITED in self.told


class Pods:
    """The state that changes are told against.

    Args:
        is_server: whether the workload of that name is a Deployment of servers.
    """

    def __init__(self, is_server: Callable[[str], bool]) -> None:
        self._is_server = is_server
        self._pods: dict[str, KnownPod] = {}  # by uid, in order of creation
        self._slices: dict[str, wire.EndpointSlice] = {}  # by uid
        self._answers: dict[str, frozenset[str]] = {}  # service → addresses in DNS

    def of(self, deployment: str) -> list[KnownPod]:
        """Every pod that a workload ever had, in order of creation."""
        return [pod for pod in self._pods.values() if pod.deployment == deployment]

    def named(self, name: str) -> KnownPod | None:
        """The newest pod of that name."""
        return next((pod for pod in reversed(self._pods.values()) if pod.name == name), None)

    def present(self) -> list[KnownPod]:
        """The pods that have not ended."""
        return [pod for pod in self._pods.values() if not pod.ended]

    # --- pods -------------------------------------------------------------------------------------

    def see_pods(
        self, changed: Iterable[wire.Pod], deleted: Iterable[wire.Pod], receipt: Receipt, *, complete: bool
    ) -> list[Change]:
        """Pods are new or other than before, or gone; if ``complete``, what is not told is gone too."""
        changes: list[Change] = []
        present = []
        for pod in sorted(changed, key=lambda one: one.metadata.creation_timestamp or ""):
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
        if any(state.running is not None or state.terminated is not None for state in states):
            self._once(known, ChangeKind.STARTED, receipt, changes)
        is_leaving = pod.metadata.deletion_timestamp is not None
        is_ready = not is_leaving and _is_ready(pod)
        if is_ready != known.ready:
            known.ready = is_ready
            # One that is told to end is not Ready any more: that needs no telling.
            if is_ready or not is_leaving:
                changes.append(_change(known, ChangeKind.READY if is_ready else ChangeKind.UNREADY, receipt))
        if is_leaving:
            self._once(known, ChangeKind.TERMINATING, receipt, changes)
        has_stopped = bool(states) and all(state.terminated is not None for state in states)
        if pod.status.phase in _ENDED or (is_leaving and has_stopped):
            self._exit(known, _exit_status(states), receipt, changes)
        # The other sources may have told of it before this one did.
        changes.extend(self._listed(known.deployment, receipt))
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
            changes.append(_change(known, kind, receipt, detail))

    # --- EndpointSlices ---------------------------------------------------------------------------

    def see_slices(
        self,
        changed: Iterable[wire.EndpointSlice],
        deleted: Iterable[wire.EndpointSlice],
        receipt: Receipt,
        *,
        complete: bool,
    ) -> list[Change]:
        """EndpointSlices are new or other than before, or gone; a Service may have several."""
        services: dict[str, None] = {}
        if complete:
            services |= dict.fromkeys(_service(one) for one in self._slices.values())
            self._slices.clear()
        for one in changed:
            services[_service(one)] = None
            self._slices[one.metadata.uid] = one
        for one in deleted:
            services[_service(one)] = None
            self._slices.pop(one.metadata.uid, None)
        return [change for service in services for change in self._listed(service, receipt)]

    def _listed(self, service: str, receipt: Receipt) -> list[Change]:
        ready = {
            endpoint.target_ref.name
            for one in self._slices.values()
            if _service(one) == service
            for endpoint in one.endpoints or ()
            if endpoint.target_ref is not None and endpoint.conditions.ready is not False
        }
        changes = []
        for pod in self.of(service):
            is_listed = pod.name in ready
            if is_listed != pod.listed:
                pod.listed = is_listed
                kind = ChangeKind.ENDPOINT if is_listed else ChangeKind.WITHDRAWN
                changes.append(_change(pod, kind, receipt))
        return changes

    # --- DNS --------------------------------------------------------------------------------------

    def see_answer(self, service: str, addresses: Collection[str], receipt: Receipt) -> list[Change]:
        """A Service's name has other addresses than before."""
        self._answers[service] = frozenset(addresses)
        return self._published(service, receipt)

    def _published(self, service: str, receipt: Receipt) -> list[Change]:
        if not self._is_server(service) or service not in self._answers:
            return []
        addresses = self._answers[service]
        changes = []
        holders = {
            pod.ip: pod for pod in self.of(service) if pod.ip
        }  # an address may be given again: the newest
        for pod in self.of(service):
            is_published = pod.ip in addresses and holders.get(pod.ip) is pod
            if is_published != pod.published:
                pod.published = is_published
                kind = ChangeKind.PUBLISHED if is_published else ChangeKind.UNPUBLISHED
                changes.append(_change(pod, kind, receipt))
        return changes


def _change(pod: KnownPod, kind: ChangeKind, receipt: Receipt, detail: str = "") -> Change:
    return Change(receipt.at, receipt.error, kind, pod.deployment, pod.name, pod.address, detail)


def _is_ready(pod: wire.Pod) -> bool:
    return any(one.type == "Ready" and one.status == "True" for one in pod.status.conditions)


def _exit_status(states: Iterable[wire.ContainerState]) -> str:
    codes = [state.terminated.exit_code for state in states if state.terminated is not None]
    return str(max(codes)) if codes else UNKNOWN_EXIT


def _service(one: wire.EndpointSlice) -> str:
    return one.metadata.labels.get(_SERVICE, "")
