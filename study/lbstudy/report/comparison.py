"""The few figures in which settings differ; the terminal and the HTML show the same."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lbstudy.result import figures
from lbstudy.result.growth import grown
from lbstudy.result.model import NOT_OBSERVED, DelaySummary, Relief, Result, Scaling, SettingResult


@dataclass(frozen=True, slots=True)
class TableCell:
    """One setting's figure; ``bad`` if it is bad by itself: censored, undiscovered, failed."""

    text: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class TableRow:
    """One figure of all settings."""

    label: str
    meaning: str
    cells: list[TableCell]


def comparison(result: Result) -> list[TableRow]:
    """Return the rows, in the order in which they are shown."""
    is_scaled = any(setting.scaling is not None for setting in result.settings)
    rows = [*_ROWS, *_SCALED] if is_scaled else _ROWS
    live = result.provenance.made_by == "watch"
    return [
        TableRow(label, _LIVE.get(label, meaning) if live else meaning, [cell(s) for s in result.settings])
        for label, meaning, cell in rows
    ]


def failed(setting: SettingResult) -> int:
    """Return how many RPCs ended with another code than OK, as the clients saw them."""
    return sum(count for code, count in setting.errors.client_by_code.items() if code != "OK")


def sent(setting: SettingResult) -> int:
    """Return how many RPCs the clients' spans show."""
    return sum(setting.errors.client_by_code.values())


def _median(summary: DelaySummary) -> TableCell:
    if summary.median is None:
        return TableCell(figures.NONE)
    more = f" ({summary.not_observed} {NOT_OBSERVED})" if summary.count and summary.not_observed else ""
    return TableCell(figures.delay(summary.median) + more, bad=summary.median.is_censored)


def _undiscovered(setting: SettingResult) -> TableCell:
    missed, added = len(setting.adaptability.undiscovered), len(setting.adaptability.added)
    if setting.adaptability.unknown:
        text = (
            f"{missed} of {added}, {len(setting.adaptability.unknown)} not known" if missed else NOT_OBSERVED
        )
        return TableCell(text, bad=missed > 0)
    return TableCell(f"{missed} of {added} added" if added else figures.count(missed), bad=missed > 0)


def _failed(setting: SettingResult) -> TableCell:
    if not setting.errors.client_by:
        return TableCell(NOT_OBSERVED)
    count = failed(setting)
    return TableCell(f"{figures.count(count)} of {figures.count(sent(setting))}", bad=count > 0)


def _deviation(setting: SettingResult) -> TableCell:
    if setting.distribution.not_observed is not None:
        return TableCell(NOT_OBSERVED)
    spreads = [spread for _, spread in grown(setting)] or setting.distribution.phases[:1]
    return TableCell(figures.percent(spreads[-1].largest_deviation if spreads else None))


def _latency(setting: SettingResult, value: float | None, write: Callable[[float | None], str]) -> TableCell:
    if value is None and setting.latency.not_observed is not None:
        return TableCell(NOT_OBSERVED)
    return TableCell(write(value))


def _relief(read: Callable[[Scaling], Relief]) -> Callable[[SettingResult], TableCell]:
    def cell(setting: SettingResult) -> TableCell:
        if setting.scaling is None:
            return TableCell(figures.NONE)
        relief = read(setting.scaling)
        if relief.missed is None:
            return TableCell(NOT_OBSERVED)
        if relief.relief is None:
            return TableCell("never breached")
        return TableCell(figures.delay(relief.relief), bad=relief.relief.is_censored)

    return cell


def _late(setting: SettingResult) -> TableCell:
    if setting.scaling is None:
        return TableCell(figures.NONE)
    if setting.scaling.late is None:
        return TableCell(NOT_OBSERVED)
    return TableCell(figures.count(setting.scaling.late), bad=setting.scaling.late > 0)


def _wasted(setting: SettingResult) -> TableCell:
    if setting.scaling is None:
        return TableCell(figures.NONE)
    wasted, ready = setting.scaling.wasted, setting.scaling.pod_seconds
    if wasted is None:
        return TableCell(NOT_OBSERVED)
    return TableCell(f"{wasted:.0f} of {ready:.0f} s")


_LIVE: Mapping[str, str] = {
    "latency p99": "from the send",
    "achieved rate": "RPC/s that clients’ spans tell of",
}
"""What some rows mean of a live Service: its clients do not tell when an RPC was due."""
_SCALED: Sequence[tuple[str, str, Callable[[SettingResult], TableCell]]] = (
    (
        "time to relief, latency",
        "target first breached → it holds again, until the load falls",
        _relief(lambda scaling: scaling.latency),
    ),
    (
        "time to relief, hottest",
        "the same of the hottest server’s utilisation",
        _relief(lambda scaling: scaling.hottest),
    ),
    ("late RPCs", "answered, but later than the latency target", _late),
    ("wasted pod-seconds", "Ready without traffic, of all that were Ready", _wasted),
)
_ROWS: Sequence[tuple[str, str, Callable[[SettingResult], TableCell]]] = (
    (
        "time to detect, median",
        "added server Ready → in a client’s resolver update",
        lambda s: _median(s.adaptability.detect),
    ),
    (
        "time to discovery, median",
        "added server Ready → first RPC answered, for each client",
        lambda s: _median(s.adaptability.discovery),
    ),
    ("undiscovered servers", "Ready, but never answered an RPC", _undiscovered),
    ("failed RPCs", "ended with another code than OK", _failed),
    (
        "largest deviation",
        "from the fair share, once settled after the last scale-up",
        _deviation,
    ),
    (
        "latency p99",
        "from the scheduled instant",
        lambda s: _latency(s, s.latency.all.p99, figures.seconds),
    ),
    ("achieved rate", "RPC/s sent", lambda s: _latency(s, s.latency.achieved_rate, figures.rate)),
)
