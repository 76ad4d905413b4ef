"""sync handlers on an asyncio server: the sync health service, and a plain function"""

from concurrent import futures

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from service import run, service, start_aio, stub


def count(request, context):
    yield from "ab"


async def main():
    server, port = await start_aio(
        service(One=("unary_unary", lambda request, context: request), Many=("unary_stream", count)),
        migration_thread_pool=futures.ThreadPoolExecutor(2),
    )
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    servicer.set("it", health_pb2.HealthCheckResponse.SERVING)
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        print(await stub(channel, "unary_unary", "One")("x"))
        print([one async for one in stub(channel, "unary_stream", "Many")("x")])
        checked = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="it"))
        print(checked.status == health_pb2.HealthCheckResponse.SERVING)
    await server.stop(None)


run(main)
