"""The service for servers that are about to end: it answers when a server's removal is confirmed."""

import ipaddress
from collections.abc import Callable

import grpc

from endpoint_push.control_plane import ControlPlane
from endpoint_push.endpoints import Endpoint
from endpoint_push.v1 import push_pb2, push_pb2_grpc

SERVICE = push_pb2.DESCRIPTOR.services_by_name["RemovalService"].full_name
"""The service's full name, as used by health and reflection."""


class Removals(push_pb2_grpc.RemovalServiceServicer):
    """Answers when no connected client of this control plane may use an address any more."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane

    async def AwaitRemoved(  # noqa: N802  # the stub's name
        self,
        request: push_pb2.AwaitRemovedRequest,
        context: grpc.aio.ServicerContext[push_pb2.AwaitRemovedRequest, push_pb2.AwaitRemovedResponse],
    ) -> push_pb2.AwaitRemovedResponse:
        """Wait, up to the deadline; INVALID_ARGUMENT if the request has no valid address."""
        try:
            matches = _matcher(request.address)
        except ValueError as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        return push_pb2.AwaitRemovedResponse(removal=await self._control_plane.await_removed(matches))


def _matcher(address: str) -> Callable[[Endpoint], bool]:
    """Return a test for the endpoints that an address, with or without a port, means; raises ValueError."""
    try:
        host = str(ipaddress.ip_address(address))
    except ValueError:
        wanted = Endpoint.parse(address)
        return lambda endpoint: endpoint == wanted
    return lambda endpoint: endpoint.host == host
