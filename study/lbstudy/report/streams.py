"""A setting's streams, in words."""

from lbstudy.result import figures
from lbstudy.result.model import DelaySummary, PhaseDistribution, Streams


def in_words(streams: Streams) -> str:
    """Return a clause: the number of streams, how many were cut, what they held on to, how even they were."""
    cut = (
        f"{figures.count(streams.cut)} ended with another code than OK"
        if streams.cut
        else "all ended with OK"
    )
    parts = [f"{figures.count(streams.count)} streams: {cut}"]
    if streams.held.count:
        parts.append(f"held on to servers that go for {_quantiles(streams.held)}")
    if streams.stayed.count:
        parts.append(f"after a scale-up went on where they were for {_quantiles(streams.stayed)}")
    if spread := widest(streams):
        parts.append(
            f"messages to clients up to {figures.percent(spread.largest_deviation)} from the fair share, once"
            " settled"
        )
    return "; ".join(parts)


def widest(streams: Streams) -> PhaseDistribution | None:
    """Return the phase in which messages were spread least evenly; None if that is unknown."""
    known = [phase for phase in streams.phases if phase.largest_deviation is not None]
    return max(known, key=lambda phase: phase.largest_deviation or 0.0, default=None)


def _quantiles(delays: DelaySummary) -> str:
    assert delays.median is not None
    assert delays.largest is not None
    largest = figures.delay(delays.largest)
    return f"{figures.delay(delays.median)} (median of {figures.count(delays.count)}; largest {largest})"
