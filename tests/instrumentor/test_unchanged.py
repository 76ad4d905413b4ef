"""What a program does and is told is the same with and without: gRPC bare is the referee of each test.

Each runs three times: nothing instrumented, ours alone, and ours beside upstream's.
"""

# ruff: noqa: ANN401  # calls and contexts are grpc's of either stack

import asyncio
import contextlib
import json
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc.experimental
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as aio_health
from grpc_lb_instrumentor import names
from grpc_lb_instrumentor.records import Unnamed
from opentelemetry.trace import SpanKind

from tests.instrumentor.lab.echo import GUARD
from tests.instrumentor.lab.telemetry import POD, Telemetry

SERVICE = "lb.test.Odd"
RETRY = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.01s",
                    "maxBackoff": "0.01s",
                    "backoffMultiplier": 1,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ]
    }
)


@pytest.fixture(params=["bare", "ours", "both"])
def mode(request: pytest.FixtureRequest, bare: Telemetry) -> str:
    if request.param == "both":
        bare.instrument_upstream()
    if request.param != "bare":
        bare.instrument_ours()
    return str(request.param)


def method(name: str) -> str:
    return f"/{SERVICE}/{name}"


def generic(**handlers: Any) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


@contextlib.contextmanager
def sync_server(*handlers: grpc.GenericRpcHandler, **options: Any) -> Iterator[str]:
    pool = ThreadPoolExecutor(4)
    server = grpc.server(pool, **options)
    server.add_generic_rpc_handlers(handlers)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(GUARD).wait()
        pool.shutdown()


@contextlib.asynccontextmanager
async def aio_server(*handlers: grpc.GenericRpcHandler, **options: Any) -> AsyncIterator[str]:
    server = grpc.aio.server(**options)
    server.add_generic_rpc_handlers(handlers)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(GUARD)


def sync_channel(address: str) -> Any:
    return grpc.insecure_channel(address)


def aio_channel(address: str, *options: Any, **others: Any) -> Any:
    return grpc.aio.insecure_channel(address, *options, **others)


def refuse(_: bytes) -> Any:
    raise ValueError("no such message")


def outcome(call: Any) -> tuple[str, str]:
    """Send a unary RPC and return code and details."""
    try:
        call()
    except grpc.RpcError as raised:
        error: Any = raised
        return error.code().name, error.details()
    return "OK", ""


async def aio_outcome(call: Any) -> tuple[str, str]:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code().name, error.details() or ""
    return "OK", ""


# --- what is sent, and when ---


@pytest.mark.parametrize("stack", ["aio", "sync"])
async def test_nothing_is_sent_before_the_application_sends_it(mode: str, stack: str) -> None:
    """A late failure is retried, and a late confirmation is the first that the client hears of the server."""
    if (mode, stack) == ("both", "sync"):
        pytest.skip("one of the stacks is enough beside upstream's")
    attempts: list[int] = []
    late = 1.2  # s: in an earlier version, the pod's name was sent after a second, or half of the time

    async def failing(_: bytes, context: Any) -> bytes:
        attempts.append(len(attempts))
        if len(attempts) == 1:
            await asyncio.sleep(late)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "draining")
        return b"ok"

    async def subscribed(_: bytes, context: Any) -> AsyncIterator[bytes]:
        await asyncio.sleep(late)
        await context.send_initial_metadata((("confirmed", "yes"),))
        yield b"first"

    def sync_failing(request: bytes, context: Any) -> bytes:
        attempts.append(len(attempts))
        if len(attempts) == 1:
            threading.Event().wait(late)
            context.abort(grpc.StatusCode.UNAVAILABLE, "draining")
        return b"ok"

    def sync_subscribed(_: bytes, context: Any) -> Iterator[bytes]:
        threading.Event().wait(late)
        context.send_initial_metadata((("confirmed", "yes"),))
        yield b"first"

    is_aio = stack == "aio"
    handlers = generic(
        failing=grpc.unary_unary_rpc_method_handler(failing if is_aio else sync_failing),
        subscribed=grpc.unary_stream_rpc_method_handler(subscribed if is_aio else sync_subscribed),
    )
    async with contextlib.AsyncExitStack() as end:
        address = (
            await end.enter_async_context(aio_server(handlers))
            if is_aio
            else end.enter_context(sync_server(handlers))
        )
        async with aio_channel(address, [("grpc.service_config", RETRY)]) as channel:
            subscription = channel.unary_stream(method("subscribed"))(b"")
            call = channel.unary_unary(method("failing"))(b"", timeout=GUARD)
            assert await call == b"ok"
            assert attempts == [0, 1]
            initial = dict(await subscription.initial_metadata())
            assert initial["confirmed"] == "yes"
            assert [message async for message in subscription] == [b"first"]
    assert (names.METADATA_POD in initial) is (mode != "bare")


# --- what a server refuses ---


async def test_what_a_server_refuses_names_the_pod(mode: str, bare: Telemetry) -> None:
    working, release = threading.Semaphore(0), threading.Event()

    def slow(_: bytes, __: Any) -> bytes:
        working.release()
        assert release.wait(GUARD)
        return b""

    handlers = generic(
        slow=grpc.unary_unary_rpc_method_handler(slow),
        picky=grpc.unary_unary_rpc_method_handler(slow, request_deserializer=refuse),
    )

    def run() -> None:
        with (
            sync_server(handlers, maximum_concurrent_rpcs=1) as address,
            sync_channel(address) as channel,
        ):
            first = channel.unary_unary(method("slow")).future(b"")
            noted = threading.Event()
            first.add_done_callback(lambda _: noted.set())
            assert working.acquire(timeout=GUARD)
            refused = outcome(lambda: channel.unary_unary(method("slow"))(b""))
            assert refused == ("RESOURCE_EXHAUSTED", "Concurrent RPC limit exceeded!")
            release.set()
            assert first.result() == b""
            assert noted.wait(GUARD)
        with sync_server(handlers) as address, sync_channel(address) as channel:
            missing = outcome(lambda: channel.unary_unary(method("none"))(b""))
            assert missing == ("UNIMPLEMENTED", "Method not found!")
            misread = outcome(lambda: channel.unary_unary(method("picky"))(b""))
            assert misread == ("INTERNAL", "Exception deserializing request!")

    await asyncio.to_thread(run)
    pods = {
        bare.code(span): dict(span.attributes or {})[names.SERVER_POD] for span in bare.rpcs(SpanKind.CLIENT)
    }
    refused = dict.fromkeys(("OK", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED", "INTERNAL"), POD)
    assert pods == ({} if mode == "bare" else refused)


async def test_what_an_aio_server_refuses(mode: str, bare: Telemetry) -> None:
    """Its own limit is in compiled code, which names the pod all the same."""
    working, release = asyncio.Event(), asyncio.Event()

    async def slow(_: bytes, __: Any) -> bytes:
        working.set()
        await release.wait()
        return b""

    handlers = generic(
        slow=grpc.unary_unary_rpc_method_handler(slow),
        picky=grpc.unary_unary_rpc_method_handler(slow, request_deserializer=refuse),
    )
    async with aio_server(handlers) as address, aio_channel(address) as channel:
        missing = await aio_outcome(channel.unary_unary(method("none"))(b""))
        assert missing == ("UNIMPLEMENTED", "Method not found!")
        misread = await aio_outcome(channel.unary_unary(method("picky"))(b""))
        assert misread == ("UNKNOWN", "Unexpected <class 'ValueError'>: no such message")
    async with (
        aio_server(handlers, maximum_concurrent_rpcs=1) as address,
        aio_channel(address) as channel,
    ):
        first = channel.unary_unary(method("slow"))(b"")
        await working.wait()
        refused = await aio_outcome(channel.unary_unary(method("slow"))(b""))
        assert refused == ("RESOURCE_EXHAUSTED", "Concurrent RPC limit exceeded!")
        missing = await aio_outcome(channel.unary_unary(method("absent"))(b""))
        assert missing == ("UNIMPLEMENTED", "Method not found!")  # it looks for the method first
        release.set()
        assert await first == b""
    spans = {bare.code(span): dict(span.attributes or {}) for span in bare.rpcs(SpanKind.CLIENT)}
    if mode == "bare":
        assert spans == {}
        return
    assert {code: span.get(names.SERVER_POD) for code, span in spans.items()} == dict.fromkeys(
        ("OK", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED", "UNKNOWN"), POD
    )
    assert all(dict(one.attributes or {})[names.SERVER_POD] == POD for one in bare.rpcs(SpanKind.CLIENT))


@pytest.mark.parametrize("streams", [False, True])
async def test_an_answer_that_cannot_be_written(mode: str, bare: Telemetry, *, streams: bool) -> None:
    def answer(_: bytes, __: Any) -> bytes:
        return b""

    def answers(_: bytes, __: Any) -> Iterator[bytes]:
        yield b""

    async def aio_answer(_: bytes, __: Any) -> bytes:
        return b""

    async def aio_answers(_: bytes, __: Any) -> AsyncIterator[bytes]:
        yield b""

    def kind(unary: Any, stream: Any) -> grpc.GenericRpcHandler:
        make = grpc.unary_stream_rpc_method_handler if streams else grpc.unary_unary_rpc_method_handler
        return generic(bad=make(stream if streams else unary, response_serializer=refuse))

    def run(address: str) -> tuple[str, str]:
        with sync_channel(address) as channel:
            if streams:
                return outcome(lambda: list(channel.unary_stream(method("bad"))(b"")))
            return outcome(lambda: channel.unary_unary(method("bad"))(b""))

    def in_threads() -> tuple[str, str]:
        with sync_server(kind(answer, answers)) as address:
            return run(address)

    assert await asyncio.to_thread(in_threads) == ("INTERNAL", "Failed to serialize response!")
    async with aio_server(kind(aio_answer, aio_answers)) as address:
        told = await asyncio.to_thread(run, address)
    assert told == ("UNKNOWN", "Unexpected <class 'ValueError'>: no such message")
    for side in (SpanKind.CLIENT, SpanKind.SERVER):
        codes = [bare.code(span) for span in bare.rpcs(side)]
        assert codes == ([] if mode == "bare" else ["INTERNAL", "UNKNOWN"])


# --- what calls can do ---


async def test_what_an_aio_call_can_do(mode: str) -> None:
    async def total(requests: AsyncIterator[bytes], _: Any) -> bytes:
        return b"".join([request async for request in requests])

    async def hangs(_: bytes, __: Any) -> bytes:
        await asyncio.Event().wait()
        return b""

    handlers = generic(
        total=grpc.stream_unary_rpc_method_handler(total), hangs=grpc.unary_unary_rpc_method_handler(hangs)
    )
    async with aio_server(handlers) as address, aio_channel(address) as channel:
        call = channel.stream_unary(method("total"))()
        await call.write(b"a")
        await call.write(b"b")
        await call.done_writing()
        assert await call == b"ab"
        late = channel.unary_unary(method("hangs"))(b"", timeout=0.2)
        assert 0 < late.time_remaining() <= 0.2
        assert await aio_outcome(late) == ("DEADLINE_EXCEEDED", "Deadline Exceeded")
        closed = channel.unary_unary(method("hangs"))
    with pytest.raises(grpc.aio.UsageError):
        closed(b"")


async def test_what_a_synchronous_stream_can_do(mode: str) -> None:
    ended = threading.Event()

    def numbers(_: bytes, context: Any) -> Iterator[bytes]:
        context.add_callback(ended.set)
        context.send_initial_metadata((("app-initial", "yes"),))
        yield b"1"
        assert ended.wait(GUARD)

    def run() -> None:
        handlers = generic(numbers=grpc.unary_stream_rpc_method_handler(numbers))
        with sync_server(handlers) as address, sync_channel(address) as channel:
            call: Any = channel.unary_stream(method("numbers"))(b"")
            whole = call
            assert isinstance(whole, grpc.Call)
            assert dict(call.initial_metadata())["app-initial"] == "yes"
            assert next(call) == b"1"
            assert call.is_active()
            assert call.cancel()
            with pytest.raises(grpc.RpcError) as raised:
                next(call)
            error: Any = raised.value
            assert error is whole
            assert call.code() is grpc.StatusCode.CANCELLED

    await asyncio.to_thread(run)


async def test_a_cancelled_future(mode: str, bare: Telemetry) -> None:
    started, ended = threading.Event(), threading.Event()

    def hangs(_: bytes, context: Any) -> bytes:
        context.add_callback(ended.set)
        started.set()
        assert ended.wait(GUARD)
        return b""

    def run() -> None:
        handlers = generic(hangs=grpc.unary_unary_rpc_method_handler(hangs))
        with sync_server(handlers) as address, sync_channel(address) as channel:
            future: Any = channel.unary_unary(method("hangs")).future(b"")
            assert started.wait(GUARD)
            noted = threading.Event()
            future.add_done_callback(lambda _: noted.set())
            assert future.cancel()
            assert future.cancelled()
            with pytest.raises(grpc.FutureCancelledError):
                future.result()
            assert noted.wait(GUARD)

    await asyncio.to_thread(run)
    if mode != "bare":
        attributes = dict(bare.client().attributes or {})
        assert attributes[names.SERVER_UNNAMED] == Unnamed.CANCELLED  # gRPC keeps nothing of what it received
        assert names.SERVER_ANSWERED not in attributes


@pytest.mark.filterwarnings("ignore::grpc.experimental.ExperimentalApiWarning")
async def test_the_simple_stubs(mode: str) -> None:
    def run() -> None:
        echo: Any = grpc.unary_unary_rpc_method_handler(lambda request, _: request)
        with sync_server(generic(echo=echo)) as address:
            target = method("echo")
            answer = grpc.experimental.unary_unary(b"hello", address, target, insecure=True)
            assert answer == b"hello"

    await asyncio.to_thread(run)


# --- handlers that are not what upstream expects ---


def test_a_watch_that_does_not_block(mode: str, bare: Telemetry) -> None:
    """grpcio-health-checking's on a synchronous server."""
    servicer = health.HealthServicer(experimental_non_blocking=True)
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    server = grpc.server(ThreadPoolExecutor(1))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with sync_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        call = stub.Watch(health_pb2.HealthCheckRequest())
        assert next(call).status is health_pb2.HealthCheckResponse.SERVING
        servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        assert next(call).status is health_pb2.HealthCheckResponse.NOT_SERVING
        call.cancel()
        with pytest.raises(grpc.RpcError):
            next(call)
    server.stop(GUARD).wait()
    if mode != "bare":
        assert dict(bare.client().attributes or {})[names.SERVER_POD] == POD


async def test_handlers_of_either_stack_on_an_aio_server(mode: str, bare: Telemetry) -> None:
    def shout(request: bytes, context: Any) -> bytes:
        context.set_trailing_metadata((("app-trailing", "yes"),))
        return request.upper()

    def letters(request: bytes, _: Any) -> Iterator[bytes]:
        for letter in request.decode():
            yield letter.encode()

    def no(_: bytes, context: Any) -> bytes:
        context.abort(grpc.StatusCode.NOT_FOUND, "not here")
        raise AssertionError("unreachable")

    threads = ThreadPoolExecutor(2)
    server = grpc.aio.server(threads)
    server.add_generic_rpc_handlers(
        (
            generic(
                shout=grpc.unary_unary_rpc_method_handler(shout),
                letters=grpc.unary_stream_rpc_method_handler(letters),
                no=grpc.unary_unary_rpc_method_handler(no),
            ),
        )
    )
    servicer = aio_health.HealthServicer()
    await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with aio_channel(f"127.0.0.1:{port}") as channel:
        call = channel.unary_unary(method("shout"))(b"hello")
        assert await call == b"HELLO"
        assert dict(await call.trailing_metadata())["app-trailing"] == "yes"
        assert [one async for one in channel.unary_stream(method("letters"))(b"abc")] == [b"a", b"b", b"c"]
        assert await aio_outcome(channel.unary_unary(method("no"))(b"")) == ("NOT_FOUND", "not here")
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest())
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        watch.cancel()
    await server.stop(GUARD)
    await asyncio.to_thread(threads.shutdown)  # an RPC has ended for the server while its handler still ends
    if mode != "bare":
        for spans in (bare.rpcs(SpanKind.CLIENT), bare.rpcs(SpanKind.SERVER)):
            assert sorted(str(bare.code(span)) for span in spans) == ["CANCELLED", "NOT_FOUND", "OK", "OK"]
            assert {dict(span.attributes or {})[names.SERVER_POD] for span in spans} == {POD}


async def test_the_applications_own_interceptors(mode: str, bare: Telemetry) -> None:
    """One that tries again, and one that answers itself."""

    class Again(grpc.aio.UnaryUnaryClientInterceptor):
        async def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
            if request == b"cached":
                return b"from the cache"
            if request == b"broken":
                raise ValueError("the interceptor is wrong")
            call = await continuation(details, request)
            if await call.code() is not grpc.StatusCode.OK:
                call = await continuation(details, request)
            return call

    asked: list[bytes] = []

    async def unsteady(request: bytes, context: Any) -> bytes:
        asked.append(request)
        if len(asked) == 1:
            await context.abort(grpc.StatusCode.ABORTED, "again, please")
        return request

    handlers = generic(unsteady=grpc.unary_unary_rpc_method_handler(unsteady))
    async with (
        aio_server(handlers) as address,
        aio_channel(address, interceptors=[Again()]) as channel,
    ):
        send = channel.unary_unary(method("unsteady"))
        assert await send(b"hello") == b"hello"
        assert asked == [b"hello"] * 2
        assert await send(b"cached") == b"from the cache"
        with pytest.raises(ValueError, match="the interceptor is wrong"):
            await send(b"broken")
    if mode != "bare":
        told = [(span.status.is_ok, dict(span.attributes or {})) for span in bare.rpcs(SpanKind.CLIENT)]
        assert [(is_ok, names.SERVER_POD in attributes) for is_ok, attributes in told] == [
            (True, True),
            (True, False),
            (False, False),
        ]
