"""Turns objects of the Kubernetes API into evidence. No I/O."""

from datetime import datetime
from typing import Final

from lbstudy.platform.kubernetes import wire
from lbstudy.watch.evidence import Instant, PodSeen, PodStage

_ENDED: Final = frozenset({"Succeeded", "Failed"})
_SECOND: Final = 1.0  # the API's times are rounded down to the second
_TEMPLATE: Final = ("pod-template-hash", "controller-revision-hash")
_SERVICE: Final = "kubernetes.io/service-name"


def pod_seen(service: str, pod: wire.Pod, receipt: Instant) -> PodSeen | None:
    """Return a pod as evidence; None: it has ended.

    Args:
        service: "namespace/service", to which the pod belongs.
        pod: the pod as the API reported it.
        receipt: when it was reported; a change was then, or up to its error before.
    """
    if pod.status.phase in _ENDED:
        return None
    conditions = {condition.type: condition for condition in pod.status.conditions}
    leaving = pod.metadata.deletion_timestamp is not None
    ready = conditions.get("Ready")
    stages = [(PodStage.CREATED, instant(pod.metadata.creation_timestamp, receipt))]
    scheduled = conditions.get("PodScheduled")
    if scheduled is not None and scheduled.status == "True":
        stages.append((PodStage.SCHEDULED, instant(scheduled.last_transition_time, receipt)))
    if (started := _started(pod)) is not None:
        stages.append((PodStage.STARTED, instant(started or None, receipt)))
    return PodSeen(
        service,
        pod.metadata.name,
        pod.status.pod_ip,
        receipt.at,
        instant(ready.last_transition_time, receipt)
        if ready is not None and ready.status == "True" and not leaving
        else None,
        next((pod.metadata.labels[key] for key in _TEMPLATE if key in pod.metadata.labels), ""),
        tuple(stages),
        receipt if leaving else None,
    )


def instant(stamp: str | None, receipt: Instant) -> Instant:
    """Return when something happened, from the API's time, which is to the second, and the time of receipt.

    If the two contradict each other, the clocks differ, and the receipt counts.
    """
    if stamp is None:
        return receipt
    second = datetime.fromisoformat(stamp).timestamp()
    latest = min(second + _SECOND, receipt.at)
    return Instant(latest, latest - second) if latest >= second else receipt


def ready_pods(slices: list[wire.EndpointSlice]) -> frozenset[str]:
    """Return the names of the pods that EndpointSlices list as ready."""
    return frozenset(
        endpoint.target_ref.name
        for endpoint_slice in slices
        for endpoint in endpoint_slice.endpoints or ()
        if endpoint.target_ref is not None and endpoint.conditions.ready is not False
    )


def service_label(service: str) -> str:
    """Return the label selector of a Service's EndpointSlices."""
    return f"{_SERVICE}={service}"


def _started(pod: wire.Pod) -> str | None:
    """Return when the last of its containers started, "" if unknown; None: not all of them run."""
    running = [status.state.running for status in pod.status.container_statuses]
    starts = [
        str(running_state.get("startedAt", "")) for running_state in running if running_state is not None
    ]
    return max(starts) if starts and len(starts) == len(running) else None
