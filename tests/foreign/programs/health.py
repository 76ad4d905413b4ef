"""health: Check, and a Watch that is told of changes"""

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from service import service, start

servicer = health.HealthServicer(experimental_non_blocking=True)
server, port = start(service())
health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
SERVING, NOT = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
servicer.set("it", SERVING)
with grpc.insecure_channel(f"localhost:{port}") as channel:
    stub = health_pb2_grpc.HealthStub(channel)
    print(stub.Check(health_pb2.HealthCheckRequest(service="it")).status == SERVING)
    try:
        stub.Check(health_pb2.HealthCheckRequest(service="other"))
    except grpc.RpcError as error:
        print(error.code().name)
    watch = stub.Watch(health_pb2.HealthCheckRequest(service="it"))
    print(next(watch).status == SERVING)
    servicer.set("it", NOT)
    print(next(watch).status == NOT)
    watch.cancel()
    servicer.enter_graceful_shutdown()
    print(stub.Check(health_pb2.HealthCheckRequest(service="it")).status == NOT)
server.stop(None).wait()
