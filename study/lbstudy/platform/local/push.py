"""A control plane that pushes a Deployment's servers (endpoint_push), and what tells it of them."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import grpc
from endpoint_push.v1 import push_pb2, push_pb2_grpc

from lbstudy.platform import push
from lbstudy.platform.interface import PushSpec
from lbstudy.platform.local.deployment import PodNames
from lbstudy.platform.programs import PORT

REPORTS_PORT = 18001
_RETRY = 0.05  # s from a lost stream to the next attempt
_CLOSE_TIMEOUT = 1.0  # s
# A control plane that is started anew must be told at once.
_CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 200),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
]

Told = Callable[[int], None]
"""Called with the instant, in ns since the Unix epoch, from which a control plane tells clients."""


class EndpointReports:
    """Tells a control plane each list of a service's endpoints, and all of it again after a loss."""

    def __init__(self, service: str, target: str) -> None:
        self._service = service
        self._target = target
        self._addresses: dict[str, None] = {}  # in order
        self._waiting: list[Told] = []
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def enter(self, address: str, told: Told) -> None:
        """A server became Ready; its address has no port."""
        self._addresses[f"{address}:{PORT}"] = None
        self._changed(told)

    def leave(self, address: str, told: Told) -> None:
        """A server that was Ready is not any more."""
        self._addresses.pop(f"{address}:{PORT}", None)
        self._changed(told)

    async def close(self) -> None:
        """Tell what is left, and end the stream; a control plane that is gone is not waited for."""
        self._closed = True
        self._news.set()
        if self._task is not None:
            _, running = await asyncio.wait({self._task}, timeout=_CLOSE_TIMEOUT)
            for task in running:
                task.cancel()

    def _changed(self, told: Told) -> None:
        self._waiting.append(told)
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
        """Tell the present list, then each change, until the stream is lost."""
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
            for told in waiting:
                told(answer.time_unix_nano)
            if self._closed and not self._waiting:
                await call.done_writing()
                await call.read()
                return
            await self._news.wait()


@dataclass(slots=True, eq=False)
class ControlPlane:
    """The control plane of one Deployment of servers; a pod whose address stays when it is started again."""

    service: str  # the Deployment of servers, and the name by which clients ask
    spec: PushSpec
    address: str  # IPv4, without a port
    seed: int
    pod: str = ""
    reports: EndpointReports = field(init=False)
    _names: PodNames = field(init=False)

    def __post_init__(self) -> None:
        self.reports = EndpointReports(self.service, f"{self.address}:{REPORTS_PORT}")
        self._names = PodNames(self.deployment, self.seed)

    def next_pod(self) -> str:
        """The name of the pod that is to run now."""
        self.pod = self._names.next()
        return self.pod

    @property
    def deployment(self) -> str:
        """The Deployment of the control plane itself."""
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
        """What clients name."""
        return push.target(self.service)

    @property
    def client_env(self) -> Mapping[str, str]:
        """The variables by which gRPC finds the control plane."""
        return push.client_env(self._for_clients)

    @property
    def _for_clients(self) -> str:
        return f"{self.address}:{push.CLIENTS_PORT}"
