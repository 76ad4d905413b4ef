"""The service of long streams. A fault applies to a stream when it begins, as to any RPC."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import grpc

from greeter.pace import beats
from greeter.server.payload import payload
from greeter.v1 import streams_pb2, streams_pb2_grpc

SERVICE = streams_pb2.DESCRIPTOR.services_by_name["StreamService"].full_name
"""The service's full name, as used by reflection."""
MOST_RATE = 10_000.0  # messages/s
LONGEST_LIFE = 86_400.0  # s


class GreetingStreams(streams_pb2_grpc.StreamServiceServicer):
    """Streams of greetings, in either direction and in both.

    Args:
        pod_name: sent in each message.
        served: takes an RPC's context; does the work, counts how the RPC ends, and the body is the answer.

    Attributes:
        messages: "received" and "sent" → messages of all streams, ended or not. A message is sent when it is
            passed to gRPC: if the stream breaks, it may never arrive.
    """

    def __init__(self, pod_name: str, served: Callable[[Any], AbstractAsyncContextManager[None]]) -> None:
        self.messages: Counter[str] = Counter(received=0, sent=0)
        self._pod_name = pod_name
        self._served = served

    async def Watch(  # noqa: N802  # the stub's name
        self,
        request: streams_pb2.WatchRequest,
        context: grpc.aio.ServicerContext[streams_pb2.WatchRequest, streams_pb2.WatchResponse],
    ) -> AsyncIterator[streams_pb2.WatchResponse]:
        """Greet repeatedly, at the rate and for the time that the request names."""
        if not (0 < request.rate <= MOST_RATE and 0 < request.life <= LONGEST_LIFE):
            await context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"expected a rate above 0, up to {MOST_RATE:g}, and a life above 0, up to {LONGEST_LIFE:g} s",
            )
        answer = streams_pb2.WatchResponse(
            message=f"Hello, {request.name}!",
            pod_name=self._pod_name,
            payload=await payload(request.answer_size, context),
        )
        async with self._served(context):
            async for _ in beats(request.rate, request.life):
                self.messages["sent"] += 1
                yield answer

    async def Collect(  # noqa: N802  # the stub's name
        self,
        request_iterator: AsyncIterator[streams_pb2.CollectRequest],
        context: grpc.aio.ServicerContext[streams_pb2.CollectRequest, streams_pb2.CollectResponse],
    ) -> streams_pb2.CollectResponse:
        """Count the messages until the client sends no more."""
        count = 0
        async with self._served(context):
            async for _ in request_iterator:
                self.messages["received"] += 1
                count += 1
        return streams_pb2.CollectResponse(messages=count, pod_name=self._pod_name)

    async def Exchange(  # noqa: N802  # the stub's name
        self,
        request_iterator: AsyncIterator[streams_pb2.ExchangeRequest],
        context: grpc.aio.ServicerContext[streams_pb2.ExchangeRequest, streams_pb2.ExchangeResponse],
    ) -> AsyncIterator[streams_pb2.ExchangeResponse]:
        """Answer each message with one."""
        async with self._served(context):
            async for request in request_iterator:
                self.messages["received"] += 1
                self.messages["sent"] += 1
                yield streams_pb2.ExchangeResponse(
                    message=f"Hello, {request.name}!",
                    pod_name=self._pod_name,
                    payload=await payload(request.answer_size, context),
                )
