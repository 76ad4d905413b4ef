"""What the removal of a server costs: expected failed RPCs, from the drain's times and the load."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from lbstudy.model.parameters import Parameters
from lbstudy.result.model import Delay

CROSSING: Final = 0.001
"""s from a pick to the server's program: an RPC sent so shortly before stop() is CANCELLED by gRPC."""


@dataclass(frozen=True, slots=True)
class Removal:
    """One client and one server of several, both under the load of the scenario."""

    error_window: float  # s during which an RPC to this server fails
    failed: float  # expected RPCs, a client and removed server


def graceful(parameters: Parameters, servers: int, dropped: Sequence[Delay] = ()) -> Removal:
    """SIGTERM, drain wait, stop(grace): GOAWAY sends new RPCs elsewhere; RPCs in flight get the grace.

    An RPC fails when it was sent so late that its work outlasts the grace, or crosses the GOAWAY. A client
    that has dropped the server from its list by then sends it none: of each of ``dropped`` (s from the
    SIGTERM to that) the window has only what comes before; the result is their mean. With pick_first all of a
    client's RPCs go to one server: the client has 1 chance in ``servers`` to be hit.
    """
    longest = max(parameters.work - parameters.drain_grace, CROSSING)
    begins = parameters.drain_wait - longest
    until = [one.seconds for one in dropped if one.seconds is not None]
    kept = len(dropped) - len(until)
    windows = [min(max(one - begins, 0.0), longest) for one in until] + [longest] * kept
    window = fmean(windows) if windows else longest
    return Removal(window, parameters.rate / servers * window)


def killed(parameters: Parameters, servers: int) -> Removal:
    """SIGKILL: the RPCs in flight are lost, the kernel resets the connection at once."""
    window = parameters.work + CROSSING
    return Removal(window, parameters.rate / servers * window)


def hung(parameters: Parameters, servers: int, detected_after: float) -> Removal:
    """SIGSTOP, or packets into nowhere: until the connection is given up, its share of RPCs times out."""
    return Removal(detected_after, parameters.rate / servers * detected_after)
