"""Streams of a load: which calls are streams, how long each is open, and what it carries."""

import asyncio
import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc

from greeter.client.metadata import Metadata
from greeter.pace import beats

_SLACK = 1e-9  # so that 10 × 0.1 counts as 1
KINDS = ("server", "client", "bidi")
"""Who sends messages: the server, the client, or both."""


@dataclass(frozen=True, slots=True)
class StreamPlan:
    """The streams among the calls of a load."""

    kind: str  # one of KINDS
    rate: float  # messages/s of a stream
    life: float  # s that a stream stays open
    share: float = 1.0  # of the calls that are streams

    def takes(self, number: int, seed: str = "") -> bool:
        """Return whether a client's call with this number is a stream.

        One of every 1 ÷ share calls is a stream, at a random place. If they were evenly spaced, round_robin
        would give all streams of a client to the same servers: with two servers, every fourth call goes to
        one of them.

        Args:
            number: the number of the client's call, from 0.
            seed: the client's seed, so that clients draw different places.
        """
        stratum = math.floor(number * self.share + _SLACK)
        first = math.ceil(stratum / self.share - _SLACK)
        end = math.ceil((stratum + 1) / self.share - _SLACK)
        return number == first + random.Random(f"{seed} {stratum}").randrange(end - first)


@dataclass(slots=True)
class MessagesOfStream:
    """The messages of one stream.

    Attributes:
        sent: passed to gRPC; if the stream breaks, some may never arrive.
        received: read.
        server: the pod that a message named; "" until one did.
    """

    sent: int = 0
    received: int = 0
    server: str = ""


StreamCall = Callable[[float, float, Metadata, MessagesOfStream], Awaitable[str]]
"""A stream of one client; takes its life and its deadline in seconds, its metadata, and where to count.

It returns the name of the server, or "", and raises ``grpc.aio.AioRpcError`` for any end other than OK. It
must have sent the call before it first waits.
"""


@dataclass(slots=True)
class TallyOfStreams:
    """The messages of all streams of a client program, as it counted them."""

    count: int = 0  # streams that ended
    failed: int = 0  # of these, with another code than OK
    sent: int = 0  # messages passed to gRPC
    sent_whole: Counter[str] = field(default_factory=Counter)  # by pod, on streams that ended with OK
    received: Counter[str] = field(default_factory=Counter)  # by pod
    received_whole: Counter[str] = field(default_factory=Counter)  # by pod, on streams that ended with OK

    def ended(self, messages: MessagesOfStream, server: str, *, ok: bool) -> None:
        """Add the messages of a stream that ended; ``server`` is the pod that its end named, or ""."""
        pod = server or messages.server
        self.count += 1
        self.failed += not ok
        self.sent += messages.sent
        if messages.received:
            self.received[pod] += messages.received
        if ok:
            self.sent_whole[pod] += messages.sent
            self.received_whole[pod] += messages.received

    def report(self) -> dict[str, object]:
        """Return the tally as it is printed: the fields of the study's StreamTally."""
        return {
            "count": self.count,
            "failed": self.failed,
            "sent": self.sent,
            "sent_whole": dict(self.sent_whole),
            "received": dict(self.received),
            "received_whole": dict(self.received_whole),
        }


class Writing:
    """Writes to a stream at its pace while another task reads it, and knows how the stream ended.

    If a stream ends while a message is being written, grpc.aio reports INTERNAL instead of the code that it
    reported before (grpcio 1.85). Here the first code counts.
    """

    def __init__(self, call: Any, request_of: Callable[[int], Any], plan: StreamPlan) -> None:  # noqa: ANN401 - of any message
        self._call = call  # grpc.aio's StreamUnaryCall or StreamStreamCall, made without a request iterator
        self._request_of = request_of
        self._plan = plan
        self._first: grpc.StatusCode | None = None
        call.add_done_callback(self._ended)

    async def write(self, life: float, counted: MessagesOfStream) -> None:
        """Write until the stream's life is over or it has ended; then half-close it."""
        try:
            async for number in beats(self._plan.rate, life):
                if self._call.done():
                    return
                counted.sent += 1
                await self._call.write(self._request_of(number))
            await self._call.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return  # it has ended; the reader sees how

    async def converse(self, life: float, counted: MessagesOfStream, read: Callable[[Any], None]) -> None:
        """Write and read at the same time, until the stream's end. Raises ``grpc.aio.AioRpcError``."""
        writer = asyncio.ensure_future(self.write(life, counted))
        try:
            async for message in self._call:
                read(message)
        except grpc.aio.AioRpcError as error:
            raise self._corrected(error) from error
        finally:
            writer.cancel()

    async def collect(self, life: float, counted: MessagesOfStream) -> Any:  # noqa: ANN401 - of any message
        """Write, and return the single answer. Raises ``grpc.aio.AioRpcError``."""
        await self.write(life, counted)
        try:
            return await self._call
        except grpc.aio.AioRpcError as error:
            raise self._corrected(error) from error

    def _ended(self, call: Any) -> None:  # noqa: ANN401 - the same
        if self._first is None:
            code = call.code()
            try:
                code.send(None)
            except StopIteration as returned:  # returned without waiting, as the call has ended
                self._first = returned.value
            finally:
                code.close()

    def _corrected(self, error: grpc.aio.AioRpcError) -> grpc.aio.AioRpcError:
        if self._first in {None, error.code(), grpc.StatusCode.OK}:
            return error
        assert self._first is not None
        return grpc.aio.AioRpcError(
            self._first, error.initial_metadata(), error.trailing_metadata(), error.details()
        )
