"""Where a run can be made, as commands and runs see it; each venue is a folder of ``lbstudy.venues``.

A ``Venue`` is what is known before anything runs. A ``Session`` is one run in the venue: where telemetry
arrives, whose clock gives the instants, how early clients are started, how the run is kept.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from lbstudy.config.scenario import Scenario
from lbstudy.run.check import Check

if TYPE_CHECKING:  # only for types: importing them here would be circular, or bring in the store
    from lbstudy.live.view import View
    from lbstudy.run.plan import RunPlan
    from lbstudy.run.progress import ViewProgress
    from lbstudy.run.session import Session


class Venue(ABC):
    """A venue that was chosen. Making it queries nothing and imports little."""

    platform: ClassVar[str]
    """Its name in ``--on``."""
    own_dns: ClassVar[bool]
    """Whether the study's own DNS server answers, with the scenario's times, and keeps a log."""
    runs_what_was_applied: ClassVar[bool]
    """Whether it runs servers and clients that were applied there, instead of a subject's programs."""
    own_collector: ClassVar[str] = ""
    """Why telemetry cannot be sent to another Collector, in words; empty if it can."""
    overhead: ClassVar[float]
    """About how many seconds a run takes besides its load: starting, stopping, measuring."""

    @property
    @abstractmethod
    def options(self) -> Mapping[str, str]:
        """The options with which it was chosen, to choose it again: option → value."""

    @property
    @abstractmethod
    def announced(self) -> str:
        """A sentence for a plan that says where its runs are made; empty for this machine."""

    @abstractmethod
    def side_by_side(self, scenarios: Sequence[Scenario]) -> int:
        """Return how many settings it can run at the same time with these scenarios' load."""

    @abstractmethod
    def obstacles(self, scenario: Scenario) -> list[str]:
        """Return what of a scenario is impossible there, in words; empty if all is possible."""

    @abstractmethod
    def checks(self) -> list[Check]:
        """Check everything that a run needs there, for ``lbstudy doctor``."""

    @abstractmethod
    def session(self, plan: "RunPlan", view: "View", progress: "ViewProgress") -> "Session":
        """Prepare one run; nothing is started before the session is opened."""

    def settled(self) -> "Venue":
        """Return the same venue with the environment's choices made explicit. Raises PlatformError."""
        return self

    @property
    def chosen(self) -> dict[str, object]:
        """Return the venue as JSON has it."""
        return {"platform": self.platform, "options": dict(self.options)}
