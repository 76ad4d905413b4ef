# mypy: ignore-errors
# A program as others write it.
"""A server as others write it: gRPC's route_guide and nothing of the study, no telemetry, no health service.

It counts its RPCs, and tells them at its end. ``--reflection`` is for clients that have no .proto file.
"""

import argparse
import json
import signal
import sys
import tempfile
import threading
from concurrent import futures
from pathlib import Path

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import reflection
from grpc_tools import protoc

PROTO = Path(__file__).with_name("route_guide.proto")
SERVICE = "routeguide.RouteGuide"
WORDS = ("by", "land", "by", "sea")


def described():
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set"
        assert protoc.main(["protoc", f"-I{PROTO.parent}", f"--descriptor_set_out={out}", str(PROTO)]) == 0
        found = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in found.file:
        pool.Add(file)
    return pool


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", required=True)
    parser.add_argument("--reflection", action="store_true")
    args = parser.parse_args()
    pool = described()
    methods = pool.FindServiceByName(SERVICE).methods_by_name
    counts, lock = {}, threading.Lock()

    def counted(name, context):
        # Logged per RPC, as an access log would be; the keys are what the client sent.
        with lock:
            counts[name] = counts.get(name, 0) + 1
            keys = dict(context.invocation_metadata())
            if "tenant" in keys:
                counts[f"tenant {keys['tenant']}"] = counts.get(f"tenant {keys['tenant']}", 0) + 1

    def message(kind, **fields):
        return GetMessageClass(pool.FindMessageTypeByName(f"routeguide.{kind}"))(**fields)

    def get_feature(request, context):
        counted("GetFeature", context)
        return message("Feature", name=f"{request.latitude}/{request.longitude}", location=request)

    def list_features(request, context):
        counted("ListFeatures", context)
        for word in WORDS:
            yield message("Feature", name=word, location=request.lo)

    def record_route(requests, context):
        points = sum(1 for _ in requests)
        counted("RecordRoute", context)
        counted(f"RecordRoute of {points}", context)
        return message("RouteSummary", point_count=points)

    def route_chat(requests, context):
        counted("RouteChat", context)
        yield from requests

    kinds = {
        "GetFeature": (grpc.unary_unary_rpc_method_handler, get_feature),
        "ListFeatures": (grpc.unary_stream_rpc_method_handler, list_features),
        "RecordRoute": (grpc.stream_unary_rpc_method_handler, record_route),
        "RouteChat": (grpc.stream_stream_rpc_method_handler, route_chat),
    }
    handlers = {
        name: make(
            behaviour,
            request_deserializer=GetMessageClass(methods[name].input_type).FromString,
            response_serializer=GetMessageClass(methods[name].output_type).SerializeToString,
        )
        for name, (make, behaviour) in kinds.items()
    }
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    if args.reflection:
        reflection.enable_server_reflection((SERVICE, reflection.SERVICE_NAME), server, pool=pool)
    server.add_insecure_port(args.listen)
    server.start()
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    print(f"listening on {args.listen}", flush=True)  # a log line, no JSON
    ended.wait()
    server.stop(2.0).wait()
    print(json.dumps({"counts": counts}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
