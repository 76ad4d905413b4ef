"""The live view on a terminal: progress, servers with their rates, address lists, the last events."""

from collections.abc import Collection

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lbstudy.live.state import LiveLane, LiveServer, LiveState
from lbstudy.live.view import AddressList, Traffic
from lbstudy.platform.interface import Change

_EVENTS = 8  # lines of the log
_BAR = 16  # characters of the longest bar


class Screen:
    """Redraws a table a setting, four times a second."""

    def __init__(self, console: Console) -> None:
        self._state = LiveState()
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=4,
            transient=True,
            redirect_stdout=False,
        )

    def begin(self, title: str, settings: list[str], duration: float, pushed: Collection[str] = ()) -> None:
        """Take the terminal."""
        self._state.begin(title, settings, duration, pushed)
        self._live.start()

    def stage(self, text: str) -> None:
        """Show what the run does now."""
        self._state.stage = text

    def clock(self, elapsed: float) -> None:
        """Move the progress bar."""
        self._state.elapsed = elapsed

    def command(self, setting: str, servers: int) -> None:
        """Log the command."""
        self._state.command(setting, servers)

    def change(self, setting: str, change: Change) -> None:
        """Update a server."""
        self._state.change(setting, change)

    def traffic(self, traffic: Traffic) -> None:
        """Update the rates."""
        self._state.traffic(traffic, self._state.elapsed or 0.0)

    def addresses(self, update: AddressList) -> None:
        """Update a client's address list."""
        self._state.addresses(update)

    def end(self) -> None:
        """Give the terminal back."""
        self._live.stop()

    def _render(self) -> RenderableType:
        state = self._state
        elapsed = max(state.elapsed or 0.0, 0.0)
        progress = Table.grid(padding=(0, 1))
        progress.add_row(
            Text(f"{elapsed:5.1f} of {state.duration:.0f} s", style="bold"),
            ProgressBar(total=state.duration or 1, completed=min(elapsed, state.duration), width=24),
            Text(state.stage, style="dim", overflow="ellipsis", no_wrap=True),
        )
        lanes = [self._lane(lane, elapsed) for lane in state.lanes.values()]
        log = Table.grid(padding=(0, 1))
        log.add_column(justify="right", style="dim", no_wrap=True)
        log.add_column(style="cyan", no_wrap=True)
        log.add_column(no_wrap=True, overflow="ellipsis")
        for event in state.events[-_EVENTS:]:
            at = "" if event.at is None else f"{event.at:.1f} s"
            log.add_row(at, event.setting, event.text)
        return Group(Text(state.title, style="bold"), progress, *lanes, log)

    def _lane(self, lane: LiveLane, now: float) -> RenderableType:
        servers = [server for server in lane.servers.values() if server.status != "gone"]
        rates = {server.name: server.rate(now) for server in servers}
        longest = max(rates.values(), default=0.0) or 1.0
        table = Table(
            title=f"{lane.setting}: {lane.wanted} servers wanted, {lane.requests} RPCs, {lane.errors} errors",
            title_justify="left",
            title_style="bold",
            box=None,
            padding=(0, 1),
            pad_edge=False,
        )
        table.add_column("server", no_wrap=True)
        table.add_column("state", no_wrap=True, width=11)
        table.add_column("pushed" if lane.setting in self._state.pushed else "in DNS", no_wrap=True)
        table.add_column("in lists", no_wrap=True, justify="right")
        table.add_column("RPC/s", no_wrap=True, justify="right")
        table.add_column("", no_wrap=True, width=_BAR)
        for server in servers:
            rate = rates[server.name]
            table.add_row(
                server.name,
                Text(server.status, style=_style(server, rate)),
                "yes" if server.published else "no",
                f"{lane.listed(server)} of {len(lane.lists)}",
                f"{rate:.1f}",
                Text("█" * round(_BAR * rate / longest), style="green"),
            )
        return table


def _style(server: LiveServer, rate: float) -> str:
    if server.status != "Ready":
        return "yellow"
    return "green" if rate > 0 else "red"
