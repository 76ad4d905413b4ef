"""keepalive, compression and message sizes: what options do"""

import grpc
from service import failure, service, start, stub


def echo(request, context):
    context.set_compression(grpc.Compression.Deflate)
    return request


KEEPALIVE = (("grpc.keepalive_time_ms", 10_000), ("grpc.keepalive_timeout_ms", 1000), ("grpc.http2.max_pings_without_data", 0))
server, port = start(
    service(Call=("unary_unary", echo)), options=(*KEEPALIVE, ("grpc.max_receive_message_length", 10_000))
)
with grpc.insecure_channel(f"localhost:{port}", options=KEEPALIVE, compression=grpc.Compression.Gzip) as channel:
    print(len(stub(channel, "unary_unary")("x" * 9000)))
    print(len(stub(channel, "unary_unary")("x" * 100, compression=grpc.Compression.NoCompression)))
    try:
        stub(channel, "unary_unary")("x" * 20_000)
    except grpc.RpcError as error:
        print(error.code().name)
server.stop(None).wait()
