"""The hooks by which a run tells what happens while it runs. All are called from the event loop's thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from lbstudy.platform.interface import Change


@dataclass(frozen=True, slots=True)
class Traffic:
    """The RPCs of one setting whose client spans have come in since the last time."""

    setting: str
    answered: Mapping[str, int]  # server pod → RPCs that ended OK
    failed: int  # RPCs that ended with another code


@dataclass(frozen=True, slots=True)
class AddressList:
    """What a resolver update left in one client's address list."""

    setting: str
    client: str
    outcome: str
    addresses: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]


class View(Protocol):
    """What shows a run's progress; a view never fails a run."""

    def begin(self, title: str, settings: list[str], duration: float) -> None:
        """Announce the run; ``duration`` is that of the load, in seconds."""

    def stage(self, text: str) -> None:
        """What the run does now, as "starting 6 servers"."""

    def clock(self, elapsed: float) -> None:
        """So many seconds of load have passed (negative before it starts); called some twice a second."""

    def command(self, setting: str, servers: int) -> None:
        """The number of servers was set."""

    def change(self, setting: str, change: Change) -> None:
        """The platform saw a change."""

    def traffic(self, traffic: Traffic) -> None:
        """RPCs were answered, or failed."""

    def addresses(self, update: AddressList) -> None:
        """A client's resolver returned."""

    def end(self) -> None:
        """The run is over, in whatever way; leave the terminal as it was."""
