"""When a pod is Ready: its own health service says SERVING."""

import asyncio
import time
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health_pb2

CHECK = f"/{health_pb2.DESCRIPTOR.services_by_name['Health'].full_name}/Check"
FIRST_PAUSE = 0.005  # s between attempts
LONGEST_PAUSE = 0.05
CHECK_TIMEOUT = 1.0


@dataclass(frozen=True, slots=True)
class Serving:
    """A pod was seen to serve."""

    at: int  # ns since the Unix epoch
    error: float  # s: it did not serve yet so long before


async def wait_serving(address: str, port: int) -> Serving:
    """Wait until the health service (grpc.health.v1, Check) says SERVING, however long that takes.

    Check, as Kubernetes' probes do, and not Watch: a standing watch would be an RPC in flight of the pod
    under study, and opentelemetry-instrumentation-grpc 0.66b2 breaks Watch in a grpc.aio server.
    """
    pause = FIRST_PAUSE
    not_yet = time.time_ns()
    while True:
        attempt = time.time_ns()
        if await _listens(address, port) and await _serves(f"{address}:{port}"):
            now = time.time_ns()
            return Serving(now, (now - not_yet) / 1e9)
        not_yet = attempt
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


async def _listens(address: str, port: int) -> bool:
    """Whether anything accepts a connection: a channel's own attempts are dear, and a second apart."""
    try:
        _, writer = await asyncio.open_connection(address, port)
    except OSError:
        return False
    writer.close()
    return True


async def _serves(target: str) -> bool:
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
    async with grpc.aio.insecure_channel(target, options=options) as channel:
        check = channel.unary_unary(
            CHECK,
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            response = await check(health_pb2.HealthCheckRequest(), timeout=CHECK_TIMEOUT)
        except grpc.aio.AioRpcError:
            return False
    return response.status == health_pb2.HealthCheckResponse.SERVING
