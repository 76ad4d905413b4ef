"""RPCs of all four combinations of the sync and the aio stack; an error where a span says another thing."""

# ruff: noqa: ANN401  # gRPC's classes take parameters for the checker only

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc.aio
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

METHOD = "/versions.Echo/Say"
SPANS = InMemorySpanExporter()


def handlers(say: Any) -> grpc.GenericRpcHandler:
    """A service of one method."""
    return grpc.method_handlers_generic_handler("versions.Echo", {"Say": say})


def sync_say(request: bytes, context: Any) -> bytes:
    """Say what was said."""
    return request


async def aio_say(request: bytes, context: Any) -> bytes:
    """Say what was said."""
    return request


def ask(port: int) -> None:
    """Ask the sync way, by name, so that there is a resolver."""
    opened: Any = grpc.insecure_channel(f"localhost:{port}")
    with opened as channel:
        assert channel.unary_unary(METHOD)(b"x", timeout=60) == b"x"
        assert (
            b"".join(channel.unary_unary(METHOD).future(b"y", timeout=60).result() for _ in range(3))
            == b"yyy"
        )


def look_at_subchannels(port: int) -> None:
    """Keep a channel open until its connection is seen."""
    opened: Any = grpc.insecure_channel(f"127.0.0.1:{port}")
    with opened as channel:
        grpc.channel_ready_future(channel).result(60)
        given_up = time.monotonic() + 60
        while not any(span.name == "grpc_lb.subchannel" for span in SPANS.get_finished_spans()):
            assert time.monotonic() < given_up, "no subchannel was seen"
            time.sleep(0.01)


async def both() -> None:
    """A server of each kind, and a client of each kind at each."""
    sync = grpc.server(
        ThreadPoolExecutor(2), handlers=[handlers(grpc.unary_unary_rpc_method_handler(sync_say))]
    )
    aio = grpc.aio.server(handlers=[handlers(grpc.unary_unary_rpc_method_handler(aio_say))])
    ports = [server.add_insecure_port("127.0.0.1:0") for server in (sync, aio)]
    sync.start()
    await aio.start()
    for port in ports:
        await asyncio.to_thread(ask, port)
        await asyncio.to_thread(look_at_subchannels, port)
        opened: Any = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
        async with opened as channel:
            assert await channel.unary_unary(METHOD)(b"x", timeout=60) == b"x"
    await aio.stop(None)
    await asyncio.to_thread(sync.stop(None).wait)


def main() -> None:
    """Run, and look at the spans."""
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(SPANS))  # type: ignore[attr-defined]  # the SDK's
    asyncio.run(both())
    spans = SPANS.get_finished_spans()
    rpcs = [span for span in spans if span.name.lstrip("/") == METHOD.lstrip("/")]
    pods = [span for span in rpcs if (span.attributes or {}).get("server.k8s.pod.name") == "pod-0"]
    assert len(pods) == len(rpcs) == 20, (len(pods), len(rpcs))


main()
