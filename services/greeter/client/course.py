"""A load that changes: the rate over time, and the instant at which so many RPCs are due. No I/O."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple, Self


class RatePoint(NamedTuple):
    """The rate at an instant. Between two points it is linear; two points at one instant make a step."""

    at: float  # s after the start of the load
    rate: float  # RPC/s


class Course:
    """A piecewise linear rate from the start of the load; it is constant after the last point.

    Args:
        points: in order of time, the first at 0; no rate is negative. Raises ValueError otherwise.
    """

    def __init__(self, points: Sequence[RatePoint]) -> None:
        if not points or points[0].at != 0:
            raise ValueError("expected a first point at 0")
        if any(not (math.isfinite(at) and math.isfinite(rate) and rate >= 0) for at, rate in points):
            raise ValueError("expected instants and rates that are finite, and no rate below 0")
        if any(after.at < before.at for before, after in pairwise(points)):
            raise ValueError("expected points in order of time")
        self._points = list(points)
        self._due = [0.0]  # RPCs due before each point
        for before, after in pairwise(points):
            # The area of a trapezoid: the integral of the rate.
            self._due.append(self._due[-1] + (after.at - before.at) * (before.rate + after.rate) / 2)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse ``AT:RATE,AT:RATE…``, as in the client's argument. Raises ValueError."""
        points = []
        for part in text.split(","):
            at, _, rate = part.partition(":")
            points.append(RatePoint(float(at), float(rate)))
        return cls(points)

    def __str__(self) -> str:
        return ",".join(f"{at!r}:{rate!r}" for at, rate in self._points)

    def rpcs(self, at: float) -> float:
        """Return how many RPCs are due before an instant: the integral of the rate."""
        index = max(0, bisect_right(self._points, at, key=lambda point: point.at) - 1)
        since = max(0.0, at - self._points[index].at)
        return self._due[index] + since * (self._points[index].rate + self._slope(index) * since / 2)

    def instant(self, rpcs: float) -> float:
        """Return the first instant before which so many RPCs are due; infinity if that is never reached."""
        index = max(0, bisect_right(self._due, rpcs) - 1)
        while index > 0 and self._due[index] == rpcs and self._due[index - 1] == rpcs:
            index -= 1  # while the rate is 0, its beginning is the first such instant
        start, rate = self._points[index]
        left = rpcs - self._due[index]
        if left <= 0:
            return start
        # Solve rate × t + slope × t² / 2 = left in the form that neither divides by a slope of 0 nor cancels.
        root = math.sqrt(max(0.0, rate * rate + 2 * self._slope(index) * left))
        return start + 2 * left / (rate + root) if rate + root > 0 else math.inf

    def _slope(self, index: int) -> float:
        if index + 1 == len(self._points):
            return 0.0
        (start, rate), (end, then) = self._points[index : index + 2]
        return (then - rate) / (end - start) if end > start else 0.0
