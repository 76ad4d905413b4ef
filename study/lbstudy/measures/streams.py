"""Streams: how evenly their messages were spread, and how long they held on to servers.

A *stream* is an RPC in which the client or the server may send several messages, as our instrumentor in the
client reports. Balancing picks a server only at its beginning: later messages go there, whatever changes.

*Holding time*: for each stream that was open at a change of the servers (a scale command or a replacement
under load), the time from the change to the stream's end. With *servers that go* it shows how long a client
still uses what is being removed; with *servers that stay*, at a scale-up, how long old servers keep their
load, which new servers lack. If a stream ends with the load or later, its holding time is censored there. The
code with which it ended does not matter; *cut* counts those that did not end with OK. *Cut though their
server stayed* are those of these whose server no command had removed by then. The causes that remain are the
age of a connection (``max_connection_age``, once its grace is over), a fault, or a crash.

*Length* is from a stream's send to its end, censored in the same way.

*Messages to clients* are counted by our instrumentor while streams are open, once an export (a second). A
phase's spread has the exports of its settled part, and is shown with the figures of ``distribution``, for
messages instead of RPCs. What clients send is counted by the servers only, for the whole run.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from lbstudy.measures.codes import OK, count_by_code
from lbstudy.measures.delays import delay, summary
from lbstudy.measures.distribution import spread
from lbstudy.measures.phases import settled
from lbstudy.observation.records import Lane, ScaleCommand
from lbstudy.result.model import (
    Delay,
    DelaySummary,
    Holding,
    NotObserved,
    Phase,
    PhaseDistribution,
    ServerMessages,
    Streams,
)

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]
Of = Literal["servers that go", "servers that stay"]

_NO_MESSAGES: Final = NotObserved(
    why="no message came to a client by a stream, and of those that clients send nobody tells when",
    needs='streams on which servers send: kind = "server" or "bidi"',
)


def streams(lane: Lane, phases: list[Phase]) -> Streams | None:
    """Return what became of the streams; None if there are none."""
    rows = lane.streams.row
    if not len(rows):
        return None
    rpcs = lane.rpcs
    codes = rpcs.code[rows]
    holdings = list(_holdings(lane))
    delivered = lane.delivered
    return Streams(
        count=len(rows),
        by_kind={kind: lane.streams.kind.count(kind) for kind in dict.fromkeys(lane.streams.kind)},
        by_code=count_by_code(codes),
        cut=int((codes != OK).sum()),
        cut_staying=int(((codes != OK) & _stays(lane, rows)).sum()),
        length=summary(_delays(rpcs.sent[rows], rpcs.ended[rows], lane.end)),
        unknown=int((rpcs.server[rows] < 0).sum()),
        held=_all(holdings, "servers that go"),
        stayed=_all(holdings, "servers that stay"),
        changes=[holding for holding, _ in holdings],
        servers=_servers(lane),
        phases=[_phase(lane, phase) for phase in phases] if len(delivered) else [],
        messages_not_observed=None if len(delivered) else _NO_MESSAGES,
    )


def _stays(lane: Lane, rows: Rows) -> NDArray[np.bool_]:
    """Whether each stream's server is known, and had not been taken away by a command when it ended."""
    going = np.array([np.inf if p.removal_commanded is None else p.removal_commanded for p in lane.pods])
    server, ended = lane.rpcs.server[rows], lane.rpcs.ended[rows]
    stays = server >= 0
    stays[stays] = ended[stays] < going[server[stays]]
    return stays


def _holdings(lane: Lane) -> Iterator[tuple[Holding, list[Delay]]]:
    """Yield each change with the streams open then: on servers that go or, at a scale-up, that stay."""
    rpcs, rows = lane.rpcs, lane.streams.row
    going = [pod.removal_commanded for pod in lane.pods]
    for before, command in pairwise(lane.commands):
        if not 0 < command.at < lane.end:
            continue
        is_open = (rpcs.sent[rows] <= command.at) & (rpcs.ended[rows] > command.at) & (rpcs.server[rows] >= 0)
        open_rows = rows[is_open]
        goes = np.array([going[server] == command.at for server in rpcs.server[open_rows]], dtype=bool)
        groups: list[tuple[Of, Rows]] = [("servers that go", open_rows[goes])]
        if command.servers > before.servers:
            groups = [("servers that stay", open_rows[~goes])]
        for of, held in groups:
            delays = _delays(np.full(len(held), command.at), rpcs.ended[held], lane.end)
            yield (
                Holding(
                    at=command.at,
                    label=_label(before, command),
                    of=of,
                    streams=len(held),
                    cut=int((rpcs.code[held] != OK).sum()),
                    holding=summary(delays),
                ),
                delays,
            )


def _label(before: ScaleCommand, command: ScaleCommand) -> str:
    if command.manner:
        return f"{command.manner}, {command.servers} servers"
    return f"{before.servers} → {command.servers} servers"


def _delays(since: Floats, ended: Floats, end: float) -> list[Delay]:
    """Return how long each went on; censored at the load's end if it ended then or later."""
    return [delay(float(start), float(at), end) for start, at in zip(since, ended, strict=True)]


def _all(holdings: list[tuple[Holding, list[Delay]]], of: Of) -> DelaySummary:
    return summary([time for holding, delays in holdings if holding.of == of for time in delays])


def _servers(lane: Lane) -> list[ServerMessages]:
    answered = np.bincount(
        lane.rpcs.server[lane.streams.row][lane.rpcs.server[lane.streams.row] >= 0],
        minlength=len(lane.servers),
    )
    messages = {tally.server: tally.messages for tally in lane.server_tallies if tally.messages is not None}
    delivered = _messages(lane, -np.inf, np.inf)
    return [
        ServerMessages(
            server=server,
            streams=int(answered[i]),
            received=messages[server].get("received") if server in messages else None,
            sent=messages[server].get("sent") if server in messages else None,
            delivered=int(delivered[i]) if len(lane.delivered) else None,
        )
        for i, server in enumerate(lane.servers)
    ]


def _phase(lane: Lane, phase: Phase) -> PhaseDistribution:
    return spread(lane, phase, _messages(lane, settled(phase.start, phase.end), phase.end))


def _messages(lane: Lane, start: float, end: float) -> Rows:
    """Return the messages of each server's streams, by the exports after start, until end."""
    delivered = lane.delivered
    rows = (delivered.at > start) & (delivered.at <= end) & (delivered.server >= 0)
    counts = np.zeros(len(lane.servers), dtype=np.int64)
    np.add.at(counts, delivered.server[rows], delivered.messages[rows])
    return counts
