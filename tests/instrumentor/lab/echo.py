"""The application: a service of all four call kinds that does as the request says, sync and aio."""

# ruff: noqa: ANN401  # contexts are grpc's of either stack

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc

SERVICE = "lb.test.EchoService"
KINDS = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
GUARD = 120.0  # s; nothing waits so long unless it hangs


def path(kind: str) -> str:
    return f"/{SERVICE}/{kind}"


class Status(grpc.Status):
    """What abort_with_status takes."""

    code = grpc.StatusCode.DATA_LOSS
    details = "lost"
    trailing_metadata = (("app-trailing", "status"),)


class Echo:
    """Says who it is, and counts what it did."""

    def __init__(self, identity: str) -> None:
        self.identity = identity.encode()
        self.begun: list[str] = []
        self.arrivals = threading.Semaphore(0)  # one for each handler that has begun
        self.working = threading.Event()  # a handler has begun to work, and waits
        self.release = threading.Event()  # lets the work be done

    # --- synchronous ---

    def handlers(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "unary_unary": grpc.unary_unary_rpc_method_handler(self._unary),
                "unary_stream": grpc.unary_stream_rpc_method_handler(self._stream),
                "stream_unary": grpc.stream_unary_rpc_method_handler(
                    lambda requests, context: self._unary(_first(requests), context)
                ),
                "stream_stream": grpc.stream_stream_rpc_method_handler(
                    lambda requests, context: self._stream(_first(requests), context)
                ),
            },
        )

    def _unary(self, request: bytes, context: Any) -> bytes:
        self._act(request.decode(), context)
        return self.identity

    def _stream(self, request: bytes, context: Any) -> Iterator[bytes]:
        order, _, when = request.decode().partition("@")
        for number in range(3):
            if when in ("", str(number)):
                self._act(order, context)
                when = "done"
            yield self.identity

    def _act(self, order: str, context: Any) -> None:
        self.begun.append(order)
        self.arrivals.release()
        match order:
            case "abort":
                context.abort(grpc.StatusCode.NOT_FOUND, "not here")
            case "abort-trailing":
                context.set_trailing_metadata((("app-trailing", "abort"),))
                context.abort(grpc.StatusCode.NOT_FOUND, "not here")
            case "abort-status":
                context.abort_with_status(Status())
            case "exception":
                raise ValueError("the application is wrong")
            case "set-code":
                context.set_code(grpc.StatusCode.RESOURCE_EXHAUSTED)
                context.set_details("no more")
            case "metadata":
                context.send_initial_metadata((("app-initial", "yes"),))
                context.set_trailing_metadata((("app-trailing", "yes"),))
            case "work":
                if not context.add_callback(self.release.set):  # the RPC is over already
                    self.release.set()
                self.working.set()
                assert self.release.wait(GUARD)
            case "late":
                self.working.set()
                assert self.release.wait(GUARD)
                context.send_initial_metadata((("app-initial", "late"),))
                context.set_trailing_metadata((("app-trailing", "late"),))

    # --- asynchronous ---

    def aio_handlers(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            SERVICE,
            {
                "unary_unary": grpc.unary_unary_rpc_method_handler(self._aio_unary),
                "unary_stream": grpc.unary_stream_rpc_method_handler(self._aio_stream),
                "stream_unary": grpc.stream_unary_rpc_method_handler(self._aio_stream_unary),
                "stream_stream": grpc.stream_stream_rpc_method_handler(self._aio_stream_stream),
            },
        )

    async def _aio_unary(self, request: bytes, context: Any) -> bytes:
        await self._aio_act(request.decode(), context)
        return self.identity

    async def _aio_stream(self, request: bytes, context: Any) -> AsyncIterator[bytes]:
        order, _, when = request.decode().partition("@")
        for number in range(3):
            if when in ("", str(number)):
                await self._aio_act(order, context)
                when = "done"
            yield self.identity

    async def _aio_stream_unary(self, requests: AsyncIterator[bytes], context: Any) -> bytes:
        return await self._aio_unary(await _aio_first(requests), context)

    async def _aio_stream_stream(
        self, requests: AsyncIterator[bytes], context: Any
    ) -> None:  # written, not yielded
        async for message in self._aio_stream(await _aio_first(requests), context):
            await context.write(message)

    async def _aio_act(self, order: str, context: Any) -> None:
        self.begun.append(order)
        self.arrivals.release()
        match order:
            case "abort":
                await context.abort(grpc.StatusCode.NOT_FOUND, "not here")
            case "abort-trailing":
                await context.abort(
                    grpc.StatusCode.NOT_FOUND, "not here", trailing_metadata=(("app-trailing", "abort"),)
                )
            case "abort-status":
                await context.abort_with_status(Status())
            case "exception":
                raise ValueError("the application is wrong")
            case "set-code":
                context.set_code(grpc.StatusCode.RESOURCE_EXHAUSTED)
                context.set_details("no more")
            case "metadata":
                await context.send_initial_metadata((("app-initial", "yes"),))
                context.set_trailing_metadata((("app-trailing", "yes"),))
            case "work":
                self.working.set()
                await asyncio.sleep(GUARD)
            case "late":
                self.working.set()
                await asyncio.to_thread(self.release.wait, GUARD)
                await context.send_initial_metadata((("app-initial", "late"),))
                context.set_trailing_metadata((("app-trailing", "late"),))


# All requests are read before the first is obeyed: gRPC fails a client that is still sending with a code of
# its own (INTERNAL, CANCELLED), depending on what comes first.


def _first(requests: Iterator[bytes]) -> bytes:
    first, *_ = requests
    return first


async def _aio_first(requests: AsyncIterator[bytes]) -> bytes:
    first, *_ = [request async for request in requests]
    return first
