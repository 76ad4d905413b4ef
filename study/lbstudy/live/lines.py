"""The live view without a terminal: one plain line an event, on standard error."""

from collections.abc import Collection
from typing import TextIO

from lbstudy.live.state import LiveState, LogLine
from lbstudy.live.view import AddressList, Traffic
from lbstudy.platform.interface import Change

_EVERY = 10.0  # s between two lines of progress


class PlainLines:
    """Prints each event as it happens, and a line of progress every ten seconds."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._state = LiveState()
        self._next = 0.0

    def begin(self, title: str, settings: list[str], duration: float, pushed: Collection[str] = ()) -> None:
        """Print the title."""
        self._state.begin(title, settings, duration, pushed)
        self._print(title)

    def stage(self, text: str) -> None:
        """Print what the run does now."""
        self._print(text)

    def clock(self, elapsed: float) -> None:
        """Print the counts so far, every ten seconds."""
        self._state.elapsed = elapsed
        if elapsed < self._next:
            return
        self._next = elapsed - elapsed % _EVERY + _EVERY
        counts = "; ".join(
            f"{lane.setting}: {lane.requests} RPCs, {lane.errors} errors"
            for lane in self._state.lanes.values()
        )
        self._print(f"{elapsed:6.1f} s of {self._state.duration:.0f} s  {counts}")

    def command(self, setting: str, servers: int) -> None:
        """Print the command."""
        self._event(self._state.command(setting, servers))

    def change(self, setting: str, change: Change) -> None:
        """Print a change if it is worth a line."""
        self._event(self._state.change(setting, change))

    def traffic(self, traffic: Traffic) -> None:
        """Count RPCs."""
        self._state.traffic(traffic, self._state.elapsed or 0.0)

    def addresses(self, update: AddressList) -> None:
        """Print a resolver update if it changed something or failed."""
        self._event(self._state.addresses(update))

    def end(self) -> None:
        """Do nothing: the terminal was not changed."""

    def _event(self, event: LogLine | None) -> None:
        if event is not None:
            at = " " * 8 if event.at is None else f"{event.at:6.1f} s"
            self._print(f"{at}  {event.setting}: {event.text}")

    def _print(self, text: str) -> None:
        print(text, file=self._out, flush=True)
