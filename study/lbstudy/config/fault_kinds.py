"""The table of all kinds of faults: who makes each, where it can be made, and what happens, in words.

The fields of a kind's model in ``config.fault`` are its options; docs/scenarios.md describes them for users.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final


class MadeBy(Enum):
    """Who makes a fault."""

    SERVER = auto()  # the server, on a call to its control service
    SIGNAL = auto()  # the platform, by a signal to the process or by deleting the pod
    START = auto()  # the platform, by the way in which it starts servers
    DNS = auto()  # the study's own DNS server


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One kind of fault."""

    made_by: MadeBy
    happens: str
    """What happens; it reads on after "requests lost when …"."""
    not_from_outside: str = ""
    """Why the fault cannot be made in a pod with an unknown program; "" if it can."""

    @property
    def on_a_cluster(self) -> bool:
        """Whether a run on a cluster can make it: a run does not control the cluster's DNS."""
        return self.made_by is not MadeBy.DNS


_OWN: Final = "its program would have to make it itself, and has no control service of the study's"
_NETWORK: Final = "its connections are its own, and its node's network is not the run's"
_CGROUP: Final = "what is used in another container of its pod is not its program's"
_COMMAND: Final = "its command is its own"
_DNS: Final = "the cluster's DNS is not the run's"

FAULT_KINDS: Final[Mapping[str, FaultKind]] = {
    "latency": FaultKind(MadeBy.SERVER, "a server is slow", _OWN),
    "error": FaultKind(MadeBy.SERVER, "a server answers with errors", _OWN),
    "hang": FaultKind(MadeBy.SERVER, "a server does not answer", _OWN),
    "cpu": FaultKind(MadeBy.SERVER, "a server’s CPU is burnt", _CGROUP),
    "memory": FaultKind(MadeBy.SERVER, "a server’s memory is held", _CGROUP),
    "load-report": FaultKind(MadeBy.SERVER, "a server reports a load that is not its own", _OWN),
    "not-ready": FaultKind(MadeBy.SERVER, "a server says that it is not ready"),
    "flap": FaultKind(MadeBy.SERVER, "a server is ready and not ready in turns"),
    "reset": FaultKind(MadeBy.SERVER, "connections are reset", _NETWORK),
    "blackhole": FaultKind(MadeBy.SERVER, "packets go nowhere", _NETWORK),
    "stop": FaultKind(MadeBy.SIGNAL, "a server hangs"),
    "kill": FaultKind(MadeBy.SIGNAL, "a server is killed"),
    "crash-at-start": FaultKind(MadeBy.START, "servers crash as they start", _COMMAND),
    "slow-start": FaultKind(MadeBy.START, "servers start slowly"),
    "dns-stale": FaultKind(MadeBy.DNS, "DNS answers are out of date", _DNS),
    "dns-nxdomain": FaultKind(MadeBy.DNS, "DNS says that the name does not exist", _DNS),
    "dns-servfail": FaultKind(MadeBy.DNS, "DNS answers that it failed", _DNS),
    "dns-silent": FaultKind(MadeBy.DNS, "DNS does not answer", _DNS),
    "dns-truncated": FaultKind(MadeBy.DNS, "DNS answers do not fit into a UDP packet", _DNS),
    "dns-late": FaultKind(MadeBy.DNS, "DNS answers late", _DNS),
}


def made_by(who: MadeBy) -> frozenset[str]:
    """Return the kinds of faults that ``who`` makes."""
    return frozenset(name for name, kind in FAULT_KINDS.items() if kind.made_by is who)
