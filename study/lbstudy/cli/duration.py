"""Parses durations such as "30m"."""

import re
from typing import Final

from lbstudy.cli.failure import UsageError

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_FORM: Final = re.compile(r"(?P<number>\d+(\.\d+)?)(?P<unit>[smhd])", re.ASCII)


def seconds(option: str, text: str) -> float:
    """Return the seconds in "90s", "30m", "6h" or "2d". Raises UsageError for any other text, and for 0."""
    match = _FORM.fullmatch(text.strip())
    value = float(match["number"]) * _UNITS[match["unit"]] if match is not None else 0.0
    if value <= 0:
        raise UsageError(f"{option} {text}: expected a duration, such as 90s, 30m, 6h or 2d")
    return value
