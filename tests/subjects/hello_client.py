# mypy: ignore-errors
# A program as others write it.
"""A client as others write it: gRPC's helloworld in a loop. It has no telemetry, and prints nothing at all.

What became of its calls it notes for itself, in the file that it is told: a status code a line.
"""

import argparse
import time
from pathlib import Path

import grpc

# One text as field 1, as helloworld's HelloRequest and HelloReply have it.
from google.protobuf.wrappers_pb2 import StringValue


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", required=True)
    parser.add_argument("--service-config", required=True)
    parser.add_argument("--start-at", type=float, required=True)
    parser.add_argument("--duration", type=float, required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--notes", type=Path, required=True)
    args = parser.parse_args()
    options = [("grpc.service_config", args.service_config), ("grpc.enable_http_proxy", 0)]
    with grpc.insecure_channel(args.target, options) as channel, args.notes.open("w") as notes:
        say_hello = channel.unary_unary(
            "/helloworld.Greeter/SayHello",
            request_serializer=StringValue.SerializeToString,
            response_deserializer=StringValue.FromString,
        )
        for number in range(round(args.rate * args.duration)):
            time.sleep(max(args.start_at + number / args.rate - time.time(), 0))
            try:
                say_hello(StringValue(value="you"), timeout=30, wait_for_ready=True)
                notes.write("OK\n")
            except grpc.RpcError as error:
                notes.write(f"{error.code().name}\n")


if __name__ == "__main__":
    main()
