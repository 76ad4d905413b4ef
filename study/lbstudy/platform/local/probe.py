"""When a pod is Ready: its own health service says SERVING."""

import asyncio
import time
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health_pb2

WATCH = f"/{health_pb2.DESCRIPTOR.services_by_name['Health'].full_name}/Watch"
FIRST_PAUSE = 0.005  # s between attempts
LONGEST_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Serving:
    """A pod was seen to serve."""

    at: int  # ns since the Unix epoch
    error: float  # s: it did not serve yet so long before


async def wait_serving(address: str, port: int) -> Serving:
    """Wait until the health service (grpc.health.v1 Watch) says SERVING, however long that takes.

    The watch ends there: a standing one would be an RPC in flight of the pod under study.
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
        watch = channel.unary_stream(
            WATCH,
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        call = watch(health_pb2.HealthCheckRequest())
        try:
            async for response in call:
                if response.status == health_pb2.HealthCheckResponse.SERVING:
                    return True
        except grpc.aio.AioRpcError:
            return False
        finally:
            call.cancel()
    return False
