"""Pods and EndpointSlices as a watch tells them."""

from collections.abc import Iterable

from lbstudy.platform.interface import Change
from lbstudy.platform.kubernetes import wire
from lbstudy.platform.kubernetes.names import WORKLOAD
from lbstudy.platform.kubernetes.pods import Pods, Receipt

SERVICE = "greeter-stock"
CLIENT = "client-stock"


def pods() -> Pods:
    return Pods(lambda name: name == SERVICE)


def at(second: float, error: float = 0.0) -> Receipt:
    return Receipt(round(second * 1e9), error)


def pod(
    name: str,
    *,
    node: str = "",
    ip: str = "",
    running: bool = False,
    ready: bool | None = None,
    leaving: bool = False,
    exit_code: int | None = None,
    phase: str = "Pending",
    workload: str = SERVICE,
    uid: str = "",
) -> wire.Pod:
    state = wire.ContainerState()
    if exit_code is not None:
        state = wire.ContainerState(terminated=wire.Terminated(exit_code))
    elif running:
        state = wire.ContainerState(running={"startedAt": "2026-11-24T19:00:00Z"})
    conditions = () if ready is None else (wire.Condition("Ready", str(ready)),)
    return wire.Pod(
        wire.Metadata(
            name,
            uid or f"uid-{name}",
            creation_timestamp="2026-11-24T19:00:00Z",
            deletion_timestamp="2026-11-24T19:01:00Z" if leaving else None,
            labels={WORKLOAD: workload},
        ),
        wire.PodSpec(node),
        wire.PodStatus(phase, ip, conditions, (wire.ContainerStatus("server", state),)),
    )


def slice_of(
    name: str, ready: Iterable[str] = (), serving: Iterable[str] = (), service: str = SERVICE
) -> wire.EndpointSlice:
    """A slice with endpoints that are ready, and some that terminate but still serve."""
    endpoints = [
        wire.ServiceEndpoint(
            ("10.0.0.1",), wire.EndpointConditions(True, True, False), wire.Reference("Pod", one)
        )
        for one in ready
    ]
    endpoints += [
        wire.ServiceEndpoint(
            ("10.0.0.1",), wire.EndpointConditions(False, True, True), wire.Reference("Pod", one)
        )
        for one in serving
    ]
    labels = {"kubernetes.io/service-name": service}
    return wire.EndpointSlice(wire.Metadata(name, f"uid-{name}", labels=labels), tuple(endpoints))


def told(changes: Iterable[Change]) -> list[str]:
    """Kinds and pods, "ready a"."""
    return [f"{change.kind} {change.pod}" for change in changes]
