"""The interface of every source of observations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from lbstudy.observation.records import Lane
from lbstudy.result.model import NotApplied, Provenance


@dataclass(frozen=True, slots=True)
class SettingInfo:
    """A setting, as readers of its results see it."""

    name: str
    description: str
    options: Mapping[str, Mapping[str, int | float | str | bool]]  # "channel", "server" … → option → value
    not_applied: tuple[NotApplied, ...] = ()
    incidents: tuple[str, ...] = ()  # of the programs under study, in words


@dataclass(frozen=True, slots=True)
class Expected:
    """A scenario's expectation of a measure with a setting; at least one of the bounds is set."""

    setting: str
    measure: str  # a name of result.expectations
    at_least: float | None = None
    at_most: float | None = None


class Source(Protocol):
    """A source of a run's observations. Each has errors of its own (StoreError for the store)."""

    @property
    def time_zero_unix_nano(self) -> int:
        """The instant at which the load started, from which all others are counted: ns since the epoch."""

    def lanes(self) -> list[Lane]:
        """Return everything observed, one lane a setting, in the order of ``settings``."""

    def settings(self) -> list[SettingInfo]:
        """Return the settings that ran side by side."""

    def expectations(self) -> list[Expected]:
        """Return the scenario's expectations."""

    def provenance(self) -> Provenance:
        """Return what was run, where, and with which versions."""
