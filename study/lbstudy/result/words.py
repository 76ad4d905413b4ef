"""Numbers, times and names as a verdict writes them."""

from collections.abc import Sequence
from typing import Final

from lbstudy.result.model import Delay

MOST_NAMED: Final = 3
"""Settings whose outcomes the headline tells one by one."""


def time(seconds: float) -> str:
    """A duration, as "320 ms" or "3.2 s"."""
    return str(Delay(seconds=seconds))


def count(number: int, what: str) -> str:
    """So many things."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def together(names: Sequence[str]) -> str:
    """Names as a list in a sentence; "" of none."""
    return "".join(names) if len(names) < 2 else f"{', '.join(names[:-1])} and {names[-1]}"
