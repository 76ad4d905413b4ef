"""How much slower a server is before it is warm (caches, pools, a just-in-time compiler). No I/O."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WarmUp:
    """At first an answer takes ``factor`` times the work; the factor then falls to 1 in a straight line.

    A server is warm after so many seconds from its start, or so many RPCs, whichever comes first.
    """

    factor: float  # at least 1
    seconds: float | None = None  # above 0
    rpcs: int | None = None  # above 0

    def longer(self, work: float, age: float, begun: int) -> float:
        """Return the seconds that an answer takes beyond ``work``.

        Args:
            work: seconds for an answer of a warm server.
            age: seconds since the server started to serve.
            begun: RPCs that began before this one.
        """
        left = 1.0
        if self.seconds is not None:
            left = min(left, 1 - age / self.seconds)
        if self.rpcs is not None:
            left = min(left, 1 - begun / self.rpcs)
        return work * (self.factor - 1) * max(left, 0.0)
