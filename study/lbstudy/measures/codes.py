"""gRPC's status codes by number, named like in OpenTelemetry."""

from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from lbstudy.config.fault import Code

OK: Final = 0
NO_CODE: Final = "no code"
"""The name for a span without a code."""

NAMES: Final[tuple[str, ...]] = ("OK", *get_args(Code))


def code_name(code: int) -> str:
    """Return the code's name, "UNAVAILABLE"."""
    return NAMES[code] if 0 <= code < len(NAMES) else NO_CODE


def count_by_code(codes: NDArray[np.int16]) -> dict[str, int]:
    """Return how often each code occurs, by name, OK first; without codes that do not occur."""
    distinct, counts = np.unique(codes, return_counts=True)
    return {code_name(int(code)): int(count) for code, count in zip(distinct, counts, strict=True)}
