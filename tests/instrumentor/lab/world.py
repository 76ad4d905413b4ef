"""A client and a server of either stack, and what the client was told."""

# ruff: noqa: ANN401, ASYNC109  # calls are grpc's of either stack; time-outs are gRPC's deadlines

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio

from tests.instrumentor.lab.echo import GUARD, Echo, path


@dataclass(frozen=True)
class Answer:
    """How an RPC ended, as its application saw it."""

    code: grpc.StatusCode
    messages: list[bytes] = field(default_factory=list)
    initial: dict[str, str] = field(default_factory=dict)
    trailing: dict[str, str] = field(default_factory=dict)


class World:
    """One server, one channel."""

    def __init__(self, client: str, server: str) -> None:
        self.client = client
        self.server_stack = server
        self.echo = Echo("echo-the-application")
        self.address = ""
        self.channel: Any = None
        self.server: Any = None
        self.pool: ThreadPoolExecutor | None = None

    async def __aenter__(self) -> Self:
        await self.serve()
        self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.echo.release.set()
        await self.disconnect()
        await self.stop()

    async def serve(self) -> None:
        if self.server_stack == "aio":
            self.server = grpc.aio.server()
            self.server.add_generic_rpc_handlers((self.echo.aio_handlers(),))
        else:
            self.pool = ThreadPoolExecutor(4)
            self.server = grpc.server(self.pool)
            self.server.add_generic_rpc_handlers((self.echo.handlers(),))
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        if self.server_stack == "aio":
            await self.server.start()
        else:
            self.server.start()

    def connect(self, address: str | None = None) -> None:
        options = [("grpc.use_local_subchannel_pool", 1)]
        module = grpc.aio if self.client == "aio" else grpc
        self.channel = module.insecure_channel(address or self.address, options)

    async def disconnect(self) -> None:
        if self.channel is not None:
            closing = self.channel.close()
            if self.client == "aio":
                await closing
            self.channel = None

    async def stop(self) -> None:
        """Stop the server and wait for its handlers: all its spans have ended then."""
        if self.server is not None:
            if self.server_stack == "aio":
                await self.server.stop(GUARD)
            else:
                await asyncio.to_thread(self.server.stop(GUARD).wait)
                # A synchronous server has stopped once its RPCs have ended: the handler of one that was
                # cancelled may work on.
                assert self.pool is not None
                await asyncio.to_thread(self.pool.shutdown)
            self.server = None

    async def ask(self, kind: str, order: str, timeout: float | None = GUARD, metadata: Any = None) -> Answer:
        if self.client == "aio":
            return await aio_ask(self.channel, kind, order, timeout, metadata)
        return await asyncio.to_thread(sync_ask, self.channel, kind, order, timeout, metadata)


def requests(kind: str, order: str) -> bytes | Iterator[bytes]:
    request = order.encode()
    return iter((request, b"ok")) if kind.startswith("stream") else request


async def aio_requests(order: str) -> AsyncIterator[bytes]:
    yield order.encode()
    yield b"ok"


def aio_start(channel: Any, kind: str, order: str, timeout: float | None, metadata: Any = None) -> Any:
    request = aio_requests(order) if kind.startswith("stream") else order.encode()
    return getattr(channel, kind)(path(kind))(request, timeout=timeout, metadata=metadata)


async def aio_ask(channel: Any, kind: str, order: str, timeout: float | None, metadata: Any = None) -> Answer:
    call = aio_start(channel, kind, order, timeout, metadata)
    messages = []
    try:
        if kind.endswith("unary"):
            messages.append(await call)
        else:
            async for message in call:
                messages.append(message)  # noqa: PERF401  # those before an error count
    except grpc.aio.AioRpcError as error:
        return Answer(
            error.code(), messages, _dict(error.initial_metadata()), _dict(error.trailing_metadata())
        )
    return Answer(
        await call.code(),
        messages,
        _dict(await call.initial_metadata()),
        _dict(await call.trailing_metadata()),
    )


def sync_ask(channel: Any, kind: str, order: str, timeout: float | None, metadata: Any = None) -> Answer:
    callable_ = getattr(channel, kind)(path(kind))
    messages = []
    try:
        if kind.endswith("unary"):
            message, call = callable_.with_call(requests(kind, order), timeout=timeout, metadata=metadata)
            messages.append(message)
        else:
            call = callable_(requests(kind, order), timeout=timeout, metadata=metadata)
            for message in call:
                messages.append(message)  # noqa: PERF402  # those before an error count
    except grpc.RpcError as raised:
        error: Any = raised  # a Call as well, which its type does not say
        return Answer(
            error.code(), messages, _dict(error.initial_metadata()), _dict(error.trailing_metadata())
        )
    if not hasattr(call, "code"):  # upstream makes a generator of a unary-stream call
        return Answer(grpc.StatusCode.OK, messages)
    return Answer(call.code(), messages, _dict(call.initial_metadata()), _dict(call.trailing_metadata()))


def _dict(metadata: Any) -> dict[str, str]:
    return dict(metadata or ())
