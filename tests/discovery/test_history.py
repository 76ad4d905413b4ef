"""What a resolution means beside the earlier ones."""

from grpc_lb_instrumentor.discovery.history import ChannelHistory
from grpc_lb_instrumentor.discovery.tap.resolution import Report, ResolutionResult
from grpc_lb_instrumentor.records import Cause, Outcome, ResolverUpdate, SubchannelEvent, SubchannelState

SECOND = 1_000_000_000


class Story:
    """A channel's resolutions and subchannel states, at seconds."""

    def __init__(self) -> None:
        self._history = ChannelHistory(7, "dns:///a.test:1")
        self._states: dict[int, SubchannelState] = {}

    def resolved(
        self, at: float, *addresses: str, result: ResolutionResult = ResolutionResult.GOOD
    ) -> ResolverUpdate:
        started = int(at * SECOND)
        return self._history.resolved(Report(started, started + 1, result, "a.test", addresses))

    def entered(self, at: float, state: SubchannelState, subchannel: int = 1) -> None:
        previous = self._states.get(subchannel)
        self._states[subchannel] = state
        event = SubchannelEvent(7, subchannel, "a:1", state, int(at * SECOND), previous)
        self._history.subchannel(event)


def test_added_and_removed_are_against_the_last_good_answer() -> None:
    story = Story()
    first = story.resolved(0, "a", "b")
    assert (first.outcome, first.added, first.removed) == (Outcome.CHANGED, ("a", "b"), ())
    assert story.resolved(1, "a", "b").outcome is Outcome.UNCHANGED
    failed = story.resolved(2, result=ResolutionResult.NXDOMAIN)
    assert (failed.outcome, failed.added, failed.removed) == (Outcome.NXDOMAIN, (), ())
    after = story.resolved(3, "b", "c")
    assert (after.outcome, after.added, after.removed) == (Outcome.CHANGED, ("c",), ("a",))


def test_causes() -> None:
    story = Story()
    assert story.resolved(0, "a").cause is Cause.FIRST
    story.entered(0.1, SubchannelState.CONNECTING)
    story.entered(0.2, SubchannelState.READY)
    assert story.resolved(5, "a").cause is Cause.UNKNOWN
    story.entered(9.996, SubchannelState.IDLE)
    assert story.resolved(10, "a").cause is Cause.CONNECTION_LOST
    story.entered(10.5, SubchannelState.READY)
    assert story.resolved(11, "a").cause is Cause.CONNECTION_LOST  # it was still broken at 10
    assert story.resolved(12, "a").cause is Cause.UNKNOWN
    story.resolved(13, result=ResolutionResult.TIMEOUT)
    assert story.resolved(14, "a").cause is Cause.RETRY


def test_a_first_resolution_that_failed_is_still_the_first() -> None:
    story = Story()
    assert story.resolved(0, result=ResolutionResult.SERVFAIL).cause is Cause.FIRST
    assert story.resolved(1, result=ResolutionResult.SERVFAIL).cause is Cause.RETRY


def test_an_attempt_that_failed_counts_until_it_is_ready_or_gone() -> None:
    story = Story()
    story.resolved(0, "a")
    story.entered(1, SubchannelState.CONNECTING)
    story.entered(1.1, SubchannelState.TRANSIENT_FAILURE)
    assert [story.resolved(at, "a").cause for at in (2, 3)] == [Cause.CONNECTION_LOST] * 2
    story.entered(3.5, SubchannelState.REMOVED)
    assert [story.resolved(at, "a").cause for at in (4, 5)] == [Cause.CONNECTION_LOST, Cause.UNKNOWN]


def test_a_subchannel_dropped_with_its_address_was_not_lost() -> None:
    story = Story()
    story.resolved(0, "a", "b")
    story.entered(0.5, SubchannelState.READY)
    story.entered(1, SubchannelState.IDLE)
    story.entered(1.001, SubchannelState.REMOVED)
    assert story.resolved(2, "a").cause is Cause.UNKNOWN


# --- of several channels that cannot be told apart ---


class Several(Story):
    """Channels 0 to 2, all opened before the first resolution."""

    def several(
        self, at: float, *addresses: str, result: ResolutionResult = ResolutionResult.GOOD
    ) -> ResolverUpdate:
        started = int(at * SECOND)
        report = Report(started, started + 1, result, "a.test", addresses)
        return self._history.resolved(report, (0, 1, 2), opened=3)


def test_a_resolution_of_several_is_told_of_all_of_them() -> None:
    story = Several()
    updates = [story.several(at, "10.0.0.1") for at in (1, 2, 3)]
    assert [(update.channel, update.channels) for update in updates] == [(None, (0, 1, 2))] * 3
    assert [update.cause for update in updates] == [Cause.FIRST] * 3
    assert [update.outcome for update in updates] == [Outcome.CHANGED, Outcome.UNCHANGED, Outcome.UNCHANGED]
    assert story.several(4, "10.0.0.1").cause is Cause.UNKNOWN


def test_a_loss_explains_a_resolution_of_each() -> None:
    story = Several()
    for at in (1, 2, 3):
        story.several(at, "10.0.0.1")
    story.entered(10, SubchannelState.READY)
    story.entered(20, SubchannelState.IDLE)
    assert story.several(20.1, "10.0.0.1").cause is Cause.CONNECTION_LOST
    story.entered(20.2, SubchannelState.READY)
    causes = [story.several(at, "10.0.0.1").cause for at in (20.3, 20.4, 20.5, 20.6)]
    assert causes == [Cause.CONNECTION_LOST] * 3 + [Cause.UNKNOWN]


def test_where_two_causes_are_possible_none_is_told() -> None:
    story = Several()
    story.several(1, result=ResolutionResult.SERVFAIL)
    assert story.several(2, "10.0.0.1").cause is Cause.UNKNOWN  # tried again, or another channel's first
    story.several(3, "10.0.0.1")
    assert story.several(4, "10.0.0.1").cause is Cause.RETRY
