"""Takes endpoints that a platform reports over gRPC."""

import time
from collections.abc import AsyncIterator

import grpc

from endpoint_push.control_plane import ControlPlane
from endpoint_push.endpoints import Endpoint
from endpoint_push.v1 import push_pb2, push_pb2_grpc


class Reports(push_pb2_grpc.EndpointServiceServicer):
    """Accepts whole lists; a list that cannot be read ends the stream, and changes nothing."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane

    async def ReportEndpoints(  # noqa: N802  # the stub's name
        self,
        request_iterator: AsyncIterator[push_pb2.ReportEndpointsRequest],
        context: grpc.aio.ServicerContext[push_pb2.ReportEndpointsRequest, push_pb2.ReportEndpointsResponse],
    ) -> AsyncIterator[push_pb2.ReportEndpointsResponse]:
        """Accept list after list; INVALID_ARGUMENT for a list that cannot be read."""
        async for request in request_iterator:
            try:
                endpoints = [Endpoint.parse(address) for address in request.addresses]
            except ValueError as error:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            if not request.service:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "a report names no service")
            version = self._control_plane.set_endpoints(request.service, endpoints)
            yield push_pb2.ReportEndpointsResponse(
                serial=request.serial, version=version, time_unix_nano=time.time_ns()
            )
