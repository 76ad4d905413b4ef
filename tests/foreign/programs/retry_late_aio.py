"""retry with asyncio: an attempt that fails late is tried again"""

import asyncio
import json

import grpc
from service import failure, run, service, start_aio, stub

attempts = []


async def overloaded(request, context):
    attempts.append(request)
    if len(attempts) < 2:
        await asyncio.sleep(1.3)
        await context.abort(grpc.StatusCode.UNAVAILABLE, "draining")
    return f"after {len(attempts)} attempts"


POLICY = {
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


async def main():
    server, port = await start_aio(service(Call=("unary_unary", overloaded)))
    options = (("grpc.service_config", json.dumps(POLICY)),)
    async with grpc.aio.insecure_channel(f"localhost:{port}", options=options) as channel:
        try:
            print(await stub(channel, "unary_unary")("x"))
        except grpc.aio.AioRpcError as error:
            print(failure(error))
    await server.stop(None)


run(main)
