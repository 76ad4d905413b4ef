"""One side of a pair for ``overhead.py``: a plain gRPC program, synchronous or asyncio.

    python benchmarks/overhead_pair.py server aio
    python benchmarks/overhead_pair.py client sync 127.0.0.1:50051

A server prints its address. A client sends as many RPCs, one after the other, as each line of its input says,
and then prints "done". Both end when their input does.
"""

import asyncio
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from greeter.v1 import greeter_pb2, greeter_pb2_grpc

LISTEN = "127.0.0.1:0"
SCHEDULED = (("x-scheduled-unix-nano", "1790000000000000000"),)
REQUEST = greeter_pb2.SayHelloRequest(name="you")


def say(text: str) -> None:
    """Tell the benchmark."""
    print(text, flush=True)


class Greeter(greeter_pb2_grpc.GreeterServiceServicer):
    """Answers at once, in a thread."""

    def SayHello(self, request: Any, _: Any) -> Any:  # noqa: ANN401, N802  # the stub's
        """Greet."""
        return greeter_pb2.SayHelloResponse(message=request.name)


class AioGreeter(greeter_pb2_grpc.GreeterServiceServicer):
    """Answers at once, in the event loop."""

    async def SayHello(self, request: Any, _: Any) -> Any:  # noqa: ANN401, N802  # the stub's
        """Greet."""
        return greeter_pb2.SayHelloResponse(message=request.name)


def serve_sync() -> None:
    """Serve until the input ends."""
    server = grpc.server(ThreadPoolExecutor(2))
    greeter_pb2_grpc.add_GreeterServiceServicer_to_server(Greeter(), server)
    port = server.add_insecure_port(LISTEN)
    server.start()
    say(f"127.0.0.1:{port}")
    sys.stdin.read()
    server.stop(None).wait()


async def serve_aio() -> None:
    """The same."""
    server = grpc.aio.server()
    greeter_pb2_grpc.add_GreeterServiceServicer_to_server(AioGreeter(), server)
    port = server.add_insecure_port(LISTEN)
    await server.start()
    say(f"127.0.0.1:{port}")
    await asyncio.to_thread(sys.stdin.read)
    await server.stop(None)


def send_sync(address: str) -> None:
    """Send what the input says."""
    with grpc.insecure_channel(address) as channel:
        stub = greeter_pb2_grpc.GreeterServiceStub(channel)
        for line in sys.stdin:
            for _ in range(int(line)):
                stub.SayHello(REQUEST, timeout=30, metadata=SCHEDULED)
            say("done")


async def send_aio(address: str) -> None:
    """The same."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub = greeter_pb2_grpc.GreeterServiceStub(channel)
        while line := await asyncio.to_thread(sys.stdin.readline):
            for _ in range(int(line)):
                await stub.SayHello(REQUEST, timeout=30, metadata=SCHEDULED)
            say("done")


def main() -> None:
    """Run the side that the arguments name."""
    side, stack, *address = sys.argv[1:]
    if side == "server":
        asyncio.run(serve_aio()) if stack == "aio" else serve_sync()
    else:
        asyncio.run(send_aio(*address)) if stack == "aio" else send_sync(*address)


if __name__ == "__main__":
    main()
