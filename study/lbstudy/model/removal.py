"""What the removal of a server costs: expected failed RPCs, from the drain's times and the load."""

from dataclasses import dataclass
from typing import Final

from lbstudy.model.parameters import Parameters

CROSSING: Final = 0.001
"""s from a pick to the server's program: an RPC sent so shortly before stop() is CANCELLED by gRPC."""


@dataclass(frozen=True, slots=True)
class Removal:
    """One client and one server of several, both under the load of the scenario."""

    error_window: float  # s during which an RPC to this server fails
    failed: float  # expected RPCs, a client and removed server


def graceful(parameters: Parameters, servers: int) -> Removal:
    """SIGTERM, drain wait, stop(grace): GOAWAY sends new RPCs elsewhere; RPCs in flight get the grace.

    An RPC fails when it was sent so late that its work outlasts the grace, or crosses the GOAWAY. With
    pick_first all of a client's RPCs go to one server: the client has 1 chance in ``servers`` to be hit.
    """
    cut_off = max(parameters.work - parameters.drain_grace, 0.0)
    window = max(cut_off, CROSSING)
    return Removal(window, parameters.rate / servers * window)


def killed(parameters: Parameters, servers: int) -> Removal:
    """SIGKILL: the RPCs in flight are lost, the kernel resets the connection at once."""
    window = parameters.work + CROSSING
    return Removal(window, parameters.rate / servers * window)


def hung(parameters: Parameters, servers: int, detected_after: float) -> Removal:
    """SIGSTOP, or packets into nowhere: until the connection is given up, its share of RPCs times out."""
    return Removal(detected_after, parameters.rate / servers * detected_after)
