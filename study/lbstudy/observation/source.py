"""What every source of observations offers, whatever it reads them from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from lbstudy.observation.records import Lane
from lbstudy.result.model import Provenance


@dataclass(frozen=True, slots=True)
class SettingInfo:
    """What a setting is, for the reader of its results."""

    name: str
    description: str
    options: Mapping[str, Mapping[str, int | float | str | bool]]  # "channel", "server" … → option → value


@dataclass(frozen=True, slots=True)
class Expected:
    """What a scenario expects of a measure under a setting; at least one of the bounds is given."""

    setting: str
    measure: str  # a name of result.expectations
    at_least: float | None = None
    at_most: float | None = None


class Source(Protocol):
    """Where a run's observations come from. Errors are the source's own (StoreError for the store)."""

    @property
    def time_zero_unix_nano(self) -> int:
        """The instant at which the load started, from which all others are counted: ns since the epoch."""

    def lanes(self) -> list[Lane]:
        """Everything observed, one lane a setting, in the order of ``settings``."""

    def settings(self) -> list[SettingInfo]:
        """The settings that ran side by side."""

    def expectations(self) -> list[Expected]:
        """What the scenario expects."""

    def provenance(self) -> Provenance:
        """What was run, where and with what."""
