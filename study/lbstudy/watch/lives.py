"""The pods of one watched Service, each from its creation to its end, as a lane has them. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from lbstudy.observation.records import Interruption, PodLife
from lbstudy.watch.evidence import Instant, Listed, PodGone, PodSeen, PodStage

GONE_KEPT: Final = 1000
"""Pods that are gone and still told of, the newest."""
_JUST: Final = (
    120.0  # s before the watch: a pod that is made then, and Ready later, comes while it is watched
)
_MOST_INTERRUPTIONS: Final = 50  # of a pod; one that flaps on is told as being Ready
_STAGES: Final = {
    PodStage.CREATED: "created",
    PodStage.SCHEDULED: "scheduled",
    PodStage.STARTED: "started",
    PodStage.READY: "ready",
    PodStage.LISTED: "listed",
    PodStage.TERMINATING: "terminating",
    PodStage.GONE: "exited",
}
_NEVER_SEEN: Final = frozenset({"commanded", "published", "unpublished"})


@dataclass(slots=True, eq=False)
class Life:
    """One pod.

    Attributes:
        index: its number, in order of its being seen; no other pod has it.
        began: since when it is watched.
        came: it was created while it was watched.
    """

    index: int
    name: str
    began: float
    ip: str = ""
    template: str = ""
    came: bool = False
    ready: bool = False
    stages: dict[str, Instant] = field(default_factory=dict)
    interruptions: list[tuple[float, float | None]] = field(default_factory=list)

    @property
    def left(self) -> float | None:
        """When it was told to end, or ended; None: neither was seen."""
        instants = [self.stages[name].at for name in ("terminating", "exited") if name in self.stages]
        return min(instants, default=None)

    @property
    def arrived(self) -> float | None:
        """When it came: its creation, else the first that was seen of it; None: it had been there."""
        if not self.came:
            return None
        instants = [when.at for when in self.stages.values() if when.at >= self.began]
        return min(instants, default=self.began)


class Lives:
    """All pods of a Service that are there, and the newest of those that are gone.

    Args:
        began: since when it is watched, s since the Unix epoch.
        past: the pods of a time that is over, as metrics tell of them: they have no creation.
    """

    def __init__(self, began: float, *, past: bool = False) -> None:
        self._began = began
        self._past = past
        self._known: dict[str, Life] = {}
        self._by_ip: dict[str, Life] = {}
        self._made = 0
        self._listed: frozenset[str] | None = None

    def __iter__(self) -> Iterator[Life]:
        return iter(self._known.values())

    @property
    def lists(self) -> bool:
        """Whether EndpointSlices are told of."""
        return self._listed is not None

    def find(self, name_or_ip: str) -> Life | None:
        """The pod of a name, or the last one of an IP."""
        return self._known.get(name_or_ip) or self._by_ip.get(name_or_ip)

    def see(self, seen: PodSeen) -> None:
        """A pod is there, or is other than before."""
        life = self._known.get(seen.name)
        if life is None or "exited" in life.stages:
            life = self._known[seen.name] = Life(self._made, seen.name, self._began)
            self._made += 1
        life.ip, life.template = seen.ip or life.ip, seen.template or life.template
        if life.ip:
            self._by_ip[life.ip] = life
        for stage, when in seen.stages:
            life.stages.setdefault(_STAGES[stage], when)
        if seen.terminating is not None:
            life.stages.setdefault("terminating", seen.terminating)
        self._ready(life, seen)
        life.came = self._came(life)
        self._list(life, seen.at)

    def _came(self, life: Life) -> bool:
        """Whether it was created while it was watched, or a moment before, and was not Ready by then."""
        created, ready = life.stages.get("created"), life.stages.get("ready")
        if self._past:
            return ready is not None and ready.at >= self._began
        if created is None or created.at < self._began - _JUST:
            return False
        return created.at >= self._began or ready is None or ready.at >= self._began

    def _ready(self, life: Life, seen: PodSeen) -> None:
        if seen.ready is not None and not life.ready:
            if "ready" not in life.stages:
                life.stages["ready"] = seen.ready
            elif life.interruptions and life.interruptions[-1][1] is None:
                life.interruptions[-1] = life.interruptions[-1][0], seen.ready.at
        elif (
            seen.ready is None
            and life.ready
            and seen.terminating is None
            and len(life.interruptions) < _MOST_INTERRUPTIONS
        ):
            life.interruptions.append((seen.at, None))
        life.ready = seen.ready is not None

    def list(self, listed: Listed) -> None:
        """The Service's EndpointSlices list these as ready."""
        self._listed = listed.pods
        for life in self._known.values():
            self._list(life, listed.at.at, listed.at)

    def _list(self, life: Life, at: float, when: Instant | None = None) -> None:
        if self._listed is None:
            return
        if life.name in self._listed:
            life.stages.setdefault("listed", when or Instant(at))
            life.stages.pop("withdrawn", None)
        elif "listed" in life.stages:
            life.stages.setdefault("withdrawn", when or Instant(at))

    def gone(self, gone_pod: PodGone) -> None:
        """A pod is there no more."""
        life = self._known.get(gone_pod.name)
        if life is None or "exited" in life.stages:
            return
        life.stages["exited"] = gone_pod.at
        life.ready = False
        gone = [name for name, known in self._known.items() if "exited" in known.stages]
        for name in gone[:-GONE_KEPT]:
            dropped = self._known.pop(name)
            if self._by_ip.get(dropped.ip) is dropped:
                del self._by_ip[dropped.ip]


def pod_life(life: Life, zero: float, *, lists: bool) -> PodLife:
    """A life as a lane has it.

    Args:
        life: the pod.
        zero: the lane's time zero, s since the Unix epoch; who came before was there from the start.
        lists: whether EndpointSlices are told of.
    """
    arrived = life.arrived
    at: dict[str, float | None] = {name: when.at - zero for name, when in life.stages.items()}
    return PodLife(
        name=life.name,
        address=life.ip,
        commanded=min(0.0, at.get("created") or 0.0) if arrived is None else arrived - zero,
        created=at.get("created"),
        scheduled=at.get("scheduled"),
        started=at.get("started"),
        ready=at.get("ready"),
        listed=at.get("listed"),
        removal_commanded=None if life.left is None else life.left - zero,
        terminating=at.get("terminating"),
        withdrawn=at.get("withdrawn"),
        exited=at.get("exited"),
        interruptions=tuple(
            Interruption(unready - zero, ready=None if ready is None else ready - zero)
            for unready, ready in life.interruptions
        ),
        errors={name: when.error for name, when in life.stages.items() if when.error},
        unseen=_unseen(life, lists=lists),
    )


def _unseen(life: Life, *, lists: bool) -> frozenset[str]:
    """What nobody could see of it. Of a pod of the past, all that no metric tells."""
    if "created" not in life.stages:
        return frozenset({*_STAGES.values(), *_NEVER_SEEN, "withdrawn"} - life.stages.keys())
    return _NEVER_SEEN if lists else _NEVER_SEEN | {"listed", "withdrawn"}
