"""What a look at one need of the study found."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How a check came out."""

    OK = "ok"
    NOTE = "note"  # a run is possible, but the reader should know
    MISSING = "missing"  # no run is possible


@dataclass(frozen=True, slots=True)
class Check:
    """One line of ``lbstudy doctor``."""

    name: str
    status: Status
    found: str
    advice: str = ""  # what is needed, or what to do
