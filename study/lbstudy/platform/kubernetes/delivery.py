"""How late watches tell: measured by changes that this program makes itself. Pure."""

from dataclasses import dataclass, field

_NANO = 1_000_000_000


@dataclass(slots=True)
class Delivery:
    """From the sending of a renewal of the run's Lease to the watch that tells of it.

    The API accepted it after it was sent: the time in between is more than the watch's delay. What others
    change is told by the same API, and taken in by the same event loop.
    """

    delays: list[float] = field(default_factory=list)  # s
    _sent: dict[str, int] = field(default_factory=dict)  # renewTime → ns, monotonic

    def sent(self, renewal: str, at: int) -> None:
        """A renewal is being sent."""
        self._sent[renewal] = at

    def told(self, renewal: str, at: int) -> None:
        """The watch has told of it."""
        if (sent := self._sent.pop(renewal, None)) is not None:
            self.delays.append((at - sent) / _NANO)

    @property
    def largest(self) -> float:
        """The longest delay so far, in seconds; 0 without any."""
        return max(self.delays, default=0.0)
