"""health on an asyncio server: Check, and a Watch that is told of changes"""

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from service import run, service, start_aio


async def main():
    server, port = await start_aio(service())
    servicer = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    SERVING, NOT = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    await servicer.set("it", SERVING)
    async with grpc.aio.insecure_channel(f"localhost:{port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        print((await stub.Check(health_pb2.HealthCheckRequest(service="it"))).status == SERVING)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service="it"))
        print((await watch.read()).status == SERVING)
        await servicer.set("it", NOT)
        print((await watch.read()).status == NOT)
        watch.cancel()
    await server.stop(None)


run(main)
