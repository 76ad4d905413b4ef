"""Evidence by hand for a report: one watch of "shop/orders", its recorder, and what comes of both."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from lbstudy.observation.records import Lane
from lbstudy.result.build import build as build_result
from lbstudy.result.model import Result
from lbstudy.watch.build import build
from lbstudy.watch.core import Core
from lbstudy.watch.evidence import Evidence, Instant, PodSeen, PodStage, RpcSeen, SourceState
from lbstudy.watch.lane import lane_of
from lbstudy.watch.recorder import Recorder
from lbstudy.watch.report import WatchSource

from tests.watch.told import BEGAN, PATIENCE, SERVICE, a_core, ip, listed, ready


def created(pod: str, at: float, ready_at: float | None = None, template: str = "t1") -> PodSeen:
    """A pod that was created at an instant, and, with ``ready_at``, is Ready since another one."""
    stages = ((PodStage.CREATED, Instant(at)),)
    since = None if ready_at is None else Instant(ready_at)
    return PodSeen(SERVICE, pod, ip(pod), ready_at or at, since, template, stages)


def ending(pod: str, at: float, template: str = "t1") -> PodSeen:
    """A pod that is told to end."""
    return PodSeen(SERVICE, pod, ip(pod), at, None, template, (), Instant(at))


def of_client(
    client: str, pod: str | None, at: float, key: str = "", code: int = 0, took: float = 0.01
) -> RpcSeen:
    """A client's span; it names the pod where one is given."""
    key = key or f"{client} {at}"
    return RpcSeen(
        True, key, pod, "orders.shop", "checkout", client, "0", at, at + took, code, None, "trace", key
    )


def of_server(pod: str, at: float, key: str = "", code: int = 0) -> RpcSeen:
    """A server's span; its parent is ``key``."""
    key = key or f"{pod} {at}"
    return RpcSeen(False, key, pod, "", None, None, "", at, at + 0.005, code, None, "trace", f"server {key}")


@dataclass
class Watched:
    """A watch that was told this, after it had begun with two Ready pods, a and b."""

    told: Iterable[Evidence] = ()
    lasted: float = 100.0
    core: Core = field(default_factory=a_core)
    recorder: Recorder = field(default_factory=lambda: Recorder(SERVICE, BEGAN))

    def __post_init__(self) -> None:
        self.take(ready("a", 500.0))
        self.take(ready("b", 500.0))
        self.take(listed("a", "b"))
        self.take(SourceState("Prometheus", "2 counters", "", BEGAN))
        self.core.begin(SERVICE)
        for found in self.told:
            self.take(found)

    def take(self, found: Evidence) -> None:
        self.core.take(found)
        self.recorder.take(found)

    def lane(self) -> Lane:
        ended = BEGAN + self.lasted
        return lane_of(self.recorder, build(self.core, ended).services[0], ended)

    def result(self) -> Result:
        watched = build(self.core, BEGAN + self.lasted)
        command = "lbstudy watch shop/orders"
        return build_result(
            WatchSource(
                {SERVICE: self.recorder}, watched, command, "Kubernetes", {"cores": "2"}, {"python": "3.11"}
            )
        )


__all__ = ["BEGAN", "PATIENCE", "SERVICE", "Watched", "created", "ending", "of_client", "of_server"]
