"""The control service: faults, and how busy the server is. Its address is never the service's own."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import grpc

from greeter.events import emit
from greeter.server.capacity import Capacity
from greeter.server.faults import Faults
from greeter.server.trouble import BadFaultError
from greeter.v1 import control_pb2, control_pb2_grpc

_GRACE = 0.2
"""Seconds for an answer under way at the end; with 0, gRPC reports an error to the other side."""


class Control(control_pb2_grpc.ControlServiceServicer):
    """Begins and ends faults, writes events about them, and reports how busy the server is.

    Args:
        faults: the server's faults.
        capacity: the server's capacity.
        ended: status code → RPCs, updated as they end.
    """

    def __init__(self, faults: Faults, capacity: Capacity, ended: Mapping[str, int]) -> None:
        self._faults = faults
        self._capacity = capacity
        self._ended = ended

    async def InjectFault(  # noqa: N802  # the stub's name
        self,
        request: control_pb2.InjectFaultRequest,
        context: grpc.aio.ServicerContext[control_pb2.InjectFaultRequest, control_pb2.InjectFaultResponse],
    ) -> control_pb2.InjectFaultResponse:
        """Begin a fault; INVALID_ARGUMENT, with one line, if it makes no sense."""
        try:
            await self._faults.inject(request)
        except BadFaultError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        emit("fault", id=request.id, kind=request.WhichOneof("fault"))
        return control_pb2.InjectFaultResponse()

    async def LiftFault(  # noqa: N802  # the stub's name
        self,
        request: control_pb2.LiftFaultRequest,
        context: grpc.aio.ServicerContext[control_pb2.LiftFaultRequest, control_pb2.LiftFaultResponse],  # noqa: ARG002
    ) -> control_pb2.LiftFaultResponse:
        """End a fault."""
        await self._faults.lift(request.id)
        emit("lifted", id=request.id)
        return control_pb2.LiftFaultResponse()

    async def GetBusy(  # noqa: N802  # the stub's name
        self,
        request: control_pb2.GetBusyRequest,  # noqa: ARG002
        context: grpc.aio.ServicerContext[control_pb2.GetBusyRequest, control_pb2.GetBusyResponse],  # noqa: ARG002
    ) -> control_pb2.GetBusyResponse:
        """Return how busy the server has been since its start."""
        busy = self._capacity.busy()
        return control_pb2.GetBusyResponse(
            uptime=busy.uptime,
            busy=busy.busy,
            concurrency=self._capacity.concurrency or 0,
            waiting=busy.waiting,
            ended=sum(self._ended.values()),
        )


@asynccontextmanager
async def control_service(address: str, control: Control, faults: Faults) -> AsyncIterator[None]:
    """Serve it on an address; when it ends, so do all faults. Raises RuntimeError if the address is taken."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    control_pb2_grpc.add_ControlServiceServicer_to_server(control, server)
    server.add_insecure_port(address)
    await server.start()
    try:
        yield
    finally:
        await faults.lift_all()
        await server.stop(_GRACE)
