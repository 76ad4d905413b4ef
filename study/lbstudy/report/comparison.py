"""The few figures by which settings are told apart; the terminal and the HTML show the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lbstudy.report import figures
from lbstudy.result.growth import grown
from lbstudy.result.model import DelaySummary, Result, SettingResult


@dataclass(frozen=True, slots=True)
class Cell:
    """One setting's figure; ``bad`` where it speaks for itself: censored, undiscovered, failed."""

    text: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of all settings."""

    label: str
    meaning: str
    cells: list[Cell]


def comparison(result: Result) -> list[Row]:
    """The rows, in the order in which they are read."""
    return [
        Row(label, meaning, [cell(setting) for setting in result.settings]) for label, meaning, cell in _ROWS
    ]


def failed(setting: SettingResult) -> int:
    """RPCs that ended with another code than OK, as the clients saw them."""
    return sum(count for code, count in setting.errors.client_by_code.items() if code != "OK")


def sent(setting: SettingResult) -> int:
    """RPCs that the clients' spans tell of."""
    return sum(setting.errors.client_by_code.values())


def _median(summary: DelaySummary) -> Cell:
    if summary.median is None:
        return Cell(figures.NONE)
    return Cell(figures.delay(summary.median), bad=summary.median.seconds is None)


def _undiscovered(setting: SettingResult) -> Cell:
    missed, added = len(setting.adaptability.undiscovered), len(setting.adaptability.added)
    return Cell(f"{missed} of {added} added" if added else figures.count(missed), bad=missed > 0)


def _failed(setting: SettingResult) -> Cell:
    count = failed(setting)
    return Cell(f"{figures.count(count)} of {figures.count(sent(setting))}", bad=count > 0)


def _deviation(setting: SettingResult) -> Cell:
    found = [spread for _, spread in grown(setting)] or setting.distribution.phases[:1]
    return Cell(figures.percent(found[-1].largest_deviation if found else None))


_ROWS: Sequence[tuple[str, str, Callable[[SettingResult], Cell]]] = (
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
        lambda s: Cell(figures.seconds(s.latency.all.p99)),
    ),
    ("achieved rate", "RPC/s sent", lambda s: Cell(figures.rate(s.latency.achieved_rate))),
)
