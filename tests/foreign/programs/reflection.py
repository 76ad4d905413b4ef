"""reflection: the services that a server has"""

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from service import service, start

server, port = start(service())
health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
names = (health_pb2.DESCRIPTOR.services_by_name["Health"].full_name, reflection.SERVICE_NAME)
reflection.enable_server_reflection(names, server)
with grpc.insecure_channel(f"localhost:{port}") as channel:
    database = ProtoReflectionDescriptorDatabase(channel)
    print(sorted(database.get_services()))
    print(database.FindFileContainingSymbol("grpc.health.v1.Health").name)
server.stop(None).wait()
