"""Shows a running watch: as a table that updates, or as plain lines."""

from typing import Protocol, TextIO

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from lbstudy.watch.core import Core
from lbstudy.watch.events import Event, EventKind
from lbstudy.watch.rows import pod_rows
from lbstudy.watch.tables import clock, summary, tables

SHOWN = 30
"""Most pods of a Service that are drawn each second: a terminal has no more room, and drawing takes time."""
_EVERY = 10.0  # s between two lines of progress
_STYLES = {
    EventKind.UNCALLED: "red",
    EventKind.SILENT: "red",
    EventKind.NOT_OBSERVED: "yellow",
    EventKind.SOURCE: "yellow",
    EventKind.FIRST_REQUEST: "green",
}


class WatchView(Protocol):
    """Shows a watch."""

    def begin(self, core: Core, now: float) -> None:
        """Show what exists when the watch begins."""

    def event(self, event: Event) -> None:
        """Show an event."""

    def tick(self, now: float) -> None:
        """Update; called each second."""

    def end(self, now: float) -> None:
        """Show the end of the watch."""


class WatchScreen:
    """A table for each Service, redrawn each second, with the events above."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._core: Core | None = None
        self._now = 0.0
        self._live = Live(console=console, get_renderable=self._render, auto_refresh=False, transient=True)

    def begin(self, core: Core, now: float) -> None:
        """See WatchView."""
        self._core, self._now = core, now
        self._live.start(refresh=True)

    def event(self, event: Event) -> None:
        """See WatchView."""
        self._console.print(Text(line(event), style=_STYLES.get(event.kind, "")))

    def tick(self, now: float) -> None:
        """See WatchView."""
        self._now = now
        self._live.refresh()

    def end(self, now: float) -> None:
        """See WatchView."""
        self._live.stop()
        self._now = now
        if self._core is not None:
            self._console.print(tables(self._core, now))

    def _render(self) -> RenderableType:
        return Text() if self._core is None else tables(self._core, self._now, most=SHOWN)


class Lines:
    """One line an event, one line a Service each ten seconds, and tables at the beginning and the end."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._core: Core | None = None
        self._next = 0.0

    def begin(self, core: Core, now: float) -> None:
        """See WatchView."""
        self._core = core
        self._next = now + _EVERY
        self._tables(now)

    def event(self, event: Event) -> None:
        """See WatchView."""
        print(line(event), file=self._out, flush=True)

    def tick(self, now: float) -> None:
        """See WatchView."""
        if self._core is None or now < self._next:
            return
        self._next = now + _EVERY
        for service in self._core.services.values():
            text = f"{clock(now)}  {service.name}: {summary(pod_rows(service, now, self._core.patience))}"
            print(text, file=self._out, flush=True)

    def end(self, now: float) -> None:
        """See WatchView."""
        self._tables(now)

    def _tables(self, now: float) -> None:
        assert self._core is not None
        print_tables(self._core, now, self._out)


def print_tables(core: Core, now: float, out: TextIO, *, gone: bool = False) -> None:
    """Print the tables; if the output is not a terminal, they are as wide as their cells."""
    console = Console(file=out) if out.isatty() else Console(file=out, width=200, color_system=None)
    console.print(tables(core, now, gone=gone))
    out.flush()


def line(event: Event) -> str:
    """Return an event as a line: "12:03:04  shop/orders: orders-7f9c is Ready"."""
    about = f"{event.service}: " if event.service else ""
    return f"{clock(event.at)}  {about}{event.text}"
