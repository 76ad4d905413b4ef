# mypy: ignore-errors
# A program as others write it.
"""A server as others write it: gRPC's helloworld, without telemetry and health service.

It notes for itself whom it answered, in the file that it is told: the peer of each RPC, a line each. With
``--tell`` its last line of output is the one that the study reads.
"""

import argparse
import json
import signal
import threading
from concurrent import futures
from pathlib import Path

import grpc

# One text as field 1, as helloworld's HelloRequest and HelloReply have it.
from google.protobuf.wrappers_pb2 import StringValue


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", required=True)
    parser.add_argument("--notes", type=Path, required=True)
    parser.add_argument("--tell", action="store_true")
    args = parser.parse_args()
    answered = 0

    with args.notes.open("w", buffering=1) as notes:

        def say_hello(request, context):
            nonlocal answered
            answered += 1  # there is one worker
            notes.write(f"{context.peer()}\n")
            return StringValue(value=f"Hello, {request.value}!")

        say = grpc.unary_unary_rpc_method_handler(
            say_hello,
            request_deserializer=StringValue.FromString,
            response_serializer=StringValue.SerializeToString,
        )
        server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
        handler = grpc.method_handlers_generic_handler("helloworld.Greeter", {"SayHello": say})
        server.add_generic_rpc_handlers((handler,))
        server.add_insecure_port(args.listen)
        server.start()
        ended = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: ended.set())
        print(f"Server started, listening on {args.listen}", flush=True)  # a log line, no JSON
        ended.wait()
        server.stop(2.0).wait()
    if args.tell:
        print(json.dumps({"event": "stopped", "answered": {"OK": answered}}), flush=True)


if __name__ == "__main__":
    main()
