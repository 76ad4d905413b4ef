"""What the removal of a server costs: expected failed RPCs, from the drain's times and the load."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from lbstudy.model.parameters import Parameters
from lbstudy.result.model import Delay

CROSSING: Final = 0.001
"""s from a pick to the server's program: gRPC CANCELs an RPC that is sent so shortly before stop()."""


@dataclass(frozen=True, slots=True)
class Removal:
    """One client and one of its servers, both under the load of the scenario."""

    error_window: float  # s in which an RPC to this server fails
    failed: float  # expected RPCs, for a client and a removed server


def graceful(parameters: Parameters, servers: int, dropped: Sequence[Delay] = ()) -> Removal:
    """Predict SIGTERM, drain wait and stop(grace): GOAWAY sends new RPCs elsewhere; others get the grace.

    An RPC fails if its work outlasts the grace, or if it crosses the GOAWAY. A client that has dropped the
    server from its list by then sends it none. For each time in ``dropped`` (s from SIGTERM until the server
    was dropped), only the part of the window before it counts; the result is their mean. With pick_first all
    of a client's RPCs go to one server, which is this one with a probability of 1 in ``servers``.
    """
    longest = max(parameters.work - parameters.drain_grace, CROSSING)
    begins = parameters.drain_wait - longest
    until = [delay.seconds for delay in dropped if delay.seconds is not None]
    kept = len(dropped) - len(until)
    windows = [min(max(seconds - begins, 0.0), longest) for seconds in until] + [longest] * kept
    window = fmean(windows) if windows else longest
    return Removal(window, parameters.rate / servers * window)


def killed(parameters: Parameters, servers: int) -> Removal:
    """Predict SIGKILL: the RPCs in flight are lost, and the kernel resets the connection at once."""
    window = parameters.work + CROSSING
    return Removal(window, parameters.rate / servers * window)
