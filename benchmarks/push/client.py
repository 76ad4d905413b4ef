"""The client of this benchmark: open-loop load on one channel, and what it saw, until SIGTERM.

It tells JSON lines: each server's first answer, each failed RPC, and at the end the counts. Nothing but gRPC
and the greeter's stubs is needed, so that it runs in a pod from a ConfigMap as well.
"""

import asyncio
import json
import signal
import sys
import time
from collections import Counter

import grpc
from greeter.v1 import greeter_pb2, greeter_pb2_grpc

TIMEOUT = 5.0  # s


def tell(**fields: object) -> None:
    """One line."""
    print(json.dumps({"at": time.time_ns(), **fields}), flush=True)


async def main(target: str, rate: float) -> None:
    """Send an RPC each 1/rate seconds, whatever the answers do."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    codes: Counter[str] = Counter()
    servers: Counter[str] = Counter()
    latencies: list[float] = []
    tasks: set[asyncio.Task[None]] = set()

    async def call(stub: "greeter_pb2_grpc.GreeterServiceAsyncStub", due: float) -> None:
        sent = time.time_ns()
        try:
            answer = await stub.SayHello(greeter_pb2.SayHelloRequest(name="push"), timeout=TIMEOUT)
        except grpc.aio.AioRpcError as error:
            codes[error.code().name] += 1
            tell(failed=error.code().name, details=(error.details() or "")[:200])
            return
        latencies.append(loop.time() - due)
        codes["OK"] += 1
        if not servers[answer.pod_name]:
            tell(first=answer.pod_name, sent=sent)
        servers[answer.pod_name] += 1

    async with grpc.aio.insecure_channel(target) as channel:
        stub = greeter_pb2_grpc.GreeterServiceStub(channel)
        await asyncio.wait_for(channel.channel_ready(), 60)
        tell(ready=target)
        due = loop.time()
        while not ended.is_set():
            task = asyncio.create_task(call(stub, due))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            due += 1 / rate
            await asyncio.sleep(max(0.0, due - loop.time()))
        if tasks:
            await asyncio.wait(tasks)
    latencies.sort()
    tell(codes=codes, servers=servers, p99=latencies[int(0.99 * len(latencies))] if latencies else None)


asyncio.run(main(sys.argv[1], float(sys.argv[2])))
