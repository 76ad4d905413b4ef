"""``greeter.client``: sends greetings on a schedule, and returns the exit status."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import grpc

from greeter import arguments
from greeter.client.load import Call, Calls
from greeter.client.metadata import Metadata
from greeter.client.run import add_load_arguments, run_load, stream_plan
from greeter.client.streams import MessagesOfStream, StreamCall, StreamPlan, Writing
from greeter.v1 import greeter_pb2, greeter_pb2_grpc, streams_pb2, streams_pb2_grpc

Greeter: TypeAlias = "greeter_pb2_grpc.GreeterServiceAsyncStub"  # only for the type checker
Streams: TypeAlias = "streams_pb2_grpc.StreamServiceAsyncStub"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the load; returns the exit status."""
    parser = arguments.Parser(
        prog="greeter.client", description="Send greetings on a schedule, without waiting for answers."
    )
    add_load_arguments(parser)
    for name, purpose in (("request", "added to each request"), ("answer", "asked for in each answer")):
        parser.add_argument(
            f"--{name}-size", type=arguments.size, default=0, help=f"bytes {purpose} (%(default)s)"
        )
    args = parser.parse_args(argv)
    plan, payload = stream_plan(args), bytes(args.request_size)

    async def calls_of(channels: Sequence[grpc.aio.Channel]) -> Calls:
        greeters = [greeter_pb2_grpc.GreeterServiceStub(channel) for channel in channels]
        each = [_Greeting(f"client-{client}", payload, args.answer_size) for client in range(len(channels))]
        greetings = [_greetings(stub, greeting) for stub, greeting in zip(greeters, each, strict=True)]
        if plan is None:
            return Calls(greetings)
        stubs = [streams_pb2_grpc.StreamServiceStub(channel) for channel in channels]
        streams = [_streams(stub, greeting, plan) for stub, greeting in zip(stubs, each, strict=True)]
        return Calls(greetings, streams, plan)

    return asyncio.run(run_load(args, calls_of))


@dataclass(frozen=True, slots=True)
class _Greeting:
    """What one client sends, and how large the answer should be."""

    name: str
    payload: bytes
    answer_size: int


def _greetings(stub: Greeter, greeting: _Greeting) -> Call:
    request = greeter_pb2.SayHelloRequest(
        name=greeting.name, payload=greeting.payload, answer_size=greeting.answer_size
    )

    def greet(timeout: float, metadata: Metadata) -> Awaitable[str]:
        return _answered(stub.SayHello(request, timeout=timeout, metadata=metadata))

    return greet


async def _answered(
    call: grpc.aio.UnaryUnaryCall[greeter_pb2.SayHelloRequest, greeter_pb2.SayHelloResponse],
) -> str:
    return (await call).pod_name


def _streams(stub: Streams, greeting: _Greeting, plan: StreamPlan) -> StreamCall:
    kinds: dict[str, Callable[[Streams, _Greeting, StreamPlan], StreamCall]] = {
        "server": _watching,
        "client": _collecting,
        "bidi": _exchanging,
    }
    return kinds[plan.kind](stub, greeting, plan)


def _watching(stub: Streams, greeting: _Greeting, plan: StreamPlan) -> StreamCall:
    def watch(life: float, timeout: float, metadata: Metadata, counted: MessagesOfStream) -> Awaitable[str]:
        request = streams_pb2.WatchRequest(
            name=greeting.name, rate=plan.rate, life=life, answer_size=greeting.answer_size
        )
        return _read(stub.Watch(request, timeout=timeout, metadata=metadata), counted)

    return watch


async def _read(
    call: grpc.aio.UnaryStreamCall[streams_pb2.WatchRequest, streams_pb2.WatchResponse],
    counted: MessagesOfStream,
) -> str:
    async for message in call:
        _heard(counted, message)
    return counted.server


def _collecting(stub: Streams, greeting: _Greeting, plan: StreamPlan) -> StreamCall:
    request = streams_pb2.CollectRequest(name=greeting.name, payload=greeting.payload)

    def collect(life: float, timeout: float, metadata: Metadata, counted: MessagesOfStream) -> Awaitable[str]:
        call = stub.Collect(timeout=timeout, metadata=metadata)
        return _collected(Writing(call, lambda _: request, plan), life, counted)

    return collect


async def _collected(writing: Writing, life: float, counted: MessagesOfStream) -> str:
    answer: streams_pb2.CollectResponse = await writing.collect(life, counted)
    return answer.pod_name


def _exchanging(stub: Streams, greeting: _Greeting, plan: StreamPlan) -> StreamCall:
    request = streams_pb2.ExchangeRequest(
        name=greeting.name, payload=greeting.payload, answer_size=greeting.answer_size
    )

    def exchange(
        life: float, timeout: float, metadata: Metadata, counted: MessagesOfStream
    ) -> Awaitable[str]:
        call = stub.Exchange(timeout=timeout, metadata=metadata)
        return _exchanged(Writing(call, lambda _: request, plan), life, counted)

    return exchange


async def _exchanged(writing: Writing, life: float, counted: MessagesOfStream) -> str:
    await writing.converse(life, counted, partial(_heard, counted))
    return counted.server


def _heard(
    counted: MessagesOfStream, message: streams_pb2.WatchResponse | streams_pb2.ExchangeResponse
) -> None:
    counted.received += 1
    counted.server = message.pod_name
