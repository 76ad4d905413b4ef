"""What the study asks of a platform; it fits processes on one machine and Kubernetes alike."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol


class PlatformError(Exception):
    """The platform could not do what it was asked; the message is one line for the user."""


class ChangeKind(StrEnum):
    """What happened to a pod or to the published endpoints."""

    SCALE = "scale"  # a scale command was accepted (pod and address are None; detail: the number)
    CREATED = "created"
    SCHEDULED = "scheduled"  # a node was chosen
    STARTED = "started"
    READY = "ready"
    UNREADY = "unready"
    ENDPOINT = "endpoint"  # in an EndpointSlice, as ready
    WITHDRAWN = "withdrawn"  # no more
    PUBLISHED = "published"  # in DNS: in its zone, or in its answers
    UNPUBLISHED = "unpublished"
    TERMINATING = "terminating"  # SIGTERM sent
    EXITED = "exited"  # detail: the exit status, as "0", "-9"
    REPLACE = "replace"  # a replacement was accepted (pod and address are None; detail: the manner)
    FAULT = "fault"  # a fault began on a pod, or on the way to it (detail: its label)
    LIFTED = "lifted"  # that fault ended


class Manner(StrEnum):
    """How all pods of a Deployment are replaced by new ones."""

    ROLLING_UPDATE = "rolling-update"  # a new pod template, as `kubectl rollout restart`
    RECREATE = "recreate"  # the Deployment is deleted and created again
    EVICT = "evict"  # the pods are evicted, as `kubectl drain` does


@dataclass(frozen=True, slots=True)
class Change:
    """One change, with the instant at which the platform saw it and how far off that may be."""

    at: int  # ns since the Unix epoch
    error: float  # s, the bound of the instant's error
    kind: ChangeKind
    deployment: str
    pod: str | None = None
    address: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Trouble on particular servers, or on the way to them, from one instant to another.

    ``kind`` and ``options`` are those of the scenario's ``[[fault]]`` (config.fault).
    """

    label: str  # unique within the run, for people: "latency 200 ms on 1 server"
    kind: str  # "latency", "error", "hang" …
    servers: int | None = None  # so many of those that are Ready, the oldest first; None: all of them
    options: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Probe:
    """A readiness probe of the health service, in Kubernetes' words; one success makes Ready."""

    period: float = 1.0  # s
    timeout: float = 1.0  # s
    failures: int = 3  # in a row until not Ready: failureThreshold


@dataclass(frozen=True, slots=True)
class PushSpec:
    """A control plane that pushes a Deployment's servers to its clients over xDS, in place of DNS."""

    policy: str  # JSON, of endpoint_push.policy.Policy
    env: Mapping[str, str] = field(default_factory=dict)  # OTEL_* and the like


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """A Deployment of servers behind a headless Service of the same name."""

    name: str  # "greeter-stock"
    replicas: int
    work: float  # s, what the server takes for an answer
    drain_wait: float  # s, between NOT_SERVING and stop(grace)
    drain_grace: float  # s
    channel_args: Mapping[str, int | str | bool] = field(default_factory=dict)  # gRPC server arguments
    env: Mapping[str, str] = field(default_factory=dict)  # OTEL_* and the like, for every pod
    probe: Probe = Probe()
    report_load: bool = False  # the servers tell their load in trailers, for weighted_round_robin
    control: bool = False  # the servers have a control service, by which faults are injected
    held: bool = False  # starts may go wrong by a fault: where pods start by themselves, they are held
    push: PushSpec | None = None  # None: clients find the servers in DNS


@dataclass(frozen=True, slots=True)
class ClientSpec:
    """One client pod that simulates several clients of one server Deployment."""

    name: str  # "client-stock"
    server: str  # the Deployment that it calls
    clients: int  # channels
    rate: float  # RPC/s of each client
    timeout: float  # s, an RPC's deadline
    start_at: float  # s since the Unix epoch: the first RPC is due then
    duration: float  # s of load
    channel_args: Mapping[str, int | str | bool] = field(default_factory=dict)  # gRPC channel arguments
    service_config: str | None = None  # JSON; names the load balancing policy
    seed: int = 0
    env: Mapping[str, str] = field(default_factory=dict)


class Platform(Protocol):
    """Runs pods, scales Deployments, and tells what changes. Everything it started ends with ``aclose``."""

    async def start(self) -> None:
        """Make ready to run pods. Raises PlatformError."""

    async def create_servers(self, spec: ServerSpec) -> None:
        """Create the Deployment and its Service; returns at once, readiness comes as changes."""

    async def scale(self, deployment: str, replicas: int) -> None:
        """Have so many servers. Removes the youngest first, as a ReplicaSet does."""

    async def replace(self, deployment: str, manner: Manner) -> None:
        """Replace every pod of a Deployment by a new one. Raises PlatformError where it cannot be done."""

    async def inject(self, deployment: str, fault: Fault) -> None:
        """Begin a fault on the pods that it names. Raises PlatformError where it cannot be done."""

    async def lift(self, deployment: str, fault: Fault) -> None:
        """End a fault that was begun; one that cannot be ended (a crash) is over by itself."""

    async def start_client(self, spec: ClientSpec) -> None:
        """Start a client pod."""

    async def wait_client(self, name: str) -> int:
        """Wait until the client pod has ended; returns its exit status."""

    def changes(self) -> AsyncIterator[Change]:
        """Every change since ``start``, in order, as it happens; ends when the platform is closed."""

    async def logs(self, pod: str) -> Path:
        """The file with what a pod has written to its standard output so far."""

    def pods(self, deployment: str) -> list[str]:
        """Every pod that the Deployment ever had, in order of creation."""

    async def aclose(self) -> None:
        """Terminate all pods in an orderly way, then everything else. May be called twice."""
