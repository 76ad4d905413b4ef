"""gRPC status codes by number, as OpenTelemetry names them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

OK: Final = 0
NO_CODE: Final = "no code"
"""Of a span that tells none."""

NAMES: Final = (
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
)


def code_name(code: int) -> str:
    """The code's name, "UNAVAILABLE"."""
    return NAMES[code] if 0 <= code < len(NAMES) else NO_CODE


def count_by_code(codes: NDArray[np.int16]) -> dict[str, int]:
    """How often each code occurs, by name; only those that do, OK first."""
    found, counts = np.unique(codes, return_counts=True)
    return {code_name(int(code)): int(count) for code, count in zip(found, counts, strict=True)}
