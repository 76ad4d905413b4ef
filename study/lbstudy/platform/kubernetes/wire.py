"""The used fields of what the API's watches send, as small records made from its JSON."""

from typing import Final

import msgspec

BOOKMARK: Final = "BOOKMARK"
DELETED: Final = "DELETED"
ERROR: Final = "ERROR"


class Reference(msgspec.Struct, rename="camel", frozen=True):
    """The object that an endpoint belongs to."""

    kind: str = ""
    name: str = ""


class Metadata(msgspec.Struct, rename="camel", frozen=True):
    """An object's metadata."""

    name: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}


class Condition(msgspec.Struct, rename="camel", frozen=True):
    """A condition of a pod, a Deployment or a Job."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None  # to the second


class Waiting(msgspec.Struct, frozen=True):
    """Why a container does not run yet."""

    reason: str = ""
    message: str = ""


class Terminated(msgspec.Struct, rename="camel", frozen=True):
    """How a container ended, and its termination message."""

    exit_code: int = 0
    reason: str = ""
    message: str = ""


class ContainerState(msgspec.Struct, frozen=True):
    """The state of a container: one of the three is set."""

    waiting: Waiting | None = None
    running: dict[str, object] | None = None
    terminated: Terminated | None = None


class ContainerStatus(msgspec.Struct, rename="camel", frozen=True):
    """The status of a pod's container."""

    name: str
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()
    restart_count: int = 0


class PodSpec(msgspec.Struct, rename="camel", frozen=True):
    """Where a pod runs."""

    node_name: str = ""


class PodStatus(msgspec.Struct, rename="camel", frozen=True):
    """What the kubelet reports of a pod."""

    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    reason: str = ""
    message: str = ""


class Pod(msgspec.Struct, frozen=True):
    """A pod."""

    metadata: Metadata
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class EndpointConditions(msgspec.Struct, frozen=True):
    """An endpoint's conditions. An absent one has the API's default: ready, unless it says otherwise."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class ServiceEndpoint(msgspec.Struct, rename="camel", frozen=True):
    """One address of a Service."""

    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    target_ref: Reference | None = None


class EndpointSlice(msgspec.Struct, frozen=True):
    """Some of a Service's endpoints."""

    metadata: Metadata
    endpoints: tuple[ServiceEndpoint, ...] | None = ()


class LeaseSpec(msgspec.Struct, rename="camel", frozen=True):
    """When it was renewed."""

    renew_time: str = ""


class Lease(msgspec.Struct, frozen=True):
    """A run's Lease."""

    metadata: Metadata
    spec: LeaseSpec = LeaseSpec()


class WorkloadStatus(msgspec.Struct, frozen=True):
    """What the controller of a Deployment or a Job reports about it."""

    conditions: tuple[Condition, ...] | None = ()


class Deployment(msgspec.Struct, frozen=True):
    """A Deployment."""

    metadata: Metadata
    status: WorkloadStatus = WorkloadStatus()


class Job(msgspec.Struct, frozen=True):
    """A Job."""

    metadata: Metadata
    status: WorkloadStatus = WorkloadStatus()


class Notice(msgspec.Struct, rename="camel", frozen=True):
    """An event of the namespace: what a controller reports about an object."""

    metadata: Metadata
    involved_object: Reference = Reference()
    reason: str = ""
    message: str = ""
    type: str = ""


class ApiStatus(msgspec.Struct, frozen=True):
    """An error of the API."""

    code: int = 0
    message: str = ""


class ListMetadata(msgspec.Struct, rename="camel", frozen=True):
    """A list's metadata."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class WatchLine(msgspec.Struct, frozen=True):
    """A line of a watch."""

    type: str
    object: msgspec.Raw


class OfAny(msgspec.Struct, frozen=True):
    """An object of which only the metadata are read."""

    metadata: Metadata
