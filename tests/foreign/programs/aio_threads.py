"""asyncio clients in several threads, a loop each, and a sync client beside them"""

import asyncio
import threading

import grpc
from service import service, start, stub

server, port = start(service(Call=("unary_unary", lambda request, context: request)))
answers = {}


async def ask(name):
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        answers[name] = await stub(channel, "unary_unary")(name)


threads = [threading.Thread(target=lambda n=n: asyncio.run(ask(f"loop {n}"))) for n in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
with grpc.insecure_channel(f"localhost:{port}") as channel:
    answers["sync"] = stub(channel, "unary_unary")("sync")
print(sorted(answers.items()))
server.stop(None).wait()
