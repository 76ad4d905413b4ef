"""The figures of a comparison, and their values in one run: one a change, or one a run."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from lbstudy.compare.model import Amount, Figure, Kind
from lbstudy.measures.delays import summary
from lbstudy.result.growth import grown
from lbstudy.result.model import Change, Delay, Price, SettingResult

FAILED: Final = "failed."
"""Figures of failed RPCs are named ``failed.<kind of change>``."""

Values = Callable[[SettingResult], list[Amount]]


def figures(results: Iterable[SettingResult]) -> list[Figure]:
    """All figures that these results have, in the order in which they are read."""
    kinds = dict.fromkeys(kind for result in results for kind, _ in _failures(result))
    return [*_BEFORE, *(_failed(kind) for kind in sorted(kinds, key=_place)), *_AFTER]


def values(figure: Figure, result: SettingResult) -> list[Amount]:
    """The values of a figure in one run of one setting."""
    if figure.key.startswith(FAILED):
        kind = figure.key.removeprefix(FAILED)
        return [Amount(value=count) for found, count in _failures(result) if found == kind]
    return _VALUES[figure.key](result)


# --- delays ---------------------------------------------------------------------------------------


def _medians(result: SettingResult, *, discovery: bool) -> list[Amount]:
    """The median over servers and clients of each change that added servers."""
    found = []
    for change in result.adaptability.changes:
        views = [
            view
            for added in result.adaptability.added
            if added.command == change.at
            for view in added.clients
        ]
        delays = [view.discovery if discovery else view.detect for view in views]
        median = summary([delay for delay in delays if delay is not None]).median
        if median is not None:
            found.append(_amount(median))
    return found


def _amount(delay: Delay) -> Amount:
    if delay.seconds is None:
        return Amount(value=delay.censored_after or 0.0, more=True)
    return Amount(value=delay.seconds)


# --- failed RPCs ----------------------------------------------------------------------------------


def _failures(result: SettingResult) -> list[tuple[str, float]]:
    """Kind and failed RPCs of each change, until the next one; faults are changes, too."""
    changes = result.adaptability.changes
    faults = [(fault.start, fault.label) for fault in result.faults]
    if not faults:
        return [(_kind(change), change.failed) for change in changes]
    starts = sorted([*((change.at, _kind(change)) for change in changes), *faults])
    timeline = result.timeline
    first = [max(round((at - timeline.start) / timeline.bucket), 0) for at, _ in starts]
    until = [*first[1:], len(timeline.errors)]
    return [
        (kind, float(round(sum(timeline.errors[low:high]) * timeline.bucket)))
        for (_, kind), low, high in zip(starts, first, until, strict=True)
    ]


def _kind(change: Change) -> str:
    if change.after > change.before:
        return "added"
    return "removed" if change.after < change.before else "replaced"


_PLACES: Final = {"added": 0, "removed": 1, "replaced": 2}
_WHEN: Final = {
    "added": "servers are added",
    "removed": "servers are removed",
    "replaced": "all servers are replaced",
}
_FAULTS: Final = {
    "latency": "a server is slow",
    "error": "a server answers with errors",
    "hang": "a server does not answer",
    "stop": "a server hangs",
    "kill": "a server is killed",
    "cpu": "a server’s CPU is burnt",
    "not-ready": "a server says that it is not ready",
    "flap": "a server is ready and not ready in turns",
    "reset": "connections are reset",
    "blackhole": "packets go nowhere",
    "crash-at-start": "servers crash as they start",
    "slow-start": "servers start slowly",
}
"""A fault's kind, the first word of its label → what happens, in plain words."""


def _place(kind: str) -> tuple[int, str]:
    return _PLACES.get(kind, len(_PLACES)), kind


def _failed(kind: str) -> Figure:
    plain = _WHEN.get(kind) or _FAULTS.get(kind.partition(" ")[0])
    what = "" if kind in _WHEN else f" ({kind})"
    return Figure(
        key=f"{FAILED}{kind}",
        label=f"requests lost when {plain}" if plain else f"requests lost: {kind}",
        meaning=f"ended with an error, until the next change{what}",
        unit="RPCs",
        per="change",
        kind=Kind.BENEFIT,
        least=1.0,
    )


# --- per run --------------------------------------------------------------------------------------


def _deviations(result: SettingResult) -> list[Amount]:
    found = [spread.largest_deviation for _, spread in grown(result)]
    return [Amount(value=deviation) for deviation in found if deviation is not None]


def _only(value: float | None) -> list[Amount]:
    return [] if value is None else [Amount(value=value)]


def _price(read: Callable[[Price], float | None]) -> Values:
    return lambda result: _only(None if result.price is None else read(result.price))


_VALUES: Final[dict[str, Values]] = {
    "detect": lambda result: _medians(result, discovery=False),
    "discovery": lambda result: _medians(result, discovery=True),
    "deviation": _deviations,
    "p99": lambda result: _only(result.latency.transition.p99),
    "connections": _price(lambda price: price.connections_rate),
    "dns": _price(lambda price: price.dns_rate),
    "client_cpu": _price(lambda price: price.client_cpu),
    "server_cpu": _price(lambda price: price.server_cpu),
}

_BEFORE: Final[Sequence[Figure]] = (
    Figure(
        key="discovery",
        label="until a new server gets its first request",
        meaning="from the moment at which it is ready to the first request that it answers",
        unit="s",
        per="change",
        kind=Kind.BENEFIT,
        least=0.5,
    ),
    Figure(
        key="detect",
        label="until a client knows of a new server",
        meaning="from the moment at which it is ready to a client’s first list of servers with it",
        unit="s",
        per="change",
        kind=Kind.BENEFIT,
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
        kind=Kind.BENEFIT,
        least=0.1,
    ),
    Figure(
        key="p99",
        label="slowest 1 % of requests around changes",
        meaning="99 of 100 requests within 5 s after a change were faster than this",
        unit="s",
        per="run",
        kind=Kind.BENEFIT,
        least=0.05,
    ),
    Figure(
        key="connections",
        label="new connections",
        meaning="that each client makes in a minute, beyond those with which it began",
        unit="per minute",
        per="run",
        kind=Kind.PRICE,
        least=2.0,
    ),
    Figure(
        key="dns",
        label="DNS queries",
        meaning="that each client sends in a minute, as the DNS server counted them",
        unit="per minute",
        per="run",
        kind=Kind.PRICE,
        least=2.0,
    ),
    Figure(
        key="client_cpu",
        label="client’s CPU time for a request",
        meaning="all that the client’s process used ÷ requests, at a low rate and with telemetry",
        unit="s",
        per="run",
        kind=Kind.PRICE,
        least=0.0005,
    ),
    Figure(
        key="server_cpu",
        label="servers’ CPU time for a request",
        meaning="all that the servers’ processes used ÷ requests, at a low rate and with telemetry",
        unit="s",
        per="run",
        kind=Kind.PRICE,
        least=0.0005,
    ),
)
