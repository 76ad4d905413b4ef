"""The ledger: whether the counts that were taken independently of each other agree.

Each entry is an equation of counts, and names who counted independently of the telemetry: the client
program (its own tally), the application (the pod's name in the response message), the servers (their own
tallies), the DNS server (its own log), the Collector (what it accepted). An entry that compares several
numbers at once (by server) closes only when each of them agrees. A run whose ledger does not close shows
figures that cannot be trusted; where only what was sent to the Collector is open, those of its backends.
"""

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from lbstudy.measures.codes import NAMES, OK, code_name, count_by_code
from lbstudy.measures.lookups import match_lookups
from lbstudy.observation.records import NO_SERVER, Lane
from lbstudy.result.model import Entry, Ledger

_PROGRAM = "client program"
_APPLICATION = "client program, by the server's name in the response message"
_SERVERS = "server programs"
_DNS = "DNS server's log"
_METRICS = "client's metrics, beside its spans"
_COLLECTOR = "Collector, by its answers"


def ledger(lane: Lane) -> Ledger:
    """All entries that the run has the counts for."""
    entries = [
        *_sent(lane),
        *_codes(lane),
        *_servers(lane),
        *_metered(lane),
        *_lookups(lane),
        *_forwarded(lane),
    ]
    return Ledger(entries=entries, closes=all(entry.closes for entry in entries))


def _sent(lane: Lane) -> list[Entry]:
    if not lane.client_tallies:
        # Without the program's count nothing can be said of the spans: that is no ledger that closes.
        return [
            Entry(
                name="RPCs sent",
                left="client RPC spans stored",
                left_count=len(lane.rpcs),
                right="RPCs sent",
                right_count=0,
                referee=_PROGRAM,
                closes=False,
                note="the client program ended before it could tell what it had sent",
            )
        ]
    scheduled = sum(tally.scheduled for tally in lane.client_tallies)
    sent = sum(tally.sent for tally in lane.client_tallies)
    not_sent = sum(tally.not_sent for tally in lane.client_tallies)
    ended = sum(_by_code(lane).values())
    return [
        _entry("RPCs scheduled", "scheduled", scheduled, "sent + not sent", sent + not_sent, _PROGRAM),
        _entry("RPCs ended", "sent", sent, "ended, by code", ended, _PROGRAM),
        _entry("RPC spans", "client RPC spans stored", len(lane.rpcs), "RPCs sent", sent, _PROGRAM),
    ]


def _codes(lane: Lane) -> list[Entry]:
    if not lane.client_tallies:
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
    spans = _named(lane, lane.rpcs.server[(lane.rpcs.code == OK) & (lane.rpcs.server != NO_SERVER)])
    if lane.client_tallies:
        told: Counter[str] = Counter()
        for client in lane.client_tallies:
            told.update(client.by_server)
        entries.append(
            _each(
                "answers by server",
                "client RPC spans with OK, by the server that they name",
                spans,
                "answers with OK",
                told,
                _APPLICATION,
            )
        )
    own = {tally.server: tally.by_code for tally in lane.server_tallies}
    counted = {server: by_code.get("OK", 0) for server, by_code in own.items() if by_code is not None}
    silent = [server for server in lane.servers if server not in counted]
    note = f"without {', '.join(silent)}: ended before it could tell" if silent else ""
    if own:
        served = _named(
            lane, lane.served.server[(lane.served.code == OK) & (lane.served.server != NO_SERVER)]
        )
        entries.append(
            _each(
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
        entries.append(_answered(lane, spans, counted, note))
    return entries


def _given_up(lane: Lane) -> NDArray[np.bool_]:
    """The RPCs that a server's span tells to have ended before the answer was out.

    The program had it ready all the same, and counted it, when it had slept through the deadline: a process
    that was stopped does everything that was due at once.
    """
    codes = [NAMES.index("CANCELLED"), NAMES.index("DEADLINE_EXCEEDED")]
    given_up: NDArray[np.bool_] = np.isin(lane.served.code, codes) & (lane.served.server != NO_SERVER)
    return given_up


def _answered(lane: Lane, seen: Mapping[str, int], counted: Mapping[str, int], note: str) -> Entry:
    """What the servers answered against what the clients got.

    An answer may be on its way when the client gives up: the servers may count as many more as RPCs failed,
    and as attempts were answered that the client had given up to make another one, which succeeded.
    """
    failed = int(np.count_nonzero(lane.rpcs.code != OK))
    answered = (lane.served.code == OK) | _given_up(lane)
    again = int(np.count_nonzero(lane.served.superseded & answered))
    got = sum(count for server, count in seen.items() if server in counted)
    surplus = sum(counted.values()) - got
    lacking = [server for server, count in seen.items() if server in counted and counted[server] < count]
    notes = [note] if note else []
    if 0 < surplus <= failed + again:
        notes.append(f"{surplus} answers came after the client had given up")
    if lacking:
        notes.append(f"fewer than the clients got: {', '.join(lacking)}")
    return Entry(
        name="answers",
        left="RPCs answered with OK, as the servers count",
        left_count=sum(counted.values()),
        right="client RPC spans with OK that name these servers",
        right_count=got,
        referee=_SERVERS,
        closes=not lacking and surplus <= failed + again,
        note="; ".join(notes),
    )


def _metered(lane: Lane) -> list[Entry]:
    """The client's spans against its histogram: two ways through the same program, and to two backends."""
    if lane.metered is None:
        return []
    names = dict(enumerate(lane.servers)) | {NO_SERVER: ""}
    pairs = np.column_stack((lane.rpcs.server, lane.rpcs.code))
    found, counts = np.unique(pairs, axis=0, return_counts=True)
    spans = {
        _pair(names[server], code_name(code)): count
        for (server, code), count in zip(found.tolist(), counts.tolist(), strict=True)
    }
    return [
        _each(
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
    if not lane.lookups:
        return []
    match = match_lookups(lane.updates, lane.lookups)
    notes = []
    if match.repeated:
        notes.append(f"{match.repeated} more lookups were retries of these (lost, or again over TCP)")
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
    """What the Collector accepted of the whole run: settings share the way to it.

    OTLP delivers at least once: more than was stored cannot have been accepted, but may be found there.
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
    total: Counter[str] = Counter()
    for tally in lane.client_tallies:
        total.update(tally.by_code)
    return total


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


def _each(
    name: str,
    left: str,
    found: Mapping[str, int],
    right: str,
    told: Mapping[str, int],
    referee: str,
    note: str = "",
    late: Mapping[str, int] | None = None,
) -> Entry:
    """An entry that closes when the two counts agree for every server.

    ``late`` are, by server, RPCs that may be told of although they are not found.
    """
    servers = dict.fromkeys([*told, *found])
    surplus = {server: told.get(server, 0) - found.get(server, 0) for server in servers}
    allowed = late or {}
    different = [
        f"{server}: {found.get(server, 0)} against {told.get(server, 0)}"
        for server in servers
        if not 0 <= surplus[server] <= allowed.get(server, 0)
    ]
    explained = 0 if different else sum(surplus.values())
    if explained:
        note = "; ".join(filter(None, [note, f"{explained} answers were ready when the client had given up"]))
    return Entry(
        name=name,
        left=left,
        left_count=sum(found.values()),
        right=right,
        right_count=sum(told.values()),
        referee=referee,
        closes=not different,
        note="; ".join([*([note] if note else []), *different]),
    )
