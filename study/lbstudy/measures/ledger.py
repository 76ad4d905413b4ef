"""The ledger: whether counts that were taken independently agree.

Each entry is an equation of counts, and names who counted independently of the telemetry: the client program
(its own tally), the application (the pod's name in the response message), the servers (their own tallies),
the DNS server (its own log), the Collector (what it accepted). An entry that compares several numbers at once
(by server) closes only if each of them agrees. If a run's ledger does not close, its figures cannot be
trusted; if only what was sent to the Collector is open, only the figures of its backends cannot.

Which entries are possible depends on what a subject's programs report. What nobody counts is listed as
``not_counted``: such an entry does not exist, and is not open.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lbstudy.measures.codes import NAMES, OK, code_name, count_by_code
from lbstudy.measures.commanded import commanded
from lbstudy.measures.ledger_entry import each, in_all, noted_once, without
from lbstudy.measures.lookups import match_lookups
from lbstudy.measures.not_counted import (
    has_all_answers,
    has_client_spans,
    has_server_counts,
    has_server_spans,
    has_updates,
    names_no_server,
    not_counted,
)
from lbstudy.measures.stream_ledger import stream_entries
from lbstudy.observation.known import Unseen
from lbstudy.observation.records import NO_SERVER, UNKNOWN_SERVER, Lane
from lbstudy.result.model import Entry, Ledger, NotCounted

_PROGRAM = "client program"
_APPLICATION = "client program, by the server's name in the response message"
_SERVERS = "server programs"
_DNS = "DNS server's log"
_METRICS = "client's metrics, beside its spans"
_COLLECTOR = "Collector, by its answers"


WATCHED: Final = NotCounted(
    name="all",
    what="what programs count against what their telemetry tells",
    why="a watch asks the programs of a live Service for no counts",
    needs="a run of them: lbstudy run --on kubernetes --server …",
)


def ledger(lane: Lane) -> Ledger:
    """Return all entries for which the run has counts, and those that nobody counts."""
    if lane.watched is not None:
        return Ledger(entries=[], closes=True, not_counted=[WATCHED])
    entries = [
        *_sent(lane),
        *_codes(lane),
        *_servers(lane),
        *_metered(lane),
        *stream_entries(lane),
        *_lookups(lane),
        *commanded(lane),
        *_forwarded(lane),
    ]
    return Ledger(
        entries=noted_once(entries),
        closes=all(entry.closes for entry in entries),
        not_counted=not_counted(lane),
    )


def _sent(lane: Lane) -> list[Entry]:
    if not lane.client_tallies and isinstance(lane.known.counts, Unseen):
        return []
    if not lane.client_tallies:
        # Without the program's count the spans cannot be checked: such a ledger does not close.
        return [
            Entry(
                name="RPCs sent",
                left="client RPC spans stored",
                left_count=len(lane.rpcs),
                right="RPCs sent",
                right_count=0,
                referee=_PROGRAM,
                closes=False,
                note="the client program ended before it wrote how many it had sent",
            )
        ]
    scheduled = sum(tally.scheduled for tally in lane.client_tallies)
    sent = sum(tally.sent for tally in lane.client_tallies)
    not_sent = sum(tally.not_sent for tally in lane.client_tallies)
    ended = sum(_by_code(lane).values())
    entries = [
        _entry("RPCs scheduled", "scheduled", scheduled, "sent + not sent", sent + not_sent, _PROGRAM),
        _entry("RPCs ended", "sent", sent, "ended, by code", ended, _PROGRAM),
    ]
    if has_client_spans(lane):
        entries.append(
            _entry("RPC spans", "client RPC spans stored", len(lane.rpcs), "RPCs sent", sent, _PROGRAM)
        )
    return entries


def _codes(lane: Lane) -> list[Entry]:
    if not lane.client_tallies or not has_client_spans(lane):
        return []
    spans, program = count_by_code(lane.rpcs.code), _by_code(lane)
    return [
        _entry(
            f"code {code}",
            f"client RPC spans with {code}",
            spans.get(code, 0),
            f"RPCs that the program saw end with {code}",
            program.get(code, 0),
            _PROGRAM,
        )
        for code in dict.fromkeys([*spans, *program])
    ]


def _servers(lane: Lane) -> list[Entry]:
    entries = []
    is_told = has_client_spans(lane) and has_all_answers(lane)
    spans = _named(lane, lane.rpcs.server[(lane.rpcs.code == OK) & (lane.rpcs.server >= 0)])
    by_server = in_all(client.by_server for client in lane.client_tallies)
    if lane.client_tallies and is_told and not names_no_server(lane):
        entries.append(
            each(
                "answers by server",
                "client RPC spans with OK, by the server that they name",
                spans,
                "answers with OK",
                by_server,
                _APPLICATION,
            )
        )
    own = {tally.server: tally.by_code for tally in lane.server_tallies if has_server_counts(lane)}
    counted = {server: by_code.get("OK", 0) for server, by_code in own.items() if by_code is not None}
    silent = [server for server in lane.servers if server not in counted]
    note = without(silent)
    if own and has_server_spans(lane):
        served = _named(lane, lane.served.server[(lane.served.code == OK) & (lane.served.server >= 0)])
        entries.append(
            each(
                "RPCs by server",
                "server RPC spans with OK",
                {server: count for server, count in served.items() if server in counted},
                "RPCs answered with OK",
                counted,
                _SERVERS,
                note,
                _named(lane, lane.served.server[_given_up(lane)]),
            )
        )
    if own and is_told:
        entries.append(_answered(lane, spans, counted, note))
    elif own and by_server:
        entries.append(_answered_by_program(lane, by_server, counted, note))
    return entries


def _answered_by_program(
    lane: Lane, by_server: Mapping[str, int], counted: Mapping[str, int], note: str
) -> Entry:
    """Compare what the servers answered with what the client program got, without spans in between."""
    failed = sum(sum(tally.by_code.values()) - tally.by_code.get("OK", 0) for tally in lane.client_tallies)
    got = {server: count for server, count in by_server.items() if server in counted}
    return _compared(
        counted, got, failed, "answers with OK that name these servers, as the client counts", note
    )


def _given_up(lane: Lane) -> NDArray[np.bool_]:
    """Return the RPCs whose server span ended before the answer was sent.

    The program had the answer, and counted it, when it had slept past the deadline: a process that was
    stopped does everything at once when it continues.
    """
    codes = [NAMES.index("CANCELLED"), NAMES.index("DEADLINE_EXCEEDED")]
    given_up: NDArray[np.bool_] = np.isin(lane.served.code, codes) & (lane.served.server >= 0)
    return given_up


def _answered(lane: Lane, seen: Mapping[str, int], counted: Mapping[str, int], note: str) -> Entry:
    """Compare what the servers answered with what the clients got.

    An answer may be on its way when the client gives up. So the servers may count more: as many as RPCs
    failed, and as many as attempts were answered that the client had given up for another attempt that
    succeeded.
    """
    failed = int(np.count_nonzero(lane.rpcs.code != OK))
    answered = (lane.served.code == OK) | _given_up(lane)
    again = int(np.count_nonzero(lane.served.superseded & answered))
    got = {server: count for server, count in seen.items() if server in counted}
    return _compared(counted, got, failed + again, "client RPC spans with OK that name these servers", note)


def _compared(counted: Mapping[str, int], seen: Mapping[str, int], late: int, right: str, note: str) -> Entry:
    """Compare answers by the servers' counts with those that arrived; ``late`` ones may not have arrived."""
    got = sum(seen.values())
    surplus = sum(counted.values()) - got
    lacking = [server for server, count in seen.items() if counted[server] < count]
    notes = [note] if note else []
    if 0 < surplus <= late:
        notes.append(f"{surplus} answers came after the client had given up")
    if lacking:
        notes.append(f"fewer than the clients got: {', '.join(lacking)}")
    return Entry(
        name="answers",
        left="RPCs answered with OK, as the servers count",
        left_count=sum(counted.values()),
        right=right,
        right_count=got,
        referee=_SERVERS,
        closes=not lacking and surplus <= late,
        note="; ".join(notes),
    )


def _metered(lane: Lane) -> list[Entry]:
    """Compare the client's spans with its histogram: two ways through one program, to two backends."""
    if lane.metered is None or not lane.known.instrumented:
        return []
    names = dict(enumerate(lane.servers)) | {NO_SERVER: "", UNKNOWN_SERVER: ""}
    # As the client saw it: its histogram names no server for an RPC that it gave up, either.
    server = np.where(lane.rpcs.told, lane.rpcs.server, NO_SERVER)
    pairs = np.column_stack((server, lane.rpcs.code))
    distinct, counts = np.unique(pairs, axis=0, return_counts=True)
    spans = {
        _pair(names[server], code_name(code)): count
        for (server, code), count in zip(distinct.tolist(), counts.tolist(), strict=True)
    }
    return [
        each(
            "RPC metrics",
            "client RPC spans, by server and code",
            spans,
            "RPCs in the client's histogram",
            {_pair(server, code): count for (server, code), count in lane.metered.items() if count},
            _METRICS,
        )
    ]


def _pair(server: str, code: str) -> str:
    return f"{server or 'no server'} {code}"


def _lookups(lane: Lane) -> list[Entry]:
    if not lane.lookups or not has_updates(lane):
        return []
    closed = float(lane.rpcs.ended.max(initial=lane.end))
    match = match_lookups(lane.updates, lane.lookups, closed)
    notes = []
    if match.repeated:
        again = "lost, over TCP, or with another name of the search list"
        notes.append(f"{match.repeated} more lookups were repetitions of these ({again})")
    if match.dropped:
        notes.append(f"{match.dropped} lookups were under way when the clients closed their channels")
    if match.unseen:
        notes.append(f"{match.unseen} lookups belong to no update")
    if match.made_up:
        notes.append(f"{match.made_up} updates have no lookup")
    return [
        Entry(
            name="resolver updates",
            left="resolver updates that were answered",
            left_count=match.updates,
            right="lookups of the service's A records",
            right_count=match.matched + match.unseen,
            referee=_DNS,
            closes=not match.unseen and not match.made_up,
            note="; ".join(notes),
        )
    ]


def _forwarded(lane: Lane) -> list[Entry]:
    """Return what the Collector accepted of the whole run: the settings share one exporter.

    OTLP delivers at least once: the Collector cannot have accepted more than was stored, but may hold more.
    """
    if lane.forwarded is None:
        return []
    counts = {"spans": lane.forwarded.spans, "metric points": lane.forwarded.points}
    return [
        Entry(
            name=f"{what} to the Collector",
            left=f"{what} of all settings that the Collector accepted",
            left_count=count.sent,
            right=f"{what} of all settings stored here",
            right_count=count.stored,
            referee=_COLLECTOR,
            closes=count.sent == count.stored,
            note="; ".join(f"{lost:,} lost: {cause}" for cause, lost in count.lost.items() if lost),
            concerns="copy",
        )
        for what, count in counts.items()
    ]


def _by_code(lane: Lane) -> Counter[str]:
    return in_all(tally.by_code for tally in lane.client_tallies)


def _named(lane: Lane, servers: np.typing.NDArray[np.int32]) -> dict[str, int]:
    counts = np.bincount(servers, minlength=len(lane.servers))
    return {server: int(count) for server, count in zip(lane.servers, counts, strict=True) if count}


def _entry(name: str, left: str, left_count: int, right: str, right_count: int, referee: str) -> Entry:
    return Entry(
        name=name,
        left=left,
        left_count=left_count,
        right=right,
        right_count=right_count,
        referee=referee,
        closes=left_count == right_count,
    )
