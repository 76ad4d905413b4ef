"""a client's call.time_remaining(), unary future and stream, with a deadline and without"""

import grpc
from service import service, start, stub


def say(request, context):
    yield request


server, port = start(
    service(One=("unary_unary", lambda request, context: request), Many=("unary_stream", say))
)
with grpc.insecure_channel(f"localhost:{port}") as channel:
    for timeout in (60, None):
        future = stub(channel, "unary_unary", "One").future("x", timeout=timeout)
        left = future.time_remaining()
        print(left is None if timeout is None else 0 < left <= 60, future.result())
        stream = stub(channel, "unary_stream", "Many")("x", timeout=timeout)
        left = stream.time_remaining()
        print(left is None if timeout is None else 0 < left <= 60, list(stream))
server.stop(None).wait()
