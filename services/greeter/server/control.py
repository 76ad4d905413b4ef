"""The control service: how faults come in, on an address of its own, never through the port that serves."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from greeter.events import emit
from greeter.server.faults import Faults
from greeter.server.trouble import BadFaultError
from greeter.v1 import control_pb2, control_pb2_grpc


class Control(control_pb2_grpc.ControlServiceServicer):
    """Begins and ends faults, and says so in the program's events."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    async def InjectFault(  # noqa: N802  # the stub's name
        self,
        request: control_pb2.InjectFaultRequest,
        context: grpc.aio.ServicerContext[control_pb2.InjectFaultRequest, control_pb2.InjectFaultResponse],
    ) -> control_pb2.InjectFaultResponse:
        """Begin a fault; INVALID_ARGUMENT with one line where it makes no sense."""
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


@asynccontextmanager
async def control_service(address: str, faults: Faults) -> AsyncIterator[None]:
    """Serve it on an address; every fault ends with it. Raises RuntimeError when the address can't be had."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    control_pb2_grpc.add_ControlServiceServicer_to_server(Control(faults), server)
    server.add_insecure_port(address)
    await server.start()
    try:
        yield
    finally:
        await faults.lift_all()
        await server.stop(None)
