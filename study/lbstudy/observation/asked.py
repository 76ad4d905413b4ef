"""Uses the DNS server's answers as the resolver updates of a client that reports none. No I/O.

An answered A query (AAAA, if only these have addresses) is an update at the instant at which the DNS server
received it. The client had the answer, and those to its other queries, a little later: 15 to 60 ms in a run
on a busy machine, where our instrumentor watched too. ``LATER`` is given as the bound. What made the client
ask is unknown. Here a client is a whole process: which of its channels asked is unknown.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from grpc_lb_instrumentor.records import Outcome

from lbstudy.observation.records import DnsLookup, Update

LATER: Final = 0.1
"""s until the client has the answer, unless its process is starved or the answer is delayed by a fault."""
_NO_ANSWER: Final = "NONE"  # instead of the rcode: the DNS server sent nothing, by a fault


def updates_of(lookups: Iterable[DnsLookup], askers: Mapping[str, int]) -> tuple[Update, ...]:
    """Return the updates of client processes, in the order of the log.

    Args:
        lookups: queries for the service's name, and for those that a search list makes of it.
        askers: the DNS server's address that a process asks → its client; "" stands for any other address.
    """
    updates: list[Update] = []
    lists: dict[int, frozenset[str]] = {}
    every = list(lookups)
    family = _family(every)
    own = min((lookup.name for lookup in every), key=len, default="")  # the search list makes others longer
    for lookup in every:
        client = askers.get(lookup.authority, askers.get(""))
        is_shown = lookup.qtype == family and lookup.name == own and lookup.rcode != _NO_ANSWER
        if client is None or not is_shown:
            continue
        last = lists.get(client)
        outcome = _outcome(lookup, last)
        good = outcome in {Outcome.CHANGED, Outcome.UNCHANGED}
        before = last or frozenset()
        updates.append(
            Update(
                client=client,
                started=lookup.at,
                ended=lookup.at,
                outcome=outcome.value,
                cause="",
                addresses=lookup.addresses if good else frozenset(),
                added=lookup.addresses - before if good else frozenset(),
                removed=before - lookup.addresses if good else frozenset(),
                ref=None,
            )
        )
        if good:
            lists[client] = lookup.addresses
    return tuple(updates)


def _family(lookups: Iterable[DnsLookup]) -> str:
    """The record type whose answers count: A, unless only AAAA records have addresses."""
    families = {lookup.qtype for lookup in lookups if lookup.addresses}
    return "AAAA" if "AAAA" in families and "A" not in families else "A"


def _outcome(lookup: DnsLookup, last: frozenset[str] | None) -> Outcome:
    if lookup.rcode == "NXDOMAIN":
        return Outcome.NXDOMAIN
    if lookup.rcode != "NOERROR":
        return Outcome.SERVFAIL
    if not lookup.addresses:
        return Outcome.EMPTY
    return Outcome.UNCHANGED if lookup.addresses == last else Outcome.CHANGED
