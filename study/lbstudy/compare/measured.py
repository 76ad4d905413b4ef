"""The figures of a comparison, and their values in one run: one for each change, or one for the run."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from lbstudy.compare.amounts import of_delay, of_number
from lbstudy.compare.kinds_of_load import LOAD, load_figures
from lbstudy.compare.model import Amount, Figure, FigureKind
from lbstudy.config.fault_kinds import FAULT_KINDS
from lbstudy.measures.delays import summary
from lbstudy.measures.known import CONNECTIONS
from lbstudy.result.growth import grown
from lbstudy.result.model import (
    ChangeOfServers,
    DelaySummary,
    NotObserved,
    Price,
    Relief,
    Scaling,
    SettingResult,
)

FAILED: Final = "failed."
"""Figures of failed RPCs are named ``failed.<kind of change>``."""

Values = Callable[[SettingResult], list[Amount]]


def figures(results: Iterable[SettingResult]) -> list[Figure]:
    """Return all figures that these results have, in the order in which they are shown."""
    results = list(results)
    causes = dict.fromkeys(failure.cause for result in results for failure in _failures(result))
    scaled = [*_SCALED] if any(result.scaling is not None for result in results) else []
    load = [load_figure.figure for load_figure in load_figures(results)]
    return [
        *scaled,
        *_BEFORE,
        *(_failed(cause) for cause in sorted(causes, key=_place)),
        *(figure for figure in load if figure.kind is FigureKind.BENEFIT),
        *_AFTER,
        *(figure for figure in load if figure.kind is FigureKind.PRICE),
    ]


def values(figure: Figure, result: SettingResult) -> list[Amount]:
    """Return the values of a figure in one run of one setting."""
    if figure.key.startswith(FAILED):
        name = figure.key.removeprefix(FAILED)
        counts = [failure.failed for failure in _failures(result) if failure.cause.name == name]
        return [Amount(value=failed) for failed in counts if failed is not None]
    return LOAD[figure.key].values(result) if figure.key in LOAD else _VALUES[figure.key](result)


def hidden(figure: Figure, result: SettingResult) -> NotObserved | None:
    """Return why a figure, or a part of it, was not observed in one run of one setting; None if it was."""
    if figure.key.startswith(FAILED):
        name = figure.key.removeprefix(FAILED)
        unknown = any(failure.cause.name == name and failure.failed is None for failure in _failures(result))
        return result.errors.not_observed if unknown else None
    return LOAD[figure.key].hidden(result) if figure.key in LOAD else _HIDDEN[figure.key](result)


# --- delays ---------------------------------------------------------------------------------------


def _medians(result: SettingResult, *, discovery: bool) -> list[Amount]:
    """Return the median over servers and clients of each change that added servers."""
    medians = []
    for change in result.adaptability.changes:
        views = [
            view
            for added in result.adaptability.added
            if added.command == change.at
            for view in added.clients
        ]
        delays = [view.discovery if discovery else view.detect for view in views]
        median = summary([delay for delay in delays if delay is not None]).median
        if median is not None and median.not_observed is None:
            medians.append(of_delay(median))
    return medians


def _unseen(read: Callable[[SettingResult], DelaySummary]) -> Callable[[SettingResult], NotObserved | None]:
    """Return a function that gives the reason if any delay was not observed: its length is unknown."""

    def reason(result: SettingResult) -> NotObserved | None:
        delays = read(result)
        if not delays.not_observed:
            return None
        if delays.median is not None and delays.median.not_observed is not None:
            return delays.median.not_observed
        return NotObserved(
            why=f"{delays.not_observed} of {delays.not_observed + delays.count} delays could not be seen",
            needs="who answered each RPC",
        )

    return reason


# --- failed RPCs ----------------------------------------------------------------------------------


class _Cause(NamedTuple):
    """Why RPCs failed: a change of the servers, or a fault."""

    name: str  # "added", "removed", "replaced", or the fault's label
    fault: str = ""  # the fault's kind


class _Failure(NamedTuple):
    """How many RPCs failed between a change, or the beginning of a fault, and the next one."""

    cause: _Cause
    failed: float | None  # None: not observed


def _failures(result: SettingResult) -> list[_Failure]:
    """Return the failed RPCs of each change until the next one; faults count as changes."""
    changes = result.adaptability.changes
    faults = [(fault.start, _Cause(fault.label, fault.kind)) for fault in result.faults]
    if not faults:
        return [_Failure(_Cause(_kind(change)), change.failed) for change in changes]
    if result.errors.not_observed is not None:
        causes = [*(_Cause(_kind(change)) for change in changes), *(cause for _, cause in faults)]
        return [_Failure(cause, None) for cause in causes]
    starts = sorted([*((change.at, _Cause(_kind(change))) for change in changes), *faults])
    timeline = result.timeline
    first = [max(round((at - timeline.start) / timeline.bucket), 0) for at, _ in starts]
    until = [*first[1:], len(timeline.errors)]
    return [
        _Failure(
            cause, float(round(sum(rate or 0.0 for rate in timeline.errors[low:high]) * timeline.bucket))
        )
        for (_, cause), low, high in zip(starts, first, until, strict=True)
    ]


def _kind(change: ChangeOfServers) -> str:
    if change.after > change.before:
        return "added"
    return "removed" if change.after < change.before else "replaced"


_PLACES: Final = {"added": 0, "removed": 1, "replaced": 2}
_WHEN: Final = {
    "added": "servers are added",
    "removed": "servers are removed",
    "replaced": "all servers are replaced",
}


def _place(cause: _Cause) -> tuple[int, str]:
    return _PLACES.get(cause.name, len(_PLACES)), cause.name


def _failed(cause: _Cause) -> Figure:
    plain = FAULT_KINDS[cause.fault].happens if cause.fault in FAULT_KINDS else _WHEN.get(cause.name)
    cause_text = "" if cause.name in _WHEN else f" ({cause.name})"
    return Figure(
        key=f"{FAILED}{cause.name}",
        label=f"requests lost when {plain}" if plain else f"requests lost: {cause.name}",
        meaning=f"ended with an error, until the next change{cause_text}",
        unit="RPCs",
        per="change",
        kind=FigureKind.BENEFIT,
        least=1.0,
    )


# --- per run --------------------------------------------------------------------------------------


def _deviations(result: SettingResult) -> list[Amount]:
    deviations = [spread.largest_deviation for _, spread in grown(result)]
    return [Amount(value=deviation) for deviation in deviations if deviation is not None]


def _price(read: Callable[[Price], float | None]) -> Values:
    return lambda result: of_number(None if result.price is None else read(result.price))


def _relief(read: Callable[[Scaling], Relief]) -> Values:
    """Return the time to relief; it is 0 for a target that was never breached."""

    def of_one(result: SettingResult) -> list[Amount]:
        if result.scaling is None or (relief := read(result.scaling)).missed is None:
            return []
        return [Amount(value=0.0) if relief.relief is None else of_delay(relief.relief)]

    return of_one


def _scaling(read: Callable[[Scaling], float | None]) -> Values:
    return lambda result: of_number(None if result.scaling is None else read(result.scaling))


def _bad(scaling: Scaling) -> float | None:
    if scaling.failed is None or scaling.late is None:
        return None
    return float(scaling.failed + scaling.late)


def _no_latency(result: SettingResult) -> NotObserved | None:
    return result.latency.not_observed if result.scaling is not None else None


_VALUES: Final[dict[str, Values]] = {
    "detect": lambda result: _medians(result, discovery=False),
    "discovery": lambda result: _medians(result, discovery=True),
    "deviation": _deviations,
    "p99": lambda result: of_number(result.latency.transition.p99),
    "relief": _relief(lambda scaling: scaling.latency),
    "relief_hottest": _relief(lambda scaling: scaling.hottest),
    "bad": _scaling(_bad),
    "wasted": _scaling(lambda scaling: scaling.wasted),
    "connections": _price(lambda price: price.connections_rate),
    "dns": _price(lambda price: price.dns_rate),
    "client_cpu": _price(lambda price: price.client_cpu),
    "server_cpu": _price(lambda price: price.server_cpu),
}


def _no_price(what: str) -> Callable[[SettingResult], NotObserved | None]:
    """Return a function that gives the reason why a price is unknown."""

    def reason(result: SettingResult) -> NotObserved | None:
        price = result.price
        if price is None or getattr(price, what) is not None:
            return None
        if what == "connections":
            parts = (part.not_observed for part in result.known if part.what == CONNECTIONS)
            return next(parts, None) or NotObserved(
                why="nobody told of connections", needs="our instrumentor"
            )
        return NO_QUERIES if what == "dns_queries" else None

    return reason


NO_QUERIES: Final = NotObserved(
    why="the DNS server is a cluster’s, and tells nobody what it was asked", needs="a DNS server’s own log"
)
_HIDDEN: Final[dict[str, Callable[[SettingResult], NotObserved | None]]] = {
    "detect": _unseen(lambda result: result.adaptability.detect),
    "discovery": _unseen(lambda result: result.adaptability.discovery),
    "deviation": lambda result: result.distribution.not_observed,
    "p99": lambda result: result.latency.not_observed,
    "relief": _no_latency,
    "relief_hottest": lambda result: None if result.scaling is None else result.scaling.not_observed,
    "bad": _no_latency,
    "wasted": lambda result: None if result.scaling is None else result.distribution.not_observed,
    "connections": _no_price("connections"),
    "dns": _no_price("dns_queries"),
    "client_cpu": _no_price("client_cpu"),
    "server_cpu": _no_price("server_cpu"),
}
"""A figure → a function that returns why a run does not have it; None if it has."""

_SCALED: Final[Sequence[Figure]] = (
    Figure(
        key="relief",
        label="until callers are served in time again",
        meaning="from the first breach of the latency target until it holds again, or the load falls",
        unit="s",
        per="run",
        kind=FigureKind.BENEFIT,
        least=2.0,
    ),
    Figure(
        key="relief_hottest",
        label="until no server is overloaded any more",
        meaning="from the first breach of the utilisation target by the hottest server until it holds again",
        unit="s",
        per="run",
        kind=FigureKind.BENEFIT,
        least=2.0,
    ),
    Figure(
        key="bad",
        label="requests that failed or were late",
        meaning="in the whole run; late is later than the latency target",
        unit="RPCs",
        per="run",
        kind=FigureKind.BENEFIT,
        least=10.0,
    ),
    Figure(
        key="wasted",
        label="seconds of servers for nothing",
        meaning="for which servers were ready and had no traffic, all of them together",
        unit="s",
        per="run",
        kind=FigureKind.PRICE,
        least=5.0,
    ),
)
_BEFORE: Final[Sequence[Figure]] = (
    Figure(
        key="discovery",
        label="until a new server gets its first request",
        meaning="from the moment at which it is ready to the first request that it answers",
        unit="s",
        per="change",
        kind=FigureKind.BENEFIT,
        least=0.5,
    ),
    Figure(
        key="detect",
        label="until a client knows of a new server",
        meaning="from the moment at which it is ready to a client’s first list of servers with it",
        unit="s",
        per="change",
        kind=FigureKind.BENEFIT,
        least=0.5,
    ),
)
_AFTER: Final[Sequence[Figure]] = (
    Figure(
        key="deviation",
        label="unevenness after servers were added",
        meaning="how far the server that is worst off is from its fair share of the requests, once settled",
        unit="ratio",
        per="change",
        kind=FigureKind.BENEFIT,
        least=0.1,
    ),
    Figure(
        key="p99",
        label="slowest 1 % of requests around changes",
        meaning="99 of 100 requests within 5 s after a change were faster than this",
        unit="s",
        per="run",
        kind=FigureKind.BENEFIT,
        least=0.05,
    ),
    Figure(
        key="connections",
        label="new connections",
        meaning="that each client makes in a minute, beyond those with which it began",
        unit="per minute",
        per="run",
        kind=FigureKind.PRICE,
        least=2.0,
    ),
    Figure(
        key="dns",
        label="DNS queries",
        meaning="that each client sends in a minute, as the DNS server counted them",
        unit="per minute",
        per="run",
        kind=FigureKind.PRICE,
        least=2.0,
    ),
    Figure(
        key="client_cpu",
        label="client’s CPU time for a request",
        meaning="all that the client’s process used ÷ requests, at a low rate and with telemetry",
        unit="s",
        per="run",
        kind=FigureKind.PRICE,
        least=0.0005,
    ),
    Figure(
        key="server_cpu",
        label="servers’ CPU time for a request",
        meaning="all that the servers’ processes used ÷ requests, at a low rate and with telemetry",
        unit="s",
        per="run",
        kind=FigureKind.PRICE,
        least=0.0005,
    ),
)
