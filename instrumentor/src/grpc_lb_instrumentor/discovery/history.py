"""Compares a resolution with the channel's earlier ones: what changed, and why the channel asked. No I/O."""

from collections import deque

from grpc_lb_instrumentor.discovery.tap.resolution import Report, ResolutionResult
from grpc_lb_instrumentor.records import Cause, Outcome, ResolverUpdate, SubchannelEvent, SubchannelState

_FAILED = {
    ResolutionResult.EMPTY: Outcome.EMPTY,
    ResolutionResult.NXDOMAIN: Outcome.NXDOMAIN,
    ResolutionResult.SERVFAIL: Outcome.SERVFAIL,
    ResolutionResult.TIMEOUT: Outcome.TIMEOUT,
}
_TOLERANCE = 2_000_000
"""ns. channelz counts whole milliseconds, and a query may follow a lost connection within less."""
_DROPPED = 1_500_000  # ns


class ChannelHistory:
    """The resolutions, in order, of one channel, or of several whose resolutions look the same."""

    def __init__(self, channel: int, target: str) -> None:
        self.channel = channel
        self.target = target
        self._count = 0
        self._failed = 0  # resolutions that failed and have not been retried yet
        self._starts: deque[int] = deque(maxlen=1024)
        self._good: frozenset[str] | None = None
        self._broken: dict[int, int] = {}  # subchannel → broken since
        self._mended: list[tuple[int, int]] = []  # (broken from, mended at)

    def subchannel(self, event: SubchannelEvent) -> None:
        """Note an event. A subchannel that left READY or failed to connect is broken until READY or gone."""
        failed = event.state is SubchannelState.TRANSIENT_FAILURE
        if event.state in (SubchannelState.READY, SubchannelState.REMOVED):
            since = self._broken.pop(event.subchannel, None)
            # A subchannel whose address was removed goes from READY through IDLE to gone, all at one instant.
            dropped = (
                event.state is SubchannelState.REMOVED and since is not None and event.at - since < _DROPPED
            )
            if since is not None and not dropped:
                self._mended.append((since, event.at))
        elif failed or event.previous is SubchannelState.READY:
            self._broken.setdefault(event.subchannel, event.at)

    def resolved(self, report: Report, channels: tuple[int, ...] = (), opened: int = 1) -> ResolverUpdate:
        """Return the resolver update that follows from a resolution.

        All connection losses up to the resolution's start must have been passed to ``subchannel``.

        Args:
            report: the resolution.
            channels: the channels that may have resolved, if there are several.
            opened: how many channels had been opened when it started, closed ones included.
        """
        several = len(channels) > 1
        cause = self._cause(report, len(channels) or 1, opened)
        self._count += 1
        if cause is Cause.RETRY:
            self._failed -= 1
        if report.result is not ResolutionResult.GOOD:
            self._failed += 1
        self._starts.append(report.started)
        since = self._since(len(channels) or 1) - _TOLERANCE
        self._mended = [(broken, mended) for broken, mended in self._mended if mended > since]
        before = self._good or frozenset()
        if report.result is not ResolutionResult.GOOD:
            outcome, added, removed = _FAILED[report.result], frozenset[str](), frozenset[str]()
        else:
            now = frozenset(report.addresses)
            outcome = Outcome.UNCHANGED if now == self._good else Outcome.CHANGED
            added, removed = now - before, before - now
            self._good = now
        return ResolverUpdate(
            channel=None if several else channels[0] if channels else self.channel,
            target=self.target,
            question=report.question,
            started=report.started,
            ended=report.ended,
            outcome=outcome,
            cause=cause,
            addresses=report.addresses,
            added=tuple(sorted(added)),
            removed=tuple(sorted(removed)),
            channels=channels if several else (),
            families=report.families,
            missing=report.missing,
            questions=report.questions,
        )

    def _since(self, channels: int) -> int:
        """Return the instant up to which mended losses have had their resolutions, one for each channel."""
        return self._starts[-channels] if channels <= len(self._starts) else 0

    def _cause(self, report: Report, channels: int, opened: int) -> Cause:
        if self._count == 0:
            return Cause.FIRST
        since = self._since(channels) - _TOLERANCE
        until = report.started + _TOLERANCE
        broken = any(lost <= until for lost in self._broken.values())
        # round_robin requests a new resolution after every answer while a subchannel is broken.
        lost = broken or any(lost <= until and mended > since for lost, mended in self._mended)
        if opened == 1:
            return Cause.RETRY if self._failed else Cause.CONNECTION_LOST if lost else Cause.UNKNOWN
        # Several channels may have resolved for different reasons; a cause is given only if there is just
        # one.
        possible = [
            cause
            for cause, may_be in (
                (Cause.FIRST, self._count < opened),
                (Cause.RETRY, self._failed > 0),
                (Cause.CONNECTION_LOST, lost),
            )
            if may_be
        ]
        return possible[0] if len(possible) == 1 else Cause.UNKNOWN
