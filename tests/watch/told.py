"""Evidence by hand: a Service "shop/orders" with pods a, b, c … at 10.0.0.1, 10.0.0.2, 10.0.0.3 …"""

from lbstudy.watch.core import Core
from lbstudy.watch.events import Event
from lbstudy.watch.evidence import (
    ClientUpdate,
    Connection,
    EvidenceSource,
    Instant,
    Listed,
    PodGone,
    PodSeen,
    Requests,
)

SERVICE = "shop/orders"
BEGAN = 1_000.0
PATIENCE = 10.0


def a_core() -> Core:
    return Core([SERVICE], BEGAN, PATIENCE)


def ip(pod: str) -> str:
    return f"10.0.0.{ord(pod) - ord('a') + 1}"


def ready(pod: str, at: float, error: float = 0.0, template: str = "t1") -> PodSeen:
    return PodSeen(SERVICE, pod, ip(pod), at, Instant(at, error), template)


def unready(pod: str, at: float) -> PodSeen:
    return PodSeen(SERVICE, pod, ip(pod), at, None, "t1")


def gone(pod: str, at: float) -> PodGone:
    return PodGone(SERVICE, pod, Instant(at))


def listed(*pods: str, at: float = BEGAN) -> Listed:
    return Listed(SERVICE, frozenset(pods), Instant(at))


def served(pod: str, at: float, received: float | None = None) -> Requests:
    """A server's span."""
    return Requests(EvidenceSource.SERVER_SPANS, pod, at, at, received=at if received is None else received)


def called(pod: str, at: float, client: str, workload: str = "checkout") -> Requests:
    """A client's span."""
    return Requests(EvidenceSource.CLIENT_SPANS, pod, at, at, 1, workload, client, at)


def sampled(pod: str, after: float, at: float, count: int) -> Requests:
    """What a server's counter has grown by."""
    return Requests(EvidenceSource.SERVER_METRICS, pod, after, at, count)


def of_counters() -> list[Requests]:
    """Two pods that are called evenly, sampled each 15 s."""
    return [sampled(pod, BEGAN + at, BEGAN + at + 15, 30) for at in range(0, 90, 15) for pod in "ab"]


def resolved(client: str, at: float, *pods: str, workload: str = "checkout") -> ClientUpdate:
    addresses = frozenset(ip(pod) for pod in pods)
    return ClientUpdate(workload, client, "0", "dns:///orders.shop:50051", at, addresses)


def connected(client: str, pod: str, at: float, state: str = "READY") -> Connection:
    return Connection("checkout", client, f"to-{pod}", ip(pod), state, at)


def texts(events: list[Event]) -> list[str]:
    return [event.text for event in events]


def watched(*evidence: object) -> Core:
    """A core that was told this before it was begun: two Ready pods, a and b, and more."""
    core = a_core()
    for found in (ready("a", 500.0), ready("b", 500.0), listed("a", "b"), *evidence):
        core.take(found)  # type: ignore[arg-type]  # of whatever kind
    core.begin(SERVICE)
    return core
