"""How a pod ends: what Kubernetes asks for with SIGTERM, in the order that loses no RPC."""

import asyncio
import signal
from types import FrameType

import grpc
from grpc_health.v1 import health

from greeter.events import emit


class Termination:
    """SIGTERM (or SIGINT) from the first moment on, also before there is an event loop.

    Whoever starts the program may have it started with SIGTERM blocked, so that none can end it half-way:
    the signal is let through as soon as it is handled.
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
        # asyncio's own handler wakes the loop; one of Python's alone would wait for the next event.
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
    """NOT_SERVING at once, ``wait`` seconds of service as before, GOAWAY, ``grace`` seconds for open RPCs.

    The wait is for clients to hear that this server goes away (through DNS, say) while it still answers.
    Every RPC that the server works on has the grace. One that crosses the GOAWAY on its way, or that gRPC has
    received and not yet handed to the program, is CANCELLED by gRPC: that is part of what is studied.
    """
    emit("draining")
    await health_servicer.enter_graceful_shutdown()
    if wait:
        await asyncio.sleep(wait)
    await server.stop(grace)
