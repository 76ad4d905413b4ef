"""How a pod ends after SIGTERM: in the order that loses no RPC."""

import asyncio
import signal
from types import FrameType

import grpc
from grpc_health.v1 import health

from greeter.events import emit


class Termination:
    """Handles SIGTERM (or SIGINT) from the first moment on, also before there is an event loop.

    The program may be started with SIGTERM blocked, so that the signal cannot end it half-way. It is
    unblocked as soon as it is handled.
    """

    def __init__(self) -> None:
        self._requested = False
        self._event: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGINT})

    async def wait(self) -> None:
        """Return once the signal has come."""
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        # asyncio's own handler wakes the loop; a plain Python handler would wait for the next event.
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._event.set)
        if self._requested:
            return
        await self._event.wait()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  # signal's signature
        self._requested = True


async def drain(
    server: grpc.aio.Server, health_servicer: health.aio.HealthServicer, wait: float, grace: float
) -> None:
    """Report NOT_SERVING at once, serve for ``wait`` seconds, send GOAWAY, give open RPCs ``grace`` seconds.

    During the wait, clients learn (from DNS, say) that this server is going away, while it still answers.
    Every RPC that the server is handling has the grace. An RPC that crosses the GOAWAY, or that gRPC has
    received and not yet passed to the program, is CANCELLED by gRPC: that is part of what is studied.
    """
    emit("draining")
    await health_servicer.enter_graceful_shutdown()
    if wait:
        await asyncio.sleep(wait)
    await server.stop(grace)
