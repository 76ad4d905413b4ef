"""Ports of the cluster's Services on this machine, through the API, as `kubectl port-forward` has them."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import httpx2
from httpx2.websockets import AsyncWebSocketSession, HTTPXWSException

from lbstudy.platform.interface import PlatformError
from lbstudy.platform.kubernetes.api import Cluster
from lbstudy.platform.kubernetes.stream import forward

_CHUNK: Final = 65_536
_DATA: Final = 0  # channel; each begins with a frame of two bytes, the port
_OPENING: Final = 10.0  # s, for a pod to be found and reached


class PortForward:
    """Listens on a free port of 127.0.0.1; each connection goes to the pod that is chosen for it then.

    So a pod that is replaced costs the connections to it, and the next one is to its successor.

    Args:
        cluster: whose.
        port: the pod's.
        choose: names the pod of a new connection; raises PlatformError when there is none.
    """

    def __init__(self, cluster: Cluster, port: int, choose: Callable[[], Awaitable[str]]) -> None:
        self._cluster = cluster
        self._port = port
        self._choose = choose
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.failure = ""  # why the last connection could not be made

    async def start(self) -> str:
        """Begin to listen; returns "127.0.0.1:PORT"."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        return f"{host}:{port}"

    async def aclose(self) -> None:
        """End every connection and stop listening."""
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
            pass  # nobody waits for this task but aclose
        finally:
            self._connections.discard(task)
            writer.close()


async def _pump(
    session: AsyncWebSocketSession, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Pass bytes on in both directions until either end is closed."""
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
                begun.add(channel)  # the port
            elif channel != _DATA:
                return  # the kubelet's word why it could not connect
            else:
                writer.write(data)
                await writer.drain()
