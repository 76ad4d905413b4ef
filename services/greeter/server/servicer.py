"""The service itself."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc

from greeter.server.capacity import Capacity
from greeter.server.faults import Faults
from greeter.server.load_report import LoadReporter
from greeter.server.payload import payload
from greeter.server.warm_up import WarmUp
from greeter.v1 import greeter_pb2, greeter_pb2_grpc

SERVICE = greeter_pb2.DESCRIPTOR.services_by_name["GreeterService"].full_name
"""The service's full name, as used by health and reflection."""


class Greeter(greeter_pb2_grpc.GreeterServiceServicer):
    """Answers each RPC after ``work`` seconds with the pod's name, and counts how RPCs ended.

    An RPC beyond the server's capacity first waits for its turn. What a fault adds counts as work.

    Attributes:
        answered: status code → RPCs. ``CANCELLED`` counts those that ended before their answer: the client
            cancelled, its deadline passed, its connection broke, or the drain's grace ran out.
        reporter: adds its trailer to each answer; None: no trailer.
        cold: seconds that answers took longer, in all, because the server was not warm yet.
    """

    def __init__(
        self,
        pod_name: str,
        work: float,
        faults: Faults,
        capacity: Capacity | None = None,
        warm_up: WarmUp | None = None,
    ) -> None:
        self.answered: Counter[str] = Counter()
        self.reporter: LoadReporter | None = None
        self.cold = 0.0
        self._warm_up = warm_up
        self._since = time.monotonic()
        self._begun = 0
        self._faults = faults
        self._capacity = capacity or Capacity(None)
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
        """Say hello after the constant time, unless a fault changes that."""
        more = await payload(request.answer_size, context)
        async with self.served(context):
            return greeter_pb2.SayHelloResponse(
                message=f"Hello, {request.name}!", pod_name=self._pod_name, payload=more
            )

    @contextlib.asynccontextmanager
    async def served(self, context: Any) -> AsyncIterator[None]:  # noqa: ANN401 - of any request and response
        """Do the work, apply faults, and count how the RPC ends."""
        self._open += 1
        self._idle.clear()
        code = "CANCELLED"
        try:
            trouble, released = self._faults.decide(), self._faults.released
            async with self._capacity.turn():
                await asyncio.sleep(self._work + self._longer() + trouble.delay)
                if trouble.hangs:
                    await released.wait()  # it may be set already
            if self.reporter is not None:
                context.set_trailing_metadata(self.reporter.trailer)
            if trouble.code is not None:
                code = trouble.code.name
                await context.abort(trouble.code, "a fault, on purpose")
            yield
            code = "OK"
        finally:
            self.answered[code] += 1
            self._open -= 1
            if not self._open:
                self._idle.set()

    def _longer(self) -> float:
        """Return how many seconds longer the next RPC takes because the server is not warm."""
        if self._warm_up is None:
            return 0.0
        extra = self._warm_up.longer(self._work, time.monotonic() - self._since, self._begun)
        self._begun += 1
        self.cold += extra
        return extra

    async def counted(self) -> None:
        """Wait until every RPC is counted: gRPC reports cancellations only after the server has stopped."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                await self._idle.wait()
