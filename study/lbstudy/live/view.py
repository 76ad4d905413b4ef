"""The hooks through which a run shows its progress. All are called in the event loop's thread."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from lbstudy.platform.interface import Change


@dataclass(frozen=True, slots=True)
class Traffic:
    """The RPCs of one setting whose client spans have arrived since the last call."""

    setting: str
    answered: Mapping[str, int]  # server pod → RPCs that ended OK
    failed: int  # RPCs that ended with another code


@dataclass(frozen=True, slots=True)
class AddressList:
    """One client's address list after a resolver update."""

    setting: str
    client: str
    outcome: str
    addresses: tuple[str, ...]
    added: tuple[str, ...]
    removed: tuple[str, ...]


class View(Protocol):
    """Shows a run's progress; a view never makes a run fail."""

    def begin(self, title: str, settings: list[str], duration: float, pushed: Collection[str] = ()) -> None:
        """Announce the run.

        Args:
            title: the run's title.
            settings: the names of its settings.
            duration: seconds of load.
            pushed: the settings whose clients discover servers by a control plane instead of DNS.
        """

    def stage(self, text: str) -> None:
        """Show what the run does now, such as "starting 6 servers"."""

    def clock(self, elapsed: float) -> None:
        """Show how many seconds of load have passed (negative before it starts); called twice a second."""

    def command(self, setting: str, servers: int) -> None:
        """The number of servers was set."""

    def change(self, setting: str, change: Change) -> None:
        """The platform saw a change."""

    def traffic(self, traffic: Traffic) -> None:
        """RPCs were answered, or failed."""

    def addresses(self, update: AddressList) -> None:
        """A client's resolver returned."""

    def end(self) -> None:
        """Restore the terminal; called however the run ended."""
