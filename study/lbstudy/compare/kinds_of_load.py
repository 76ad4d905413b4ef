"""The figures of streams, of servers that are cold, and of encrypted connections, where a run has such load.

Each is read from the run's own result, where it is measured (docs/measures.md); nothing is measured here.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from lbstudy.compare.amounts import of_delay, of_number
from lbstudy.compare.model import Amount, Figure, FigureKind
from lbstudy.result.growth import grown
from lbstudy.result.model import NotObserved, SettingResult, Streams


class LoadFigure(NamedTuple):
    """A figure, its values in one run, and why it is not known of that run; None where it is."""

    figure: Figure
    values: Callable[[SettingResult], list[Amount]]
    hidden: Callable[[SettingResult], NotObserved | None]


def load_figures(results: Sequence[SettingResult]) -> list[LoadFigure]:
    """Those of the kinds of load that any of the runs had."""
    groups = [
        (_STREAMS, lambda result: result.streams is not None),
        (_COLD, is_cold),
        (_TLS, is_encrypted),
    ]
    return [figure for group, has in groups if any(map(has, results)) for figure in group]


def is_encrypted(result: SettingResult) -> bool:
    """Whether a setting's connections were encrypted."""
    return bool(result.options.get("tls"))


def is_cold(result: SettingResult) -> bool:
    """Whether a setting's servers had to warm up."""
    return bool(result.options.get("cold"))


# --- streams --------------------------------------------------------------------------------------


def _of_streams(read: Callable[[Streams], float | None]) -> Callable[[SettingResult], list[Amount]]:
    return lambda result: [] if result.streams is None else of_number(read(result.streams))


def _holding(of: str) -> Callable[[SettingResult], list[Amount]]:
    """The median holding time of each change that found streams open."""

    def values(result: SettingResult) -> list[Amount]:
        changes = [] if result.streams is None else result.streams.changes
        medians = [change.holding.median for change in changes if change.of == of]
        return [of_delay(median) for median in medians if median is not None]

    return values


def _unknown_servers(result: SettingResult) -> NotObserved | None:
    """Streams of which nobody knows the server are in no holding time, and in no cut of those that stay."""
    streams = result.streams
    if streams is None or not streams.unknown:
        return None
    return NotObserved(
        why=f"of {streams.unknown} of {streams.count} streams nobody knows the server",
        needs="who answered each stream",
    )


def _not_told_of_cuts(result: SettingResult) -> NotObserved | None:
    if result.streams is not None and result.streams.cut_staying is None:
        return NotObserved(why="the result is of before it was measured", needs="a new run")
    return _unknown_servers(result)


def _messages(result: SettingResult) -> list[Amount]:
    """How uneven the messages were, in each phase that began with a scale-up."""
    if result.streams is None:
        return []
    after = {phase.index for phase, _ in grown(result)}
    deviations = [spread.largest_deviation for spread in result.streams.phases if spread.phase in after]
    return [Amount(value=deviation) for deviation in deviations if deviation is not None]


def _nobody_sees(_: SettingResult) -> None:
    """Whoever knows of the streams knows this."""


_STREAMS: Final = (
    LoadFigure(
        Figure(
            key="held",
            label="until streams leave servers that go",
            meaning="from the moment at which servers are taken away to the end of the streams that they had",
            unit="s",
            per="change",
            kind=FigureKind.BENEFIT,
            least=1.0,
        ),
        _holding("servers that go"),
        _unknown_servers,
    ),
    LoadFigure(
        Figure(
            key="stayed",
            label="until streams move on once servers were added",
            meaning="from the moment at which servers are added to the end of streams that were open then",
            unit="s",
            per="change",
            kind=FigureKind.BENEFIT,
            least=1.0,
        ),
        _holding("servers that stay"),
        _unknown_servers,
    ),
    LoadFigure(
        Figure(
            key="messages",
            label="unevenness of messages after servers were added",
            meaning="how far the server that is worst off is from its fair share of messages, once settled",
            unit="ratio",
            per="change",
            kind=FigureKind.BENEFIT,
            least=0.1,
        ),
        _messages,
        lambda result: None if result.streams is None else result.streams.messages_not_observed,
    ),
    LoadFigure(
        Figure(
            key="cut",
            label="streams cut",
            meaning="ended with an error, in the whole run",
            unit="streams",
            per="run",
            kind=FigureKind.BENEFIT,
            least=1.0,
        ),
        _of_streams(lambda streams: streams.cut),
        _nobody_sees,
    ),
    LoadFigure(
        Figure(
            key="cut_staying",
            label="of these, cut though their server stayed",
            meaning="by the age of their connection, once its grace was over, or by a fault",
            unit="streams",
            per="run",
            kind=FigureKind.BENEFIT,
            least=1.0,
        ),
        _of_streams(lambda streams: streams.cut_staying),
        _not_told_of_cuts,
    ),
)

# --- servers that are cold ------------------------------------------------------------------------


def _young(result: SettingResult) -> list[Amount]:
    young = result.latency.young
    return [] if young is None or not is_cold(result) else of_number(young.p99)


_COLD: Final = (
    LoadFigure(
        Figure(
            key="young",
            label="slowest 1 % of requests to servers that are new",
            meaning="99 of 100 requests of a server’s first 5 s were faster than this",
            unit="s",
            per="run",
            kind=FigureKind.BENEFIT,
            least=0.05,
        ),
        _young,
        lambda result: result.latency.not_observed if is_cold(result) else None,
    ),
)

# --- encrypted connections ------------------------------------------------------------------------


def _connect(result: SettingResult) -> list[Amount]:
    if result.connecting is None or not is_encrypted(result):
        return []
    return of_number(result.connecting.p99)


def _no_time(result: SettingResult) -> NotObserved | None:
    if result.connecting is None or not is_encrypted(result):
        return None
    return result.connecting.not_observed


def _storm(result: SettingResult) -> list[Amount]:
    """The kernel sees connections, though not since when they were tried: a storm is known then, too."""
    if result.connecting is None or not is_encrypted(result) or _no_connection(result) is not None:
        return []
    return of_number(result.connecting.storm)


def _no_connection(result: SettingResult) -> NotObserved | None:
    reason = _no_time(result)
    return reason if result.connecting is not None and not result.connecting.count else None


_TLS: Final = (
    LoadFigure(
        Figure(
            key="connect",
            label="slowest 1 % of encrypted connections to make",
            meaning="99 of 100 were ready within this time, TLS’s handshake included",
            unit="s",
            per="run",
            kind=FigureKind.PRICE,
            least=0.01,
        ),
        _connect,
        _no_time,
    ),
    LoadFigure(
        Figure(
            key="storm",
            label="connections made within one second",
            meaning="the most that all clients made within one second under load",
            unit="connections",
            per="run",
            kind=FigureKind.PRICE,
            least=2.0,
        ),
        _storm,
        _no_connection,
    ),
)

LOAD: Final = {load_figure.figure.key: load_figure for load_figure in (*_STREAMS, *_COLD, *_TLS)}
"""All of them, by key."""
