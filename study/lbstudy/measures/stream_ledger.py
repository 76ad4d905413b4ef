"""The ledger's entries on messages, which the client program, the servers and both metrics count separately.

Messages on a stream that breaks may be lost on the way. Then the receiver may count fewer, but never fewer
than on streams that ended with OK, and never more than were sent. If no stream failed, no message may be
missing anywhere.
"""

from collections import Counter
from collections.abc import Mapping

from lbstudy.measures.ledger_entry import each, in_all, without
from lbstudy.observation.records import Lane
from lbstudy.result.model import Entry

_PROGRAM = "client program"
_SERVERS = "server programs"


def stream_entries(lane: Lane) -> list[Entry]:
    """Return the entries for which the run has counts; empty if the client counted no streams."""
    tallies = [tally.streams for tally in lane.client_tallies if tally.streams is not None]
    if not tallies:
        return []
    counted = {tally.server: tally.messages for tally in lane.server_tallies if tally.messages is not None}
    silent = [server for server in lane.servers if server not in counted]
    note = without(silent)
    read = in_all(tally.received for tally in tallies)
    failed = sum(tally.failed for tally in tallies)
    entries = [_read(lane, read)] if lane.known.instrumented and (read or len(lane.delivered)) else []
    if not counted:
        return entries
    sent = sum(tally.sent for tally in tallies)
    if sent:
        whole = in_all(tally.sent_whole for tally in tallies)
        entries.append(_to_servers(counted, sent, whole, note))
    given = {server: count["sent"] for server, count in counted.items()}
    if read or any(given.values()):
        entries.append(_from_servers(given, read, failed, note))
        if lane.given is not None or lane.known.instrumented:
            entries.append(_given(lane, given, note))
    return entries


def _read(lane: Lane, read: Mapping[str, int]) -> Entry:
    """Compare the messages of streams, by our instrumentor and by the program, which may not know the pod."""
    received: Counter[str] = Counter()
    for server, messages in zip(lane.delivered.server, lane.delivered.messages, strict=True):
        received[lane.servers[server] if server >= 0 and "" not in read else ""] += int(messages)
    by_server = {server or "": count for server, count in read.items()}
    return each(
        "messages read",
        "messages to clients, by the client's metric",
        received,
        "messages that the program read",
        by_server if "" not in by_server else {"": sum(by_server.values())},
        _PROGRAM,
    )


def _to_servers(
    counted: Mapping[str, Mapping[str, int]], sent: int, whole: Mapping[str, int], note: str
) -> Entry:
    received = {server: count["received"] for server, count in counted.items()}
    total = sum(received.values())
    lacking = [server for server, count in received.items() if count < whole.get(server, 0)]
    notes = [note] if note else []
    if sent - total > 0:
        notes.append(
            f"{sent - total:,} on streams that were cut did not arrive, or are those of silent servers"
        )
    if lacking:
        notes.append(f"fewer than went over streams that ended with OK: {', '.join(lacking)}")
    return Entry(
        name="messages to the servers",
        left="messages that the client program sent",
        left_count=sent,
        right="messages that the servers received",
        right_count=total,
        referee=_SERVERS,
        closes=not lacking and total <= sent and (total == sent or sent > sum(whole.values()) or bool(note)),
        note="; ".join(notes),
    )


def _from_servers(given: Mapping[str, int], read: Mapping[str, int], failed: int, note: str) -> Entry:
    got = {server: count for server, count in read.items() if server in given or not server}
    lost = sum(given.values()) - sum(got.values())
    more = [server for server, count in got.items() if server and count > given[server]]
    notes = [note] if note else []
    if lost > 0 and failed:
        notes.append(f"{lost:,} on streams that were cut did not arrive")
    if more:
        notes.append(f"clients read more than was sent: {', '.join(more)}")
    return Entry(
        name="messages to the clients",
        left="messages that the servers sent",
        left_count=sum(given.values()),
        right="messages of theirs that the client program read",
        right_count=sum(got.values()),
        referee=_SERVERS,
        closes=not more and lost >= 0 and (not lost or failed > 0),
        note="; ".join(notes),
    )


def _given(lane: Lane, given: Mapping[str, int], note: str) -> Entry:
    counts = {server: count for server, count in (lane.given or {}).items() if server in given}
    return each(
        "messages given",
        "messages to clients, by the servers' metric",
        counts,
        "messages that the servers sent",
        {server: count for server, count in given.items() if count},
        _SERVERS,
        note,
    )
