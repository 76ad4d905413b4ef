"""A control plane that pushes a Deployment's servers (endpoint_push), and the reports that it gets."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import grpc
from endpoint_push.v1 import push_pb2, push_pb2_grpc

from lbstudy.direct import NO_PROXY
from lbstudy.platform import push
from lbstudy.platform.interface import PushSpec
from lbstudy.platform.local.deployment import PodNames

REPORTS_PORT = 18001
_RETRY = 0.05  # s after a lost stream until the next attempt
_CLOSE_TIMEOUT = 1.0  # s
# A restarted control plane must get its reports at once.
_CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.use_local_subchannel_pool", 1),
    NO_PROXY,
]

Told = Callable[[int], None]
"""Called with the instant, in ns since the Unix epoch, from which a control plane informs clients."""


class EndpointReports:
    """Sends a control plane each list of a service's endpoints, and sends it again after a loss."""

    def __init__(self, service: str, target: str, port: int) -> None:
        self._service = service
        self._port = port
        self._target = target
        self._addresses: dict[str, None] = {}  # in order
        self._waiting: list[Told] = []
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def enter(self, address: str, on_told: Told) -> None:
        """Note that a server became Ready; its address has no port."""
        self._addresses[f"{address}:{self._port}"] = None
        self._changed(on_told)

    def leave(self, address: str, on_told: Told) -> None:
        """Note that a server is no longer Ready."""
        self._addresses.pop(f"{address}:{self._port}", None)
        self._changed(on_told)

    async def close(self) -> None:
        """Send what is left, and end the stream; does not wait for a control plane that is gone."""
        self._closed = True
        self._news.set()
        if self._task is not None:
            _, running = await asyncio.wait({self._task}, timeout=_CLOSE_TIMEOUT)
            for task in running:
                task.cancel()

    def _changed(self, on_told: Told) -> None:
        self._waiting.append(on_told)
        self._news.set()
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        async with grpc.aio.insecure_channel(self._target, options=_CHANNEL_OPTIONS) as channel:
            while not self._closed:
                with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
                    await self._follow(channel)
                await asyncio.sleep(_RETRY)

    async def _follow(self, channel: grpc.aio.Channel) -> None:
        """Send the present list, then each change, until the stream is lost."""
        call = push_pb2_grpc.EndpointServiceStub(channel).ReportEndpoints(wait_for_ready=True)
        call.add_done_callback(lambda _: self._news.set())  # writing fails then
        serial = 0
        while True:
            if not self._closed:
                self._news.clear()
            serial += 1
            waiting, addresses = list(self._waiting), list(self._addresses)
            await call.write(
                push_pb2.ReportEndpointsRequest(service=self._service, addresses=addresses, serial=serial)
            )
            answer = await call.read()
            if not isinstance(answer, push_pb2.ReportEndpointsResponse):
                return  # the stream has ended
            del self._waiting[: len(waiting)]
            for on_told in waiting:
                on_told(answer.time_unix_nano)
            if self._closed and not self._waiting:
                await call.done_writing()
                await call.read()
                return
            await self._news.wait()


@dataclass(slots=True, eq=False)
class ControlPlanePod:
    """The control plane of one Deployment of servers: a pod that keeps its address when it is restarted."""

    service: str  # the Deployment of servers, and the name that clients use
    spec: PushSpec
    address: str  # IPv4, without a port
    port: int  # the servers' port
    seed: int
    pod: str = ""
    reports: EndpointReports = field(init=False)
    _names: PodNames = field(init=False)

    def __post_init__(self) -> None:
        self.reports = EndpointReports(self.service, f"{self.address}:{REPORTS_PORT}", self.port)
        self._names = PodNames(self.deployment, self.seed)

    def next_pod(self) -> str:
        """Return the name of the pod that is to run now."""
        self.pod = self._names.next()
        return self.pod

    @property
    def deployment(self) -> str:
        """The control plane's own Deployment."""
        return push.control_plane(self.service)

    @property
    def args(self) -> list[str]:
        """The program's arguments."""
        return [
            *("--address", self._for_clients, "--reports", f"{self.address}:{REPORTS_PORT}"),
            f"--policy={self.spec.policy}",
        ]

    @property
    def target(self) -> str:
        """The target that clients use."""
        return push.target(self.service)

    @property
    def client_env(self) -> Mapping[str, str]:
        """Return the variables by which gRPC finds the control plane."""
        return push.client_env(self._for_clients)

    @property
    def _for_clients(self) -> str:
        return f"{self.address}:{push.CLIENTS_PORT}"
