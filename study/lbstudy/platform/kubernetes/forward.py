"""Forwards ports of the cluster's Services to this machine, like `kubectl port-forward`."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import httpx2
from httpx2.websockets import AsyncWebSocketSession, HTTPXWSException
from lightkube.resources.core_v1 import Pod, Service

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes.api import Cluster, api_errors
from lbstudy.platform.kubernetes.stream import forward

_CHUNK: Final = 65_536
_DATA: Final = 0  # channel; each channel begins with a frame of two bytes, the port
_OPENING: Final = 10.0  # s to find a pod and connect to it


class PortForward:
    """Listens on a free port of 127.0.0.1. For each connection it chooses a pod anew.

    So if a pod is replaced, its connections end, and the next one goes to its successor.

    Args:
        cluster: the cluster.
        port: the pod's port.
        choose: returns the pod for a new connection; raises PlatformError if there is none.
    """

    def __init__(self, cluster: Cluster, port: int, choose: Callable[[], Awaitable[str]]) -> None:
        self._cluster = cluster
        self._port = port
        self._choose = choose
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.failure = ""  # why the last connection failed

    async def start(self) -> str:
        """Start to listen; returns "127.0.0.1:PORT"."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def aclose(self) -> None:
        """Close every connection and stop listening."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            async with asyncio.timeout(_OPENING) as opening:
                pod = await self._choose()
                async with forward(self._cluster, pod, self._port) as session:
                    opening.reschedule(None)
                    self.failure = ""
                    await _pump(session, reader, writer)
        except PlatformError as error:
            self.failure = str(error)
        except (HTTPXWSException, httpx2.HTTPError, OSError, TimeoutError, BaseExceptionGroup) as error:
            self.failure = " ".join(str(error).split()) or type(error).__name__
        except asyncio.CancelledError:
            pass  # only aclose waits for this task
        finally:
            self._connections.discard(task)
            writer.close()


async def _pump(
    session: AsyncWebSocketSession, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Pass bytes in both directions until either end is closed."""
    out = asyncio.create_task(_send(session, reader))
    back = asyncio.create_task(_receive(session, writer))
    try:
        await asyncio.wait({out, back}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        out.cancel()
        back.cancel()
        await asyncio.gather(out, back, return_exceptions=True)


async def _send(session: AsyncWebSocketSession, reader: asyncio.StreamReader) -> None:
    while chunk := await reader.read(_CHUNK):
        await session.send_bytes(bytes((_DATA,)) + chunk)


async def _receive(session: AsyncWebSocketSession, writer: asyncio.StreamWriter) -> None:
    begun: set[int] = set()
    with suppress(HTTPXWSException):
        while True:
            frame = await session.receive_bytes()
            channel, data = frame[0], frame[1:]
            if channel not in begun:
                begun.add(channel)  # the frame with the port
            elif channel != _DATA:
                return  # the kubelet says why it could not connect
            else:
                writer.write(data)
                await writer.drain()


async def ready_pod(cluster: Cluster, service: str) -> str:
    """Return the name of a Ready pod of a Service. Raises PlatformError if there is none."""
    with api_errors(f"looking for Service {service}"):
        # Given explicitly: a cluster's namespace may differ from that of its client's configuration.
        current = await cluster.objects.get(Service, service, namespace=cluster.namespace)
        selector = (current.spec.selector if current.spec else None) or {}
        if not selector:
            raise PlatformError(f"Service {service} selects no pods")
        async for pod in cluster.objects.list(Pod, namespace=cluster.namespace, labels=selector):
            if _is_ready(pod):
                assert pod.metadata is not None
                return str(pod.metadata.name)
    raise PlatformError(f"no pod of Service {service} is Ready")


def _is_ready(pod: Pod) -> bool:
    if pod.metadata is None or pod.metadata.deletionTimestamp is not None:
        return False
    conditions = (pod.status.conditions if pod.status else None) or []
    return any(condition.type == "Ready" and condition.status == "True" for condition in conditions)
