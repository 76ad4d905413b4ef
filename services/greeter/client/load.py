"""The open loop: sends each RPC when it is due, and never waits for an answer before the next one."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import grpc

from greeter.client.metadata import SCHEDULED_METADATA, Metadata
from greeter.client.schedule import Due, Schedule
from greeter.client.streams import MessagesOfStream, StreamCall, StreamPlan, TallyOfStreams
from greeter.client.tally import Tally

Call = Callable[[float, Metadata], Awaitable[str]]
"""An RPC of one client; takes its deadline in seconds and its metadata.

It returns the name of the server that answered, or "" if the answer has none. It raises
``grpc.aio.AioRpcError`` for any other end. It must have sent the RPC before it first waits.
"""


@dataclass(frozen=True, slots=True)
class Calls:
    """What the clients call: an RPC with one answer for each client, and a stream if there are streams."""

    rpcs: Sequence[Call]
    streams: Sequence[StreamCall] = ()
    plan: StreamPlan | None = None  # None: no streams


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of the load."""

    timeout: float  # s, an RPC's deadline
    max_in_flight: int  # RPCs of one client at a time
    max_lateness: float  # s; an RPC that is later than this is not sent at all


class Load:
    """Runs a schedule: makes each call when it is due.

    A stream that would outlive the load ends with it.
    """

    def __init__(self, calls: Calls, schedule: Schedule, limits: Limits) -> None:
        self._calls = calls
        self._schedule = schedule
        self._limits = limits
        self._in_flight = [0] * schedule.clients
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped = False
        self._awake: asyncio.Future[None] | None = None
        self.tally = Tally(streams=None if calls.plan is None else TallyOfStreams())

    def stop(self) -> None:
        """End the schedule now: calls that are not due yet are never scheduled."""
        self._stopped = True
        if self._awake is not None:
            _wake(self._awake)

    async def run(self, start_at: float) -> float:
        """Send until the schedule's end, then wait for what is in flight, at most until its deadline.

        Args:
            start_at: when the schedule begins, in seconds since the Unix epoch.

        Returns:
            The seconds that the schedule ran: its duration, or less if it was stopped.
        """
        loop = asyncio.get_running_loop()
        # Read the wall clock only once: a step of it must not move the schedule.
        zero = loop.time() + (start_at - time.time())
        zero_unix_nano = round(start_at * 1e9)
        for due in self._schedule:
            delay = zero + due.at - loop.time()
            if delay > 0:
                await self._sleep(delay)
            elif len(self.tally.lateness) % 16 == 15:
                await asyncio.sleep(0)  # far behind: let answers in, which catching up would delay
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
        scheduled = (SCHEDULED_METADATA, str(zero_unix_nano + round(due.at * 1e9)))
        messages, call = self._call(due, (scheduled,))
        self.tally.lateness.append(max(0.0, lateness))
        self._in_flight[due.client] += 1
        task = asyncio.ensure_future(self._answer(call, due.client, messages))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _call(self, due: Due, metadata: Metadata) -> tuple[MessagesOfStream | None, Awaitable[str]]:
        """Send what is due; for a stream, also returns where its messages are counted."""
        plan, timeout = self._calls.plan, self._limits.timeout
        if plan is None or not plan.takes(due.number, f"{self._schedule.seed} {due.client}"):
            return None, self._calls.rpcs[due.client](timeout, metadata)
        messages = MessagesOfStream()
        life = min(plan.life, self._schedule.duration - due.at)
        return messages, self._calls.streams[due.client](life, life + timeout, metadata, messages)

    async def _answer(self, call: Awaitable[str], client: int, messages: MessagesOfStream | None) -> None:
        code, server = "CANCELLED", ""
        try:
            server = await call
            code = "OK"
        except grpc.aio.AioRpcError as error:
            code = error.code().name
        except asyncio.CancelledError:
            pass
        finally:
            self.tally.ended(code, server, messages)
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
            # Each RPC has its deadline; one more second is for answers that are already in the event loop.
            _, pending = await asyncio.wait(self._tasks, timeout=self._limits.timeout + 1)
            for task in pending:
                task.cancel()
            if pending:
                await asyncio.wait(pending)


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)
