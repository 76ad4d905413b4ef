"""Compact JSON that is valid everywhere (no NaN, no infinity)."""

import json
import math

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode


def dumps(value: object) -> str:
    """Return the JSON text of a value made of plain types; raises ValueError for NaN and infinities."""
    return _encode(value)


def finite(value: float) -> float | None:
    """Return the number; None if JSON cannot represent it."""
    return value if math.isfinite(value) else None
