"""The service itself."""

import asyncio
import contextlib
from collections import Counter

import grpc

from greeter.server.faults import Faults
from greeter.server.load_report import LoadReporter
from greeter.v1 import greeter_pb2, greeter_pb2_grpc

SERVICE = greeter_pb2.DESCRIPTOR.services_by_name["GreeterService"].full_name
"""The service's full name, by which health and reflection know it."""


class Greeter(greeter_pb2_grpc.GreeterServiceServicer):
    """Answers each RPC after ``work`` seconds with the pod's name, and counts how RPCs ended.

    Attributes:
        answered: status code → RPCs. ``CANCELLED`` are those that ended before their answer: the client
            cancelled, its deadline passed, its connection broke, or the drain's grace ran out.
        reporter: whose trailer goes with each answer; None: none does.
    """

    def __init__(self, pod_name: str, work: float, faults: Faults) -> None:
        self.answered: Counter[str] = Counter()
        self.reporter: LoadReporter | None = None
        self._faults = faults
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._pod_name = pod_name
        self._work = work

    async def SayHello(  # noqa: N802  # the stub's name
        self,
        request: greeter_pb2.SayHelloRequest,
        context: grpc.aio.ServicerContext[greeter_pb2.SayHelloRequest, greeter_pb2.SayHelloResponse],
    ) -> greeter_pb2.SayHelloResponse:
        """Say hello after the constant time, unless a fault wants it otherwise."""
        self._open += 1
        self._idle.clear()
        code = "CANCELLED"
        try:
            trouble = self._faults.decide()
            await asyncio.sleep(self._work + trouble.delay)
            if trouble.hangs:
                await self._faults.released()
            if self.reporter is not None:
                context.set_trailing_metadata(self.reporter.trailer)
            if trouble.code is not None:
                code = trouble.code.name
                await context.abort(trouble.code, "a fault, on purpose")
            code = "OK"
        finally:
            self.answered[code] += 1
            self._open -= 1
            if not self._open:
                self._idle.set()
        return greeter_pb2.SayHelloResponse(message=f"Hello, {request.name}!", pod_name=self._pod_name)

    async def counted(self) -> None:
        """Wait until every RPC is counted: gRPC tells of cancellations only after the server has stopped."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._idle.wait()
