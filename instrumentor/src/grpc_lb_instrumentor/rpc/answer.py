"""Decides whether a server answered an RPC whose end names no pod. No I/O."""

from typing import Final, NamedTuple

import grpc

from grpc_lb_instrumentor.records import Unnamed

_Code = grpc.StatusCode

_NEVER_THE_CLIENTS: Final = frozenset(
    {
        _Code.OK,
        _Code.UNKNOWN,
        _Code.INVALID_ARGUMENT,
        _Code.NOT_FOUND,
        _Code.ALREADY_EXISTS,
        _Code.PERMISSION_DENIED,
        _Code.FAILED_PRECONDITION,
        _Code.ABORTED,
        _Code.OUT_OF_RANGE,
        _Code.UNIMPLEMENTED,
        _Code.DATA_LOSS,
        _Code.UNAUTHENTICATED,
    }
)
"""Codes that a client's library never gives to an RPC that it could send."""
_TOO_LARGE: Final = "larger than max"
"""In the details of the only RESOURCE_EXHAUSTED that a client's library makes itself."""
_NOT_CONNECTED: Final = ("failed to connect", "resolution", "address list", "Socket closed", "GOAWAY")
"""In the details of an UNAVAILABLE that a client's library makes itself."""
_DEADLINE: Final = "Deadline Exceeded"
"""The details of a deadline that passed in the client's library."""


class UnnamedAnswer(NamedTuple):
    """What a span without a pod says instead."""

    why: Unnamed
    answered: bool | None  # None: not known


def verdict(code: grpc.StatusCode, details: str | None, *, heard: bool, names_pods: bool) -> UnnamedAnswer:
    """Return why there is no pod's name.

    Args:
        code: the RPC's status code.
        details: the RPC's error message.
        heard: whether metadata or a message came from a server.
        names_pods: whether servers of this channel have sent their names before.
    """
    if heard or code in _NEVER_THE_CLIENTS:
        return UnnamedAnswer(Unnamed.NOT_TOLD, answered=True)
    details = details or ""
    if code is _Code.CANCELLED:
        return UnnamedAnswer(Unnamed.CANCELLED, answered=None)
    if code is _Code.RESOURCE_EXHAUSTED:
        too_large = _TOO_LARGE in details
        return (
            UnnamedAnswer(Unnamed.UNKNOWN, None)
            if too_large
            else UnnamedAnswer(Unnamed.NOT_TOLD, answered=True)
        )
    if code is _Code.DEADLINE_EXCEEDED and (names_pods or details == _DEADLINE):
        return UnnamedAnswer(Unnamed.NO_ANSWER, answered=False)
    if code is _Code.UNAVAILABLE and (names_pods or any(text in details for text in _NOT_CONNECTED)):
        return UnnamedAnswer(Unnamed.NO_ANSWER, answered=False)
    return UnnamedAnswer(Unnamed.UNKNOWN, answered=None)
