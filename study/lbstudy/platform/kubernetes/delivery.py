"""Measures how late watches report, with changes that this program makes itself. No I/O."""

from dataclasses import dataclass, field

_NANO = 1_000_000_000


@dataclass(slots=True)
class Delivery:
    """The time from sending a renewal of the run's Lease until the watch reports it.

    The API accepted the renewal after it was sent, so this time is longer than the watch's delay. The same
    API reports what others change, and the same event loop reads it.
    """

    delays: list[float] = field(default_factory=list)  # s
    _sent: dict[str, int] = field(default_factory=dict)  # renewTime → ns, monotonic

    def sent(self, renewal: str, at: int) -> None:
        """Note that a renewal is being sent."""
        self._sent[renewal] = at

    def told(self, renewal: str, at: int) -> None:
        """Note that the watch has reported it."""
        if (sent := self._sent.pop(renewal, None)) is not None:
            self.delays.append((at - sent) / _NANO)

    @property
    def largest(self) -> float:
        """The longest delay so far, in seconds; 0 without any."""
        return max(self.delays, default=0.0)
