"""How a client's requests ended, as far as that is a loss: in bounded memory. Pure."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from grpc_lb_instrumentor import names

from lbstudy.measures.codes import NAMES

KEPT: Final = 1_000
"""Failed requests of a client workload whose instants are kept, the newest."""
ANSWERS: Final = frozenset(
    {
        "OK",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED",
    }
)
"""Codes with which a server's own program answers; a request that ends with one of them is not lost."""
_TEXTS: Final = (names.RPC_STATUS_CODE, names.RPC_RESPONSE_STATUS_CODE)


def lost_code(attributes: Mapping[str, object]) -> str | None:
    """The code of a client's span whose request was lost; None: it was answered, or it says nothing."""
    for key in _TEXTS:
        if code := attributes.get(key):
            return None if str(code) in ANSWERS else str(code)
    number = attributes.get(names.RPC_GRPC_STATUS_CODE)
    if not isinstance(number, int | str) or not str(number).isdecimal() or int(number) >= len(NAMES):
        return None
    code = NAMES[int(number)]
    return None if code in ANSWERS else code


@dataclass(slots=True)
class Failures:
    """Requests of a client workload that were lost.

    Attributes:
        count: all of them.
        newest: when they ended, and with which code.
        unplaced: when those ended of which it is not known to which Service they went.
    """

    count: int = 0
    newest: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=KEPT))
    unplaced: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, at: float, code: str) -> None:
        """One more."""
        self.count += 1
        self.newest.append((at, code))
