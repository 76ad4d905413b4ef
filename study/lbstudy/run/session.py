"""What a venue does for one run; see ``run.venue``."""

from abc import ABC, abstractmethod
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

from lbstudy.platform.interface import Change, Platform
from lbstudy.run.describe import Place
from lbstudy.store.description import RunDescription
from lbstudy.traces.facts import RunFacts


class Session(ABC):
    """One run in a venue. Methods after ``open`` may be called only while the session is open."""

    keeping: ClassVar[str]
    """How ``keep`` begins, for the view: "writing the run down"."""

    @abstractmethod
    def perform(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the work in an event loop; Ctrl-C ends it in order.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed.
        """

    @abstractmethod
    def open(self) -> AbstractAsyncContextManager[None]:
        """Start the platform and whatever receives telemetry; nothing of it is left at the end of the block.

        Raises PlatformError or StoreError.
        """

    @property
    @abstractmethod
    def platform(self) -> Platform:
        """The platform, which has been started."""

    @property
    @abstractmethod
    def place(self) -> Place:
        """Where the run runs, to be kept with its result."""

    @property
    @abstractmethod
    def endpoint(self) -> str:
        """Where pods send their telemetry, "http://127.0.0.1:4317"; empty if the pods' template says it."""

    @property
    @abstractmethod
    def ready_within(self) -> float:
        """Seconds for the first servers of all settings to be Ready and in DNS."""

    @abstractmethod
    def now(self) -> float:
        """Return the time of the pods' clock, in seconds since the Unix epoch."""

    @abstractmethod
    def lead(self, servers_took: float) -> float:
        """Return the seconds from starting the clients to the first RPC; the servers took servers_took."""

    def why(self) -> str:
        """Return why servers are not Ready, to be appended to a sentence; "" if that is unknown."""
        return ""

    @abstractmethod
    def changed(self, change: Change) -> None:
        """Note a change that the platform saw."""

    @abstractmethod
    def busy(self, setting: str, pod: str, utilization: float) -> None:
        """Note how busy a server was since its previous answer: 0 to 1, of its capacity."""

    @abstractmethod
    def begin(self, description: RunDescription) -> None:
        """Note that the instant of the load's start is fixed."""

    def settle(
        self, changes: Sequence[Change], description: RunDescription
    ) -> tuple[Sequence[Change], RunDescription]:
        """Complete both with what is known only after all pods have ended."""
        return changes, description

    @abstractmethod
    async def keep(self, facts: RunFacts) -> None:
        """Write ``run.duckdb`` to the run's folder, with all observations and these facts.

        Raises StoreError or BackendError.
        """
