"""What is known of one pod of a watched Service. No I/O."""

from dataclasses import dataclass, field

from lbstudy.watch.evidence import EvidenceSource, Instant, PodSeen, PodStage, Requests
from lbstudy.watch.tally import Caller, RequestTally


@dataclass(slots=True, eq=False)
class Pod:
    """A pod, from when it was first seen to its end.

    Attributes:
        ready: since when it is Ready; None: it is not.
        last_ready: when it last became Ready, even if it is not Ready now.
        listed: whether an EndpointSlice lists it as ready; None: not observed.
        stages: when it first entered each stage.
        tallies: its requests, by source.
        busy: client workload → how many requests it had made to the whole Service when this pod became Ready.
        all_busy: how many requests all clients had made to the whole Service by then.
        before: client workload → how many requests it made to others from then until its first one to this
            pod.
        all_before: the same for all clients together; None: there was none to this pod.
    """

    name: str
    ip: str = ""
    template: str = ""
    ready: Instant | None = None
    last_ready: Instant | None = None
    listed: bool | None = None
    terminating: bool = False
    gone: bool = False
    stages: dict[PodStage, Instant] = field(default_factory=dict)
    tallies: dict[EvidenceSource, RequestTally] = field(default_factory=dict)
    busy: dict[str, int] = field(default_factory=dict)
    all_busy: int = 0
    before: dict[str, int] = field(default_factory=dict)
    all_before: int | None = None

    def see(self, seen: PodSeen) -> bool:
        """Note what the API reports; returns whether the pod became Ready, again or for the first time."""
        self.ip = seen.ip or self.ip
        self.template = seen.template or self.template
        for stage, when in seen.stages:
            self.stages.setdefault(stage, when)
        if seen.terminating is not None:
            self.terminating = True
            self.stages.setdefault(PodStage.TERMINATING, seen.terminating)
        became_ready = seen.ready is not None and self.ready is None
        if became_ready or seen.ready is None:
            self.ready = seen.ready
        if became_ready and self.ready is not None:
            self.last_ready = self.ready
            self.stages.setdefault(PodStage.READY, self.ready)
            for tally in self.tallies.values():
                tally.became_ready(self.ready)
        return became_ready

    def count(self, requests: Requests) -> None:
        """Note requests."""
        tally = self.tallies.setdefault(requests.source, RequestTally())
        tally.add(requests, self.ready)
        if (first := self.first) is not None:
            self.stages[PodStage.FIRST_REQUEST] = first

    @property
    def became_ready(self) -> Instant | None:
        """Return since when it is Ready; if it is not Ready any more, when it first was."""
        return self.ready or self.stages.get(PodStage.READY)

    @property
    def called(self) -> bool:
        """Return whether any source reported a request since the pod is Ready."""
        return any(tally.since_ready for tally in self.tallies.values())

    @property
    def first(self) -> Instant | None:
        """Return the first request since it is Ready, by the source with the most exact time."""
        for source in EvidenceSource:
            tally = self.tallies.get(source)
            if tally is not None and tally.first is not None:
                return tally.first
        return None

    @property
    def last(self) -> float | None:
        """Return the last request that any source reported."""
        return max((tally.last for tally in self.tallies.values() if tally.last is not None), default=None)

    @property
    def status(self) -> str:
        """Return its status in a word or two."""
        if self.gone:
            return "gone"
        if self.terminating:
            return "terminating"
        return "Ready" if self.ready is not None else "not Ready"

    def callers(self) -> dict[str, Caller]:
        """Return each client workload's requests since the pod is Ready, by the source that reports most."""
        callers: dict[str, Caller] = {}
        for source in EvidenceSource:
            tally = self.tallies.get(source)
            for workload, caller in (tally.callers if tally is not None else {}).items():
                before = callers.get(workload)
                if before is None or len(caller.pods) > len(before.pods):
                    callers[workload] = caller
        return callers
