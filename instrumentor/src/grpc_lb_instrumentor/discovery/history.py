"""What a resolution means beside the channel's earlier ones: changed or not, and why it was asked. No I/O."""

from grpc_lb_instrumentor.discovery.tap.resolution import Report, Result
from grpc_lb_instrumentor.records import Cause, Outcome, ResolverUpdate, SubchannelEvent, SubchannelState

_FAILED = {
    Result.EMPTY: Outcome.EMPTY,
    Result.NXDOMAIN: Outcome.NXDOMAIN,
    Result.SERVFAIL: Outcome.SERVFAIL,
    Result.TIMEOUT: Outcome.TIMEOUT,
}
_TOLERANCE = 2_000_000
"""ns: channelz counts in whole milliseconds, and a loss and the query that follows lie close together."""
_DROPPED = 1_500_000  # ns


class ChannelHistory:
    """The resolutions of one channel, in order."""

    def __init__(self, channel: int, target: str) -> None:
        self.channel = channel
        self.target = target
        self._last: Report | None = None
        self._good: frozenset[str] | None = None
        self._broken: dict[int, int] = {}  # subchannel → since when
        self._mended: list[tuple[int, int]] = []  # was broken from, to

    def subchannel(self, event: SubchannelEvent) -> None:
        """A subchannel is broken from leaving READY, or failing to connect, until READY or gone."""
        failed = event.state is SubchannelState.TRANSIENT_FAILURE
        if event.state in (SubchannelState.READY, SubchannelState.REMOVED):
            since = self._broken.pop(event.subchannel, None)
            # One that is no more in the address list goes from READY to gone by way of IDLE, in no time.
            dropped = (
                event.state is SubchannelState.REMOVED and since is not None and event.at - since < _DROPPED
            )
            if since is not None and not dropped:
                self._mended.append((since, event.at))
        elif failed or event.previous is SubchannelState.READY:
            self._broken.setdefault(event.subchannel, event.at)

    def resolved(self, report: Report) -> ResolverUpdate:
        """The update that a resolution is. Losses up to its start must be known by now."""
        cause = self._cause(report)
        self._mended = [(since, to) for since, to in self._mended if to > report.started - _TOLERANCE]
        self._last = report
        before = self._good or frozenset()
        if report.result is not Result.GOOD:
            outcome, added, removed = _FAILED[report.result], frozenset[str](), frozenset[str]()
        else:
            now = frozenset(report.addresses)
            outcome = Outcome.UNCHANGED if now == self._good else Outcome.CHANGED
            added, removed = now - before, before - now
            self._good = now
        return ResolverUpdate(
            channel=self.channel,
            target=self.target,
            question=report.question,
            started=report.started,
            ended=report.ended,
            outcome=outcome,
            cause=cause,
            addresses=report.addresses,
            added=tuple(sorted(added)),
            removed=tuple(sorted(removed)),
        )

    def _cause(self, report: Report) -> Cause:
        if self._last is None:
            return Cause.FIRST
        if self._last.result is not Result.GOOD:
            return Cause.RETRY
        since = self._last.started - _TOLERANCE
        until = report.started + _TOLERANCE
        broken = any(lost <= until for lost in self._broken.values())
        was_broken = any(lost <= until and mended > since for lost, mended in self._mended)
        # round_robin asks again after every answer for as long as a subchannel stays broken.
        return Cause.CONNECTION_LOST if broken or was_broken else Cause.UNKNOWN
