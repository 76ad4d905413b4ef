"""What this benchmark prints: quantiles of delays, and the client's own counts."""

from collections.abc import Sequence

import numpy as np


def delays(name: str, seconds: Sequence[float], expected: int, at_most_ms: float | None = None) -> bool:
    """Print the distribution of delays; returns whether p99 is at most so many ms and none is missing."""
    if not seconds:
        print(f"{name}: none of {expected} seen")
        return False
    ms = np.asarray(seconds) * 1e3
    p50, p99 = np.quantile(ms, [0.5, 0.99])
    within = len(ms) == expected and (at_most_ms is None or p99 <= at_most_ms)
    bound = (
        "" if at_most_ms is None else f"; at most {at_most_ms:g} ms at p99: {'met' if within else 'MISSED'}"
    )
    spread = f"p50 {p50:.1f}, p99 {p99:.1f}, largest {ms.max():.1f}"
    print(f"{name}: {len(ms)} of {expected}; ms {spread}{bound}", flush=True)
    return within


def failures(name: str, codes: dict[str, int]) -> bool:
    """Print how many RPCs failed; returns whether none did."""
    failed = {code: count for code, count in codes.items() if code != "OK"}
    total = sum(codes.values())
    codes_of_them = f" ({failed})" if failed else ""
    print(f"{name}: {sum(failed.values())} of {total} RPCs failed{codes_of_them}", flush=True)
    return not failed and total > 0
