"""What the live view knows. No I/O: the hooks fill it, and whatever draws it reads it."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from lbstudy.live.view import AddressList, Traffic
from lbstudy.platform.interface import Change, ChangeKind

_STATUS = {
    ChangeKind.CREATED: "starting",
    ChangeKind.STARTED: "starting",
    ChangeKind.READY: "Ready",
    ChangeKind.UNREADY: "not Ready",
    ChangeKind.TERMINATING: "terminating",
    ChangeKind.EXITED: "gone",
}
_RATE_WINDOW = 3.0  # s over which the rate is averaged


@dataclass(slots=True)
class LiveServer:
    """One server pod as it is shown."""

    name: str
    address: str = ""
    status: str = "starting"
    published: bool = False
    requests: int = 0
    recent: deque[tuple[float, int]] = field(default_factory=deque)

    def rate(self, now: float) -> float:
        """Return the RPC/s over the last seconds, from the spans that have arrived."""
        while self.recent and self.recent[0][0] < now - _RATE_WINDOW:
            self.recent.popleft()
        return sum(count for _, count in self.recent) / _RATE_WINDOW


@dataclass(slots=True)
class LiveLane:
    """One setting as it is shown."""

    setting: str
    wanted: int = 0
    servers: dict[str, LiveServer] = field(default_factory=dict)
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)  # client → its address list
    requests: int = 0
    errors: int = 0

    def listed(self, server: LiveServer) -> int:
        """Return how many clients have the server in their address list."""
        host = server.address.rsplit(":", 1)[0]
        return sum(any(host == entry.rsplit(":", 1)[0] for entry in known) for known in self.lists.values())


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line of the log."""

    at: float | None  # s since the load began; None before its beginning is fixed
    setting: str
    text: str


class LiveState:
    """All lanes, and the log of events."""

    def __init__(self) -> None:
        self.title = ""
        self.duration = 0.0
        self.elapsed: float | None = None
        self.stage = ""
        self.pushed: frozenset[str] = frozenset()
        self.lanes: dict[str, LiveLane] = {}
        self.events: list[LogLine] = []

    def begin(self, title: str, settings: list[str], duration: float, pushed: Collection[str] = ()) -> None:
        """Start anew with these settings; ``pushed`` are those whose clients use a control plane."""
        self.pushed = frozenset(pushed)
        self.title, self.duration = title, duration
        self.lanes = {setting: LiveLane(setting) for setting in settings}

    def command(self, setting: str, servers: int) -> LogLine:
        """Note a scale command."""
        self.lanes[setting].wanted = servers
        return self._event(setting, f"scale to {servers} servers")

    def change(self, setting: str, change: Change) -> LogLine | None:
        """Note a change; returns a log line if it is worth one."""
        if change.kind in {ChangeKind.FAULT, ChangeKind.LIFTED}:
            what = change.detail if change.kind is ChangeKind.FAULT else f"end of: {change.detail}"
            return self._event(setting, f"{change.pod}: {what}" if change.pod else what)
        if change.pod is None:
            return None
        lane = self.lanes[setting]
        server = lane.servers.get(change.pod)
        if server is None:
            server = lane.servers[change.pod] = LiveServer(change.pod)
        server.address = change.address or server.address
        server.status = _STATUS.get(change.kind, server.status)
        if change.kind in {ChangeKind.PUBLISHED, ChangeKind.UNPUBLISHED}:
            server.published = change.kind is ChangeKind.PUBLISHED
            where = "the pushed list" if setting in self.pushed else "DNS"
            return self._event(setting, f"{change.pod} {'in' if server.published else 'out of'} {where}")
        if change.kind in {ChangeKind.READY, ChangeKind.UNREADY, ChangeKind.TERMINATING}:
            return self._event(setting, f"{change.pod} {server.status}")
        if change.kind is ChangeKind.EXITED and change.detail not in {"", "0"}:
            return self._event(setting, f"{change.pod} exited with {change.detail}")
        return None

    def traffic(self, traffic: Traffic, now: float) -> None:
        """Count RPCs."""
        lane = self.lanes[traffic.setting]
        lane.requests += sum(traffic.answered.values()) + traffic.failed
        lane.errors += traffic.failed
        for name, count in traffic.answered.items():
            server = lane.servers.setdefault(name, LiveServer(name))
            server.requests += count
            server.recent.append((now, count))

    def addresses(self, update: AddressList) -> LogLine | None:
        """Note a client's address list; returns a log line if it changed or could not be resolved."""
        if update.outcome in {"changed", "unchanged"}:
            self.lanes[update.setting].lists[update.client] = update.addresses
        if update.outcome == "unchanged":
            return None
        what = update.outcome
        if update.outcome == "changed":
            parts = [f"+{len(update.added)}"] if update.added else []
            parts += [f"−{len(update.removed)}"] if update.removed else []
            what = f"{' '.join(parts)}, now {len(update.addresses)} addresses"
        return self._event(update.setting, f"{update.client} resolver update: {what}")

    def _event(self, setting: str, text: str) -> LogLine:
        event = LogLine(self.elapsed, setting, text)
        self.events.append(event)
        return event
