"""The tables of a watch: rows in words and figures."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from lbstudy.watch.core import Core
from lbstudy.watch.events import after_ready
from lbstudy.watch.rows import ClientRow, PodRow, client_rows, pod_rows
from lbstudy.watch.service import Service
from lbstudy.watch.words import NOT_OBSERVED, ago, counted, listed

ValueT = TypeVar("ValueT", int, float)

_UNKNOWN = "–"
_WIDTHS = {  # so that words are never broken
    "state": 5,
    "age": 6,
    "Ready since": 8,
    "first request": 7,
    "req/s": 5,
    "share": 5,
    "fair": 5,
    "silent": 6,
}


def clock(at: float) -> str:
    """Return the local time of day, to the second."""
    return f"{datetime.fromtimestamp(at).astimezone():%H:%M:%S}"


def tables(core: Core, now: float, *, gone: bool = False, most: int | None = None) -> RenderableType:
    """Return what is to be shown at an instant.

    Args:
        core: the watch's core.
        now: s since the Unix epoch.
        gone: whether to show pods that are gone.
        most: the most pods of a Service, those that are uncalled or not Ready first; None: all.
    """
    parts: list[RenderableType] = []
    for service in core.services.values():
        parts += [_pods(service, core.patience, now, gone=gone, most=most), _clients(service, now), Text()]
    return Group(*parts, sources(core), Text(f"– is {NOT_OBSERVED}", style="dim"))


def sources(core: Core) -> RenderableType:
    """Return what each source has, and what it lacks."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for source in core.sources:
        parts = [part for part in (source.has, source.lack) if part]
        table.add_row(source.name, Text("; ".join(parts), style="yellow" if source.lack else "dim"))
    return table


def summary(rows: list[PodRow]) -> str:
    """Return one line: "3 Ready, 41.2 requests/s, uncalled: orders-7f9c"."""
    ready = [row for row in rows if row.status == "Ready"]
    rates = [row.rate for row in ready if row.rate is not None]
    parts = [f"{len(ready)} Ready", f"{sum(rates):.1f} requests/s" if rates else f"requests {NOT_OBSERVED}"]
    if uncalled := [row.name for row in ready if row.uncalled]:
        parts.append(f"uncalled: {listed(uncalled)}")
    return ", ".join(parts)


def _pods(service: Service, patience: float, now: float, *, gone: bool, most: int | None) -> Table:
    rows = pod_rows(service, now, patience, gone=gone)
    shown = rows if most is None else _first_of(rows, most)
    more = f"; {counted(len(rows) - len(shown), 'more pod')} not shown" if len(shown) < len(rows) else ""
    table = _table(f"{service.name}: {summary(rows)}{more}")
    table.add_column("pod", overflow="fold")
    for heading in ("state", "age", "Ready since", "first request", "req/s", "share", "fair", "silent"):
        table.add_column(
            heading, justify="left" if heading == "state" else "right", min_width=_WIDTHS[heading]
        )
    table.add_column("from", overflow="fold")
    for row in shown:
        style = "red" if row.uncalled else "green" if row.status == "Ready" else "yellow"
        table.add_row(
            row.name,
            Text(row.status, style=style),
            _or_unknown(row.age, ago),
            _UNKNOWN if row.ready is None else clock(row.ready.at),
            _first(row),
            _or_unknown(row.rate, lambda rate: f"{rate:.1f}"),
            _or_unknown(row.share, _percent),
            _or_unknown(row.fair, _percent),
            _or_unknown(row.silent, ago),
            listed(list(row.callers)) if row.callers else ("nobody" if row.uncalled else _UNKNOWN),
        )
    return table


def _first_of(rows: list[PodRow], most: int) -> list[PodRow]:
    """Return the most important rows, in the order of all rows."""
    chosen = sorted(rows, key=lambda row: (not row.uncalled, row.status == "Ready"))[:most]
    names = {row.name for row in chosen}
    return [row for row in rows if row.name in names]


def _first(row: PodRow) -> str:
    if row.ready is None or row.before:
        return _UNKNOWN
    if row.first is not None:
        return after_ready(row.ready, row.first).removesuffix(" after it was Ready")
    return "none yet" if row.uncalled else _UNKNOWN


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _clients(service: Service, now: float) -> RenderableType:
    rows = client_rows(service, now)
    if not rows:
        return Text(f"clients: {NOT_OBSERVED}; spans or metrics of clients would tell", style="dim")
    left_out = service.workloads.left_out
    table = _table(
        f"{counted(left_out, 'time')} more clients told, for which there is no room" if left_out else ""
    )
    table.add_column("client", no_wrap=True)
    table.add_column("pods", justify="right")
    table.add_column("requests", justify="right")
    table.add_column("addresses it knows", justify="right")
    table.add_column("last resolver update", no_wrap=True)
    table.add_column("connections", justify="right")
    for row in rows:
        table.add_row(
            row.name,
            str(row.pods),
            _or_unknown(row.calls, str),
            _known(row),
            _UNKNOWN if row.last_update is None else _updated(*row.last_update),
            _or_unknown(row.connections, str),
        )
    return table


def _known(row: ClientRow) -> str:
    if row.known is None:
        return _UNKNOWN
    least, most = row.known
    return f"{least if least == most else f'{least} to {most}'} of {row.ready}"


def _updated(newest: float, oldest: float) -> str:
    return f"{ago(newest)} ago" if oldest - newest < 1 else f"{ago(newest)} to {ago(oldest)} ago"


def _table(title: str) -> Table:
    return Table(
        title=title or None,
        title_justify="left",
        title_style="bold",
        box=None,
        padding=(0, 1),
        pad_edge=False,
    )


def _or_unknown(value: ValueT | None, text: Callable[[ValueT], str]) -> str:
    return _UNKNOWN if value is None else text(value)
