"""The live views: what they know, what the lines say, what the screen shows."""

import io

from lbstudy.live.lines import PlainLines
from lbstudy.live.screen import Screen
from lbstudy.live.state import LiveState
from lbstudy.live.view import AddressList, Traffic, View
from lbstudy.platform.interface import Change, ChangeKind
from rich.console import Console

POD = "greeter-stock-x-1"
ADDRESS = "127.0.1.2:50051"


def change(kind: ChangeKind, detail: str = "") -> Change:
    return Change(1, 0.0, kind, "greeter-stock", POD, ADDRESS, detail)


def addresses(outcome: str, *known: str, added: tuple[str, ...] = ()) -> AddressList:
    return AddressList("stock", "client-0", outcome, known, added, ())


def play(view: View) -> None:
    view.begin("a title", ["stock"], 80)
    view.stage("starting 1 servers")
    view.command("stock", 1)
    for kind in (ChangeKind.CREATED, ChangeKind.STARTED, ChangeKind.READY, ChangeKind.PUBLISHED):
        view.change("stock", change(kind))
    view.clock(0.0)
    view.addresses(addresses("changed", "127.0.1.2", added=("127.0.1.2",)))
    view.addresses(addresses("unchanged", "127.0.1.2"))
    view.traffic(Traffic("stock", {POD: 30}, 2))
    view.clock(1.5)
    view.addresses(addresses("nxdomain"))
    view.clock(12.0)


def test_rates_are_of_the_last_seconds_only() -> None:
    state = LiveState()
    state.begin("", ["stock"], 80)
    state.traffic(Traffic("stock", {POD: 30}, 2), now=1.0)
    lane = state.lanes["stock"]
    server = lane.servers[POD]
    assert server.rate(2.0) == 10.0  # 30 in a window of 3 s
    assert server.rate(4.5) == 0.0
    assert (server.requests, lane.requests, lane.errors) == (30, 32, 2)


def test_an_answer_has_no_port_and_a_failed_one_leaves_the_list() -> None:
    state = LiveState()
    state.begin("", ["stock"], 80)
    state.change("stock", change(ChangeKind.READY))
    lane = state.lanes["stock"]
    state.addresses(addresses("changed", "127.0.1.2"))
    assert lane.listed(lane.servers[POD]) == 1
    state.addresses(addresses("nxdomain"))
    assert lane.listed(lane.servers[POD]) == 1
    state.addresses(addresses("changed", "127.0.1.3"))
    assert lane.listed(lane.servers[POD]) == 0


def test_lines_tell_what_matters_once() -> None:
    out = io.StringIO()
    play(PlainLines(out))
    assert out.getvalue().splitlines() == [
        "a title",
        "starting 1 servers",
        "          stock: scale to 1 servers",
        f"          stock: {POD} Ready",
        f"          stock: {POD} in DNS",
        "   0.0 s of 80 s  stock: 0 RPCs, 0 errors",
        "   0.0 s  stock: client-0 resolver update: +1, now 1 addresses",
        "   1.5 s  stock: client-0 resolver update: nxdomain",
        "  12.0 s of 80 s  stock: 32 RPCs, 2 errors",
    ]


def test_a_crash_is_told_with_its_status() -> None:
    state = LiveState()
    state.begin("", ["stock"], 80)
    assert state.change("stock", change(ChangeKind.EXITED, "0")) is None
    crash = state.change("stock", change(ChangeKind.EXITED, "-9"))
    assert crash is not None
    assert crash.text == f"{POD} exited with -9"


def test_the_screen_shows_servers_lists_rates_and_events_and_leaves_nothing() -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=100, height=40, color_system=None)
    screen = Screen(console)
    play(screen)
    shown = Console(width=100, color_system=None)
    with shown.capture() as capture:
        shown.print(screen._render())
    screen.end()
    text = capture.get()
    row = next(line for line in text.splitlines() if line.startswith(POD))
    assert row.split() == [POD, "Ready", "yes", "1", "of", "1", "0.0"]  # the last answers are 12 s old
    assert "stock: 1 servers wanted, 32 RPCs, 2 errors" in text
    assert "12.0 of 80 s" in text
    assert "1.5 s stock client-0 resolver update: nxdomain" in text
    assert out.getvalue().endswith("\x1b[2K")  # the last line it drew is wiped
