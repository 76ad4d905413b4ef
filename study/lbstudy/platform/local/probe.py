"""When a pod is Ready: its own health service says SERVING, and went on saying so."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health_pb2

from lbstudy.platform.interface import Probe

CHECK = f"/{health_pb2.DESCRIPTOR.services_by_name['Health'].full_name}/Check"
FIRST_PAUSE = 0.005  # s between attempts
LONGEST_PAUSE = 0.05


@dataclass(frozen=True, slots=True)
class Seen:
    """A pod was seen to serve, or not to serve any more."""

    serves: bool
    at: int  # ns since the Unix epoch
    error: float  # s: it was not so yet so long before


async def watch(address: str, port: int, probe: Probe) -> AsyncIterator[Seen]:
    """Each change of a pod's readiness from its start on: the first is that it serves.

    Until then it is looked at every few milliseconds, so that the instant is known. From then on as
    Kubernetes does: each period, not Ready after so many failures in a row, Ready after one success. All of
    it over one connection, since a new one for each look would cost the pods more than their load.

    Check, as Kubernetes' probes do, and not Watch: a standing watch would be an RPC in flight of the pod
    under study, and opentelemetry-instrumentation-grpc 0.66b2 breaks Watch in a grpc.aio server.
    """
    options = [("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0)]
    last: dict[bool, int] = {False: time.time_ns()}  # when it was last seen to serve, and not to
    pause = FIRST_PAUSE
    while True:
        begun = time.time_ns()
        if await _listens(address, port):
            # A channel of its own for each attempt: one that was refused would wait for a second.
            async with grpc.aio.insecure_channel(f"{address}:{port}", options=options) as channel:
                if await _serves(channel, probe.timeout):
                    now = time.time_ns()
                    yield Seen(True, now, (now - last[False]) / 1e9)
                    async for seen in _go_on(channel, probe):
                        yield seen
        last[False] = begun
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


async def _go_on(channel: grpc.aio.Channel, probe: Probe) -> AsyncIterator[Seen]:
    """Each change of a pod that serves now; does not end."""
    loop = asyncio.get_running_loop()
    ready, failures = True, 0
    last = {True: time.time_ns(), False: 0}
    due = loop.time()
    while True:
        due = max(due + probe.period, loop.time())
        await asyncio.sleep(due - loop.time())
        begun = time.time_ns()
        serves = await _serves(channel, probe.timeout)
        now = time.time_ns()
        failures = 0 if serves else failures + 1
        if serves != ready and (serves or failures >= probe.failures):
            ready = serves
            yield Seen(ready, now, (now - last[not ready]) / 1e9)
        last[serves] = begun


async def _listens(address: str, port: int) -> bool:
    """Whether anything accepts a connection: a channel's own attempts are dear, and a second apart."""
    try:
        _, writer = await asyncio.open_connection(address, port)
    except OSError:
        return False
    writer.close()
    return True


async def _serves(channel: grpc.aio.Channel, timeout: float) -> bool:  # noqa: ASYNC109 - the RPC's own
    check = channel.unary_unary(
        CHECK,
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    try:
        response = await check(health_pb2.HealthCheckRequest(), timeout=timeout)
    except grpc.aio.AioRpcError:
        return False
    return response.status == health_pb2.HealthCheckResponse.SERVING
