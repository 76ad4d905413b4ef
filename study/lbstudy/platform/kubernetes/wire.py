"""What the API's watches say, as far as it is used: small records out of its JSON."""

from typing import Final

import msgspec

BOOKMARK: Final = "BOOKMARK"
DELETED: Final = "DELETED"
ERROR: Final = "ERROR"


class Reference(msgspec.Struct, rename="camel", frozen=True):
    """What an endpoint stands for."""

    kind: str = ""
    name: str = ""


class Metadata(msgspec.Struct, rename="camel", frozen=True):
    """Of any object."""

    name: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}


class Condition(msgspec.Struct, frozen=True):
    """Of a pod."""

    type: str
    status: str


class Terminated(msgspec.Struct, rename="camel", frozen=True):
    """How a container ended."""

    exit_code: int = 0
    reason: str = ""


class ContainerState(msgspec.Struct, frozen=True):
    """One of the three is there."""

    waiting: dict[str, object] | None = None
    running: dict[str, object] | None = None
    terminated: Terminated | None = None


class ContainerStatus(msgspec.Struct, frozen=True):
    """Of a pod's container."""

    name: str
    state: ContainerState = ContainerState()


class PodSpec(msgspec.Struct, rename="camel", frozen=True):
    """Where it runs."""

    node_name: str = ""


class PodStatus(msgspec.Struct, rename="camel", frozen=True):
    """What the kubelet says of it."""

    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(msgspec.Struct, frozen=True):
    """A pod."""

    metadata: Metadata
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class EndpointConditions(msgspec.Struct, frozen=True):
    """A condition that is not told counts as the API says: ready unless it says otherwise."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(msgspec.Struct, rename="camel", frozen=True):
    """One address of a Service."""

    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    target_ref: Reference | None = None


class EndpointSlice(msgspec.Struct, frozen=True):
    """Some of a Service's endpoints."""

    metadata: Metadata
    endpoints: tuple[Endpoint, ...] | None = ()


class LeaseSpec(msgspec.Struct, rename="camel", frozen=True):
    """When it was renewed."""

    renew_time: str = ""


class Lease(msgspec.Struct, frozen=True):
    """Of a run."""

    metadata: Metadata
    spec: LeaseSpec = LeaseSpec()


class Status(msgspec.Struct, frozen=True):
    """An error of the API."""

    code: int = 0
    message: str = ""


class ListMetadata(msgspec.Struct, rename="camel", frozen=True):
    """Of a list."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class Event(msgspec.Struct, frozen=True):
    """A line of a watch."""

    type: str
    object: msgspec.Raw


class OfAny(msgspec.Struct, frozen=True):
    """An object of which only its metadata are read."""

    metadata: Metadata
