"""Servers and stubs without generated code: messages are text."""

import asyncio
from concurrent import futures

import grpc

NAME = "foreign.Route"


def encode(text):
    return text if isinstance(text, bytes) else text.encode()  # grpc.aio's server has made a str bytes already


def decode(data):
    return data.decode()


def handler(kind, function):
    make = getattr(grpc, f"{kind}_rpc_method_handler")
    return make(function, request_deserializer=decode, response_serializer=encode)


def service(**methods):
    """A service; each method is a pair of its kind and its function."""
    return grpc.method_handlers_generic_handler(
        NAME, {name: handler(kind, function) for name, (kind, function) in methods.items()}
    )


def start(*handlers, **options):
    """A running server of threads, and its port."""
    server = grpc.server(futures.ThreadPoolExecutor(8), handlers=handlers, **options)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


async def start_aio(*handlers, **options):
    """A running server of asyncio, and its port."""
    server = grpc.aio.server(handlers=handlers, **options)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    return server, port


def stub(channel, kind, method="Call"):
    """What calls the method."""
    return getattr(channel, kind)(
        f"/{NAME}/{method}", request_serializer=encode, response_deserializer=decode
    )


def failure(error):
    """The code and the details of an error."""
    return f"{error.code().name}: {error.details()}"


def pairs(metadata):
    """Metadata as text, those of no interest left out."""
    own = [(key, value) for key, value in metadata or () if not key.startswith(("grpc-", "user-agent", "traceparent"))]
    return sorted((key, value) for key, value in own if key not in ("x-grpc-lb-pod", "x-grpc-lb-ask", "x-grpc-lb-peer", "content-type", "date"))


def run(main):
    asyncio.run(main())
