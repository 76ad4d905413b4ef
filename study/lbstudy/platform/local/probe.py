"""Checks whether a pod is Ready: whether its health service, or a simpler sign, says so."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import grpc
from grpc_health.v1 import health_pb2

from lbstudy.direct import NO_PROXY
from lbstudy.platform.interface import Probe
from lbstudy.platform.program import Look, Readiness

CHECK = f"/{health_pb2.DESCRIPTOR.services_by_name['Health'].full_name}/Check"
FIRST_PAUSE = 0.005  # s between attempts
LONGEST_PAUSE = 0.05

Looks = Callable[[float], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class ProbeSeen:
    """A pod was seen to serve, or to have stopped serving."""

    serves: bool
    at: int  # ns since the Unix epoch
    error: float  # s: so long before, it was not so yet


@dataclass(frozen=True, slots=True)
class Secure:
    """What a health check over TLS needs: PEM texts, and the name in the server's certificate."""

    ca: bytes
    key: bytes
    certificate: bytes
    name: str


async def watch(
    address: str, port: int, probe: Probe, readiness: Readiness, since: int, secure: Secure | None = None
) -> AsyncIterator[ProbeSeen]:
    """Yield each change of a pod's readiness from its start; the first is that it serves.

    It did not serve before its start, ``since``, in ns since the Unix epoch; at the first look at it, it may.

    Until then it is checked every few milliseconds, so that the instant is exact. After that it is checked
    like in Kubernetes: once a period, not Ready after so many failures in a row, Ready after one success. All
    checks use one connection, since a new one for each would cost the pods more than their load.

    It uses Check, like Kubernetes' probes, and not Watch: a Watch would be an RPC in flight of the pod under
    study, and opentelemetry-instrumentation-grpc 0.66b2 breaks Watch in a grpc.aio server.
    """
    looked_at = readiness.port or port
    not_yet = since  # when it was last known not to serve
    pause = FIRST_PAUSE
    while True:
        begun = time.time_ns()
        if await listens(address, port):
            # Each attempt has its own channel: a refused channel would wait for a second.
            async with _look(address, looked_at, readiness, secure) as look:
                if await look(probe.timeout):
                    now = time.time_ns()
                    yield ProbeSeen(True, now, (now - not_yet) / 1e9)
                    if readiness.look is Look.NONE:
                        return
                    async for seen in _go_on(look, probe, begun):
                        yield seen
        not_yet = begun
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


async def _go_on(look: Looks, probe: Probe, served: int) -> AsyncIterator[ProbeSeen]:
    """Yield each change of a pod that was seen to serve by a look begun at ``served``; does not end."""
    loop = asyncio.get_running_loop()
    ready, failures = True, 0
    last = {True: served, False: 0}  # when it was last seen to serve, and not to
    due = loop.time()
    while True:
        due = max(due + probe.period, loop.time())
        await asyncio.sleep(due - loop.time())
        begun = time.time_ns()
        serves = await look(probe.timeout)
        now = time.time_ns()
        failures = 0 if serves else failures + 1
        if serves != ready and (serves or failures >= probe.failures):
            ready = serves
            yield ProbeSeen(ready, now, (now - last[not ready]) / 1e9)
        last[serves] = begun


@asynccontextmanager
async def _look(address: str, port: int, readiness: Readiness, secure: Secure | None) -> AsyncIterator[Looks]:
    """Yield a function that checks the pod once, within a time-out, and returns whether it serves."""
    match readiness.look:
        case Look.GRPC:
            async with _channel(f"{address}:{port}", secure) as channel:
                yield partial(_serves, channel, readiness.service)
        case Look.HTTP:
            yield partial(answers, address, port, readiness.path)
        case Look.TCP | Look.NONE:
            yield partial(_accepts, address, port)


def _channel(target: str, secure: Secure | None) -> grpc.aio.Channel:
    options: list[tuple[str, int | str]] = [("grpc.use_local_subchannel_pool", 1), NO_PROXY]
    if secure is None:
        return grpc.aio.insecure_channel(target, options=options)
    credentials = grpc.ssl_channel_credentials(secure.ca, secure.key, secure.certificate)
    options.append(("grpc.ssl_target_name_override", secure.name))
    return grpc.aio.secure_channel(target, credentials, options=options)


async def _accepts(address: str, port: int, timeout: float) -> bool:  # noqa: ASYNC109 - the probe's own
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            return await listens(address, port)
    return False


async def answers(address: str, port: int, path: str, timeout: float) -> bool:  # noqa: ASYNC109 - the same
    """Return whether a path answers with a status from 200 to 399, like Kubernetes' httpGet."""
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(address, port)
            try:
                request = f"GET {path} HTTP/1.1\r\nHost: {address}:{port}\r\nConnection: close\r\n\r\n"
                writer.write(request.encode("ascii"))
                version, status, *_ = (await reader.readline()).split(None, 2)
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return False
    return version.startswith(b"HTTP/1.") and status.isdigit() and 200 <= int(status) < 400


async def listens(address: str, port: int) -> bool:
    """Return whether the port accepts a connection: gRPC's own attempts cost more, and are a second apart."""
    try:
        _, writer = await asyncio.open_connection(address, port)
    except OSError:
        return False
    writer.close()
    return True


async def _serves(channel: grpc.aio.Channel, service: str, timeout: float) -> bool:  # noqa: ASYNC109 - the RPC's own
    check = channel.unary_unary(
        CHECK,
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    try:
        response = await check(health_pb2.HealthCheckRequest(service=service), timeout=timeout)
    except grpc.aio.AioRpcError:
        return False
    return response.status == health_pb2.HealthCheckResponse.SERVING
