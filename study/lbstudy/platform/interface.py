"""What the study needs from a platform; it fits processes on one machine as well as Kubernetes."""

import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from lbstudy.platform.program import ClientProgram, ServerProgram


class PlatformError(Exception):
    """The platform could not do what it was asked to. The message is one line for the user."""


class ChangeKind(StrEnum):
    """What happened to a pod or to the published endpoints."""

    SCALE = "scale"  # a scale command was accepted (pod and address are None; detail: the number)
    CREATED = "created"
    SCHEDULED = "scheduled"  # a node was chosen
    STARTED = "started"
    READY = "ready"
    UNREADY = "unready"
    ENDPOINT = "endpoint"  # in an EndpointSlice, as ready
    WITHDRAWN = "withdrawn"  # no longer in an EndpointSlice as ready
    PUBLISHED = "published"  # in DNS: in the zone, or in the answers
    UNPUBLISHED = "unpublished"
    TERMINATING = "terminating"  # SIGTERM sent
    EXITED = "exited"  # detail: the exit status, as "0", "-9"
    REPLACE = "replace"  # a replacement was accepted (pod and address are None; detail: the manner)
    FAULT = "fault"  # a fault began on a pod, or on the way to it (detail: its label)
    LIFTED = "lifted"  # that fault ended


class Manner(StrEnum):
    """How all pods of a Deployment are replaced."""

    ROLLING_UPDATE = "rolling-update"  # a new pod template, as `kubectl rollout restart`
    RECREATE = "recreate"  # the Deployment is deleted and created again
    EVICT = "evict"  # the pods are evicted, as `kubectl drain` does


@dataclass(frozen=True, slots=True)
class RolloutLimits:
    """How many pods a rolling update may add or leave not Ready, as in a Deployment's strategy.

    Each is a number of pods, or a share of the replicas such as "25%", Kubernetes' default for both.
    """

    max_surge: int | str = "25%"
    max_unavailable: int | str = "25%"

    def surge(self, replicas: int) -> int:
        """Return how many pods there may be beyond the replicas; a share is rounded up."""
        return _pods(self.max_surge, replicas, math.ceil)

    def unavailable(self, replicas: int) -> int:
        """Return how many replicas need not be Ready; a share is rounded down, but is 1 without a surge."""
        pods = _pods(self.max_unavailable, replicas, math.floor)
        return pods if pods or self.surge(replicas) else 1


def _pods(limit: int | str, replicas: int, rounded: Callable[[float], int]) -> int:
    if isinstance(limit, int):
        return limit
    return rounded(int(limit.removesuffix("%")) * replicas / 100)


@dataclass(frozen=True, slots=True)
class Change:
    """One change, when the platform saw it, and how inexact that instant may be."""

    at: int  # ns since the Unix epoch
    error: float  # s, the bound of the instant's error
    kind: ChangeKind
    deployment: str
    pod: str | None = None
    address: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Trouble with some servers, or on the way to them, from one instant to another.

    ``kind`` and ``options`` are those of the scenario's ``[[fault]]`` (config.fault).
    """

    label: str  # unique within the run, for people: "latency 200 ms on 1 server"
    kind: str  # "latency", "error", "hang" …
    servers: int | None = None  # so many Ready servers, the oldest first; None: all of them
    options: Mapping[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Probe:
    """How often a pod's readiness is checked, in Kubernetes' terms; one success makes it Ready."""

    period: float = 1.0  # s
    timeout: float = 1.0  # s
    failures: int = 3  # in a row until it is not Ready: failureThreshold


@dataclass(frozen=True, slots=True)
class PushSpec:
    """A control plane that pushes a Deployment's servers to its clients over xDS, instead of DNS."""

    policy: str  # JSON, of endpoint_push.policy.Policy
    env: Mapping[str, str] = field(default_factory=dict)  # OTEL_* and the like


@dataclass(frozen=True, slots=True)
class Tls:
    """Connections are encrypted, with certificates of the run's own authority."""

    key: str = "ec"  # of certificates: "ec" (P-256) or "rsa" (2048 bits)
    clients: bool = False  # whether clients show a certificate, too


@dataclass(frozen=True, slots=True)
class ColdSpec:
    """How much slower a server is until it is warm, after so many seconds or RPCs, whichever comes first."""

    factor: float  # of the work, at first
    seconds: float | None = None
    rpcs: int | None = None


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """A Deployment of servers behind a headless Service of the same name."""

    name: str  # "orders-stock"
    replicas: int
    work: float  # s that an answer takes
    drain_wait: float  # s, between NOT_SERVING and stop(grace)
    drain_grace: float  # s
    channel_args: Mapping[str, int | str | bool] = field(default_factory=dict)  # gRPC server arguments
    env: Mapping[str, str] = field(default_factory=dict)  # OTEL_* and the like, for every pod
    probe: Probe = Probe()
    report_load: bool = False  # whether servers report their load in trailers, for weighted_round_robin
    control: bool = False  # whether servers have a control service, for faults and the load
    faults: frozenset[str] = frozenset()  # the kinds of faults that the scenario makes on them
    concurrency: int | None = None  # RPCs that a server handles at a time; None: no limit
    held: bool = False  # whether a fault may affect starts, so that a pod must wait for permission to start
    push: PushSpec | None = None  # None: clients find the servers through DNS
    cold: ColdSpec | None = None  # None: they are warm from the start
    tls: Tls | None = None  # None: plain text
    texts: Mapping[str, str] = field(default_factory=dict)  # the run's placeholders: run, setting, seed
    program: ServerProgram = field(kw_only=True)


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """The streams among a client's calls."""

    kind: str  # "server", "client" or "bidi": who sends messages
    rate: float  # messages/s of a stream
    life: float  # s
    share: float  # of the calls


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
    tls: Tls | None = None  # the same as its servers'
    request_size: int = 0  # bytes added to each request
    answer_size: int = 0
    stream: StreamSpec | None = None  # None: each call has one answer
    rates: str = ""  # each client's rate if it changes, "0:10.0,20:40.0" as {rates}; "": constant
    env: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)  # the run's placeholders: run, setting
    program: ClientProgram = field(kw_only=True)


class Platform(Protocol):
    """Runs pods, scales Deployments, and reports what changes. ``aclose`` ends everything it started."""

    async def start(self) -> None:
        """Prepare to run pods. Raises PlatformError."""

    async def create_servers(self, spec: ServerSpec) -> None:
        """Create the Deployment and its Service. Returns at once; readiness comes as changes."""

    async def scale(self, deployment: str, replicas: int) -> None:
        """Set the number of servers. Removes the youngest first, like a ReplicaSet."""

    async def replace(self, deployment: str, manner: Manner, limits: RolloutLimits | None = None) -> None:
        """Replace every pod of a Deployment by a new one. Raises PlatformError if that is impossible.

        Args:
            deployment: a Deployment of servers.
            manner: how.
            limits: for a rolling update; None: the platform's own.
        """

    async def inject(self, deployment: str, fault: Fault) -> None:
        """Begin a fault on the pods that it names. Raises PlatformError if that is impossible."""

    async def lift(self, deployment: str, fault: Fault) -> None:
        """End a fault that was begun; a fault without an end (a crash) is over already."""

    def control(self, pod: str) -> AbstractAsyncContextManager[str]:
        """Return a context with the address of a server pod's control service, "127.0.0.1:50052".

        Raises PlatformError if there is none.
        """

    async def start_client(self, spec: ClientSpec) -> None:
        """Start a client pod."""

    async def wait_client(self, name: str) -> int:
        """Wait until the client pod has ended; returns its exit status."""

    async def obstacle(self, deployment: str) -> str:
        """Return why a Deployment's servers are not Ready, in words; "" if that is unknown."""

    def changes(self) -> AsyncIterator[Change]:
        """Yield every change since ``start``, in order, as it happens; ends when the platform is closed."""

    async def logs(self, pod: str) -> Path:
        """Return the file with what a pod has written to its standard output so far."""

    def pods(self, deployment: str) -> list[str]:
        """Return every pod that the Deployment ever had, in order of creation."""

    async def aclose(self) -> None:
        """Terminate all pods in order, then everything else. May be called twice."""
