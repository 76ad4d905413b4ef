"""Between which instants something happened in the cluster, found by versions. No I/O.

Every change in the cluster has a version, larger than that of the change before it. This program changes its
own Lease several times a second, and notes when it sent each change, when it was answered, and its version.
So a change with a larger version happened after the sending, and one with a smaller version before the
answer, however late a watch, the API or this program's event loop was.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Final

NEVER: Final = 1 << 63
"""A version larger than any other: stands for an unknown upper bound."""


@dataclass(slots=True)
class Marks:
    """The changes that this program made, in order; instants are ns of the monotonic clock."""

    _versions: list[int] = field(default_factory=list)
    _sent: list[int] = field(default_factory=list)
    _answered: list[int] = field(default_factory=list)

    def add(self, version: str, sent: int, answered: int) -> None:
        """Note that a change was accepted with this version; ignored if it is not a number, or not larger."""
        number = number_of(version)
        if number and (not self._versions or number > self._versions[-1]):
            self._versions.append(number)
            self._sent.append(sent)
            self._answered.append(answered)

    def after(self, version: int) -> int | None:
        """Return an instant after which everything with a larger version happened; None: unknown."""
        place = bisect_left(self._versions, version + 1)
        return self._sent[place - 1] if place else None

    def before(self, version: int) -> int | None:
        """Return an instant before which the change with this version happened; None: not known yet."""
        place = bisect_left(self._versions, version)
        return self._answered[place] if place < len(self._versions) else None


def number_of(version: str) -> int:
    """Return a version as a number, 0 if it is none."""
    return int(version) if version.isdecimal() else 0
