"""JSON as the store writes it: compact, and valid everywhere (no NaN, no infinity)."""

import json
import math

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode


def dumps(value: object) -> str:
    """JSON text of a value made of plain types; raises ValueError for NaN and infinities."""
    return _encode(value)


def finite(value: float) -> float | None:
    """The number, or None where JSON and SQL could not hold it as a measured one."""
    return value if math.isfinite(value) else None
