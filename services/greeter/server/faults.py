"""The faults that are active on this server, and how each begins and ends."""

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
"""Most bytes that a fault may hold."""
MOST_CORES = 256

Request = control_pb2.InjectFaultRequest


class Faults:
    """Begins and ends faults, and decides with them what happens to each RPC.

    Attributes:
        port: the service's port; set when it is known.
        reporter: reports the load; None if no load is reported, and then a fault that changes it has no
            effect.
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
        """Return what happens to the next RPC."""
        return decide(self._rpc.values())

    @property
    def released(self) -> asyncio.Event:
        """Return an event that is set when one of the faults ends that make RPCs hang now."""
        return self._released

    async def inject(self, request: Request) -> None:
        """Begin a fault; it replaces an active one of the same id. Raises BadFaultError."""
        if not request.id:
            raise BadFaultError("expected an id")
        await self.lift(request.id)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._lasts(request))
            self._lasting[request.id] = stack.pop_all()

    async def lift(self, fault: str) -> None:
        """End a fault; does nothing if it is not active."""
        if stack := self._lasting.pop(fault, None):
            await stack.aclose()

    async def lift_all(self) -> None:
        """End every fault."""
        for fault in list(self._lasting):
            await self.lift(fault)

    def _lasts(self, request: Request) -> AbstractAsyncContextManager[None]:
        kinds: dict[str | None, Callable[[Request], AbstractAsyncContextManager[None]]] = {
            "cpu": _cpu,
            "memory": _memory,
            "not_ready": lambda request: self._not_ready(request.id),
            "flap": self._flap,
            "load_report": self._load_report,
            "reset": self._reset,
            "blackhole": self._blackhole,
        }
        return kinds.get(request.WhichOneof("fault"), self._of_rpcs)(request)

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

    def _flap(self, request: Request) -> AbstractAsyncContextManager[None]:
        period = request.flap.period

        async def once() -> None:
            async with self._not_ready(request.id):
                await asyncio.sleep(period / 2)
            await asyncio.sleep(period / 2)

        return _repeated(once, period)

    @asynccontextmanager
    async def _load_report(self, request: Request) -> AsyncIterator[None]:
        if self.reporter is not None:
            self.reporter.force(request.load_report)
        try:
            yield
        finally:
            if self.reporter is not None:
                self.reporter.force(None)

    @asynccontextmanager
    async def _reset(self, request: Request) -> AsyncIterator[None]:
        period = request.reset.period

        async def again() -> None:
            await asyncio.sleep(period)
            connections.reset(self.port)

        connections.reset(self.port)
        async with _repeated(again, period) if period else contextlib.nullcontext():
            yield

    @asynccontextmanager
    async def _blackhole(self, _: Request) -> AsyncIterator[None]:
        connections.drop(self.port)
        try:
            yield
        finally:
            connections.pass_on(self.port)


@asynccontextmanager
async def _cpu(request: Request) -> AsyncIterator[None]:
    cores = request.cpu.cores
    if not 0 < cores <= MOST_CORES:
        raise BadFaultError(f"cpu: expected cores above 0, up to {MOST_CORES}")
    burning = Burning(cores)
    try:
        yield
    finally:
        await asyncio.to_thread(burning.stop)


@asynccontextmanager
async def _memory(request: Request) -> AsyncIterator[None]:
    size = request.memory.size
    if not 0 < size <= MOST_MEMORY:
        raise BadFaultError(f"memory: expected a size above 0, up to {MOST_MEMORY} bytes")
    try:
        memory = Memory(size)
    except OSError as error:
        raise BadFaultError(f"memory: {size} bytes cannot be allocated: {error.strerror}") from error
    try:
        await asyncio.to_thread(memory.grow)  # the service continues meanwhile
        yield
    finally:
        memory.release()


@asynccontextmanager
async def _repeated(act: Callable[[], Awaitable[None]], period: float) -> AsyncIterator[None]:
    """Call ``act`` again and again; it takes the period itself. Raises BadFaultError for a bad period."""
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
