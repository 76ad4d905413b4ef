"""The open loop: sends each RPC when it is due, and never waits for an answer to do so."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import grpc

from greeter.client.schedule import Due, Schedule
from greeter.client.tally import Tally
from greeter.v1 import greeter_pb2, greeter_pb2_grpc

SCHEDULED_METADATA = "x-scheduled-unix-nano"
"""Request metadata: the instant at which the RPC was due, in nanoseconds since the Unix epoch, decimal."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the load."""

    timeout: float  # s, an RPC's deadline
    max_in_flight: int  # RPCs of one client
    max_lateness: float  # s; an RPC that could only be sent later is not sent at all


class Load:
    """Runs a schedule over channels, one a client."""

    def __init__(self, channels: Sequence[grpc.aio.Channel], schedule: Schedule, limits: Limits) -> None:
        self._stubs = [greeter_pb2_grpc.GreeterServiceStub(channel) for channel in channels]
        self._schedule = schedule
        self._limits = limits
        self._in_flight = [0] * len(channels)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._awake: asyncio.Future[None] | None = None
        self.tally = Tally()

    def stop(self) -> None:
        """End the schedule now: what is not due yet is never scheduled."""
        self._stopped = True
        if self._awake is not None:
            _wake(self._awake)

    async def run(self, start_at: float) -> float:
        """Send until the schedule's end, then wait for what is in flight, no longer than its deadline.

        Args:
            start_at: the schedule's zero, seconds since the Unix epoch.

        Returns:
            The seconds that the schedule ran: its duration, or less when it was stopped.
        """
        loop = asyncio.get_running_loop()
        # The wall clock is read once: a step of it must not move the schedule.
        zero = loop.time() + (start_at - time.time())
        zero_unix_nano = round(start_at * 1e9)
        for due in self._schedule:
            delay = zero + due.at - loop.time()
            if delay > 0:
                await self._sleep(delay)
            elif len(self.tally.lateness) % 16 == 15:
                await asyncio.sleep(0)  # far behind: let answers in, or catching up would starve them
            if self._stopped:
                break
            self._send(due, zero, zero_unix_nano)
        else:
            await self._sleep(zero + self._schedule.duration - loop.time())
        elapsed = min(self._schedule.duration, max(0.0, loop.time() - zero))
        await self._finish()
        return elapsed

    def _send(self, due: Due, zero: float, zero_unix_nano: int) -> None:
        lateness = asyncio.get_running_loop().time() - (zero + due.at)
        if lateness > self._limits.max_lateness or self._in_flight[due.client] >= self._limits.max_in_flight:
            self.tally.not_sent += 1
            return
        call = self._stubs[due.client].SayHello(
            greeter_pb2.SayHelloRequest(name=f"client-{due.client}"),
            timeout=self._limits.timeout,
            metadata=((SCHEDULED_METADATA, str(zero_unix_nano + round(due.at * 1e9))),),
        )
        self.tally.lateness.append(max(0.0, lateness))
        self._in_flight[due.client] += 1
        task = asyncio.ensure_future(self._answer(call, due.client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(
        self,
        call: grpc.aio.UnaryUnaryCall[greeter_pb2.SayHelloRequest, greeter_pb2.SayHelloResponse],
        client: int,
    ) -> None:
        try:
            response = await call
        except grpc.aio.AioRpcError as error:
            self.tally.by_code[error.code().name] += 1
        except asyncio.CancelledError:
            self.tally.by_code["CANCELLED"] += 1
        else:
            self.tally.by_code["OK"] += 1
            self.tally.by_server[response.pod_name] += 1
        finally:
            self._in_flight[client] -= 1

    async def _sleep(self, delay: float) -> None:
        if delay > 0 and not self._stopped:
            loop = asyncio.get_running_loop()
            self._awake = loop.create_future()
            timer = loop.call_later(delay, _wake, self._awake)
            try:
                await self._awake
            finally:
                timer.cancel()

    async def _finish(self) -> None:
        if self._tasks:
            # Each RPC has its deadline; the second beyond is for answers on their way through the loop.
            _, pending = await asyncio.wait(self._tasks, timeout=self._limits.timeout + 1)
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending)


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)
