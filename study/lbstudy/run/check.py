"""The result of a check of ``lbstudy doctor``."""

from dataclasses import dataclass
from enum import StrEnum


class CheckStatus(StrEnum):
    """The outcome of a check."""

    OK = "ok"
    NOTE = "note"  # a run is possible, but the user should know this
    MISSING = "missing"  # no run is possible


@dataclass(frozen=True, slots=True)
class Check:
    """One line of ``lbstudy doctor``."""

    name: str
    status: CheckStatus
    found: str
    advice: str = ""  # what is needed, or what to do
