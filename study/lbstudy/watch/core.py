"""All watched Services together: evidence in, rows and events out. No I/O: the caller passes the time."""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from lbstudy.watch.events import Event, Events, SourceEvents
from lbstudy.watch.evidence import Evidence, Listed, PodGone, PodSeen, SourceState
from lbstudy.watch.service import Service

EVENTS_KEPT: Final = 1000
"""Events that are kept for the end; older ones are only counted."""


@dataclass
class Core:
    """What is watched, and what has happened.

    Args:
        names: the Services, each "namespace/service".
        began: s since the Unix epoch.
        patience: s, after which a Ready pod that nobody calls is reported.
    """

    names: Iterable[str]
    began: float
    patience: float
    services: OrderedDict[str, Service] = field(init=False)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT), init=False)
    told: int = field(default=0, init=False)
    _lookers: dict[str, Events] = field(default_factory=dict, init=False)
    _sources: SourceEvents = field(default_factory=SourceEvents, init=False)

    def __post_init__(self) -> None:
        self.services = OrderedDict((name, Service(name, self.began)) for name in self.names)
        self._lookers = {name: Events(service, self.patience) for name, service in self.services.items()}

    @property
    def sources(self) -> list[SourceState]:
        """Return what each source has, and what it lacks."""
        return list(self._sources.states.values())

    def take(self, evidence: Evidence) -> Event | None:
        """Process evidence. Returns an event if the state of a source has changed."""
        if isinstance(evidence, SourceState):
            event = self._sources.take(evidence)
            if event is not None:
                self._note(event)
            return event
        if isinstance(evidence, (PodSeen, PodGone, Listed)):
            self.services[evidence.service].take(evidence)
        else:
            for service in self.services.values():
                service.take(evidence)
        return None

    def begin(self, name: str) -> None:
        """Note that everything known of a Service now was there before the watch, so it makes no events."""
        self._lookers[name].begin()

    def look(self, now: float) -> list[Event]:
        """Return what is new at this instant; to be called each second."""
        events = [event for looker in self._lookers.values() for event in looker.look(now)]
        for event in events:
            self._note(event)
        return events

    def _note(self, event: Event) -> None:
        self.events.append(event)
        self.told += 1
