"""A run whose pods send to a receiver in this process, which fills the store.

Pods on this machine can do so, whatever starts them. A venue adds its platform.
"""

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, ClassVar

from lbstudy.live.view import View
from lbstudy.platform.interface import Change, Platform
from lbstudy.run.forwarding import Forwarding
from lbstudy.run.plan import STORE_FILE, RunPlan
from lbstudy.run.progress import ViewProgress
from lbstudy.run.session import Session
from lbstudy.run.specs import server_services, servers_of
from lbstudy.store.database import RunStore
from lbstudy.store.description import RunDescription, write_description
from lbstudy.store.live import Arrivals
from lbstudy.store.receiver import Receiver
from lbstudy.store.source import StoreSource
from lbstudy.traces.facts import RunFacts
from lbstudy.traces.record import record
from lbstudy.traces.send_changes import send_changes


class ReceivingSession(Session):
    """One run of pods that reach this process, and have its clock.

    Args:
        plan: the run's plan.
        view: not used here.
        progress: gets what has been stored.
    """

    keeping: ClassVar[str] = "writing the run down"

    def __init__(self, plan: RunPlan, view: View, progress: ViewProgress) -> None:  # noqa: ARG002 - as every venue
        self._plan = plan
        self._progress = progress
        self._start_took = 0.0  # s

    @property
    def plan(self) -> RunPlan:
        """The run's plan."""
        return self._plan

    @property
    def start_took(self) -> float:
        """Seconds that the platform took to start."""
        return self._start_took

    @abstractmethod
    def create_platform(self) -> Platform:
        """Make the platform; the session starts and closes it."""

    def perform(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the work as ``asyncio.run`` does: a second Ctrl-C interrupts whatever is being done."""
        asyncio.run(work)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Open the store, start the receiver and the platform."""
        plan, loop = self._plan, asyncio.get_running_loop()

        def on_spans(arrived: Sequence[Arrivals]) -> None:
            # Called in a thread of the receiver; after the loop has closed, there is no view any more.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self._progress.arrived, arrived)

        async with AsyncExitStack() as stack:
            self._store = RunStore.create(plan.run_dir / STORE_FILE)
            stack.callback(self._store.close)
            self._forwarding = Forwarding(
                plan.collector, plan.run_id, servers_of(plan), server_services(plan), self._store
            )
            stack.callback(self._forwarding.finish)
            self._receiver = Receiver(self._store, on_spans=on_spans, forward=self._forwarding.hook)
            self._endpoint = self._receiver.start()
            stack.callback(self._receiver.stop)
            self._forwarding.begin(self._endpoint)
            stack.callback(self._forwarding.quieten)
            self._platform = self.create_platform()
            stack.push_async_callback(self._platform.aclose)
            begun = time.monotonic()
            await self._platform.start()
            self._start_took = time.monotonic() - begun
            yield

    @property
    def platform(self) -> Platform:
        """What ``create_platform`` made."""
        return self._platform

    @property
    def endpoint(self) -> str:
        """The receiver's address."""
        return self._endpoint

    @property
    def ready_within(self) -> float:
        """As the subjects' files say."""
        return max(
            self._plan.programs(setting).server_program.ready.within for setting in self._plan.settings
        )

    def now(self) -> float:
        """Return the time of this machine's clock, which all pods share."""
        return time.time()

    def changed(self, change: Change) -> None:
        """Add the change to the study's own metrics, if they are sent on."""
        self._forwarding.changed(change)

    def busy(self, setting: str, pod: str, utilization: float) -> None:
        """Add it to the study's own metrics, if they are sent on."""
        self._forwarding.busy(setting, pod, utilization)

    def begin(self, description: RunDescription) -> None:
        """Store the description at once, so that an interrupted run has it too."""
        write_description(self._store, description)

    async def keep(self, facts: RunFacts) -> None:
        """Add to the store what did not arrive as telemetry, and send it on."""
        write_description(self._store, facts.description)
        record(facts, self._store)
        if self._receiver.failure is not None:
            raise self._receiver.failure
        send_changes(StoreSource.of(self._store), self._endpoint)
        self._forwarding.tell(facts)
