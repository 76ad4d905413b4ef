"""The faults that last on this server, and how each begins and ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from greeter.server import connections
from greeter.server.burning import Burning, Memory
from greeter.server.load_report import LoadReporter
from greeter.server.trouble import BadFaultError, RpcFault, Trouble, decide
from greeter.v1 import control_pb2

MOST_MEMORY = 1 << 36
"""Bytes that a fault may hold."""
MOST_CORES = 256

Request = control_pb2.InjectFaultRequest


class Faults:
    """Begins and ends faults, and decides by them what becomes of each RPC.

    Attributes:
        port: of the service in trouble; set when it is known.
        reporter: that tells the load; None where none is told, and a fault that changes it has no effect.
    """

    def __init__(self, set_ready: Callable[[bool], Awaitable[None]]) -> None:
        self.port = 0
        self.reporter: LoadReporter | None = None
        self._set_ready = set_ready
        self._lasting: dict[str, AsyncExitStack] = {}
        self._rpc: dict[str, RpcFault] = {}
        self._unready: set[str] = set()
        self._released = asyncio.Event()

    def decide(self) -> Trouble:
        """What becomes of the next RPC."""
        return decide(self._rpc.values())

    async def released(self) -> None:
        """Wait for the end of the next fault that lets RPCs hang."""
        await self._released.wait()

    async def inject(self, request: Request) -> None:
        """Begin a fault, in place of one of the same id. Raises BadFaultError."""
        kind = request.WhichOneof("fault")
        if not request.id or kind is None:
            raise BadFaultError("expected an id and a fault")
        await self.lift(request.id)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._lasts(kind, request))
            self._lasting[request.id] = stack.pop_all()

    async def lift(self, fault: str) -> None:
        """End a fault; one that is not there is over already."""
        if stack := self._lasting.pop(fault, None):
            await stack.aclose()

    async def lift_all(self) -> None:
        """End every fault."""
        for fault in list(self._lasting):
            await self.lift(fault)

    def _lasts(self, kind: str, request: Request) -> AbstractAsyncContextManager[None]:
        match kind:
            case "cpu":
                return _cpu(request.cpu.cores)
            case "memory":
                return _memory(request.memory.size)
            case "not_ready":
                return self._not_ready(request.id)
            case "flap":
                return _repeated(lambda: self._flap(request.id, request.flap.period), request.flap.period)
            case "load_report":
                return self._load_report(request.load_report)
            case "reset":
                return self._reset(request.reset.period)
            case "blackhole":
                return self._blackhole()
            case _:
                return self._of_rpcs(request)

    @asynccontextmanager
    async def _of_rpcs(self, request: Request) -> AsyncIterator[None]:
        fault = RpcFault.of(request)
        if fault is None:
            raise BadFaultError("expected a fault that this server knows")
        self._rpc[request.id] = fault
        try:
            yield
        finally:
            del self._rpc[request.id]
            if fault.hangs:
                self._released.set()
                self._released = asyncio.Event()

    @asynccontextmanager
    async def _not_ready(self, fault: str) -> AsyncIterator[None]:
        self._unready.add(fault)
        await self._set_ready(False)
        try:
            yield
        finally:
            self._unready.discard(fault)
            await self._set_ready(not self._unready)

    async def _flap(self, fault: str, period: float) -> None:
        async with self._not_ready(fault):
            await asyncio.sleep(period / 2)
        await asyncio.sleep(period / 2)

    @asynccontextmanager
    async def _load_report(self, report: control_pb2.LoadReport) -> AsyncIterator[None]:
        if self.reporter is not None:
            self.reporter.force(report)
        try:
            yield
        finally:
            if self.reporter is not None:
                self.reporter.force(None)

    @asynccontextmanager
    async def _reset(self, period: float) -> AsyncIterator[None]:
        async def again() -> None:
            connections.reset(self.port)
            await asyncio.sleep(period)

        if period:
            async with _repeated(again, period):
                yield
        else:
            connections.reset(self.port)
            yield

    @asynccontextmanager
    async def _blackhole(self) -> AsyncIterator[None]:
        connections.drop(self.port)
        try:
            yield
        finally:
            connections.pass_on(self.port)


@asynccontextmanager
async def _cpu(cores: float) -> AsyncIterator[None]:
    if not 0 < cores <= MOST_CORES:
        raise BadFaultError(f"cpu: expected cores above 0, up to {MOST_CORES}")
    burning = Burning(cores)
    try:
        yield
    finally:
        await asyncio.to_thread(burning.stop)


@asynccontextmanager
async def _memory(size: int) -> AsyncIterator[None]:
    if not 0 < size <= MOST_MEMORY:
        raise BadFaultError(f"memory: expected a size above 0, up to {MOST_MEMORY} bytes")
    try:
        memory = Memory(size)
    except OSError as error:
        raise BadFaultError(f"memory: {size} bytes cannot be had: {error.strerror}") from error
    try:
        await asyncio.to_thread(memory.grow)  # the service goes on meanwhile
        yield
    finally:
        memory.release()


@asynccontextmanager
async def _repeated(act: Callable[[], Awaitable[None]], period: float) -> AsyncIterator[None]:
    """Act over and over; it is the act that takes the time."""
    if not 0.01 <= period <= 3600:
        raise BadFaultError("expected a period from 0.01 to 3600 s")

    async def forever() -> None:
        while True:
            await act()

    task = asyncio.create_task(forever())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
